"""Builds that are killed: nothing stays behind, and the next one goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.amass import take_arrays, write_bodies, write_index, write_take, write_texts
from scalemogen.cli.main import main
from scalemogen.data_modules import MotionStore

TAKES = 150


def write_takes(tmp_path: Path) -> list[str]:
    """Write takes of three seconds and return the options of the command that builds their store."""
    names = [f"{number:06d}" for number in range(TAKES)]
    for seed, name in enumerate(names):
        write_take(tmp_path / "amass" / "KIT" / "1" / f"{name}_poses.npz", take_arrays(360, seed))
    options = {
        "--amass": tmp_path / "amass",
        "--body-model": write_bodies(tmp_path / "smplh"),
        "--index": write_index(tmp_path / "index.csv", {name: (f"KIT/1/{name}_poses.npy", 0, 60) for name in names}),
        "--texts": write_texts(tmp_path / "texts", {"train": names[:-2], "val": names[-2:-1], "test": names[-1:]}),
    }
    return ["data", "humanml3d", *(text for pair in options.items() for text in map(str, pair))]


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 600
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def state(process: int) -> tuple[str, int]:
    """Return a process's state, "" if it is gone, and the process that started it."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "", 0
    return fields[0], int(fields[1])


def children(process: int) -> list[int]:
    found = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
    return [child for child in found if state(child)[1] == process]


def ended(process: int) -> bool:
    return state(process)[0] in ("", "Z")


@pytest.mark.slow
def test_a_killed_build_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command, out = write_takes(tmp_path), tmp_path / "store"
    parts = tmp_path / "store.parts"
    arguments = [sys.executable, "-m", "scalemogen", *command, "--out", str(out), "--workers", "1", "--json"]
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as build:
        try:
            wait_for(lambda: parts.is_dir() and len(list(parts.glob("[!.]*.npz"))) > 3)
            workers = children(build.pid)
        finally:
            build.kill()
    assert build.returncode == -signal.SIGKILL
    assert workers
    wait_for(lambda: all(map(ended, workers)))
    made = {path: path.stat().st_mtime_ns for path in parts.glob("[!.]*.npz")}
    assert 3 < len(made) < TAKES
    assert not out.exists()
    assert len(list(tmp_path.glob(".store.*.tmp"))) == 1
    cut, *others = made
    cut.write_bytes(cut.read_bytes()[:100])  # as after a power failure
    before = {path: path.stat().st_mtime_ns for path in others}
    seen: dict[Path, int] = {}
    unlink = Path.unlink

    def watched(path: Path, missing_ok: bool = False) -> None:
        if path.parent == parts and path.exists():
            seen[path] = path.stat().st_mtime_ns
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", watched)
    assert main([*command, "--out", str(out), "--strict", "--json"]) == 0
    assert before.items() <= seen.items()  # found again, not made anew
    assert main([*command, "--out", str(tmp_path / "whole"), "--json"]) == 0
    assert MotionStore.open(out).facts.digest == MotionStore.open(tmp_path / "whole").facts.digest
    kept = {"amass", "index.csv", "smplh", "store", "texts", "whole"}
    assert set(os.listdir(tmp_path)) == kept
