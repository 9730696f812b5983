"""Every run has a folder of its own, which a restart finds again and another run does not overwrite."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import torch

from scalemogen.checkpoints import CHECKPOINT_KEY, FORMAT
from scalemogen.cli.account import has_wandb_key
from scalemogen.cli.run_folder import RUN_VARIABLE, Run, find_run, new_folder, newest_checkpoint, run_folder
from scalemogen.cli.run_loggers import GrowingCSV, loggers
from scalemogen.errors import UserError


@pytest.fixture(autouse=True)
def _empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(RUN_VARIABLE, "set by an earlier run of this process")


def write_checkpoint(path: Path, step: int, stage: str = "ar") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"global_step": step, CHECKPOINT_KEY: {"format": FORMAT, "stage": stage}}, path)
    return path


def find(asked: str | None = "here", *, resume: bool = False, start: str | None = None) -> Run:
    return find_run("ar", asked, ["fit"], resume=resume, start=start)


def test_runs_in_the_same_second_do_not_meet() -> None:
    folders = {run_folder(stage, None) for stage in ("tokenizer", "ar") for _ in range(3)}
    assert len(folders) == 6
    assert all(Path(folder).is_dir() for folder in folders)
    assert [new_folder(Path("x")).name for _ in range(3)] == ["x", "x-2", "x-3"]


def test_a_named_folder_is_taken() -> None:
    assert run_folder("ar", "here") == "here"


def test_processes_of_one_run_share_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    first = run_folder("ar", None)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert run_folder("ar", None) == first
    monkeypatch.delenv(RUN_VARIABLE)
    with pytest.raises(UserError, match="add --run FOLDER"):
        run_folder("ar", None)


def test_all_processes_of_a_slurm_step_have_its_folder_and_a_requeue_comes_back_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ranks above the first were once given runs/STAGE, and restored nothing."""
    monkeypatch.setenv("SLURM_JOB_ID", "123")
    monkeypatch.setenv("SLURM_STEP_ID", "7")
    for rank in ("0", "1"):
        monkeypatch.setenv("SLURM_PROCID", rank)
        monkeypatch.setenv("SLURM_LOCALID", rank)
        assert find(None) == Run(Path("runs/ar/slurm-123.7"))
    path = write_checkpoint(Path("runs/ar/slurm-123.7/checkpoints/last.ckpt"), 5)
    assert find(None) == Run(Path("runs/ar/slurm-123.7"), path, 5)
    monkeypatch.setenv("SLURM_JOB_NAME", "interactive")
    assert run_folder("ar", None) != run_folder("ar", None)


def test_runs_of_one_batch_script_differ_by_their_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "123")
    first, again, other = (run_folder("ar", None, words) for words in (["fit"], ["fit"], ["fit", "--x=1"]))
    assert first == again != other


def test_a_folder_that_holds_a_run_is_refused_unless_it_is_to_go_on() -> None:
    assert find() == find(resume=True) == Run(Path("here"))
    path = write_checkpoint(Path("here/checkpoints/last.ckpt"), 5)
    with pytest.raises(UserError, match="here holds a run; add --resume"):
        find()
    with pytest.raises(UserError, match="here holds a run"):
        find(start="other.ckpt")
    assert find(start=str(path)) == Run(Path("here"))  # the user names the checkpoint
    assert find(resume=True) == find(resume=True, start="other.ckpt") == Run(Path("here"), path, 5)
    with pytest.raises(UserError, match="add --run FOLDER"):
        find(None, resume=True)


@pytest.mark.parametrize("name", ["SLURM_RESTART_COUNT", "TORCHELASTIC_RESTART_COUNT", "SCALEMOGEN_RESUME"])
def test_a_restart_by_the_launcher_goes_on_by_itself(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_checkpoint(Path("here/checkpoints/last.ckpt"), 5)
    monkeypatch.setenv(name, "1")
    assert find() == Run(Path("here"), path, 5)


def test_the_newest_whole_checkpoint_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path("here")
    assert newest_checkpoint(folder, "ar") is None
    best, last = (write_checkpoint(folder / "checkpoints" / name, 5) for name in ("step-5.ckpt", "last.ckpt"))
    os.utime(best, (time.time() + 9, time.time() + 9))  # written after the validation that followed
    assert newest_checkpoint(folder, "ar") == (best, 5)
    write_checkpoint(last, 6)
    write_checkpoint(folder / "checkpoints" / ".last.ckpt.0123.tmp.ckpt", 9)  # was being written
    assert newest_checkpoint(folder, "ar") == (last, 6)
    last.write_bytes(last.read_bytes()[:-30])
    assert newest_checkpoint(folder, "ar") == (best, 5)
    with pytest.raises(UserError, match="stage ar; stage tokenizer was asked for"):
        newest_checkpoint(folder, "tokenizer")
    best.write_bytes(b"")
    with pytest.raises(UserError, match="no whole checkpoint to resume from"):
        newest_checkpoint(folder, "ar")


def test_metrics_go_on_where_the_checkpoint_was_written() -> None:
    """Lightning's logger deletes the file of the run before."""
    rows = "step,train/loss\n0,5.0\n1,4.0\n2,3.0\n"
    Path("run").mkdir()
    Path("run/metrics.csv").write_text(rows + "3,2")
    logger = GrowingCSV(Path("run"), step=2)
    logger.log_metrics({"train/loss": 3.5}, step=2)
    logger.log_metrics({"val/loss": 1.5}, step=2)
    logger.save()
    lines = Path("run/metrics.csv").read_text().split()
    assert lines == ["step,train/loss,val/loss", "0,5.0,", "1,4.0,", "2,3.5,", "2,,1.5"]


def test_a_run_that_goes_on_keeps_its_identity_at_wandb() -> None:
    begun = loggers("ar", Run(Path("run")))[0].version
    assert loggers("ar", Run(Path("run"), Path("last.ckpt"), 5))[0].version == begun
    assert loggers("ar", Run(Path("run")))[0].version != begun


def test_wandb_is_online_with_a_key_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run = Run(Path("run"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WANDB_MODE")
    assert not has_wandb_key()
    assert loggers("ar", run)[0]._offline
    (tmp_path / ".netrc").write_text("machine api.wandb.ai login user password 0123\n")
    (tmp_path / ".netrc").chmod(0o600)
    assert has_wandb_key()
    assert not loggers("ar", run)[0]._offline
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert loggers("ar", run)[0]._offline
