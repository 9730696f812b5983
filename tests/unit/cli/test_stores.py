"""Stores by their folder and by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.stores import write_store
from scalemogen.cli.stores import find_store
from scalemogen.data_modules import MotionStore
from scalemogen.errors import UserError


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, MotionStore]:
    """Four stores under data/, in the current folder."""
    monkeypatch.chdir(tmp_path)
    frames = {"walks": 20, "walks-1": 21, "walks-2": 22, "runs-1": 23}
    return {name: write_store(tmp_path / "data" / name, {"train": [clip]}) for name, clip in frames.items()}


def test_a_store_is_found_by_name_or_folder(named: dict[str, MotionStore]) -> None:
    assert find_store(Path("walks")).path == Path("data/walks")
    assert find_store(Path("runs")).path == find_store(Path("data/runs-1")).path == Path("data/runs-1")


def test_the_store_that_a_model_was_trained_on_is_taken(named: dict[str, MotionStore]) -> None:
    Path("data/walks").rename("elsewhere")
    with pytest.raises(UserError, match=r"'walks': several stores have this name; .*: data/walks-1, data/walks-2$"):
        find_store(Path("walks"))
    assert find_store(Path("walks"), named["walks-2"].facts).path == Path("data/walks-2")


def test_other_names_are_answered_with_those_there_are(named: dict[str, MotionStore]) -> None:
    with pytest.raises(
        UserError, match=r"'walk': there is no folder and no store of this name; .*: data/runs-1, data/w"
    ):
        find_store(Path("walk"))
    with pytest.raises(UserError, match=r"data/walk"):
        find_store(Path("data/walk"))
