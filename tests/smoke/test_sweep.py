"""A sweep of two trainings in processes of their own, and an experiment through all stages."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from torch import nn

from helpers.training import options
from scalemogen.checkpoints import load_model
from scalemogen.cli.main import main

SMALL = ["trainer.max_steps=2", "trainer.val_check_interval=2", "trainer.check_val_every_n_epoch=null"]
PLAIN = ["trainer.logger=false", "trainer.enable_progress_bar=false"]


def stage(name: str, root: Path) -> list[str]:
    """Return a stage's tiny training as options of an experiment."""
    words = options(name, root)
    flags = [f"{key}={value}" for key, value in pairwise(words) if key == "--config"]
    flags += [word for word in words if "=" in word]
    return [f"{name}.{word.removeprefix('--')}" for word in (*flags, *SMALL, *PLAIN)]


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_an_experiment_through_all_stages(tmp_path: Path) -> None:
    root = tmp_path / "data"
    words = [word for name in ("tokenizer", "ar", "evaluator") for word in stage(name, root)]
    words += ["evaluate.split=train", "evaluate.repeats=1", "evaluate.pool=4", "evaluate.no-multimodality"]
    folders = ["--run", str(tmp_path / "run"), "--stages", str(tmp_path / "stages")]
    assert main(["experiment", *words, *folders]) == 0
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    expected = {"tokenizer/mpjpe_root_mm", "tokenizer/bits_used", "ar/loss", "ar/seconds"}
    assert expected | {"evaluate/facts", "evaluate/fid", "evaluate/r3"} <= result["figures"].keys()
    assert {"commit", "data", "weights", "evaluator", "settings"} <= result["origin"].keys()
    assert set(result["origin"]["weights"]) == {"tokenizer", "ar", "text"}
    model = load_model(Path(result["stages"]["ar"]["folder"]) / "model")
    assert model.ar is not None
    assert model.text is not None
    assert result["figures"]["tokenizer/tokens"] == model.spec.tokens
    assert result["figures"]["tokenizer/parameters_thousands"] == count(model.tokenizer) / 1000
    assert result["figures"]["ar/parameters_thousands"] == (count(model.ar) + count(model.text)) / 1000
    for name in ("tokenizer", "ar", "evaluator"):
        assert (Path(result["stages"][name]["folder"]) / "model").is_dir()

    # Searching guidance trains nothing: the stages are found, and only the evaluation is another one.
    assert main(["experiment", *words, "evaluate.guidance=1.0", *folders]) == 0
    again = json.loads((tmp_path / "run" / "result.json").read_text())
    changed = {name for name, facts in again["stages"].items() if facts != result["stages"][name]}
    assert changed == {"evaluate"}


def test_too_little_data_for_the_evaluation_is_said_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word for name in ("tokenizer", "ar", "evaluator") for word in stage(name, tmp_path / "data")]
    folders = ["--run", str(tmp_path / "run"), "--stages", str(tmp_path / "stages")]
    assert main(["experiment", *words, "evaluate.pool=8", *folders]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("scalemogen: error:")]
    assert "split 'val'" in line
    assert "needs 8" in line
    assert not (tmp_path / "stages").exists()


def test_a_sweep_of_two_trainings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [*options("tokenizer", tmp_path / "data"), *(f"--{word}" for word in (*SMALL, PLAIN[1]))]
    file = tmp_path / "bits.yaml"
    content = {
        "method": "grid",
        "metric": {"name": "val/mpjpe_root_mm", "goal": "minimize"},
        "parameters": {"model.bits": {"values": [4, 6]}},
        "command": ["${env}", "${interpreter}", "-m", "scalemogen", "tokenizer", "fit", *words, "${args}"],
    }
    file.write_text(yaml.safe_dump(content))
    command = ["sweep", str(file), "--jobs", "2", "--out", str(tmp_path / "out"), "--json"]
    assert main(command) == 0
    table = json.loads(capsys.readouterr().out)
    assert sorted(row["parameters"]["model.bits"] for row in table["rows"]) == [4, 6]
    errors = [row["figures"]["val/mpjpe_root_mm"]["mean"] for row in table["rows"]]
    assert 0 < errors[0] <= errors[1]
    for outcome in table["runs"]:
        assert (tmp_path / "out" / outcome["digest"] / "model" / "model.json").is_file()
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out) == table
