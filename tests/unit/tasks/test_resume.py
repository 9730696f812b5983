"""Stopping and going on: resumed, interrupted and killed runs, and checkpoints that do not fit."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
import warnings
from pathlib import Path

import pytest
import torch

from helpers.training import QUIET, STAGES, assert_equal_states, fit, options, read
from scalemogen.checkpoints import CHECKPOINT_KEY, load_checkpoint, load_folder
from scalemogen.cli.main import main
from scalemogen.data_modules import Synthetic
from scalemogen.evaluation import load_evaluator

DROPPING = {
    "tokenizer": ["--model.dropout=0.2", "--model.scale_dropout=0.5"],
    "ar": ["--model.dropout=0.2", "--model.drop_path=0.2", "--model.flip_strength=0.3", "--model.text_dropout=0.5"],
    "evaluator": ["--model.dropout=0.2"],
}
EPOCHS = [
    *("--trainer.max_steps=-1", "--trainer.max_epochs=2", "--checkpoint.save_top_k=-1"),
    "--trainer.val_check_interval=0.5",
]
STEPS = [
    *("--trainer.max_steps=5", "--trainer.max_epochs=-1", *DROPPING["tokenizer"]),
    *("--checkpoint.monitor=null", "--checkpoint.every_n_train_steps=1", "--checkpoint.save_top_k=-1"),
    *("--trainer.callbacks=lightning.pytorch.callbacks.ModelCheckpoint", "--trainer.callbacks.init_args.mode=max"),
    *("--trainer.callbacks.init_args.filename={epoch}", "--trainer.callbacks.init_args.save_top_k=-1"),
    "--trainer.callbacks.init_args.save_on_train_epoch_end=true",
]
"""Five steps, two an epoch, and a checkpoint after every step and every epoch."""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def runs(base: Path) -> dict[str, Path]:
    """A run of two epochs of two steps in each stage, all validated, with everything random switched on."""
    found: dict[str, Path] = {}
    for stage in STAGES:
        extra = [f"--model.tokenizer={found['tokenizer'] / 'model'}"] if stage == "ar" else []
        found[stage] = fit(stage, base / stage, base / "data", *EPOCHS, *DROPPING[stage], *extra)
    return found


def refused(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> str:
    """Return the one line that a bad command line gives."""
    capsys.readouterr()
    assert main(arguments) == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert message.startswith("scalemogen: error: ")
    return message


@pytest.mark.parametrize("step", [2, 3])  # at the end of an epoch, and within one
@pytest.mark.parametrize("stage", STAGES)
def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(
    stage: str, step: int, runs: dict[str, Path], base: Path
) -> None:
    extra = [f"--model.tokenizer={runs['tokenizer'] / 'model'}"] if stage == "ar" else []
    first = runs[stage] / "checkpoints" / f"step-{step}.ckpt"
    torch.rand(7)  # the global stream is elsewhere
    place = base / f"{stage}-from-{step}"
    resumed = fit(stage, place, base / "data", *EPOCHS, *DROPPING[stage], *extra, f"--ckpt_path={first}")
    whole, mine = (read(run / "checkpoints" / "last.ckpt") for run in (runs[stage], resumed))
    assert whole["global_step"] == mine["global_step"] == 4
    for part in ("state_dict", "current_model_state", "averaging_state"):
        assert_equal_states(mine[part], whole[part])
    moments = [checkpoint["optimizer_states"][0]["state"] for checkpoint in (mine, whole)]
    for index, state in moments[0].items():
        assert_equal_states(state, moments[1][index])
    assert mine["lr_schedulers"][0]["_last_lr"] == whole["lr_schedulers"][0]["_last_lr"]


@pytest.fixture(scope="module")
def steps(base: Path) -> Path:
    folder = base / "steps"
    return fit("tokenizer", folder, base / "data", *STEPS, f"--trainer.callbacks.init_args.dirpath={folder / 'epochs'}")


@pytest.mark.parametrize(
    ("name", "workers"),
    [
        ("checkpoints/step-1", 0),
        ("checkpoints/step-2", 0),
        ("checkpoints/step-3", 2),
        ("checkpoints/step-4", 2),
        ("epochs/epoch=0", 0),
        ("epochs/epoch=1", 2),
    ],
)
def test_a_run_with_a_limit_of_steps_goes_on_from_anywhere(name: str, workers: int, steps: Path, base: Path) -> None:
    folder = base / f"after-{Path(name).name}"
    after = [f"--ckpt_path={steps / name}.ckpt", f"--data.init_args.loading.workers={workers}"]
    fit("tokenizer", folder, base / "data", *STEPS, *after, f"--trainer.callbacks.init_args.dirpath={folder}")
    whole, mine = (read(run / "checkpoints" / "step-5.ckpt") for run in (steps, folder))
    assert (mine["epoch"], mine["global_step"]) == (whole["epoch"], whole["global_step"]) == (2, 5)
    for part in ("state_dict", "current_model_state"):
        assert_equal_states(mine[part], whole[part])
    assert mine["loops"]["fit_loop"]["epoch_progress"] == whole["loops"]["fit_loop"]["epoch_progress"]


@pytest.mark.parametrize("stage", STAGES)
def test_the_average_is_what_is_saved(stage: str, runs: dict[str, Path]) -> None:
    checkpoint = read(runs[stage] / "checkpoints" / "last.ckpt")
    layers = {"tokenizer": "tokenizer.project_in", "ar": "transformer.embed", "evaluator": "network.cut"}
    prefix = f"{layers[stage]}.weight"
    averaged, current = checkpoint["state_dict"][prefix], checkpoint["current_model_state"][prefix]
    assert not torch.equal(averaged, current)
    assert int(checkpoint["averaging_state"]["n_averaged"]) == 4
    if stage == "evaluator":
        mine, theirs = (load_evaluator(path) for path in (runs[stage] / "model", best(runs[stage])))
        assert mine.digest == theirs.digest
        return
    folder, file = load_folder(runs[stage] / "model"), load_checkpoint(best(runs[stage]))
    for one, other in ((folder.tokenizer, file.tokenizer), (folder.ar, file.ar), (folder.text, file.text)):
        if one is not None and other is not None:
            assert_equal_states(one.state_dict(), other.state_dict())


def best(run: Path) -> Path:
    return min(run.glob("checkpoints/step-*"), key=score)


def score(path: Path) -> float:
    """Return the validation loss that a checkpoint was saved with."""
    (state,) = [state for name, state in read(path)["callbacks"].items() if "'val/loss'" in name]
    return float(state["current_score"])


@pytest.mark.parametrize("stage", STAGES)
def test_the_average_is_what_is_validated(
    stage: str, runs: dict[str, Path], base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`validate` on a checkpoint, whose state is the average, gives the figure that training logged at that step."""
    path = runs[stage] / "checkpoints" / "step-2.ckpt"
    logged = score(path)
    extra = [f"--model.tokenizer={runs['tokenizer'] / 'model'}"] if stage == "ar" else []
    arguments = [*options(stage, base / "data"), *QUIET, *DROPPING[stage], *extra, f"--ckpt_path={path}"]
    capsys.readouterr()
    assert main([stage, "validate", *arguments, f"--run={base / 'validated'}"]) == 0
    (row,) = [line for line in capsys.readouterr().out.splitlines() if " val/loss " in line]
    assert float(row.split()[-2]) == pytest.approx(logged, rel=1e-5)


def test_a_checkpoint_of_the_other_stage_is_refused(
    runs: dict[str, Path], base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = runs["tokenizer"] / "checkpoints" / "last.ckpt"
    arguments = ["ar", "fit", *options("ar", base / "data"), *QUIET, f"--run={base / 'no'}", f"--ckpt_path={path}"]
    assert "is a checkpoint of stage tokenizer; stage ar was asked for" in refused(capsys, arguments)
    assert not (base / "no").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("--model.width=9", "tokenizer.width is 8 in one and 9 in the other"),
        ("--model.bits=8", "bits is 24 in one and 8 in the other"),
        ("--data.init_args.seed=1", "the checkpoint was trained on data synthetic"),
    ],
)
def test_a_checkpoint_of_another_network_or_of_other_data_is_refused(
    change: str, message: str, runs: dict[str, Path], base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = runs["tokenizer"] / "checkpoints" / "last.ckpt"
    common = [*options("tokenizer", base / "data"), *QUIET, f"--run={base / 'other'}", f"--ckpt_path={path}"]
    assert message in refused(capsys, ["tokenizer", "fit", *common, change])


def test_a_checkpoint_of_before_places_could_be_switched_off_has_them(
    runs: dict[str, Path], base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = read(runs["ar"] / "checkpoints" / "last.ckpt")
    assert checkpoint[CHECKPOINT_KEY]["ar"].pop("places") is True
    path = base / "before.ckpt"
    torch.save(checkpoint, path)
    assert load_checkpoint(path).ar is not None
    common = [*options("ar", base / "data"), *QUIET, *EPOCHS, f"--model.tokenizer={runs['tokenizer'] / 'model'}"]
    common += [f"--run={base / 'before'}", f"--ckpt_path={path}"]
    assert "ar.places is True in one and False in the other" in refused(
        capsys, ["ar", "fit", *common, "--model.places=false"]
    )
    assert main(["ar", "fit", *common]) == 0


def test_a_tokenizer_of_other_data_is_refused(
    runs: dict[str, Path], base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = [*options("ar", base / "data"), *QUIET, f"--run={base / 'other'}", "--data.init_args.seed=1"]
    message = refused(capsys, ["ar", "fit", *common, f"--model.tokenizer={runs['tokenizer'] / 'model'}"])
    assert "was trained on data synthetic" in message
    assert "statistics of synthetic" in message
    message = refused(capsys, ["ar", "fit", *common, f"--model.tokenizer={base / 'empty'}"])
    assert "no tokenizer trained on data synthetic" in message


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_a_run_that_is_asked_to_stop_does_so_after_the_step(
    number: signal.Signals, base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With Lightning alone SIGTERM leaves with status 0, no checkpoint and no word."""
    folder = base / f"stopped-by-{number.name}"
    watcher = ["--trainer.callbacks=helpers.training.SignalAt", "--trainer.callbacks.init_args.step=3"]
    watcher += [f"--trainer.callbacks.init_args.number={int(number)}"]
    arguments = [*options("tokenizer", base / "data"), *QUIET, f"--run={folder}"]
    handler = signal.getsignal(number)
    assert main(["tokenizer", "fit", *arguments, *watcher]) == 128 + number
    assert signal.getsignal(number) == handler
    last = folder / "checkpoints" / "last.ckpt"
    assert read(last)["global_step"] == 3
    said = capsys.readouterr().out.splitlines()
    resume = f"the same command with --run {folder} --resume goes on"
    assert said[-1] == f"stopped by {number.name} after 3 steps: {last} is whole; {resume}"
    # Ctrl-C is a user, who may want the model; the others make room, and may be killed soon.
    assert (folder / "model").is_dir() == (number == signal.SIGINT)
    if number == signal.SIGINT:
        assert said[-2] == f"model: {folder / 'model'}"
        assert load_folder(folder / "model").description["provenance"]["steps"] == 2
    assert main(["tokenizer", "fit", *arguments, "--resume", "--trainer.max_steps=4"]) == 0
    assert f"resume: {last} (3 steps)" in capsys.readouterr().out.splitlines()
    assert read(last)["global_step"] == 4


def test_a_run_that_is_asked_to_stop_before_its_first_step_says_so(
    base: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, handler = base / "never-begun", signal.getsignal(signal.SIGTERM)
    watcher = "--trainer.callbacks=helpers.training.SignalBefore"
    with pytest.raises(SystemExit) as stop:
        main(["tokenizer", "fit", *options("tokenizer", base / "data"), *QUIET, f"--run={folder}", watcher])
    assert stop.value.code == 128 + signal.SIGTERM
    assert "scalemogen: stopped by SIGTERM while nothing was being trained\n" in capfd.readouterr().err
    assert signal.getsignal(signal.SIGTERM) == handler
    assert not (folder / "checkpoints").exists()


def test_a_killed_run_leaves_a_checkpoint_to_go_on_from(base: Path) -> None:
    folder, last = base / "killed", base / "killed" / "checkpoints" / "last.ckpt"
    Synthetic(clips=30, root=str(base / "data")).prepare_data()
    arguments = [*options("tokenizer", base / "data"), *QUIET, f"--run={folder}", "--checkpoint.every_n_train_steps=2"]
    child = multiprocessing.get_context("fork").Process(target=main, args=(["tokenizer", "fit", *arguments],))
    child.start()
    while not last.exists():
        assert child.is_alive()
        time.sleep(0.02)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    steps = load_checkpoint(last).description["provenance"]["steps"]
    assert steps >= 2
    fit("tokenizer", base / "again", base / "data", f"--ckpt_path={last}", f"--trainer.max_steps={steps + 1}")
    assert read(base / "again" / "checkpoints" / "last.ckpt")["global_step"] == steps + 1


def test_a_stop_inside_of_a_validation_ends_all_loading_processes(base: Path) -> None:
    """They leave signals to the process that trains, which would wait for them for ever when it exits."""
    folder = base / "stopped"
    stop = ["--trainer.callbacks=helpers.training.SignalAt", "--trainer.callbacks.init_args.step=2"]
    stop += ["--trainer.callbacks.init_args.number=15", "--trainer.callbacks.init_args.validating=true"]
    arguments = [*options("tokenizer", base / "data"), *QUIET, f"--run={folder}", *stop]
    before = set(multiprocessing.active_children())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*worker processes")  # more than there are cores, perhaps
        assert main(["tokenizer", "fit", *arguments, "--data.init_args.loading.workers=2"]) == 128 + signal.SIGTERM
    assert set(multiprocessing.active_children()) <= before


def test_a_better_checkpoint_takes_the_place_of_the_one_the_run_went_on_from(base: Path) -> None:
    folder = fit("tokenizer", base / "best", base / "data", "--trainer.max_steps=2")
    (folder / "checkpoints" / "last.ckpt").unlink()
    fit("tokenizer", folder, base / "data", "--trainer.max_steps=8", "--resume")
    assert [path.name for path in folder.glob("checkpoints/step-*.ckpt")] == ["step-8.ckpt"]
