"""Two results beside each other."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from scalemogen.errors import UserError
from scalemogen.evaluation import compare, get_protocol, read_result
from scalemogen.evaluation.intervals import figure


def result(path: str = "runs/a", **figures: list[float]) -> dict[str, Any]:
    """Return the parts of a result that a comparison reads, with generated and real figures."""
    values = {"fid": [1.0, 1.1, 0.9], "diversity": [5.0, 5.1, 4.9]} | figures
    curves = {
        name: {"mean": [9.0, 5.0, 2.0], "interval": [0.1, 0.1, 0.1]}
        for name in ("mpjpe_root_mm", "bones_mm", "angles_degrees")
    }
    rows = {
        "real": {"diversity": figure([6.0, 6.0, 6.0])},
        "generated": {name: figure(some) for name, some in values.items()},
    }
    return {
        "format": 1,
        "kind": "scalemogen evaluation",
        "model": {"path": path},
        "protocol": get_protocol("default").to_dict(),
        "evaluator": {"name": "ours", "digest": "e0"},
        "data": {"splits": {"test": "d0"}},
        "splits": {"test": {"rows": rows, "cut_to_frames": 196, "preservation": {"clips": 7, **curves}}},
    }


def verdicts(first: dict[str, Any], second: dict[str, Any]) -> dict[str, str]:
    return {row.figure: row.verdict for row in compare(first, second).rows if row.row == "generated"}


def test_verdicts_know_which_way_is_better() -> None:
    better = result(fid=[0.5, 0.6, 0.4], diversity=[5.9, 6.0, 6.2])
    assert verdicts(result(), better) == {"fid": "better", "diversity": "better"}
    assert verdicts(better, result()) == {"fid": "worse", "diversity": "worse"}
    assert verdicts(result(), result(fid=[1.05, 1.1, 0.9])) == {"fid": "within", "diversity": "within"}
    assert verdicts(result(), result(diversity=[9.0, 9.1, 8.9]))["diversity"] == "worse"  # past the real one
    assert verdicts(result(), result(fid=[0.1]))["fid"] == "unknown"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("protocol", "pool"), 100, "pool is 32 in one and 100 in the other"),
        (("evaluator", "digest"), "e1", r"ours \(e0\) in one and ours \(e1\) in the other"),
        (("data", "splits", "test"), "d1", "split test has digest d0 in one and d1 in the other"),
        (("splits", "test", "cut_to_frames"), 64, "cut to 196 frames in one and to 64 in the other"),
    ],
)
def test_what_cannot_be_compared_is_named(path: tuple[str, ...], value: Any, message: str) -> None:
    other = copy.deepcopy(result())
    place: Any = other
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(UserError, match=f"not comparable: .*{message}.*--anyway"):
        compare(result(), other)
    anyway = compare(result(), other, anyway=True)
    assert len(anyway.different) == 1
    assert "Not comparable" in anyway.markdown()


def test_the_page_has_the_curves_of_both() -> None:
    flat = result("runs/flat")
    flat["splits"]["test"]["preservation"]["bones_mm"] = {"mean": [9.0, 7.0, 3.0, 2.6], "interval": [0.1] * 4}
    found = compare(result(), flat)
    page = found.html()
    assert page.count("<svg") == 3
    assert "runs/flat against runs/a" in page
    assert json.loads(json.dumps(found.to_dict()))["different"] == []


def test_files_that_are_no_results_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with pytest.raises(UserError, match="cannot read"):
        read_result(path)
    path.write_text("[]")
    with pytest.raises(UserError, match="is no result of"):
        read_result(path)
    path.write_text(json.dumps(result() | {"format": 9}))
    with pytest.raises(UserError, match="has format 9; this version reads 1"):
        read_result(path)
    path.write_text(json.dumps(result()))
    with pytest.raises(UserError, match="no split in common"):
        compare(read_result(path), result() | {"splits": {"val": {}}})
