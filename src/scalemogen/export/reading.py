"""Motion files of any known kind to Motion, on a wanted skeleton where one is."""

from __future__ import annotations

import logging
from pathlib import Path

from scalemogen.errors import UserError
from scalemogen.export.npz import read_npz
from scalemogen.motion import Motion, read_bvh
from scalemogen.motion.retargeting import fitting_maps, retarget
from scalemogen.skeletons import Skeleton
from scalemogen.skeletons.maps import MAPS, JointMap, get_joint_map

READABLE = (".bvh", ".npz")

_log = logging.getLogger(__name__)


def read_motion(path: str | Path, skeleton: Skeleton | None = None, joint_map: str | Path | None = None) -> Motion:
    """Read a motion file; the suffix tells its format.

    Args:
        path: a BVH file, or an NPZ file written by this package.
        skeleton: what the motion is to be on; by default the file's own (NPZ) or one derived from its tree (BVH). Where
            the file's joints are others, the shipped joint map that fits them puts the motion on it, and a message of
            the log names it.
        joint_map: name or YAML file of a joint map to put the motion on its skeleton by.

    Raises:
        UserError: no such file, an unknown suffix, a damaged file, another skeleton than asked for that no map or more
            than one fits, or a map that does not fit or is for another skeleton.
    """
    path = Path(path)
    if path.suffix.lower() not in READABLE:
        raise UserError(f"{path}: cannot read '{path.suffix}'; a motion is one of {', '.join(READABLE)}")
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    motion = read_bvh(path) if path.suffix.lower() == ".bvh" else read_npz(path)
    if joint_map is not None:
        chosen = get_joint_map(joint_map)
        if skeleton is not None and chosen.target.joints != skeleton.joints:
            raise UserError(
                f"{path}: map {chosen.name} puts motions on skeleton {chosen.target.name}; {skeleton.name} is wanted"
            )
        return retarget(motion, chosen)
    if skeleton is None or motion.skeleton.joints == skeleton.joints:
        return motion
    if path.suffix.lower() != ".bvh":
        return on_skeleton(motion, skeleton, str(path))[0]
    return read_bvh_onto(path.read_bytes(), skeleton, str(path))[0]


def read_bvh_onto(content: bytes, skeleton: Skeleton, name: str) -> tuple[Motion, str]:
    """Read the content of a BVH file onto a skeleton, by a shipped joint map where the file has other joints.

    Args:
        content: of the file.
        skeleton: wanted.
        name: what messages call the file.

    Returns:
        The motion, and the name of the map, "" where none was needed.

    Raises:
        UserError: see `read_motion`.
    """
    try:
        return read_bvh(content, skeleton=skeleton, name=name), ""
    except UserError:
        return on_skeleton(read_bvh(content, name=name), skeleton, name)


def on_skeleton(motion: Motion, skeleton: Skeleton, name: str) -> tuple[Motion, str]:
    """Put a motion on a skeleton of other joints by the shipped map that fits; returns it and the map's name.

    Raises:
        UserError: no map fits, or more than one does.
    """
    fitting: list[JointMap] = fitting_maps(motion.skeleton, skeleton)
    if len(fitting) == 1:
        _log.warning("%s: put on skeleton %s by joint map %s", name, skeleton.name, fitting[0].name)
        return retarget(motion, fitting[0]), fitting[0].name
    own = motion.skeleton
    which = (
        f"the maps {', '.join(one.name for one in fitting)} all fit: name one"
        if fitting
        else f"no joint map of {', '.join(MAPS)} fits; docs/skeletons.md tells how to write one"
    )
    raise UserError(
        f"{name}: its {len(own.joints)} joints ({', '.join(own.joints[:6])}, ...) are not the {len(skeleton.joints)} of"
        f" skeleton {skeleton.name}, and {which} (--map)"
    )
