"""CSV: joint positions that a table program reads."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np

from scalemogen.motion import Motion


def test_positions_stand_under_their_names(motion: Motion, tmp_path: Path) -> None:
    joints = ("the, pelvis", *motion.skeleton.joints[1:])
    replace(motion, skeleton=replace(motion.skeleton, joints=joints)).save(tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == motion.frames
    assert list(rows[0])[:5] == ["time", "the, pelvis_x", "the, pelvis_y", "the, pelvis_z", "left_hip_x"]
    assert float(rows[20]["time"]) == 1.0
    found = [[[float(row[f"{joint}_{axis}"]) for axis in "xyz"] for joint in joints] for row in rows]
    np.testing.assert_allclose(found, motion.positions, atol=1e-6)
