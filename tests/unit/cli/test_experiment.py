"""Stages done once: what each takes from the others, what is shared, and what changes a digest."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from scalemogen.cli import experiment
from scalemogen.cli.main import main
from scalemogen.cli.plans import Plan, read_plan
from scalemogen.errors import UserError

RECIPES = [f"{stage}.config=experiments/{stage}/demo.yaml" for stage in ("tokenizer", "ar", "evaluator")]


class Store:
    """A stage that is parsed, its data module and its store, as far as an experiment looks at them."""

    def __init__(self, path: Path) -> None:
        self.datamodule = self.store = self
        self.path = path


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    """Put the stages' work aside, and keep what each was called with."""
    found: list[tuple[str, list[str]]] = []

    def parse(plan: Plan, folder: Path) -> dict[str, Any]:
        return {stage: Store(tmp_path / "store") for stage in plan.options if stage != "evaluate"}

    def train(stage: str, words: Sequence[str], folder: Path) -> dict[str, Any]:
        found.append((stage, list(words)))
        return {"figures": {"loss": 1.5, "mpjpe_root_mm": 30.0, "features": 2.0}, "data": "the store"}

    def judge(words: Sequence[str], folder: Path) -> dict[str, Any]:
        found.append(("evaluate", list(words)))
        return {"figures": {"facts": 0.5, "real/facts": 1.0, "jitter": 3.0}, "origin": {"commit": "abc"}}

    monkeypatch.setattr(experiment, "parse_stages", parse)
    monkeypatch.setattr(experiment, "check_stages", lambda plan, stages: None)
    monkeypatch.setattr(experiment, "_train", train)
    monkeypatch.setattr(experiment, "_evaluate", judge)
    return found


def test_an_evaluation_says_what_its_figures_depend_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {
        "splits": {"val": {"rows": {"generated": {"fid": {"mean": 0.5}}, "real": {"fid": {"mean": 0.1}}}}},
        "run": {"version": "1", "commit": "abc+", "seconds": 3.0},
        "data": {"name": "walks", "digest": "d", "splits": {"train": "t", "val": "v"}, "licence": "none"},
        "model": {"digests": {"tokenizer": "1", "ar": "2"}, "path": "somewhere"},
        "evaluator": {"name": "own", "digest": "e", "path": "elsewhere"},
        "protocol": {"name": "default", "pool": 32},
        "settings": {"guidance": 3.0, "temperature": 0.4, "seed": 0},
    }

    def judge(args: Any) -> int:
        (args.out / "result.json").write_text(json.dumps(made))
        return 0

    monkeypatch.setattr(experiment.evaluate, "run", judge)
    assert experiment._evaluate(["--split=val"], tmp_path) == {
        "figures": {"fid": 0.5, "real/fid": 0.1},
        "origin": {
            "version": "1",
            "commit": "abc+",
            "data": {"name": "walks", "digest": "d", "splits": {"val": "v"}},
            "weights": {"tokenizer": "1", "ar": "2"},
            "evaluator": {"name": "own", "digest": "e"},
            "protocol": "default",
            "settings": {"guidance": 3.0, "temperature": 0.4, "seed": 0},
        },
    }


def run(tmp_path: Path, *options: str, name: str = "run") -> dict[str, Any]:
    words = [*options, "--run", str(tmp_path / name), "--stages", str(tmp_path / "stages")]
    assert main(["experiment", *words]) == 0
    result: dict[str, Any] = json.loads((tmp_path / name / "result.json").read_text())
    return result


def test_each_stage_takes_what_the_ones_before_it_made(
    tmp_path: Path, calls: list[tuple[str, list[str]]], capsys: pytest.CaptureFixture[str]
) -> None:
    result = run(tmp_path, "evaluate.repeats=2", "evaluate.no-multimodality", *RECIPES, "seed=3")
    assert [stage for stage, _ in calls] == ["tokenizer", "ar", "evaluator", "evaluate"]
    folders = {stage: Path(facts["folder"]) for stage, facts in result["stages"].items()}
    words = dict(calls)
    assert "--seed_everything=3" in words["tokenizer"]
    assert "--seed_everything=3" in words["ar"]
    assert not any(word.startswith("--seed") for word in (*words["evaluator"], *words["evaluate"]))
    assert f"--model.tokenizer={folders['tokenizer'] / 'model'}" in words["ar"]
    assert words["evaluate"] == [
        *("--repeats=2", "--no-multimodality", "--split=val"),
        *(f"--model={folders['ar'] / 'model'}", "--data=the store"),
        f"--evaluator={folders['evaluator'] / 'model'}",
    ]
    assert {name: value for name, value in result["figures"].items() if not name.endswith("/seconds")} == {
        "tokenizer/mpjpe_root_mm": 30.0,
        "ar/loss": 1.5,
        "evaluate/facts": 0.5,
    }
    assert {"tokenizer/seconds", "ar/seconds"} <= result["figures"].keys()
    assert result["stages"]["evaluate"]["figures"]["real/facts"] == 1.0
    assert result["origin"] == {"commit": "abc"}
    assert "evaluate/facts" in capsys.readouterr().out


def test_what_is_shared_is_done_once(tmp_path: Path, calls: list[tuple[str, list[str]]]) -> None:
    options = ["evaluate.repeats=2", *RECIPES]
    run(tmp_path, *options)
    assert len(calls) == 4
    run(tmp_path, *options, name="again")
    assert len(calls) == 4
    run(tmp_path, *options, "ar.model.flip_strength=0.1")
    assert [stage for stage, _ in calls[4:]] == ["ar", "evaluate"]
    run(tmp_path, *options, "evaluate.temperature=0.5")
    assert [stage for stage, _ in calls[6:]] == ["evaluate"]
    run(tmp_path, *options, "seed=1")
    assert [stage for stage, _ in calls[7:]] == ["tokenizer", "ar", "evaluate"]
    run(tmp_path, *options, "tokenizer.model.bits=8")
    assert [stage for stage, _ in calls[10:]] == ["tokenizer", "ar", "evaluate"]


def test_other_data_is_another_experiment(tmp_path: Path, calls: list[tuple[str, list[str]]]) -> None:
    (tmp_path / "store").mkdir()
    for digest in ("a", "b", "a"):
        (tmp_path / "store" / "store.json").write_text(json.dumps({"digest": digest}))
        run(tmp_path, RECIPES[0])
    assert len(calls) == 2


def test_what_is_given_wins(tmp_path: Path, calls: list[tuple[str, list[str]]]) -> None:
    run(tmp_path, "evaluate.split=test", "evaluate.model=M", "evaluate.data=D", "evaluate.evaluator=E")
    assert calls == [("evaluate", ["--split=test", "--model=M", "--data=D", "--evaluator=E"])]
    run(tmp_path, RECIPES[1], "ar.model.tokenizer=T")
    assert "--model.tokenizer=T" in calls[1][1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "no stage"),
        (["seed=1"], "no stage"),
        (["seed=-1", RECIPES[0]], "seed=-1"),
        (["seed=x", RECIPES[0]], "seed=x"),
        (["bits=8"], "bits=8"),
        (["tokeniser.model.bits=8"], "tokenizer, ar, evaluator, evaluate"),
        (["tokenizer.=8"], "tokenizer.=8"),
        (["tokenizer.model.bits=8"], "tokenizer.config"),
        ([RECIPES[1]], "ar.model.tokenizer"),
        (["evaluate.repeats=2"], "evaluate.model"),
        (["evaluate.model=M"], "evaluate.data"),
        (["evaluate.model=M", "evaluate.data=D"], "evaluate.evaluator"),
    ],
)
def test_what_does_not_make_an_experiment(words: list[str], message: str) -> None:
    with pytest.raises(UserError) as caught:
        read_plan(words)
    assert message in str(caught.value)


def test_stages_do_not_log_into_the_run_of_an_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []
    monkeypatch.setattr("wandb.teardown", lambda: closed.append(True))
    monkeypatch.delenv("WANDB_RUN_GROUP", raising=False)
    with experiment.outside_sweep("widths") as sweep:
        assert not sweep
        assert os.environ["WANDB_RUN_GROUP"] == "widths"
    assert "WANDB_RUN_GROUP" not in os.environ
    monkeypatch.setenv("WANDB_SWEEP_ID", "s")
    monkeypatch.setenv("WANDB_RUN_ID", "r")
    with experiment.outside_sweep("widths") as sweep:
        assert sweep
        assert "WANDB_RUN_ID" not in os.environ
        assert os.environ["WANDB_RUN_GROUP"] == "s"  # all runs of the sweep
    assert os.environ["WANDB_RUN_ID"] == "r"
    assert closed == [True]
