"""Whole processes, from the shell to their end."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Literal

from scalemogen.benchmarks.rows import Settings
from scalemogen.benchmarks.work import Work, high_water

POLL = 0.005
"""Seconds between two looks at the memory of a process."""


def command(settings: Settings, *, kind: Literal["help", "import", "generate"]) -> Work:
    """Return a process that is started and waited for."""
    folder = tempfile.TemporaryDirectory()
    words = {
        "help": ["-m", "scalemogen", "--help"],
        "import": ["-c", "import scalemogen"],
        "generate": ["-m", "scalemogen", "generate", "--text", "a person walks forward", "--seconds", "4"],
    }[kind]
    if kind == "generate":
        _save_model(Path(folder.name) / "model")
        words += ["--model", "model", "--device", settings.device, "--out", "motion.bvh"]
    line = [sys.executable, *words]

    def run() -> None:
        subprocess.run(line, cwd=folder.name, check=True, capture_output=True)

    def memory() -> int:
        with subprocess.Popen(line, cwd=folder.name, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            most = 0
            while process.poll() is None:
                most = max(most, high_water(process.pid))
                time.sleep(POLL)
        return most

    return Work(run, memory=memory, folder=folder)


def _save_model(folder: Path) -> None:
    from scalemogen.benchmarks.demo import demo_task  # loads Lightning

    _, task = demo_task()
    task.save_model(folder, task.state_dict(), {})
