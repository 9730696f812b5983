"""Every precision of the trainer that this machine can have trains every stage."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from helpers.training import STAGES, fit, read
from scalemogen.pipeline import TextToMotion


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("precision")


@pytest.mark.parametrize(("precision", "kind"), [("64-true", torch.float64), ("bf16-true", torch.bfloat16)])
def test_whole_precisions(precision: str, kind: torch.dtype, base: Path) -> None:
    """Lightning cannot convert a frozen batch, and said so in a traceback."""
    more, place = ["--trainer.max_steps=2", f"--trainer.precision={precision}"], base / precision
    for stage in STAGES:
        extra = [f"--model.tokenizer={place / 'tokenizer' / 'model'}"] if stage == "ar" else []
        fit(stage, place / stage, base / "data", *more, *extra)
        state = read(place / stage / "checkpoints" / "last.ckpt")["current_model_state"]
        assert {value.dtype for value in state.values() if value.is_floating_point()} == {kind}, stage
    motion = TextToMotion.from_pretrained(place / "ar" / "model").generate("a person walks", seconds=1, seed=0)
    assert motion.positions.isfinite().all()
