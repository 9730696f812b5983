"""Tables: seeds gathered with intervals checked by hand, best first, what failed named."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

import pytest

from scalemogen.errors import UserError
from scalemogen.sweeps import Outcome, make_table, read_figures, read_origin
from scalemogen.sweeps.description import Metric
from scalemogen.sweeps.intervals import mean_interval, pooled_spread, t_quantile

SCORE = Metric(name="score", goal="maximize")


def outcome(number: int, bits: int, seed: int, **figures: float) -> Outcome:
    return Outcome(f"d{number}", {"t.model.bits": bits, "a.flip": 0.5, "seed": seed}, "done", figures, 2.0)


OUTCOMES = [
    outcome(0, 8, 0, score=0.5, loss=3.0),
    outcome(1, 8, 1, score=0.7, loss=4.0),
    outcome(2, 16, 0, score=0.9, loss=1.0),
    outcome(3, 16, 1, score=0.8),
    outcome(4, 32, 0, loss=2.0),
    Outcome(
        "d5", {"t.model.bits": 32, "a.flip": 0.5, "seed": 1}, "failed", {}, 1.0, "x\nscalemogen: error: y\nstatus 2"
    ),
]


def test_quantiles_of_student_s_t() -> None:
    # From published tables.
    for freedom, expected in ((1, 12.706), (2, 4.303), (10, 2.228), (11, 2.201), (20, 2.086), (60, 2.000)):
        assert t_quantile(freedom) == pytest.approx(expected, abs=1e-3)
    with pytest.raises(ValueError, match="0 degrees"):
        t_quantile(0)


def test_intervals_by_hand() -> None:
    assert mean_interval([3.0]) == (3.0, None)
    mean, half = mean_interval([0.5, 0.7])
    assert mean == pytest.approx(0.6)
    assert half == pytest.approx(12.7062 * (0.2 / math.sqrt(2)) / math.sqrt(2))
    mean, half = mean_interval([1.0, 2.0, 6.0])
    assert (mean, half) == (3.0, pytest.approx(4.3027 * math.sqrt(7) / math.sqrt(3)))


def test_the_spread_of_seeds_is_pooled_over_rows() -> None:
    spread = pooled_spread([[1.0, 3.0], [5.0, 5.0, 8.0], [7.0], []])
    assert spread is not None
    assert spread.freedom == 3
    assert spread.deviation == pytest.approx(math.sqrt((2.0 + 6.0) / 3))
    assert spread.interval(2) == pytest.approx(3.1824 * spread.deviation / math.sqrt(2))
    assert spread.least_difference(2) == pytest.approx(3.1824 * spread.deviation)
    assert pooled_spread([[1.0], [2.0]]) is None
    same = pooled_spread([[1.0, 3.0]])
    assert same is not None
    assert same.interval(2) == pytest.approx(mean_interval([1.0, 3.0])[1])  # one row: its own interval


def test_what_all_seeds_share_has_no_interval() -> None:
    runs = [Outcome(f"d{seed}", {"seed": seed}, "done", {"tokens": 455.0}) for seed in (0, 1)]
    lines = make_table("sweep", None, runs).markdown().splitlines()
    assert "| 2 | 455 |" in lines
    assert not any(line.startswith("| differs") for line in lines)


def test_rows_gather_seeds_and_are_ranked() -> None:
    table = make_table("sweep", SCORE, OUTCOMES)
    assert [row.parameters["t.model.bits"] for row in table.rows] == [16, 8, 32]
    assert [row.runs for row in table.rows] == [("d2", "d3"), ("d0", "d1"), ("d4",)]
    assert table.best is not None
    assert table.best.parameters == {"t.model.bits": 16, "a.flip": 0.5}
    lowest = make_table("sweep", Metric(name="score"), OUTCOMES)
    assert [row.parameters["t.model.bits"] for row in lowest.rows] == [8, 16, 32]
    assert make_table("sweep", Metric(name="no"), OUTCOMES).best is None
    assert make_table("sweep", SCORE, []).best is None


def test_markdown_names_what_varies_and_what_failed() -> None:
    text = make_table("sweep", SCORE, OUTCOMES, missing=2).markdown()
    lines = text.splitlines()
    header = next(line for line in lines if line.startswith("| bits"))
    assert header == "| bits | n | score | loss |"
    # score: rows (0.5, 0.7) and (0.9, 0.8), s² = (0.02 + 0.005) / 2, t(2) = 4.3027; loss: (3, 4) alone, t(1) = 12.7062
    assert "| 16 | 2 | 0.85 ± 0.34 | 1 ± 9 |" in lines
    assert "| 8 | 2 | 0.6 ± 0.34 | 3.5 ± 6.4 |" in lines
    assert "| 32 | 1 |  | 2 ± 9 |" in lines
    assert "| differs by chance up to |  | 0.48 | 13 |" in lines
    assert "5 runs done, 1 failed, 2 not run." in text
    assert "`a.flip` = 0.5" in text
    assert "`score` ↑" in text
    assert "- `d5` t.model.bits=32 a.flip=0.5 seed=1: scalemogen: error: y" in lines


def test_markdown_names_what_was_ended_early() -> None:
    early = Outcome(
        "d6", {"t.model.bits": 64, "a.flip": 0.5, "seed": 0}, "stopped", {"score": 0.1}, 1.0, "it fell behind"
    )
    text = make_table("sweep", SCORE, [*OUTCOMES, early]).markdown()
    assert "5 runs done, 1 ended early, 1 failed, 0 not run." in text
    assert "- `d6` t.model.bits=64 a.flip=0.5 seed=0: it fell behind" in text
    assert "| 64 |" not in text


def test_columns_have_the_shortest_names_that_differ() -> None:
    runs = [Outcome(str(i), {"a.model.width": i, "t.model.width": -i, "t.bits": i}, "done", {"x": 1.0}) for i in (1, 2)]
    text = make_table("sweep", None, runs).markdown()
    assert "| a.model.width | t.model.width | bits | x |" in text
    assert "±" not in text


def test_json_and_csv_hold_every_run() -> None:
    table = make_table("sweep", SCORE, OUTCOMES)
    content = json.loads(json.dumps(table.to_dict()))
    assert content["best"] == {"t.model.bits": 16, "a.flip": 0.5}
    assert content["rows"][0]["figures"]["score"]["values"] == [0.9, 0.8]
    assert content["rows"][0]["figures"]["score"]["interval"] == pytest.approx(0.340, abs=1e-3)
    assert content["spread"]["score"]["freedom"] == 2
    assert content["spread"]["score"]["least_difference"] == pytest.approx(0.481, abs=1e-3)
    assert len(content["runs"]) == 6
    lines = list(csv.DictReader(io.StringIO(table.csv())))
    assert [line["status"] for line in lines] == ["done"] * 5 + ["failed"]
    assert lines[1]["seed"] == "1"
    assert lines[3]["loss"] == ""


def test_json_says_what_the_figures_of_a_run_depend_on(tmp_path: Path) -> None:
    origin = {"commit": "abc+", "weights": {"tokenizer": "1", "ar": "2"}, "settings": {"guidance": 3.0}}
    (tmp_path / "result.json").write_text(json.dumps({"figures": {"x": 1.0}, "origin": origin}))
    assert read_origin(tmp_path) == origin
    runs = [
        Outcome("d0", {"a": 1}, "done", {"x": 1.0}, origin=read_origin(tmp_path)),
        Outcome("d1", {"a": 2}, "done", {"x": 2.0}),
    ]
    content = json.loads(json.dumps(make_table("sweep", None, runs).to_dict()))
    assert [run["origin"] for run in content["runs"]] == [origin, {}]
    for text in ("", "[]", "{}", '{"origin": 3}'):
        (tmp_path / "result.json").write_text(text)
        assert read_origin(tmp_path) == {}
    assert read_origin(tmp_path / "nowhere") == {}


def test_figures_of_a_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="neither"):
        read_figures(tmp_path)
    log = tmp_path / "metrics.csv"
    log.write_text("step,train/loss,val/loss,val_scales/x,val/bad\n1,5,,,\n2,,4,1,nan\n3,3,,,\n4,,2.5,,\n")
    assert read_figures(tmp_path) == {"val/loss": 2.5}
    log.write_text("step,train/loss\n1,5\n")
    with pytest.raises(UserError, match="no finite figure"):
        read_figures(tmp_path)
    (tmp_path / "result.json").write_text('{"figures": {"a/b": 1, "c": 2.5}}')
    assert read_figures(tmp_path) == {"a/b": 1.0, "c": 2.5}
    for text in ("", "[]", '{"figures": {"a": "b"}}', "{}"):
        (tmp_path / "result.json").write_text(text)
        with pytest.raises(UserError, match="cannot be read"):
            read_figures(tmp_path)
