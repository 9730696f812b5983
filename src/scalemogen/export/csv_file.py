"""CSV files of joint positions, for tables and plots: one row a frame. They hold no rotations, and do not read back."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from scalemogen.files import atomic_path
from scalemogen.motion.record import Motion


def write_csv(motion: Motion, path: Path) -> None:
    """Write `time` in seconds, then `JOINT_x`, `JOINT_y`, `JOINT_z` of every joint: metres, Y up, in the world.

    Raises:
        UserError: the file cannot be written.
    """
    header = ["time", *(f"{joint}_{axis}" for joint in motion.skeleton.joints for axis in "xyz")]
    values = np.asarray(motion.positions.detach().cpu()).reshape(motion.frames, -1)
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        for frame, row in enumerate(values.tolist()):
            table.writerow([f"{frame / motion.fps:.6f}", *(f"{value:.6f}" for value in row)])
