"""How far tokenizers bend and stretch the skeleton after each scale: several beside each other, over training seeds.

Axis letters: N clips, K scales.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from scalemogen.contracts import TokenSpec
from scalemogen.data_modules import MotionStore
from scalemogen.errors import UserError
from scalemogen.evaluation.draws import Draws, Window, read_windows
from scalemogen.evaluation.intervals import NORMAL
from scalemogen.evaluation.protocols import get_protocol
from scalemogen.evaluation.samples import Batching, Samples
from scalemogen.evaluation.subject import Subject
from scalemogen.evaluation.tokens import TokenCount
from scalemogen.metrics.functional import skeleton_preservation
from scalemogen.motion import get_layout
from scalemogen.sweeps.intervals import mean_interval

FORMAT = 1
KIND = "scalemogen preservation"
CURVES = {
    "mpjpe_root_mm": "joint error, root-aligned, mm",
    "bones_mm": "bone-length deviation, mm",
    "angles_degrees": "joint-angle deviation, degrees",
}
"""What is measured after each scale, and its title."""

ALL, LIVELY = "all clips", "liveliest quarter"
"""Parts of a split: LIVELY are the clips whose joints accelerate most, seen from the root."""

INTERVAL = "95 %: Student's t over training seeds; where there is one training, over clips"
MILLIMETRES = 1000.0


@dataclass(frozen=True)
class Contender:
    """A tokenizer, trained with one or several seeds.

    Attributes:
        name: in tables and plots.
        subjects: a model for each seed, all of one specification.
    """

    name: str
    subjects: Sequence[Subject]

    @property
    def spec(self) -> TokenSpec:
        """Its specification."""
        return self.subjects[0].bundle.spec

    @property
    def tokens(self) -> list[int]:
        """Tokens of the longest motion in the first scale, the first two, ..., all."""
        return list(accumulate(cells * groups for cells, groups in self.spec.sizes))


def deviations(
    subject: Subject, windows: Sequence[Window], batching: Batching, label: str, count: TokenCount | None = None
) -> Samples:
    """Return how far the reconstruction of windows is from them after 1, 2, ... K scales.

    Args:
        subject: the tokenizer and the data.
        windows: N parts of clips.
        batching: how they are put together.
        label: of the progress bar.
        count: counts their bits, where it is given.

    Returns:
        (N, K) for each of CURVES.
    """
    facts = subject.store.facts
    layout = get_layout(facts.layout)

    def work(batch: list[Window]) -> Samples:
        target, lengths = subject.real(batch)
        rebuilt = subject.rebuild(batch, every_scale=True)
        if count is not None:
            count.update(rebuilt.maps)
        joints = [layout.positions(features) for features in rebuilt.features]
        found = skeleton_preservation(joints, layout.positions(target), lengths, skeleton=facts.skeleton)
        return {
            "bones_mm": MILLIMETRES * found.bones.T,
            "angles_degrees": math.degrees(1.0) * found.angles.T,
            "mpjpe_root_mm": MILLIMETRES * found.joints.T,
        }

    return batching.run(windows, [window.frames for window in windows], work, label)


def curve(values: Tensor, frames: Tensor) -> dict[str, list[float]]:
    """Return mean and 95 % half width over clips, weighted by frames (N,), of values (N, K)."""
    weights = (frames / frames.sum()).double()[:, None]
    mean = (weights * values.double()).sum(0)
    spread = (weights * (values.double() - mean)).square().sum(0).sqrt()
    return {"mean": mean.tolist(), "interval": (NORMAL * spread).tolist()}


def preservation(
    contenders: Sequence[Contender], store: MotionStore, splits: Sequence[str], batching: Batching
) -> dict[str, Any]:
    """Measure tokenizers on the same clips.

    Args:
        contenders: at least one, all of the same grid and bits a token.
        store: the data.
        splits: of held-out clips.
        batching: how clips are put together.

    Returns:
        "format", "kind", "interval", "tokenizers" and "splits": plain values, complete but for the origins.

    Raises:
        UserError: no such split; tokenizers whose tokens cannot be counted against each other.
    """
    require_comparable(contenders)
    return {
        "format": FORMAT,
        "kind": KIND,
        "interval": INTERVAL,
        "tokenizers": {
            contender.name: {
                "bits": contender.spec.bits,
                "maps": [list(size) for size in contender.spec.sizes],
                "tokens": contender.tokens,
            }
            for contender in contenders
        },
        "splits": {split: _split(contenders, store, split, batching) for split in dict.fromkeys(splits)},
    }


def require_comparable(contenders: Sequence[Contender]) -> None:
    """Refuse tokenizers whose tokens cannot be counted against each other.

    Raises:
        UserError: other bits a token or another finest grid; models of one name that are different tokenizers.
    """
    first = contenders[0]
    for contender in contenders:
        for subject in contender.subjects:
            subject.bundle.spec.require_equal(
                contender.spec, f"a model of {contender.name}", "another one of that name"
            )
        for title, mine, theirs in (
            ("bits a token", contender.spec.bits, first.spec.bits),
            ("time cells", contender.spec.cells, first.spec.cells),
            ("frames a cell", contender.spec.frames_per_cell, first.spec.frames_per_cell),
        ):
            if mine != theirs:
                raise UserError(
                    f"{contender.name} has {mine} {title} and {first.name} {theirs}: their tokens cannot be counted"
                    " against each other"
                )


def _split(contenders: Sequence[Contender], store: MotionStore, split: str, batching: Batching) -> dict[str, Any]:
    subject = contenders[0].subjects[0]
    protocol = get_protocol("default")
    draws = Draws(store, split, protocol, 0, max_frames=subject.max_frames, min_frames=subject.min_frames)
    windows = draws.windows()
    if not windows:
        raise UserError(f"split {split!r} of {store.path} has no clip to measure")
    frames = torch.tensor([window.frames for window in windows])
    measured = {
        contender.name: [
            deviations(each, windows, batching, f"{split}: {contender.name}") for each in contender.subjects
        ]
        for contender in contenders
    }
    lively = liveliest(accelerations(store, windows, batching))
    parts = {ALL: torch.arange(len(windows)), LIVELY: lively}
    return {
        part: {
            "clips": len(rows),
            "curves": {
                name: {key: _over_seeds([curve(values[key][rows], frames[rows]) for values in seeds]) for key in CURVES}
                for name, seeds in measured.items()
            },
        }
        for part, rows in parts.items()
    }


def _over_seeds(curves: Sequence[Mapping[str, list[float]]]) -> dict[str, Any]:
    """Return mean and half width over the curves of several trainings, or those of the only one."""
    if len(curves) == 1:
        return {**curves[0], "seeds": [curves[0]["mean"]]}
    scales = [mean_interval(values) for values in zip(*(one["mean"] for one in curves), strict=True)]
    return {
        "mean": [mean for mean, _ in scales],
        "interval": [half for _, half in scales],
        "seeds": [one["mean"] for one in curves],
    }


def accelerations(store: MotionStore, windows: Sequence[Window], batching: Batching) -> Tensor:
    """Return the mean acceleration (N,) of the joints of windows as seen from the root, metres per second squared."""
    facts = store.facts
    layout = get_layout(facts.layout)

    def work(batch: list[Window]) -> Samples:
        features, lengths = read_windows(store, batch)
        joints = layout.positions(features)
        size = torch.linalg.vector_norm((joints - joints[..., :1, :]).diff(n=2, dim=1), dim=-1).mean(dim=-1)
        inside = torch.arange(2, joints.shape[1]) < lengths[:, None]
        mean = (size * inside).sum(dim=1) / inside.sum(dim=1).clamp(min=1)
        return {"acceleration": mean * facts.fps**2}

    return batching.run(windows, [window.frames for window in windows], work, "accelerations")["acceleration"]


def liveliest(values: Tensor) -> Tensor:
    """Return the places of the largest quarter of values (N,), at least one, in their order."""
    return values.argsort(descending=True, stable=True)[: -(-len(values) // 4)].sort().values
