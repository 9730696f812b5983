"""The SMPL-H body model as far as joints need it: where the 22 body joints rest, and how they follow the shape.

Joints are a linear map of the mesh, and the mesh in rest is linear in the shape: both are put together when a model is
read, so that no mesh is ever made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import roma
import torch
from numpy.typing import NDArray
from torch import Tensor

from scalemogen.data_modules.amass.archives import read_arrays
from scalemogen.data_modules.amass.objects import KNOWN, as_array
from scalemogen.errors import UserError
from scalemogen.files import digest_bytes
from scalemogen.motion.kinematics import forward_kinematics
from scalemogen.pickles import read_pickle
from scalemogen.skeletons import get_skeleton

JOINTS, BODY_JOINTS, BETAS = 52, 22, 10
"""Joints of SMPL-H, those of the body without the hands, and shape parameters in use (the field's number)."""

GENDERS = ("male", "female")
KINDS = {16: "MANO", 24: "SMPL", 55: "SMPL-X"}
"""Other body models, by their numbers of joints."""

KEYS = ("kintree_table", "v_template", "shapedirs", "J_regressor")
PLACES = ("{0}/model.npz", "{0}/model.pkl", "SMPLH_{0}.npz", "SMPLH_{0}.pkl", "SMPLH_{1}.npz", "SMPLH_{1}.pkl")
"""Where a model lies within the folder, by gender in lower and upper case."""


@dataclass(frozen=True)
class Body:
    """The body joints of one body model.

    Attributes:
        template: (22, 3) float64 joints of the mean shape in the rest pose, metres.
        shapes: (22, 3, 10) float64 how they move with each shape parameter.
    """

    template: Tensor
    shapes: Tensor

    @property
    def digest(self) -> str:
        """Changes with the joints."""
        return digest_bytes(self.template.numpy().tobytes(), self.shapes.numpy().tobytes())

    def joints(self, poses: Tensor, trans: Tensor, betas: Tensor) -> Tensor:
        """Return the body joints in the world by forward kinematics, in the axes of the parameters.

        Args:
            poses: (T, 22, 3) rotation vectors within the parent, radians; the root's in the world.
            trans: (T, 3) metres; added to where the shaped pelvis rests.
            betas: (10,) shape.

        Returns:
            (T, 22, 3) float64, metres.
        """
        rest = self.template + torch.einsum("jcb,b->jc", self.shapes, betas.double())
        parents = get_skeleton("humanml3d").parents
        offsets = rest - rest[[max(parent, 0) for parent in parents]]
        rotations = roma.rotvec_to_unitquat(poses.double())
        return forward_kinematics(rotations, rest[0] + trans.double(), offsets, parents)


def read_bodies(folder: Path) -> dict[str, Body]:
    """Read the male and the female model of a folder, as official .npz files or pickles; see `PLACES`.

    Raises:
        UserError: a model is missing, damaged, of another kind, or a pickle that asks for anything but numbers.
    """
    return {gender: read_body(_find(folder, gender)) for gender in GENDERS}


def _find(folder: Path, gender: str) -> Path:
    places = [place.format(gender, gender.upper()) for place in PLACES]
    for place in places:
        if (folder / place).is_file():
            return folder / place
    raise UserError(f"{folder}: no {gender} SMPL-H model; needed one of {', '.join(places)}")


def read_body(path: Path) -> Body:
    """Read one body model.

    Raises:
        UserError: missing, damaged or of another kind.
    """
    found = read_pickle(path, KNOWN, encoding="latin1") if path.suffix == ".pkl" else _read_npz(path)
    if not isinstance(found, Mapping) or (missing := [key for key in KEYS if key not in found]):
        raise UserError(
            f"{path}: no SMPL-H body model: no {', '.join(missing if isinstance(found, Mapping) else KEYS)}"
        )
    arrays: dict[str, NDArray[Any]] = {}
    for key in KEYS:
        try:
            arrays[key] = as_array(found[key])
        except ValueError as error:
            raise UserError(f"{path}: {key}: {error}") from error
    return _check(path, arrays)


def _read_npz(path: Path) -> dict[str, NDArray[Any]]:
    try:
        return read_arrays(path, KEYS)[0]
    except ValueError as error:
        raise UserError(f"{path}: no readable .npz file of arrays ({error})") from error


def _check(path: Path, arrays: Mapping[str, NDArray[Any]]) -> Body:
    tree, mesh, shapes, regressor = (arrays[key] for key in KEYS)
    joints = tree.shape[-1] if tree.ndim == 2 else 0
    if joints != JOINTS:
        kind = f", it is {KINDS[joints]}" if joints in KINDS else ""
        raise UserError(f"{path}: not the SMPL-H model{kind}: it has {joints} joints, needed {JOINTS}")
    vertices = len(mesh) if mesh.ndim else 0
    fitting = mesh.shape == (vertices, 3) and regressor.shape == (JOINTS, vertices)
    if not fitting or shapes.shape[:2] != (vertices, 3) or shapes.ndim != 3 or shapes.shape[2] < BETAS:
        sizes = ", ".join(f"{key} {arrays[key].shape}" for key in KEYS[1:])
        raise UserError(f"{path}: not the SMPL-H model: {sizes}; needed (V, 3), (V, 3, {BETAS} or more), ({JOINTS}, V)")
    if tuple(tree[0, 1:BODY_JOINTS].tolist()) != get_skeleton("humanml3d").parents[1:]:
        raise UserError(f"{path}: not the SMPL-H model: the joints of its body hang together otherwise")
    weights = regressor[:BODY_JOINTS].astype(np.float64)
    body = Body(
        torch.from_numpy(weights @ mesh.astype(np.float64)),
        torch.from_numpy(np.einsum("jv,vcb->jcb", weights, shapes[..., :BETAS].astype(np.float64))),
    )
    if not (body.template.isfinite().all() and body.shapes.isfinite().all()):
        raise UserError(f"{path}: a damaged model: NaN or infinite values")
    return body
