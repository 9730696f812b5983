"""Whether motions are copies of training clips, and whether the check would see it if they were.

A generated motion has passed the tokenizer's decoder, so what it is held against has passed it too: held-out clips of
the split say how near a motion comes that copies nothing, training clips how near a true copy comes.

Axis letters: Q motions, W frames of an opening, J joints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as nnf
from torch import Tensor

from scalemogen.data_modules import MotionStore
from scalemogen.evaluation.draws import Window, read_windows
from scalemogen.evaluation.neighbours import TRAIN
from scalemogen.evaluation.samples import Batching, Samples
from scalemogen.evaluation.subject import Subject
from scalemogen.metrics.functional import nearest_segments, segment_distance
from scalemogen.motion import FeatureLayout, get_layout
from scalemogen.motion.rotations import turn_about_y

OPENING_SECONDS = 3.0
"""What is looked for: the beginning of a motion, all of it where it is shorter."""

LEAST_SECONDS = 1.0
"""Shorter motions are not judged: a second of walking or standing is found in many clips."""

SAMPLES_PER_SECOND = 10.0
"""Frames of an opening that are compared; every offset is tried all the same."""

NEAR = 0.01
"""Share of reconstructed held-out clips that are as near to a training clip as counts as near."""

POWER = 0.5
"""Share of true copies that must be near for the check to say anything."""

MOST = 512
"""Motions of each kind that are looked for."""

PART = 256
"""Offsets of a training clip that are tried at a time."""

PARTS = 16
"""Parts of training clips in memory at a time."""

GENERATED, HELD_OUT, COPIES = "generated", "held_out", "copies"
OPENING, OPENING_FRAMES = "opening", "opening_frames"
QUANTILES: Mapping[str, float] = {"least": 0.0, "5 %": 0.05, "median": 0.5, "95 %": 0.95}
MILLIMETRES = 1000.0


class CopySearch:
    """Looks for the openings of motions in the training clips of a store.

    Args:
        subject: the model, whose tokenizer reconstructs, and the store.
        batching: how motions are put together.
    """

    def __init__(self, subject: Subject, batching: Batching) -> None:
        facts = subject.store.facts
        self._subject, self._batching = subject, batching
        self._layout = get_layout(facts.layout)
        self._frames = max(1, round(OPENING_SECONDS * facts.fps))
        self._least = LEAST_SECONDS * facts.fps
        self._step = max(1, round(facts.fps / SAMPLES_PER_SECOND))

    def openings(self, features: Tensor, lengths: Tensor) -> Samples:
        """Return OPENING (B, W, J, 3), see `poses_from_root`, and OPENING_FRAMES (B,) of features in units."""
        poses = poses_from_root(self._layout, features[:, : self._frames])
        padding = (0, 0, 0, 0, 0, self._frames - poses.shape[1])
        return {OPENING: nnf.pad(poses, padding), OPENING_FRAMES: lengths.clamp_max(self._frames)}

    def rebuilt(self, windows: Sequence[Window], label: str) -> Samples:
        """Return the openings of windows after the tokenizer."""

        def work(batch: list[Window]) -> Samples:
            lengths = torch.tensor([window.frames for window in batch], device=self._subject.device)
            return self.openings(self._subject.rebuild(batch).features[-1], lengths)

        return self._batching.run(windows, [window.frames for window in windows], work, label)

    def distances(self, openings: Samples, own: Sequence[int], label: str) -> Tensor:
        """Return how far openings are from the nearest segment of any training clip.

        Args:
            openings: of Q motions.
            own: Q clips of the store in which a motion is not looked for; -1 for none.
            label: of the progress bar.

        Returns:
            (Q,) millimetres; NaN for a motion that is shorter than LEAST_SECONDS, or whose opening is longer than any
            training clip.

        Raises:
            UserError: values that are not finite.
        """
        store, step, device = self._subject.store, self._step, self._subject.device
        pieces, sizes = openings[OPENING].to(device), openings[OPENING_FRAMES].to(device)
        parts = overlapping_parts(store, store.indices(TRAIN).tolist(), self._frames)

        def work(batch: list[Window]) -> Samples:
            features, lengths = self._subject.real(batch)
            found = nearest_segments(pieces, sizes, poses_from_root(self._layout, features), lengths, step=step)
            return {"distances": found.distances, "offsets": found.offsets.int()}

        few = replace(self._batching, size=PARTS)
        found = few.run(parts, [part.frames for part in parts], work, label)
        clips = torch.tensor([part.clip for part in parts])
        squares = found["distances"].masked_fill(clips[:, None] == torch.tensor(own), torch.inf)
        least = squares.min(dim=0)
        judged = least.values.isfinite() & (openings[OPENING_FRAMES] >= self._least)
        nearest = [
            Window(parts[part].clip, parts[part].start + int(found["offsets"][part, at]), size)
            for at, (part, size) in enumerate(
                zip(least.indices.tolist(), openings[OPENING_FRAMES].tolist(), strict=True)
            )
            if judged[at]
        ]
        return self._exactly({name: values[judged] for name, values in openings.items()}, nearest, judged)

    def _exactly(self, openings: Samples, nearest: list[Window], judged: Tensor) -> Tensor:
        """Return the distances of openings to segments in float64, NaN where `judged` (Q,) is False."""
        distances = torch.full(judged.shape, torch.nan, dtype=torch.float64)
        if nearest:
            segments = self.openings(*read_windows(self._subject.store, nearest))[OPENING]
            distances[judged] = MILLIMETRES * segment_distance(
                openings[OPENING], segments, openings[OPENING_FRAMES], step=self._step
            )
        return distances


def poses_from_root(layout: FeatureLayout, features: Tensor) -> Tensor:
    """Return joints (B, T, J, 3) as seen from the root, heading and place taken out, of features (B, T, F) in units."""
    joints = layout.positions(features)
    heading, _ = layout.root_path(features)
    return turn_about_y(joints - joints[..., :1, :], -heading[..., None])


def overlapping_parts(store: MotionStore, clips: Sequence[int], frames: int) -> list[Window]:
    """Return clips in parts that overlap: every segment of `frames` frames, or fewer, lies within one of them."""
    return [
        Window(clip, start, min(length - start, PART + frames - 1))
        for clip, length in zip(clips, store.lengths[list(clips)].tolist(), strict=True)
        for start in range(0, max(1, length - frames + 1), PART)
    ]


def spread_out(count: int) -> list[int]:
    """Return the places of at most MOST of `count` motions, evenly spread."""
    kept = min(count, MOST)
    return [at * count // kept for at in range(kept)]


def memorisation(generated: Tensor, held_out: Tensor, copies: Tensor) -> dict[str, Any]:
    """Compare how near generated motions come to training clips with what copies nothing, and with true copies.

    Args:
        generated: (Q,) distances of generated motions, millimetres; NaN where one was not judged.
        held_out: (Q',) of reconstructed clips that were not trained on.
        copies: (Q'',) of reconstructed training clips.

    Returns:
        "threshold_mm", the distance that NEAR of `held_out` fall short of; by kind "nearer", the share that does,
        "judged" and "left_out", numbers of motions, "quantiles_mm" and "distances_mm"; "power", whether at least POWER
        of the true copies are nearer. What there are no motions for is None.
    """
    kinds = {GENERATED: generated.double(), HELD_OUT: held_out.double(), COPIES: copies.double()}
    judged = {name: values[~values.isnan()] for name, values in kinds.items()}
    threshold = float(judged[HELD_OUT].quantile(NEAR)) if len(judged[HELD_OUT]) else None
    nearer = {
        name: float((values < threshold).double().mean()) if threshold is not None and len(values) else None
        for name, values in judged.items()
    }
    seen = nearer[COPIES]
    return {
        "opening_seconds": OPENING_SECONDS,
        "least_seconds": LEAST_SECONDS,
        "threshold_mm": threshold,
        "nearer": nearer,
        "power": seen is not None and seen >= POWER,
        "judged": {name: len(values) for name, values in judged.items()},
        "left_out": {name: len(values) - len(judged[name]) for name, values in kinds.items()},
        "quantiles_mm": {
            name: {at: float(values.quantile(share)) for at, share in QUANTILES.items()} if len(values) else None
            for name, values in judged.items()
        },
        "distances_mm": {name: values.tolist() for name, values in judged.items()},
    }
