"""Joint maps: which joint of a foreign skeleton moves which joint of one of ours, as named data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from scalemogen.errors import UserError
from scalemogen.files import digest_json
from scalemogen.skeletons.library import get_skeleton
from scalemogen.skeletons.limbs import find_limbs
from scalemogen.skeletons.skeleton import Skeleton
from scalemogen.skeletons.yaml_files import read_yaml

MAPS = ("bandai_namco", "cmu", "mixamo")
"""Names of the shipped maps."""

Vector = tuple[float, float, float]
Direction = Literal["left", "right", "up", "down", "front", "back"]

DIRECTIONS: dict[Direction, Vector] = {
    "left": (1.0, 0.0, 0.0),
    "right": (-1.0, 0.0, 0.0),
    "up": (0.0, 1.0, 0.0),
    "down": (0.0, -1.0, 0.0),
    "front": (0.0, 0.0, 1.0),
    "back": (0.0, 0.0, -1.0),
}
"""Unit vectors in the world of a person who faces +Z."""

SQUARE = 1e-3
"""Axes whose product is smaller are at right angles."""


@dataclass(frozen=True)
class JointMap:
    """How motions on skeletons of one kind are put on another skeleton.

    Attributes:
        name: of the map.
        skeleton: the skeleton to put them on, a name or a YAML file.
        joints: by joint of that skeleton, the foreign joint whose turns it takes. One that is left out turns with its
            parent. The root and the legs must be there.
        rest: by foreign joint, where its own X and Y axes point in a T-pose that faces +Z, as vectors. Empty where zero
            rotations are such a pose, otherwise needed for every joint in `joints`.

    Raises:
        UserError: an unknown or a missing joint, or axes that are not at right angles.
    """

    name: str
    skeleton: str
    joints: Mapping[str, str]
    rest: Mapping[str, tuple[Vector, Vector]]

    def __post_init__(self) -> None:
        target = self.target
        unknown = [joint for joint in self.joints if joint not in target.joints]
        if unknown:
            raise UserError(f"map {self.name}: skeleton {target.name} has no joint {', '.join(unknown)}")
        legs = [limb for limb in find_limbs(target) if limb.kind == "leg"]
        needed = [0, *(joint for leg in legs for joint in (leg.upper, leg.hinge, leg.lower))]
        missing = [target.joints[joint] for joint in needed if target.joints[joint] not in self.joints]
        if missing:
            raise UserError(f"map {self.name}: no foreign joint for {', '.join(missing)} of skeleton {target.name}")
        if self.rest and (bare := sorted(set(self.joints.values()) - set(self.rest))):
            raise UserError(f"map {self.name}: rest lacks the joint {', '.join(bare)}")
        for joint, (x, y) in self.rest.items():
            if not (math.hypot(*x) and math.hypot(*y)) or abs(sum(a * b for a, b in zip(x, y, strict=True))) > SQUARE:
                raise UserError(f"map {self.name}: rest of {joint}: axes {x} and {y} are not at right angles")

    @cached_property
    def target(self) -> Skeleton:
        """The skeleton to put motions on."""
        return get_skeleton(self.skeleton)

    @property
    def digest(self) -> str:
        """Digest of the map and of its skeleton."""
        return digest_json([asdict(self), self.target.digest])


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    skeleton: str
    joints: dict[str, str]
    rest: dict[str, tuple[Direction | Vector, Direction | Vector]] = {}


def get_joint_map(name_or_path: str | Path) -> JointMap:
    """Return a shipped joint map by name, or the one that a YAML file defines (see docs/skeletons.md).

    Args:
        name_or_path: a name of `MAPS`, or the path of a `.yaml` or `.yml` file.

    Raises:
        UserError: no such map or file, or the file is not a sound map.
    """
    path: Path | Traversable = Path(name_or_path)
    if str(name_or_path) in MAPS:
        path = resources.files("scalemogen.skeletons") / "maps" / f"{name_or_path}.yaml"
    elif Path(name_or_path).suffix not in (".yaml", ".yml"):
        raise UserError(f"no joint map {str(name_or_path)!r}; give one of {', '.join(MAPS)} or a .yaml file")
    file = read_yaml(path, _File, "joint map")
    rest = {joint: (_vector(x), _vector(y)) for joint, (x, y) in file.rest.items()}
    return JointMap(file.name, file.skeleton, file.joints, rest)


def _vector(axis: Direction | Vector) -> Vector:
    return DIRECTIONS[axis] if isinstance(axis, str) else axis
