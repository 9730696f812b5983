"""Rows at toy size, two revisions by turns, and what is printed and written; the figures are for `scalemogen bench`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.source import ROOT
from scalemogen.benchmarks import table
from scalemogen.benchmarks.compare import Compared
from scalemogen.benchmarks.curves import curves, picture
from scalemogen.benchmarks.flops import Product
from scalemogen.benchmarks.machine import peak
from scalemogen.benchmarks.process import OURS, Outcome, other_revision, run_row
from scalemogen.benchmarks.rows import GROUPS, ROWS, Row, Settings, select
from scalemogen.benchmarks.work import Work, high_water, matrix_rate, measure, repeat_seconds
from scalemogen.cli.main import main
from scalemogen.errors import UserError

TOY = Settings(repeats=1, toy=True)
FACTS = {
    "date": "2026-01-02 03:04 UTC",
    "commit": "abc",
    "cpu": "a processor",
    "cores": 2,
    "aten": "AVX2",
    "bf16_speed": 0.25,
    "bf16_native": False,
    "threads": 2,
    "torch": "2",
    "gpu": None,
    "device": "cpu",
    "precision": "float32",
    "command": "scalemogen bench",
}


def make(name: str) -> Work:
    from scalemogen.benchmarks.worker import make_work

    return make_work(ROWS[name].maker, TOY, ROWS[name].options)


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if not row.cuda and row.group != "start-up"])
def test_rows_run_twice(name: str) -> None:
    """Every row of a CPU, at toy size: what it does can be repeated."""
    with make(name) as work:
        work.run()
        work.run()
    networks = ROWS[name].group in ("full-size", "recipes", "demo") or name.startswith("text")
    assert bool(work.products) == networks


def test_a_training_step_trains() -> None:
    """A step without its optimiser would be too fast, and nobody would see it."""
    from scalemogen.benchmarks import models
    from scalemogen.tasks import TokenizerTask

    source = models.make_source("humanml3d")
    task = TokenizerTask(**models.recipe_model("tokenizer", "demo", width=8))
    task.build(source)
    before = [parameter.detach().clone() for parameter in task.parameters()]
    step = models.training_step(task, models.make_batch(source, [41, 23], "cpu"))
    for _ in range(3):  # the warm-up of the recipe's schedule is not part of a row
        step()
    changed = [not torch.equal(old, new) for old, new in zip(before, task.parameters(), strict=True)]
    assert sum(changed) > 0.9 * len(changed)


def test_given_latents_are_not_encoded_again() -> None:
    given, encoded = (make(f"ar-step-4-{name}") for name in ("latents", "encoded"))
    assert sum(p.flops for p in given.products) < sum(p.flops for p in encoded.products)


def test_a_row_of_its_own_process(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The whole way: process, table, Markdown, JSON with all that a figure depends on."""
    file = tmp_path / "bench.json"
    arguments = [
        "startup-import",
        "fid",
        "--toy",
        "--repeats",
        "2",
        "--threads",
        "1",
        "--markdown",
        "--json",
        str(file),
    ]
    assert main(["bench", *arguments]) == 0
    printed = capsys.readouterr().out
    written = json.loads(file.read_text())
    assert set(FACTS) == set(written["machine"])
    assert written["machine"]["threads"] == 1
    assert [row["name"] for row in written["rows"]] == ["fid", "startup-import"]  # the table's order
    for row in written["rows"]:
        assert len(row["seconds"]) == 2
        assert 0 < row["median"] < 60
        assert row["threads"] == 1
    fid, start = written["rows"]
    assert fid["memory"] > 100e6 > start["memory"] > 1e6  # torch is loaded in one and not in the other
    assert "| FID of 2 x 10,000 embeddings of width 512 |" in printed


def test_a_row_that_fails_is_a_dash_and_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    broken = Row("broken", "parts", "what cannot be", "parts:nothing_there")
    outcome = run_row(broken, TOY)
    assert outcome.figures is None
    assert "nothing_there" in outcome.reason
    assert table.alone(broken, outcome) == ["what cannot be", *["–"] * 5]


def test_unknown_names_are_refused_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "genrate-64"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "did you mean 'generate-64'?" in line
    for arguments, words in (
        (["data", "fid"], "alone"),
        (["curves", "--against", "HEAD"], "alone"),
        (["fid", "--repeats", "0"], "at least"),
        (["fid", "--against", "no-such-revision"], "no revision 'no-such-revision'"),
    ):
        assert main(["bench", *arguments]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert words in line


def test_groups_quick_and_gpus() -> None:
    assert {row.group for row in select([])} == set(GROUPS)
    assert not [row for row in select([]) if row.cuda]
    assert [row for row in select([], cuda=True) if row.cuda]
    assert not [row for row in select([], quick=True) if row.large]
    assert [row.name for row in select(["generate-64"], quick=True)] == ["generate-64"]
    assert {row.name for row in select(["demo"])} == {"demo-generate-1", "demo-generate-8", "demo-generate-32"}


def test_the_list_names_every_row(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(ROWS)


def test_seconds_count_one_run() -> None:
    """Fast work is done many times to a repeat; the time is still that of one run."""
    import time

    runs = []
    seconds = repeat_seconds(lambda: (runs.append(1), time.sleep(0.01)), 3, "cpu")
    assert len(seconds) == 3
    assert all(0.01 <= one < 0.05 for one in seconds)
    assert len(runs) > 15


def test_memory_is_the_peak_and_rates_are_no_part_of_it() -> None:
    def take() -> None:
        torch.ones(50_000_000)  # 200 MB

    before = high_water("self")
    figures = measure(Work(take, [Product(4096, 4096, 512)]), Settings(repeats=1))
    assert figures.memory >= before
    assert figures.share is not None
    assert figures.flops == 2 * 4096 * 4096 * 512


def test_the_rate_is_of_the_shapes_with_most_arithmetic() -> None:
    shapes = [Product(256, 256, 256, 100), Product(1, 1, 64, 10**9)]
    assert matrix_rate(shapes, TOY) > 1e9  # one thread of any machine; single numbers would give a thousandth


def test_peaks_of_gpus() -> None:
    assert peak("NVIDIA H200", "bf16") == 989e12
    assert peak("NVIDIA H100 PCIe", "bf16") == 756e12
    assert peak("Something else", "bf16") is None
    assert peak(None, "float32") is None


def figures(seconds: float) -> dict[str, Any]:
    return {"median": seconds, "memory": 2e9, "flops": 10**9, "matrix_rate": 2e9, "share": 0.5 / seconds}


def test_ratios_are_of_pairs() -> None:
    compared = Compared([figures(1.0), figures(3.0), figures(2.0)], [figures(2.0), figures(4.0), figures(8.0)])
    assert compared.ratios == [0.5, 0.75, 0.25]
    assert compared.to_dict()["ratio"] == {"median": 0.5, "min": 0.25, "max": 0.75}
    assert table.paired(ROWS["fid"], compared)[1:4] == ["0.50", "0.25", "0.75"]
    assert table.paired(ROWS["fid"], Compared(reason="no such name"))[1:] == ["–"] * 7


def test_cells_of_a_gpu_have_its_share_of_the_peak() -> None:
    cells = table.alone(ROWS["generate-64"], Outcome(figures(1.0)), peak=4e9)
    assert cells[1:] == ["1 s", "2.00 GB", "1", "2", "50%", "25%"]
    assert "emulated (0.25 times" in table.describe(FACTS)


def git_worktrees() -> str:
    command = ["git", "worktree", "list", "--porcelain"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("error", [KeyboardInterrupt, UserError])
def test_the_other_revision_goes_away(error: type[BaseException]) -> None:
    before, places = git_worktrees(), []

    def stop() -> None:
        with other_revision("HEAD") as source:
            places.append(source)
            assert (source / "scalemogen" / "benchmarks" / "rows.py").samefile(ROOT / "benchmarks" / "rows.py")
            assert not (source / "scalemogen" / "contracts.py").samefile(OURS / "scalemogen" / "contracts.py")
            raise error("stop")

    with pytest.raises(error):
        stop()
    assert not places[0].exists()
    assert git_worktrees() == before


def test_another_package_than_asked_for_is_noticed(tmp_path: Path) -> None:
    outcome = run_row(ROWS["startup-import"], TOY, source=tmp_path)
    assert outcome.figures is None
    assert "not from" in outcome.reason


def test_against_head_by_turns(capsys: pytest.CaptureFixture[str]) -> None:
    """From the command to the ratios, with one row that takes no time."""
    assert main(["bench", "startup-import", "--toy", "--against", "HEAD", "--repeats", "1", "--json", "-"]) == 0
    written = json.loads(capsys.readouterr().out)
    (row,) = written["rows"]
    assert written["machine"]["against"] == "HEAD"
    assert len(row["ours"]) == len(row["theirs"]) == len(row["ratios"]) == 1
    assert row["ours"][0]["package"] == str(OURS / "scalemogen")
    assert row["theirs"][0]["package"] != row["ours"][0]["package"]


def test_curves_have_a_line_for_arithmetic_alone() -> None:
    for size in ("reduced", "full"):
        assert {curve.option for curve in curves(size)} == {"frames", "batch", "depth"}
    curve = next(curve for curve in curves("reduced") if curve.name == "training-batch")
    points = [
        {"line": line.name, "place": place, "figures": figures(float(place)) if place < 64 else None}
        for line in curve.lines
        for place in curve.places
    ]
    drawn = picture(curve, points)
    assert drawn.count("<polyline") == 2 * 2 + 2  # seconds and bound of both networks, memory of both
    assert "arithmetic alone" in drawn
