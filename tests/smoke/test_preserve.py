"""`scalemogen preserve` as a user runs it: files, a sweep's runs by their parameters, and clear errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.evaluation import make_store
from helpers.models import make_model
from helpers.stores import write_store
from scalemogen.cli.main import main
from scalemogen.cli.preserve import models_of_sweep


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a store and a sweep of two tokenizers with two seeds each."""
    folder = tmp_path_factory.mktemp("preserve")
    make_store(folder)
    rows = []
    for chain in ("inner-to-outer", "flat"):
        for seed in (0, 1):
            make_model(folder / "sweep" / f"{chain}-{seed}" / "model", "tokenizer", seed=seed, chain=chain)
        parameters = {"config": "recipe.yaml", "model.chain": chain, "trainer.max_steps": 2}
        rows.append({"parameters": parameters, "runs": [f"{chain}-0", f"{chain}-1"]})
    (folder / "sweep" / "table.json").write_text(json.dumps({"rows": rows}))
    return folder


def command(place: Path, *more: str) -> list[str]:
    return ["preserve", f"--data={place / 'store'}", "--device=cpu", *more]


def test_a_sweep_and_named_models_give_one_result(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = place / "out"
    assert main(command(place, f"--sweep={place / 'sweep'}", "--split=test", "--split=compose", f"--out={out}")) == 0
    report = capsys.readouterr().out
    assert report == (out / "preservation.md").read_text()
    for words in ("## test, all clips: 7 clips", "## compose, liveliest quarter: 2 clips", "](preservation.svg)"):
        assert words in report
    assert report.count("p = ") == 2 * 2 * 3  # splits, parts, figures
    assert (out / "preservation.svg").read_text().count("<g transform") == 2 * 2 * 3
    result = json.loads((out / "preservation.json").read_text())
    assert list(result["tokenizers"]) == ["inner-to-outer", "flat"]
    assert [len(tokenizer["models"]) for tokenizer in result["tokenizers"].values()] == [2, 2]
    assert result["run"]["command"].startswith("scalemogen preserve --sweep ")

    names = [(chain, seed) for chain in ("inner-to-outer", "flat") for seed in (0, 1)]
    models = [f"--model={chain}={place / 'sweep' / f'{chain}-{seed}' / 'model'}" for chain, seed in names]
    assert main(command(place, *models, "--json")) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["splits"]["test"] == result["splits"]["test"]
    assert again["tokenizers"] == result["tokenizers"]


def test_bad_input_is_one_clear_line(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(*arguments: str) -> str:
        assert main(command(place, *arguments)) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.count("\n") == 1
        return said.err

    model = place / "sweep" / "flat-0" / "model"
    assert "--model NAME=FOLDER, or --sweep" in refused()
    assert f"--model {model}: needed is NAME=FOLDER" in refused(f"--model={model}")
    assert "no such model folder" in refused("--model=flat=nowhere")
    assert "table.json: No such file" in refused(f"--sweep={tmp_path}")
    (tmp_path / "table.json").write_text(json.dumps({"rows": []}))
    assert "no table of finished runs" in refused(f"--sweep={tmp_path}")
    assert "no split 'dev'" in refused(f"--model=flat={model}", "--split=dev")
    (tmp_path / "file").write_text("")
    assert "is a file" in refused(f"--model=flat={model}", f"--out={tmp_path / 'file'}")
    write_store(tmp_path / "kit", {"train": [20], "test": [20] * 7}, skeleton="kit")
    assert "skeleton kit" in refused(f"--model=flat={model}", f"--data={tmp_path / 'kit'}")
    assert not [path for path in tmp_path.rglob("*") if "preservation" in path.name]


def test_a_sweep_of_both_stages_has_its_tokenizers_among_the_stages(tmp_path: Path) -> None:
    rows = [{"parameters": {"tokenizer.model.chain": chain}, "runs": [chain]} for chain in ("flat", "whole-body")]
    (tmp_path / "table.json").write_text(json.dumps({"rows": rows}))
    for row in rows:
        run = tmp_path / row["runs"][0]
        run.mkdir()
        (run / "result.json").write_text(json.dumps({"stages": {"tokenizer": {"folder": f"stages/{run.name}"}}}))
    found = [("flat", "stages/flat/model"), ("whole-body", "stages/whole-body/model")]
    assert models_of_sweep(tmp_path) == found
