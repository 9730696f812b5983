"""The demo in miniature: every file that it promises, and the page's path last."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from scalemogen.cli import demo
from scalemogen.cli.main import main

TINY: dict[str, Any] = {
    "tokenizer": {"width": 8, "blocks": 1, "bits": 4, "scale_count": 2},
    "ar": {"width": 16, "depth": 1, "heads": 2, "text": {"width": 8, "layers": 1, "vocabulary": 300}},
    "evaluator": {"width": 16, "layers": 1, "heads": 2, "text": {"width": 8, "layers": 1, "vocabulary": 300}},
}


def test_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for stage, model in TINY.items():
        recipe = yaml.safe_load(demo.recipe(stage).read_text())
        recipe["model"] |= model
        recipe["data"]["init_args"]["clips"] = 160
        recipe["trainer"] |= {"max_steps": 2, "check_val_every_n_epoch": None, "val_check_interval": 2}
        recipe["trainer"] |= {"logger": False, "enable_progress_bar": False, "precision": "32-true"}
        (tmp_path / f"{stage}.yaml").write_text(yaml.safe_dump(recipe))
    monkeypatch.setattr(demo, "recipe", lambda stage: tmp_path / f"{stage}.yaml")
    monkeypatch.setattr(demo, "MEASURE", (*demo.MEASURE, "--pool=3"))
    out = tmp_path / "out"
    assert main(["demo", "--out", str(out), "--data", str(tmp_path / "data")]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split()[-1] == str(out / "demo.html")
    for name in ("demo.html", "demo.png", "walk.bvh", "model/model.json", "evaluation/report.html"):
        assert (out / name).stat().st_size > 0
    rows = json.loads((out / "evaluation" / "result.json").read_text())["splits"]["test"]["rows"]
    assert rows["real"]["facts"]["mean"] >= 0.9
    assert 0 <= rows["generated"]["facts"]["mean"] <= 1


def test_out_must_be_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["demo", "--out", str(tmp_path / "file")]) == 2
    assert "is a file" in capsys.readouterr().err
