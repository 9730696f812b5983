"""Motion files of any known kind to Motion."""

from __future__ import annotations

from pathlib import Path

from scalemogen.errors import UserError
from scalemogen.export.npz import read_npz
from scalemogen.motion import Motion, read_bvh
from scalemogen.skeletons import Skeleton

READABLE = (".bvh", ".npz")


def read_motion(path: str | Path, skeleton: Skeleton | None = None) -> Motion:
    """Read a motion file; the suffix tells its format.

    Args:
        path: a BVH file, or an NPZ file written by this package.
        skeleton: what the file's joints must be; by default the file's own (NPZ) or derived from its tree (BVH).

    Raises:
        UserError: no such file, an unknown suffix, a damaged file, or another skeleton than asked for.
    """
    path = Path(path)
    if path.suffix.lower() not in READABLE:
        raise UserError(f"{path}: cannot read '{path.suffix}'; a motion is one of {', '.join(READABLE)}")
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    if path.suffix.lower() == ".bvh":
        return read_bvh(path, skeleton=skeleton)
    motion = read_npz(path)
    if skeleton is not None and motion.skeleton.joints != skeleton.joints:
        raise UserError(
            f"{path}: skeleton {motion.skeleton.name} of {len(motion.skeleton.joints)} joints;"
            f" {skeleton.name} of {len(skeleton.joints)} joints is wanted"
        )
    return motion
