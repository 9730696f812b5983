"""Sharded training (FSDP2) on two processes: the curves of DDP, and files like those of any other run."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.curves import apart, curve, launch, train
from helpers.training import assert_equal_states, read
from scalemogen.checkpoints import load_model

SHARDED = "--trainer.strategy=sharded"
MORE = ("--trainer.gradient_clip_val=0.5", "--checkpoint.every_n_train_steps=10", "--trainer.precision=64-true")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sharded")


def named(stage: str, place: Path) -> list[str]:
    """Return the option that names a tokenizer, of which the first has been trained."""
    return [f"--model.tokenizer={place / 'tokenizer-0' / 'model'}"] if stage == "ar" else []


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["tokenizer", "ar"])
def test_sharded_training_logs_what_ddp_does(stage: str, place: Path) -> None:
    """Running average, clipped gradients, validation and samples included; the checkpoints are alike too."""
    plain = train(stage, place, 2, *MORE, *named(stage, place))
    sharded = train(stage, place, 2, *MORE, *named(stage, place), SHARDED)
    wrong = {name: value for name, value in apart(curve(sharded), curve(plain)).items() if value > 1e-5}
    assert not wrong
    mine, theirs = (read(run / "checkpoints" / "last.ckpt") for run in (sharded, plain))
    assert mine.keys() == theirs.keys()
    for part in ("state_dict", "current_model_state"):
        assert_equal_states(mine[part], theirs[part], atol=1e-5)
    moments, others = (checkpoint["optimizer_states"][0]["state"] for checkpoint in (mine, theirs))
    assert moments.keys() == others.keys()
    for number, state in moments.items():
        assert_equal_states(state, others[number], atol=1e-5)
    load_model(sharded / "model")
    assert list((sharded / "samples").glob("*.png"))


@pytest.mark.slow
def test_a_sharded_training_goes_on_sharded_or_not(place: Path) -> None:
    """From the checkpoint of ten steps: on two processes, and on one without sharding."""
    whole = train("tokenizer", place, 2, *MORE, SHARDED, "--checkpoint.save_top_k=-1", "--checkpoint.monitor=null")
    start = f"--ckpt_path={whole / 'checkpoints' / 'step-10.ckpt'}"
    end = read(whole / "checkpoints" / "last.ckpt")
    for world, more in ((2, [SHARDED]), (1, [])):
        resumed = read(train("tokenizer", place, world, *MORE, start, *more) / "checkpoints" / "last.ckpt")
        for part in ("state_dict", "current_model_state"):
            assert_equal_states(resumed[part], end[part], atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "more", "words"),
    [
        ("tokenizer", ["--model.optimizer=scalemogen.tasks.Muon"], "torch.optim.AdamW"),
        ("tokenizer", ["--trainer.precision=bf16-true"], "32-true, bf16-mixed, 64-true"),
        ("evaluator", [], "--trainer.strategy ddp"),
    ],
)
def test_what_cannot_be_sharded_is_refused(stage: str, more: list[str], words: str, place: Path) -> None:
    result = launch(stage, place, place / f"refused-{stage}-{words}", 1, SHARDED, *more)
    assert result.returncode == 2, result.stderr[-3000:]
    assert words in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr
