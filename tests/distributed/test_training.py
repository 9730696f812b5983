"""The stages under DDP: two processes take the step that one process takes on the joined batch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from helpers.source import ROOT
from helpers.training import QUIET, assert_equal_states, fit, options, read
from scalemogen.cli.run_folder import RUN_VARIABLE
from scalemogen.cli.stages import make_cli, quiet_libraries

NOT_RANDOM = {
    "tokenizer": ["--model.dropout=0", "--model.scale_dropout=0.5"],  # scales are dropped alike in all processes
    "ar": [
        *("--model.dropout=0", "--model.drop_path=0", "--model.text.dropout=0"),
        *("--model.flip_strength=0", "--model.text_dropout=0"),
    ],
    "evaluator": ["--model.dropout=0", "--model.text.dropout=0"],
}
PLAIN = [
    *("--model.optimizer=torch.optim.SGD", "--model.optimizer.lr=0.1", "--model.schedule.warmup_steps=0"),
    *("--ema.decay=0", "--trainer.max_steps=1", "--trainer.gradient_clip_val=null", "--trainer.precision=32-true"),
]


def two_processes(stage: str, place: Path, *more: str) -> str:
    """Run `scalemogen STAGE fit --trainer.devices 2` in `place`; returns what it says."""
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", RUN_VARIABLE))}
    environment = {**keep, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])}
    command = [
        sys.executable,
        "-m",
        "scalemogen",
        stage,
        "fit",
        "--trainer.devices=2",
    ]
    arguments = [*options(stage, place / "data", batch=6), *PLAIN, *more]
    losses = ["--trainer.callbacks=helpers.training.Losses", f"--trainer.callbacks.init_args.folder={place}"]
    result = subprocess.run(
        [*command, *arguments, *losses, "--trainer.logger=false", "--samples.every=0"],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout + result.stderr


def compare(stage: str, place: Path, run: Path, *more: str) -> None:
    """Compare with one process and batches twice as large."""
    watch = ["--trainer.callbacks=helpers.training.Losses", f"--trainer.callbacks.init_args.folder={run}"]
    joined = fit(stage, place / "joined" / stage, place / "data", *PLAIN, *NOT_RANDOM[stage], *watch, *more, batch=12)
    first, second, both = (
        torch.load(path, weights_only=True) for path in (place / "loss-0.pt", place / "loss-1.pt", run / "loss-0.pt")
    )
    assert (first == second) == (stage == "evaluator")  # which has the pairs of all processes as negatives
    torch.testing.assert_close((first + second) / 2, both, rtol=1e-5, atol=1e-5)
    mine, theirs = (read(folder / "checkpoints" / "last.ckpt") for folder in (run, joined))
    assert_equal_states(mine["state_dict"], theirs["state_dict"], atol=1e-5)
    still = ["--model.optimizer.lr=0", *more]
    start = fit(stage, place / "still" / stage, place / "data", *PLAIN, *NOT_RANDOM[stage], *still)
    before, after = (read(folder / "checkpoints" / "last.ckpt")["state_dict"] for folder in (start, joined))
    steps = [(after[name] - before[name]).abs().max() for name in after if after[name].is_floating_point()]
    assert max(steps) > 50 * 1e-5  # far more than the tolerance


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ddp")


def one_run(place: Path, stage: str) -> Path:
    """Return the folder of the only run: both processes used the same."""
    (run,) = (place / "runs" / stage).iterdir()
    return run


def test_the_tokenizer(place: Path) -> None:
    said = two_processes("tokenizer", place, *NOT_RANDOM["tokenizer"])
    run = one_run(place, "tokenizer")
    assert len([path for path in (place / "data").iterdir() if not path.name.startswith(".")]) == 1
    for words in (f"run: {run.relative_to(place)}", f"model: {run.relative_to(place)}/model", "trainable parameters"):
        assert said.count(words) == 1, said
    assert said.count("validated, step") == 1
    assert said.count("generating motions: 100%") >= 1
    assert "Warning" not in said, said
    compare("tokenizer", place, run)


def test_two_processes_go_on_within_an_epoch(place: Path) -> None:
    options = [
        *("--model.dropout=0.2", "--model.scale_dropout=0.5", "--trainer.max_steps=4"),
        *("--checkpoint.monitor=null", "--checkpoint.every_n_train_steps=1", "--checkpoint.save_top_k=-1"),
    ]
    whole, rest = place / "whole" / "checkpoints", place / "rest" / "checkpoints"
    two_processes("tokenizer", place, *options, f"--run={place / 'whole'}")
    two_processes("tokenizer", place, *options, f"--run={place / 'rest'}", f"--ckpt_path={whole / 'step-1.ckpt'}")
    assert_equal_states(*(read(folder / "step-4.ckpt")["state_dict"] for folder in (rest, whole)))


def test_ar(place: Path) -> None:
    tokenizer = fit("tokenizer", place / "runs" / "tokenizer" / "one", place / "data", "--trainer.max_steps=1")
    named = f"--model.tokenizer={tokenizer / 'model'}"
    two_processes("ar", place, *NOT_RANDOM["ar"], named)
    compare("ar", place, one_run(place, "ar"), named)


def test_the_evaluator(place: Path) -> None:
    two_processes("evaluator", place, *NOT_RANDOM["evaluator"])
    compare("evaluator", place, one_run(place, "evaluator"))


def test_ar_draws_differ_between_processes(tmp_path: Path) -> None:
    """Flips, text dropout and dropout have streams of their own on every process, and the same ones again."""
    with quiet_libraries():
        task = make_cli("ar", [*options("ar", tmp_path), *QUIET, f"--run={tmp_path}"], run=False).model
    for purpose in ("flips", "text dropout", "dropout"):
        draws = [torch.rand(5, generator=task.step_generator(purpose, 0, rank)) for rank in (0, 1, 0)]
        assert torch.equal(draws[0], draws[2])
        assert not torch.equal(draws[0], draws[1])
