"""Commands as a W&B agent fills them in, and digests that say when a run has been done."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from scalemogen.errors import UserError
from scalemogen.sweeps import Job, Outcome, Sweep, digest_words, once, plan_job, read_outcome
from scalemogen.sweeps.jobs import fill_command

POINT = {"model.bits": 8, "flag": True, "off": False, "lr": 1e-05, "scales": [1, 2]}


def make(command: list[str] | None = None, program: str | None = "train.py") -> Sweep:
    content: dict[str, Any] = {"method": "grid", "parameters": {"a": {"value": 1}}, "program": program}
    return Sweep.model_validate({**content, "command": command})


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("${args}", ["--model.bits=8", "--flag=True", "--off=False", "--lr=1e-05", "--scales=[1, 2]"]),
        ("${args_no_hyphens}", ["model.bits=8", "flag=True", "off=False", "lr=1e-05", "scales=[1, 2]"]),
        ("${args_no_boolean_flags}", ["--model.bits=8", "--flag", "--lr=1e-05", "--scales=[1, 2]"]),
        ("${args_json}", ['{"model.bits": 8, "flag": true, "off": false, "lr": 1e-05, "scales": [1, 2]}']),
        ("${interpreter}", [sys.executable]),
        ("${env}", []),
        ("${program}", ["train.py"]),
        ("--x=${envvar:SWEEP_TEST}", ["--x=here"]),
    ],
)
def test_macros(word: str, expected: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEP_TEST", "here")
    assert fill_command(make(["run", word]), POINT) == ("run", *expected)


def test_the_default_command_and_arguments_without_equals() -> None:
    assert fill_command(make(), {"a": 1}) == (sys.executable, "train.py", "--a=1")
    assert fill_command(make(["x", "${args_no_equals}"]), {"a": 1, "b": "c"}) == ("x", "--a", "1", "--b", "c")


@pytest.mark.parametrize(
    ("command", "words"), [(["${argz}"], "argz"), (["${envvar:SWEEP_NONE}"], "SWEEP_NONE"), ([], "empty")]
)
def test_commands_that_cannot_be_filled_in(command: list[str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        fill_command(make(command), POINT)


def test_a_run_is_named_by_command_parameters_and_recipe(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("a: 1  # one\n")
    words = ["train", f"--config={recipe}", "--bits=8"]
    digest = digest_words(words)
    recipe.write_text("# the same\na: 1\n")
    assert digest_words(words) == digest
    moved = recipe.rename(tmp_path / "other.yaml")
    assert digest_words(["train", f"--config={moved}", "--bits=8"]) == digest
    moved.write_text("a: 2\n")
    others = [
        digest_words(["train", f"--config={moved}", "--bits=8"]),
        digest_words(["train", f"--config={moved}", "--bits=9"]),
        digest_words(["train", f"--config={moved}", "--bits=8"], "tokenizer"),
    ]
    assert len({digest, *others}) == 4


def test_model_folders_count_by_their_description(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "model.json").write_text('{"created": "now"}')
    digest = digest_words([f"model={model}"])
    (model / "note.txt").write_text("nothing")
    assert digest_words([f"model={model}"]) == digest
    (model / "model.json").write_text('{"created": "later"}')
    assert digest_words([f"model={model}"]) != digest


def test_jobs_have_folders_of_their_own_and_are_told_so(tmp_path: Path) -> None:
    jobs = [plan_job(make(), {"a": number}, tmp_path) for number in (1, 2)]
    assert len({job.folder for job in jobs}) == 2
    for job in jobs:
        assert job.folder == tmp_path / job.digest
        assert job.command[-2:] == ("--run", str(job.folder))


def test_outcomes_are_found_again(tmp_path: Path) -> None:
    job = Job({"a": 1}, ("x",), "d", tmp_path / "d")
    assert read_outcome(job) is None
    done = Outcome("d", {"a": 1}, "done", {"score": 0.1 + 0.2}, 1.5)
    done.keep(job.folder)
    kept = read_outcome(job)
    assert kept is not None
    assert kept.figures["score"] == 0.1 + 0.2
    assert read_outcome(Job({"a": 1}, ("x",), "other", job.folder)) is None
    for text in ("", "{}", "[]", '{"digest": "d", "surprise": 1}'):
        (job.folder / "outcome.json").write_text(text)
        assert read_outcome(job) is None


def test_work_is_done_once_and_again_after_a_failure(tmp_path: Path) -> None:
    calls: list[Path] = []

    def work(folder: Path) -> dict[str, Any]:
        calls.append(folder)
        if len(calls) == 1:
            raise UserError("no")
        return {"figure": 1.5}

    with pytest.raises(UserError, match="no"):
        once(tmp_path / "stage", work)
    assert once(tmp_path / "stage", work) == ({"figure": 1.5}, False)
    assert once(tmp_path / "stage", work) == ({"figure": 1.5}, True)
    assert calls == [tmp_path / "stage"] * 2
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        once(tmp_path / "file" / "stage", work)
