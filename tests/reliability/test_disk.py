"""A disk that fills up, and one that becomes read-only, under a training."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from helpers.launching import ended, start, wait_for
from helpers.training import QUIET, fit, options, read

pytestmark = pytest.mark.slow


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 32 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(place)], capture_output=True, text=True
    )
    if made.returncode:
        pytest.skip(f"mounting needs root: {made.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.parametrize("trouble", ["full", "read-only"])
def test_a_run_ends_with_a_line_and_leaves_a_whole_checkpoint(tmp_path: Path, disk: Path, trouble: str) -> None:
    fit("tokenizer", tmp_path / "first", tmp_path / "data", "--trainer.max_steps=1")
    folder, log = disk / "run", tmp_path / "log.txt"
    words = ["tokenizer", "fit", *options("tokenizer", tmp_path / "data", batch=6), *QUIET, f"--run={folder}"]
    words += ["--trainer.max_steps=100000", "--checkpoint.every_n_train_steps=2"]
    process = start([sys.executable, "-m", "scalemogen", *words], tmp_path, log.name)
    last = folder / "checkpoints" / "last.ckpt"
    wait_for(last.exists, process, log)
    if trouble == "full":
        with suppress(OSError), (disk / "other").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
    else:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    status, said = ended(process, log)
    assert status == 2, said
    (line,) = [line for line in said.splitlines() if line.startswith("scalemogen: error: ")]
    assert ("No space left" if trouble == "full" else "Read-only file system") in line
    assert "Traceback" not in said
    assert read(last)["global_step"] >= 2
    assert not [path for path in folder.rglob("*") if ".tmp" in path.name]
