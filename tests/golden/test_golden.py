"""The comparison itself: what counts as a change, and what a reader is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers import golden
from helpers.golden import Golden, changes

TOLERANCE: dict[str, float | list[float]] = {"flops": 0.0, "bytes": 0.01, "loss": [0.0, 0.11]}


def test_what_has_moved_too_far_is_named() -> None:
    before = {"flops": 1000, "bytes": 2000, "loss": [3.0, 2.0]}
    assert not list(changes(before, {"flops": 1000, "bytes": 2019, "loss": [3.0, 2.2]}, TOLERANCE))
    (line,) = changes(before, {"flops": 1001, "bytes": 2000, "loss": [3.0, 2.0]}, TOLERANCE)
    assert line == "flops: 1,000 -> 1,001 (+0.100%; 0.0000% is allowed)"
    (line,) = changes(before, {"flops": 1000, "bytes": 1900, "loss": [3.0, 2.0]}, TOLERANCE)
    assert line.startswith("bytes: 2,000 -> 1,900 (-5.000%")
    (line,) = changes(before, {"flops": 1000, "bytes": 2000, "loss": [3.0, float("nan")]}, TOLERANCE)
    assert line.startswith("loss[1]: 2.0 -> nan")


def test_what_is_on_one_side_only_is_named() -> None:
    assert list(changes({}, {"flops": 1}, TOLERANCE)) == ["flops: not there -> 1"]
    assert list(changes({"flops": 1}, {}, TOLERANCE)) == ["flops: 1 -> not there"]
    assert list(changes({"loss": [1.0]}, {"loss": [1.0, 2.0]}, TOLERANCE)) == ["loss: 1 numbers -> 2"]


def test_a_file_is_renewed_and_then_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golden, "FOLDER", tmp_path)
    monkeypatch.setattr(golden, "ROOT", tmp_path)
    (tmp_path / "x.json").write_text('{"other": {"flops": 7}}')
    with pytest.raises(pytest.fail.Exception, match=r"flops: not there -> 5\n.*`make golden` writes the new figures"):
        Golden("x", renew=False).check("mine", {"flops": 5}, TOLERANCE)
    with pytest.raises(pytest.skip.Exception, match="written to"):
        Golden("x", renew=True).check("mine", {"flops": 5}, TOLERANCE)
    assert json.loads((tmp_path / "x.json").read_text()) == {"mine": {"flops": 5}, "other": {"flops": 7}}
    Golden("x", renew=False).check("mine", {"flops": 5}, TOLERANCE)
    with pytest.raises(pytest.fail.Exception, match=r"flops: 5 -> 6 \(\+20\.000%"):
        Golden("x", renew=False).check("mine", {"flops": 6}, TOLERANCE)
