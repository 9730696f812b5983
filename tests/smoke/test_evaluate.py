"""`scalemogen evaluate` in miniature, as a user runs it: files, figures, comparison, and clear errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.evaluation import make_store
from helpers.evaluators import SIZES, make_evaluator
from helpers.models import make_model
from helpers.stores import write_store
from scalemogen.checkpoints import save_evaluator
from scalemogen.cli.arguments.evaluate import build_parser
from scalemogen.cli.evaluate import command_of
from scalemogen.cli.main import main


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a model, a store and an evaluator."""
    folder = tmp_path_factory.mktemp("evaluate")
    make_model(folder / "model")
    make_store(folder)
    evaluator = make_evaluator()
    state = evaluator.network.state_dict()
    save_evaluator(folder / "evaluator", facts=evaluator.facts, arguments=SIZES, state=state, text=evaluator.text)
    return folder


def command(place: Path, *more: str) -> list[str]:
    named = [
        f"--{name}={place / file}" for name, file in (("model", "model"), ("data", "store"), ("evaluator", "evaluator"))
    ]
    return ["evaluate", *named, "--repeats=2", "--pool=4", "--no-multimodality", "--device=cpu", *more]


def refuse(capsys: pytest.CaptureFixture[str], arguments: list[str], *words: str) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    for word in words:
        assert word in said


def test_from_model_to_report_and_comparison(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = place / "a"
    assert main(command(place, f"--out={out}", "--split=test", "--split=compose")) == 0
    said = capsys.readouterr().out
    assert "split compose, 6 clips" in said
    assert said.splitlines()[-1] == f"report: {out / 'report.html'}"
    assert {path.name for path in out.iterdir()} == {"result.json", "report.md", "report.html"}
    result = json.loads((out / "result.json").read_text())
    assert set(result["splits"]) == {"test", "compose"}
    assert set(result["model"]["digests"]) == {"tokenizer", "ar", "text"}
    assert result["run"]["command"].startswith("scalemogen evaluate --model ")
    assert result["run"]["processes"] == 1
    page, report = (out / "report.html").read_text(), (out / "report.md").read_text()
    assert page.count("<iframe") == 2
    assert "src=" not in page.replace("srcdoc=", "")
    for word in (
        "FID",
        "7 clips in 11 dimensions",
        "(two halves of 7)",
        "Diversity: 7 pairs of motions",
        "sliding cm/s",
        "PA-MPJPE",
        "By kind",
        "nearest training clip",
        result["evaluator"]["digest"],
    ):
        assert word in page
        assert word in report

    again = place / "b"
    assert main(command(place, f"--out={again}", "--json", "--seed=1", "--batch-size=3")) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((again / "result.json").read_text())

    both = [str(folder / "result.json") for folder in (out, again)]
    assert main(["evaluate", "--compare", *both, f"--out={place / 'both'}"]) == 0
    assert "Welch's t-test" in capsys.readouterr().out
    assert (place / "both" / "comparison.html").read_text().count("<svg") == 3
    other = json.loads((again / "result.json").read_text())
    other["protocol"]["pool"] = 32
    (again / "result.json").write_text(json.dumps(other))
    refuse(capsys, ["evaluate", "--compare", *both], "not comparable: protocol: pool is 4 in one and 32 in the other")
    assert main(["evaluate", "--compare", *both, "--anyway", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["different"]


def test_bad_input_is_one_clear_line(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = f"--out={tmp_path / 'out'}"
    refuse(capsys, ["evaluate", "--model=m"], "--data")
    refuse(capsys, command(place, out, "--protocol=motionx"), "'motionx'", "humanml3d-deterministic")
    refuse(capsys, command(place, out, "--pool=32"), "has 7 clips to measure", "--pool 3")
    refuse(capsys, command(place, out, "--split=validation"), "'validation'", "compose")
    refuse(capsys, command(place, out, f"--evaluator={place / 'model'}"), "an evaluator is needed")
    refuse(capsys, command(place, out, "--batch-size=0"), "--batch-size 0")
    write_store(tmp_path / "kit", {"train": [20], "test": [20] * 7}, skeleton="kit")
    refuse(capsys, command(place, out, f"--data={tmp_path / 'kit'}"), "skeleton kit", "the model takes")
    assert not (tmp_path / "out").exists()


def test_without_an_evaluator_the_way_to_one_is_named(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = [word for word in command(place) if not word.startswith("--evaluator")]
    refuse(capsys, arguments, "make train-evaluator", "--evaluator")


def test_the_command_is_written_down() -> None:
    words = ["--model", "m", "--data", "s", "--split", "a b", "--split", "c", "--no-multimodality", "--seed", "3"]
    written = command_of(build_parser().parse_args(words))
    assert written == "scalemogen evaluate --model m --data s --split 'a b' --split c --seed 3 --no-multimodality"
