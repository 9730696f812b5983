"""`scalemogen sweep` from outside: runs, tables, exit statuses, servers and bad input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from helpers.training import EXPERIMENTS
from scalemogen.cli import sweep
from scalemogen.cli.main import main

PROGRAM = """
import json, pathlib, sys
options = dict(word.removeprefix("--").split("=") for word in sys.argv[1:] if "=" in word)
with open("calls", "a") as log:
    log.write("x")
if options["x"] == "3" and not pathlib.Path("mended").exists():
    sys.exit("scalemogen: error: x is 3")
score = float(options["x"]) + 0.1 * int(options.get("seed", 0))
pathlib.Path(sys.argv[-1], "result.json").write_text(json.dumps({"figures": {"score": score}}))
"""
SWEEP = """
program: program.py
method: grid
metric: {name: score, goal: maximize}
parameters:
  x: {values: [1, 2]}
  seed: {values: [0, 1]}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a program and a sweep over it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "try.yaml").write_text(SWEEP)
    return tmp_path


def test_runs_are_done_once_and_ranked(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "try.yaml", "--jobs", "2"]) == 0
    text = capsys.readouterr().out
    assert "| 2 | 2 | 2.05 ± 0.22 |" in text  # spread of both rows together: t of 2 degrees of freedom
    assert "best:  x=2" in text
    folder = here / "runs" / "sweeps" / "try"
    assert (folder / "table.md").read_text() in text
    assert len((folder / "table.csv").read_text().splitlines()) == 5
    assert main(["sweep", "try.yaml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((folder / "table.json").read_text())
    assert (here / "calls").read_text() == "xxxx"


def test_a_failed_run_is_shown_and_run_again(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "try.yaml").write_text(SWEEP.replace("[1, 2]", "[3, 1]").replace("[0, 1]", "[0]"))
    assert main(["sweep", "try.yaml"]) == 1
    shown = capsys.readouterr()
    assert "scalemogen: error: x is 3" in shown.err
    assert "1 runs done, 1 failed" in shown.out
    (here / "mended").write_text("")
    assert main(["sweep", "try.yaml"]) == 0
    assert (here / "calls").read_text() == "xxx"


def test_an_interrupt_keeps_what_is_done(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", "try.yaml", "--count", "1"]) == 0

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep, "run_jobs", interrupted)
    assert main(["sweep", "try.yaml"]) == 130
    assert "goes on from here" in capsys.readouterr().err
    assert "1 runs done, 0 failed, 3 not run." in (here / "runs" / "sweeps" / "try" / "table.md").read_text()


def test_a_search_of_sampling_says_where_its_best_point_goes(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = PROGRAM.replace('options["x"]', 'options["evaluate.guidance"]')
    (here / "program.py").write_text(program)
    parameters = "  evaluate.guidance: {values: [1.5, 2.5]}\n  evaluate.model: {value: m}\n"
    (here / "try.yaml").write_text(SWEEP.partition("  x:")[0] + parameters)
    assert main(["sweep", "try.yaml"]) == 0
    text = capsys.readouterr().out
    assert '{"guidance": 2.5}' in text
    assert "m/model.json" in text


def test_a_metric_that_no_run_has(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "try.yaml").write_text(SWEEP.replace("name: score", "name: scroe"))
    assert main(["sweep", "try.yaml"]) == 0
    assert "no run has the metric scroe; there are score" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.yaml"], "none.yaml"),
        (["try.yaml", "--jobs", "0"], "--jobs 0"),
        (["try.yaml", "--count", "0"], "--count 0"),
        (["try.yaml", "--set", "x"], "KEY=VALUE"),
        (["try.yaml", "--out", "program.py"], "program.py"),
        (["bayes.yaml"], "--count"),
        (["early.yaml"], "min_iter"),
        (["end.yaml"], "figures only at its end"),
        (["late.yaml"], "scale count 0 is below 1 (in the run of model.scale_count=0)"),
        (["unknown.yaml"], "no.such.option"),
        (["stage.yaml"], "tokeniser"),
    ],
)
def test_bad_input_is_one_line(
    here: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "bayes.yaml").write_text(SWEEP.replace("grid", "bayes"))
    (here / "early.yaml").write_text(SWEEP + "early_terminate: {type: hyperband, s: 2}\n")
    ours = "command: ['${interpreter}', -m, scalemogen, "
    (here / "unknown.yaml").write_text(
        ours + "tokenizer, fit, '${args}']\nmethod: grid\nparameters: {no.such.option: {value: 1}}\n"
    )
    experiment = ours + "experiment, '${args_no_hyphens}']\n" + SWEEP.partition("program.py")[2]
    (here / "end.yaml").write_text(experiment + "early_terminate: {type: median, min_iter: 2}\n")
    recipe = EXPERIMENTS / "tokenizer" / "demo.yaml"
    words = f"tokenizer, fit, --config, {recipe}, --data.init_args.clips=30, '${{args}}']\n"
    (here / "late.yaml").write_text(ours + words + "method: grid\nparameters: {model.scale_count: {values: [2, 0]}}\n")
    (here / "stage.yaml").write_text(
        ours + "experiment, '${args_no_hyphens}']\nmethod: grid\nparameters: {tokeniser.x: {value: 1}}\n"
    )
    assert main(["sweep", *arguments]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("scalemogen: error:")]
    assert len(lines) == 1
    assert message in lines[0]
    assert not (here / "calls").exists()


def test_with_a_key_the_sweep_is_made_on_the_server(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made: list[tuple[Any, ...]] = []

    def create(content: dict[str, Any], entity: str | None, project: str) -> str:
        made.append((content["parameters"]["x"], entity, project))
        return "abc"

    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.setattr("wandb.sweep", create)
    monkeypatch.setattr("wandb.agent", lambda identity, **options: made.append((identity, options)))
    assert main(["sweep", "try.yaml", "--set", "x=5", "--count", "3"]) == 0
    assert made == [
        ({"value": 5}, None, "scalemogen"),
        ("abc", {"entity": None, "project": "scalemogen", "count": 3}),
    ]
    assert "wandb agent --project scalemogen abc" in capsys.readouterr().out
    assert main(["sweep", "try.yaml", "--local", "--count", "1"]) == 0
    assert len(made) == 2
    assert (here / "calls").read_text() == "x"
