"""Finding and reading the reference implementation's fixtures."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from torch import Tensor

from scalemogen.contracts import Scale, TokenSpec
from scalemogen.skeletons import get_skeleton

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("SCALEMOGEN_REFERENCE") or ROOT.parent / "shared" / "reference")
REQUIRED = os.environ.get("SCALEMOGEN_REQUIRE_REFERENCE") == "1"


@dataclass(frozen=True)
class Fixture:
    """One fixture: tensors, their description, and the token grid it was computed on."""

    name: str
    tensors: dict[str, Tensor]
    description: dict[str, Any]
    spec: TokenSpec

    @property
    def config(self) -> dict[str, Any]:
        return self.description["config"]  # type: ignore[no-any-return]

    @property
    def state(self) -> dict[str, Tensor]:
        """Weights under the reference's keys."""
        return {name[3:]: tensor for name, tensor in self.tensors.items() if name.startswith("sd.")}

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    def scale(self, k: int, name: str, prefix: str = "") -> Tensor:
        return self.tensors[f"{prefix}scale{k:02d}.{name}"]


def names(kind: str) -> list[Any]:
    """Return pytest parameters, one for each fixture of a kind ("vq", "requant", "ar", "edit")."""
    found = sorted(path.stem for path in FOLDER.glob(f"{kind}_*.safetensors"))
    if found:
        return found
    reason = f"no {kind}_*.safetensors in {FOLDER}; set SCALEMOGEN_REFERENCE to the folder of reference fixtures"
    return [pytest.param(None, marks=[] if REQUIRED else pytest.mark.skip(reason=reason))]


@lru_cache(maxsize=8)
def load(name: str | None) -> Fixture:
    """Read one fixture; with none there, fail (only reached when fixtures are required)."""
    if name is None:
        pytest.fail(f"no reference fixture in {FOLDER}")
    description = json.loads((FOLDER / f"{name}.json").read_text())
    config = description["config"]
    skeleton = get_skeleton(config["dataset"])
    spec = TokenSpec(
        bits=config["bsq_dim"],
        scales=tuple(
            Scale(divisor, tuple(tuple(group) for group in groups))
            for divisor, groups in config["coarse_to_fine_chain"]
        ),
        cells=config["max_motion_length"] // config["frames_per_token"],
        parts=config["skeleton_joints_after_pooling"],
        frames_per_cell=config["frames_per_token"],
        skeleton=skeleton.name,
        skeleton_digest=skeleton.digest,
        layout=config["dataset"],
    )
    return Fixture(name, load_file(FOLDER / f"{name}.safetensors"), description, spec)


def sibling(fixture: Fixture, kind: str) -> Fixture:
    """Return the fixture of another kind with the same ending."""
    return load(f"{kind}_{fixture.name.split('_', 1)[1]}")


def assert_near(mine: Tensor, theirs: Tensor, tolerance: float = 1e-5) -> None:
    """Require equality to `tolerance` times the largest value of `theirs`."""
    assert mine.shape == theirs.shape
    error = (mine.double() - theirs.double()).abs().max() / theirs.double().abs().max().clamp(min=1e-12)
    assert error <= tolerance, f"relative error {error:.2e} over {tolerance:.0e}"
