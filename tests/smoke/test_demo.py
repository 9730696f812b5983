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
}


def test_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for stage, model in TINY.items():
        recipe = yaml.safe_load(demo.recipe(stage).read_text())
        recipe["model"] |= model
        recipe["data"]["init_args"]["clips"] = 40
        recipe["trainer"] |= {"max_steps": 2, "check_val_every_n_epoch": None, "val_check_interval": 2}
        recipe["trainer"] |= {"logger": False, "enable_progress_bar": False, "precision": "32-true"}
        (tmp_path / f"{stage}.yaml").write_text(yaml.safe_dump(recipe))
    monkeypatch.setattr(demo, "recipe", lambda stage: tmp_path / f"{stage}.yaml")
    out = tmp_path / "out"
    assert main(["demo", "--out", str(out), "--data", str(tmp_path / "data")]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split()[-1] == str(out / "demo.html")
    for name in ("demo.html", "demo.png", "walk.bvh", "model/model.json"):
        assert (out / name).stat().st_size > 0
    assert json.loads((out / "demo.json").read_text())["sentences"] > 0


def test_out_must_be_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["demo", "--out", str(tmp_path / "file")]) == 2
    assert "is a file" in capsys.readouterr().err
