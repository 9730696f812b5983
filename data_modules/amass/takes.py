"""Recorded takes as joints: files of AMASS (SMPL-H parameters) and of HumanAct12 (joints)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor

from scalemogen.data_modules.amass.archives import read_array, read_arrays
from scalemogen.data_modules.amass.body import BETAS, BODY_JOINTS, JOINTS, Body
from scalemogen.data_modules.published.form import Unusable

KEYS = ("poses", "trans", "betas", "gender", "mocap_framerate")
"""What a file of AMASS's "SMPL+H G" download holds."""

NEWER = ("mocap_frame_rate", "surface_model_type", "root_orient", "pose_body")
"""Names that only the files of later downloads have."""

FPS = 20
"""Frames per second of HumanML3D."""


def read_take(path: Path, bodies: Mapping[str, Body]) -> Tensor:
    """Return the joints (T, 22, 3) of a file at 20 frames a second, float64, metres, Y up.

    A file of AMASS (.npz) is turned into joints by forward kinematics; its axes x y z become -x z y, and of its frames
    each n-th is taken, n = int(rate / 20), by the field's rule: rates that are no multiple of 20 end a little off it.
    A shape other than male is read with the female model, also by the field's rule. A file of HumanAct12 (.npy) holds
    joints at 20 frames a second, of which the first 22 are taken as they are.

    Raises:
        Unusable: damaged, or of another kind.
    """
    return _read_amass(path, bodies) if path.suffix == ".npz" else _read_joints(path)


def _read_joints(path: Path) -> Tensor:
    try:
        joints = read_array(path)
    except ValueError as error:
        raise Unusable("unreadable file", f"{path.name}: {error}") from error
    shape = joints.shape
    if len(shape) != 3 or shape[1] < BODY_JOINTS or shape[2] != 3 or joints.dtype.kind not in "fiu":
        raise Unusable("wrong kind of file", f"{path.name}: shape {shape}, needed joints (T, {BODY_JOINTS} or more, 3)")
    return torch.from_numpy(joints[:, :BODY_JOINTS].astype(np.float64))


def _read_amass(path: Path, bodies: Mapping[str, Body]) -> Tensor:
    found = _load(path)
    poses, trans, betas = (found[key] for key in ("poses", "trans", "betas"))
    frames, width = len(poses) if poses.ndim else 0, 3 * JOINTS
    if poses.shape != (frames, width) or trans.shape != (frames, 3) or betas.ndim != 1 or len(betas) < BETAS:
        sizes = f"poses {poses.shape}, trans {trans.shape}, betas {betas.shape}"
        raise Unusable(
            "wrong kind of file", f"{path.name}: {sizes}; SMPL-H has (T, {width}), (T, 3), ({BETAS} or more)"
        )
    every = _step(path, found["mocap_framerate"])
    gender = found["gender"].item() if found["gender"].ndim == 0 else ""
    body = bodies["male" if gender in ("male", b"male") else "female"]
    picked = (poses[::every, : 3 * BODY_JOINTS], trans[::every], betas[:BETAS])
    turns, moved, shape = (torch.from_numpy(values.astype(np.float64)) for values in picked)
    joints = body.joints(rearrange(turns, "t (j c) -> t j c", c=3), moved, shape)
    return joints[..., [0, 2, 1]] * joints.new_tensor([-1.0, 1.0, 1.0])


def _load(path: Path) -> dict[str, NDArray[Any]]:
    try:
        found, names = read_arrays(path, KEYS)
    except ValueError as error:
        raise Unusable("unreadable file", f"{path.name}: {error}") from error
    if newer := sorted(names & set(NEWER)):
        raise Unusable("wrong kind of file", f"{path.name} has {', '.join(newer)}: download the files named 'SMPL+H G'")
    if missing := [key for key in KEYS if key not in names]:
        raise Unusable("missing key", f"{path.name} has no {', '.join(missing)}")
    if wrong := [key for key in KEYS if key != "gender" and found[key].dtype.kind not in "fiu"]:
        raise Unusable("wrong kind of file", f"{path.name}: no numbers in {', '.join(wrong)}")
    return found


def _step(path: Path, rate: NDArray[Any]) -> int:
    """Return of how many frames one is taken."""
    if rate.size != 1 or not FPS <= float(rate.reshape(())) < 1e5:
        raise Unusable("wrong frame rate", f"{path.name}: {rate}; needed {FPS} a second or more")
    return int(float(rate.reshape(())) / FPS)
