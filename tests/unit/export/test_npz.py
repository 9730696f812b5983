"""NPZ: the documented arrays, exactly, and one clear line for anything else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from scalemogen.errors import UserError
from scalemogen.export import read_motion
from scalemogen.export.npz import ARRAYS, read_npz
from scalemogen.motion import Motion
from scalemogen.skeletons import get_skeleton


def test_arrays_are_those_of_the_table(motion: Motion, tmp_path: Path) -> None:
    motion.save(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        assert set(file) == set(ARRAYS)
        assert file["positions"].shape == (23, 22, 3)
        assert file["positions"].dtype == np.float32
        assert file["rotations"].shape == (23, 22, 4)
        assert file["fps"] == 20.0
        assert file["joints"][0] == "pelvis"
        assert file["parents"].tolist() == list(motion.skeleton.parents)
        np.testing.assert_allclose(file["offsets"], motion.skeleton.offsets, atol=1e-7)


@pytest.mark.parametrize("scale", [1.0, 1.1])
def test_round_trip_is_exact(motion: Motion, scale: float, tmp_path: Path) -> None:
    bones = scale * torch.tensor(motion.skeleton.offsets)
    original = Motion.from_rotations(motion.skeleton, motion.rotations, motion.root, 30.0, bones)
    original.save(tmp_path / "a.npz")
    found = read_npz(tmp_path / "a.npz")
    assert torch.equal(found.positions, original.positions)
    assert torch.equal(found.rotations, original.rotations)
    assert torch.equal(found.bones, original.bones)
    assert (found.skeleton, found.fps) == (original.skeleton, 30.0)


def test_other_files_are_refused(motion: Motion, tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("not a zip")
    np.savez(tmp_path / "other.npz", positions=np.zeros((2, 3)))
    np.savez(tmp_path / "pickle.npz", positions=np.array([{}], dtype=object))
    motion.save(tmp_path / "whole.npz")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:-300])
    for name in ("text", "other", "pickle", "cut", "missing"):
        with pytest.raises(UserError, match=rf"{name}\.npz") as refused:
            read_npz(tmp_path / f"{name}.npz")
        assert "allow_pickle" not in str(refused.value)


def test_values_that_make_no_motion_are_refused(motion: Motion, tmp_path: Path) -> None:
    motion.save(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as file:
        arrays = dict(file)
    arrays["positions"][3, 2, 1] = np.nan
    np.savez(tmp_path / "nan.npz", **arrays)
    with pytest.raises(UserError, match=r"nan\.npz: does not hold a motion: .*finite"):
        read_npz(tmp_path / "nan.npz")


def test_reading_chooses_by_suffix(motion: Motion, tmp_path: Path) -> None:
    for name in ("a.npz", "A.BVH"):
        motion.save(tmp_path / name)
        found = read_motion(tmp_path / name, skeleton=motion.skeleton)
        torch.testing.assert_close(found.positions, motion.positions, atol=1e-4, rtol=0)
    with pytest.raises(UserError, match=r"a\.fbx: cannot read '\.fbx'; a motion is one of \.bvh, \.npz"):
        read_motion(tmp_path / "a.fbx")
    with pytest.raises(UserError, match="no such file"):
        read_motion(tmp_path / "b.bvh")
    with pytest.raises(UserError, match=r"its 22 joints .* not the 21 of skeleton kit, and no joint map of .* fits"):
        read_motion(tmp_path / "a.npz", skeleton=get_skeleton("kit"))


def test_saving_names_the_formats(motion: Motion, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.fbx.*'\.fbx'.*\.bvh, \.csv, \.gif, \.glb, \.html, \.mp4, \.npz, \.png"):
        motion.save(tmp_path / "a.fbx")
    with pytest.raises(UserError, match=r"a\.npz: there is no folder .*nowhere"):
        motion.save(tmp_path / "nowhere" / "a.npz")
