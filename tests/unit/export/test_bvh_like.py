"""BVH with the hierarchy of another file: the same letters, joints in the same places."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
import torch

from helpers.motions import make_motion
from helpers.shared import SHARED, needs_data
from scalemogen.errors import UserError
from scalemogen.export import write_bvh, write_bvh_like
from scalemogen.motion import Motion, read_bvh
from scalemogen.motion.rest import reposed, t_pose
from scalemogen.skeletons import get_skeleton

TENTH_OF_A_MILLIMETRE = 1e-4

SCENE = """HIERARCHY
ROOT Scene
{
  OFFSET 3 0 0
  CHANNELS 3 Xrotation Yrotation Zrotation
  JOINT Hips {
    OFFSET 0 900 0
    CHANNELS 6 Yrotation Zrotation Xrotation Zposition Xposition Yposition
    JOINT Extra {
      OFFSET 0 100 0
      CHANNELS 3 Xrotation Yrotation Zrotation
      JOINT motion {
        OFFSET 0 300 0
        CHANNELS 3 Yrotation Xrotation Zrotation
        End Site { OFFSET 0 200 0 }
      }
    }
  }
}
MOTION
Frames: 1
Frame Time: 0.05
0 0 0  10 20 30  5 6 907  0 0 0  40 50 60
"""


def head(path: Path) -> str:
    return re.split(r"^MOTION", path.read_text(), flags=re.MULTILINE)[0]


def clips() -> list[str]:
    with zipfile.ZipFile(SHARED / "bandai_namco" / "bvh.zip") as archive:
        return sorted(name for name in archive.namelist() if name.endswith(".bvh"))[::400]


@needs_data("bandai_namco")
def test_real_clips_come_back(tmp_path: Path) -> None:
    with zipfile.ZipFile(SHARED / "bandai_namco" / "bvh.zip") as archive:
        for name in clips():
            source, result = tmp_path / "source.bvh", tmp_path / "result.bvh"
            source.write_bytes(archive.read(name))
            original = read_bvh(source, skeleton=get_skeleton("bandai_namco"))
            for motion in (original, reposed(original, t_pose(original))):
                write_bvh_like(motion, result, source)
                assert head(result) == head(source)
                again = read_bvh(result, skeleton=original.skeleton)
                torch.testing.assert_close(again.positions, original.positions, atol=TENTH_OF_A_MILLIMETRE, rtol=0)
            cosines = (again.rotations * original.rotations).sum(-1).abs()
            assert float(cosines.mean()) > 0.5  # the twist of single bones is open; the joints are not
            write_bvh(original, result)
            plain = read_bvh(result, skeleton=original.skeleton)
            torch.testing.assert_close(plain.positions, original.positions, atol=TENTH_OF_A_MILLIMETRE, rtol=0)


@pytest.mark.parametrize("name", ["humanml3d", "kit", "snapmogen", "bandai_namco"])
@pytest.mark.parametrize("units", [1.0, 100.0, 1000.0])
def test_own_files_come_back(name: str, units: float, tmp_path: Path) -> None:
    motion = make_motion(name)
    write_bvh(motion, tmp_path / "a.bvh", units)
    write_bvh_like(read_bvh(tmp_path / "a.bvh"), tmp_path / "b.bvh", tmp_path / "a.bvh")
    assert head(tmp_path / "b.bvh") == head(tmp_path / "a.bvh")
    again = read_bvh(tmp_path / "b.bvh", skeleton=motion.skeleton)
    torch.testing.assert_close(again.positions, motion.positions, atol=TENTH_OF_A_MILLIMETRE, rtol=0)
    torch.testing.assert_close((again.rotations * motion.rotations).sum(-1).abs(), torch.ones(23, len(motion.bones)))


def test_channels_units_and_foreign_joints_are_the_files(tmp_path: Path) -> None:
    (tmp_path / "scene.bvh").write_text(SCENE)
    full = read_bvh(tmp_path / "scene.bvh")
    places = [full.skeleton.joints.index(joint) for joint in ("Hips", "motion")]
    small = read_bvh(tmp_path / "scene.bvh", drop=["Scene"])
    write_bvh_like(small, tmp_path / "again.bvh", tmp_path / "scene.bvh")
    assert head(tmp_path / "again.bvh") == head(tmp_path / "scene.bvh")
    again = read_bvh(tmp_path / "again.bvh")
    torch.testing.assert_close(again.positions[:, places], full.positions[:, places], atol=1e-6, rtol=0)
    row = [float(value) for value in (tmp_path / "again.bvh").read_text().splitlines()[-1].split()]
    assert row[:9] == pytest.approx([0, 0, 0, 10, 20, 30, 5, 6, 907], abs=1e-4)


def test_other_joints_are_refused(motion: Motion, tmp_path: Path) -> None:
    make_motion("kit").save(tmp_path / "kit.bvh")
    with pytest.raises(UserError, match=r"kit\.bvh lacks joints of the motion: pelvis"):
        write_bvh_like(motion, tmp_path / "a.bvh", tmp_path / "kit.bvh")
    with pytest.raises(UserError, match=r"cannot read .*none\.bvh"):
        write_bvh_like(motion, tmp_path / "a.bvh", tmp_path / "none.bvh")
    motion.save(tmp_path / "b.bvh")
    text = (tmp_path / "b.bvh").read_text()
    (tmp_path / "few.bvh").write_text(text.replace("CHANNELS 3 Zrotation Xrotation Yrotation", "CHANNELS 0", 1))
    with pytest.raises(UserError, match=r"few\.bvh"):
        write_bvh_like(motion, tmp_path / "a.bvh", tmp_path / "few.bvh")
    assert not (tmp_path / "a.bvh").exists()
