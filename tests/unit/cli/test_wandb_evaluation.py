"""An evaluation as a W&B run, read back from disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import wandb

from helpers.evaluation import make_store
from helpers.evaluators import SIZES, make_evaluator
from helpers.models import make_model
from helpers.wandb_log import Log
from scalemogen.checkpoints import save_evaluator
from scalemogen.cli.main import main


def test_an_evaluation_names_what_it_has_measured(tmp_path: Path) -> None:
    make_model(tmp_path / "model")
    make_store(tmp_path)
    evaluator = make_evaluator()
    state = evaluator.network.state_dict()
    save_evaluator(tmp_path / "evaluator", facts=evaluator.facts, arguments=SIZES, state=state, text=evaluator.text)
    named = [f"--model={tmp_path / 'model'}", f"--data={tmp_path / 'store'}", f"--evaluator={tmp_path / 'evaluator'}"]
    more = ["--repeats=2", "--pool=4", "--no-multimodality", "--device=cpu", "--wandb", f"--out={tmp_path / 'out'}"]
    assert main(["evaluate", *named, *more]) == 0
    wandb.teardown()  # what has been logged is on disk

    result = json.loads((tmp_path / "out" / "result.json").read_text())
    log = Log(tmp_path / "out")
    assert (log.run.job_type, log.run.display_name, log.status) == ("evaluate", "evaluate/out", 0)
    for name in ("run", "data", "model", "evaluator", "protocol", "settings"):
        assert log.config[name] == result[name]
    for row, figures in result["splits"]["test"]["rows"].items():
        for figure, value in figures.items():
            assert log.summary[f"test/{row}/{figure}"] == pytest.approx(value["mean"], nan_ok=True)
    stages = [json.loads((tmp_path / name / "model.json").read_text()) for name in ("model", "evaluator")]
    expected = [("dataset", True), ("model", True), ("model", True), ("evaluation", False)]
    assert [(artifact.type, artifact.use_after_commit) for artifact in log.artifacts] == expected
    names = [f"{stage['stage']}-{stage['facts']['name']}" for stage in stages]
    assert [artifact.name for artifact in log.artifacts[1:3]] == names
    assert {entry.path for entry in log.artifacts[3].manifest.contents} == {"result.json", "report.md", "report.html"}
