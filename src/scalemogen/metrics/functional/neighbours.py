"""Which reference motions are nearest to a motion, by joint trajectories alone. Nothing is learned.

A motion is described by a few groups of numbers in metres, radians and seconds, none of which depends on where the
motion starts, which way it faces, or how long it lasts. Groups are made comparable by the spread of the reference
motions; then a motion is a point, and the nearest references are those at the smallest Euclidean distance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor

from scalemogen.motion.heading import heading, smooth
from scalemogen.motion.rotations import turn_about_y

POSES = 8
"""Moments, evenly spread from the first to the last frame, at which pose and path are sampled."""

STEADY_SECONDS = 0.1
"""Width of the Gaussian that takes trembling out before swings are counted."""

STILL = 0.2
"""Metres: a joint whose range is well below this hardly counts as swinging."""

WEIGHTS: Mapping[str, float] = MappingProxyType(
    {"extents": 1.0, "swings": 1.0, "poses": 0.5, "path": 1.0, "turn": 1.0, "velocity": 2.0}
)
"""How much each group of a descriptor counts in distances, its spread among the references taken as one."""


QUERIES = 512
"""Motions whose distances to all references are in memory at a time."""


class Nearest(NamedTuple):
    """The V references that are nearest to each of Q motions, the nearest first.

    Attributes:
        distances: (Q, V) float64.
        indices: (Q, V) int64.
    """

    distances: Tensor
    indices: Tensor


def trajectory_descriptor(
    positions: Tensor, lengths: Tensor, *, fps: float, facing: tuple[int, int, int, int]
) -> dict[str, Tensor]:
    """Describe motions by groups of numbers.

    The body frame stands on the floor below the root and turns with the smoothed heading; the start frame is the body
    frame of the first frame, so every motion starts over the origin, facing +Z.

        extents   (B, J * 3)          standard deviation over time of each joint in the body frame, metres
        swings    (B, J * 3)          how often each joint crosses its range in the body frame: way over range. Raising
                                      an arm and lowering it is 2 up and down, waving it n times 2 n from side to side
        poses     (B, POSES * J * 3)  joints in the body frame at evenly spread moments, metres
        path      (B, POSES * 2)      root on the floor of the start frame (left, forward) at these moments, metres
        turn      (B, POSES)          heading at these moments against the first one, unwrapped, radians
        velocity  (B, 2)              mean root velocity in the body frame (left, forward), metres per second

    Args:
        positions: (B, T, J, 3) joint positions, metres, Y up, joint 0 is the root; frames outside a clip may hold
            anything, also NaN.
        lengths: (B,) frames of each clip, 1..T.
        fps: frames per second.
        facing: the joints left hip, right hip, left shoulder, right shoulder.

    Returns:
        The groups by name, in the precision of the input.

    Raises:
        ValueError: the shapes do not fit, or a length is outside 1..T.
    """
    if positions.ndim != 4 or positions.shape[-1] != 3 or lengths.shape != positions.shape[:1]:
        raise ValueError(
            f"positions (B, T, J, 3) and lengths (B,) wanted, not {[*positions.shape]}, {[*lengths.shape]}"
        )
    sizes = lengths.tolist()
    if not sizes or min(sizes) < 1 or max(sizes) > positions.shape[1]:
        raise ValueError(f"lengths in 1..{positions.shape[1]} wanted, not {sizes}")
    rows = [_describe(clip[:size].double(), fps, facing) for clip, size in zip(positions, sizes, strict=True)]
    return {name: torch.stack([row[name] for row in rows]).to(positions) for name in WEIGHTS}


def group_spreads(reference: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the spread of R references in each group: the root of its summed variances, 1 where they are equal.

    Args:
        reference: `trajectory_descriptor` of R motions.
    """
    spreads = {name: reference[name].double().var(dim=0, correction=0).sum().sqrt() for name in WEIGHTS}
    return {name: torch.where(spread > 0, spread, 1.0) for name, spread in spreads.items()}


def descriptor_points(descriptors: Mapping[str, Tensor], spreads: Mapping[str, Tensor]) -> Tensor:
    """Return descriptors as points (N, D) float64: each group divided by its spread and multiplied by its weight.

    So a distance of 1 is about what two references differ in one group.

    Args:
        descriptors: (N, ...) groups; may hold other values too.
        spreads: of the references, `group_spreads`.
    """
    return torch.cat(
        [descriptors[name].double() * (weight / spreads[name]) for name, weight in WEIGHTS.items()], dim=-1
    )


def nearest_points(
    query: Tensor, reference: Tensor, *, neighbours: int = 1, owners: tuple[Tensor, Tensor] | None = None
) -> Nearest:
    """Find the references nearest to each query.

    Args:
        query: (Q, D) `descriptor_points`.
        reference: (R, D) likewise.
        neighbours: V, 1..R.
        owners: (Q,) and (R,) int64, what each is a part of: a query is not compared with references of its own owner.

    Raises:
        ValueError: owners that do not fit, or a query has fewer references left than `neighbours`.
    """
    count = len(reference)
    if not 1 <= neighbours <= count:
        raise ValueError(f"{neighbours} neighbours of {count} reference motions")
    if owners is not None and (len(owners[0]), len(owners[1])) != (len(query), count):
        raise ValueError(f"{[len(part) for part in owners]} owners of {len(query)} queries and {count} references")
    found = []
    for start in range(0, len(query), QUERIES):
        rows = slice(start, start + QUERIES)
        distances = torch.cdist(query[rows], reference)
        if owners is not None:
            distances = distances.masked_fill(owners[0][rows, None] == owners[1], torch.inf)
        found.append(distances.topk(neighbours, dim=-1, largest=False))
    near = torch.cat([part.values for part in found])
    if not bool(near.isfinite().all()):
        raise ValueError(f"a motion has fewer than {neighbours} references that it may be compared with")
    return Nearest(near, torch.cat([part.indices for part in found]))


def majority(labels: Sequence[str]) -> str:
    """Return the most frequent label, the earliest of equally frequent ones."""
    return Counter(labels).most_common(1)[0][0]


def _describe(joints: Tensor, fps: float, facing: tuple[int, int, int, int]) -> dict[str, Tensor]:
    """Return the groups of one motion (T, J, 3)."""
    frames = joints.shape[0]
    angle = heading(joints, facing, fps)
    floor = joints[:, 0] * joints.new_tensor([1.0, 0.0, 1.0])
    body = turn_about_y(joints - floor[:, None], -angle[:, None])
    path = turn_about_y(floor - floor[0], -angle[:1])
    speed = turn_about_y(floor.diff(dim=0), -angle[:-1]).sum(dim=0) * fps / max(frames - 1, 1)
    ground = [0, 2]
    return {
        "extents": body.std(dim=0, correction=0).flatten(),
        "swings": _swings(smooth(rearrange(body, "t j c -> j c t"), STEADY_SECONDS * fps)).flatten(),
        "poses": _sample(body).flatten(),
        "path": _sample(path)[:, ground].flatten(),
        "turn": _sample(angle - angle[0]),
        "velocity": speed[ground],
    }


def _swings(values: Tensor) -> Tensor:
    """Return how often values (..., T) run through their range, less where the range is small."""
    way: Tensor = values.diff(dim=-1).abs().sum(dim=-1)
    return way / (values.amax(dim=-1) - values.amin(dim=-1) + STILL)


def _sample(values: Tensor) -> Tensor:
    """Return (POSES, ...) of (T, ...), evenly spread from the first to the last frame, linear between frames."""
    last = values.shape[0] - 1
    at = torch.linspace(0, last, POSES, dtype=values.dtype, device=values.device)
    below = at.floor().long()
    share = (at - below).reshape(-1, *[1] * (values.ndim - 1))
    return torch.lerp(values[below], values[(below + 1).clamp_max(last)], share)
