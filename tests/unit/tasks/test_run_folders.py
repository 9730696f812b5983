"""Every run has a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from lightning.pytorch.utilities import rank_zero_only

from scalemogen.cli.account import has_wandb_key
from scalemogen.cli.stages import RUN_VARIABLE, loggers, new_folder, run_folder


@pytest.fixture(autouse=True)
def _empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(RUN_VARIABLE, "set by an earlier run of this process")


def test_runs_in_the_same_second_do_not_meet() -> None:
    folders = {run_folder(stage, None) for stage in ("tokenizer", "ar") for _ in range(3)}
    assert len(folders) == 6
    assert all(Path(folder).is_dir() for folder in folders)
    assert [new_folder(Path("x")).name for _ in range(3)] == ["x", "x-2", "x-3"]


def test_a_named_folder_is_taken() -> None:
    assert run_folder("ar", "here") == "here"


def test_processes_of_one_run_share_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    first = run_folder("ar", None)
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    assert run_folder("ar", None) == first


def test_a_requeued_slurm_step_comes_back_to_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "123")
    assert run_folder("ar", None) != run_folder("ar", None)  # runs of one batch script
    monkeypatch.setenv("SLURM_STEP_ID", "7")
    assert run_folder("ar", None) == run_folder("ar", None) == "runs/ar/slurm-123.7"
    monkeypatch.setenv("SLURM_JOB_NAME", "interactive")
    assert run_folder("ar", None) != run_folder("ar", None)


def test_wandb_is_online_with_a_key_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WANDB_MODE")
    assert not has_wandb_key()
    assert loggers("ar", "run")[0]._offline
    (tmp_path / ".netrc").write_text("machine api.wandb.ai login user password 0123\n")
    (tmp_path / ".netrc").chmod(0o600)
    assert has_wandb_key()
    assert not loggers("ar", "run")[0]._offline
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert loggers("ar", "run")[0]._offline
