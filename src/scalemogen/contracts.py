"""Frozen records that cross rooms. Axis letters: see docs/glossary.md.

B batch, T frames, F features per frame, J joints, N latent time cells, G finest body parts, K scales,
L tokens over all scales, D bits per token, S text tokens, E text width.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from scalemogen.errors import UserError
from scalemogen.files import digest_json
from scalemogen.skeletons import Skeleton


@dataclass(frozen=True)
class TextFeatures:
    """Word features of B captions.

    Attributes:
        tokens: (B, S, E) float.
        mask: (B, S) bool, True = word. Every row holds at least one True.
    """

    tokens: Tensor
    mask: Tensor

    def __post_init__(self) -> None:
        if self.tokens.ndim != 3 or self.mask.shape != self.tokens.shape[:2]:
            raise ValueError(f"text features {tuple(self.tokens.shape)} do not fit mask {tuple(self.mask.shape)}")

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> TextFeatures:
        """Return a copy on `device`, its tokens of type `dtype`; None leaves either."""
        return TextFeatures(self.tokens.to(device, dtype), self.mask.to(device))

    def __getitem__(self, rows: slice | Tensor) -> TextFeatures:
        return TextFeatures(self.tokens[rows], self.mask[rows])


@dataclass(frozen=True)
class MotionBatch:
    """A batch of clips, padded with zeros to its longest clip.

    Attributes:
        features: (B, T, F) float32, normalised, zero outside a clip.
        lengths: (B,) int64 frames, 1..T.
        captions: one caption a clip ("" where the data has none).
        clip_ids: one identifier a clip.
        text: optional word features of the captions.
        altered: the clips were changed at random on loading (another speed): they are not what their identifiers name.
    """

    features: Tensor
    lengths: Tensor
    captions: list[str]
    clip_ids: list[str]
    text: TextFeatures | None = None
    altered: bool = False

    def __post_init__(self) -> None:
        size = self.features.shape[0]
        if self.features.ndim != 3 or self.lengths.shape != (size,):
            raise ValueError(f"features {tuple(self.features.shape)} do not fit lengths {tuple(self.lengths.shape)}")
        if len(self.captions) != size or len(self.clip_ids) != size:
            raise ValueError(f"{len(self.captions)} captions and {len(self.clip_ids)} ids for {size} clips")

    def __len__(self) -> int:
        return self.features.shape[0]

    def to(
        self,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        non_blocking: bool = False,
    ) -> MotionBatch:
        """Return a copy on `device`, its features of type `dtype`; None leaves either (Lightning moves batches so)."""
        return replace(
            self,
            features=self.features.to(device, dtype, non_blocking=non_blocking),
            lengths=self.lengths.to(device, non_blocking=non_blocking),
            text=None if self.text is None else self.text.to(device, dtype),
        )

    def pin_memory(self) -> MotionBatch:
        """Return a copy in pinned memory (called by DataLoader)."""
        return replace(self, features=self.features.pin_memory(), lengths=self.lengths.pin_memory())


def length_mask(lengths: Tensor, size: int) -> Tensor:
    """Return (B, size) bool, True = within the first `lengths` (B,) places; on their device."""
    return torch.arange(size, device=lengths.device) < lengths[:, None]


@dataclass(frozen=True)
class Scale:
    """One map of the pyramid: time cells of `divisor` latent frames, and a partition of the parts into groups."""

    divisor: int
    groups: tuple[tuple[int, ...], ...]


LARGEST_SIZES = {"bits": 1024, "cells": 1_000_000, "parts": 10_000, "frames_per_cell": 1_000_000}
"""What sizes in a file may be at most: far beyond use, and too little for a damaged file to fill the memory."""


@dataclass(frozen=True)
class TokenSpec:
    """The contract between the two stages (design.md); stored in both checkpoints and compared on load.

    Attributes:
        bits: D, bits per token.
        scales: coarse to fine; the last one is the full grid.
        cells: N, latent time cells of the longest motion.
        parts: G, body parts of the finest grid.
        frames_per_cell: frames of motion in one latent time cell.
        skeleton: skeleton name.
        skeleton_digest: digest of the skeleton's definition.
        layout: feature layout name.
    """

    bits: int
    scales: tuple[Scale, ...]
    cells: int
    parts: int
    frames_per_cell: int
    skeleton: str
    skeleton_digest: str
    layout: str

    @property
    def max_frames(self) -> int:
        """Frames of the longest motion."""
        return self.cells * self.frames_per_cell

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """(time cells, groups) of every scale on the full grid."""
        return tuple((self.cells // scale.divisor, len(scale.groups)) for scale in self.scales)

    @property
    def tokens(self) -> int:
        """L, tokens over all scales on the full grid."""
        return sum(cells * groups for cells, groups in self.sizes)

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, for JSON and for checkpoints."""
        return {
            "bits": self.bits,
            "scales": [[scale.divisor, [list(group) for group in scale.groups]] for scale in self.scales],
            "cells": self.cells,
            "parts": self.parts,
            "frames_per_cell": self.frames_per_cell,
            "skeleton": self.skeleton,
            "skeleton_digest": self.skeleton_digest,
            "layout": self.layout,
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> TokenSpec:
        """Build from `to_dict`'s result.

        Raises:
            ValueError: a number is none, or out of all proportion.
        """
        for name, most in LARGEST_SIZES.items():
            if type(value[name]) is not int or not 1 <= value[name] <= most:
                raise ValueError(f"{name} is {value[name]!r:.60}; a whole number from 1 to {most} is needed")
        for name in ("skeleton", "skeleton_digest", "layout"):
            if not isinstance(value[name], str):
                raise ValueError(f"{name} is {value[name]!r:.60}; a text is needed")
        scales = tuple(
            Scale(_whole(d), tuple(tuple(_whole(p) for p in g) for g in groups)) for d, groups in value["scales"]
        )
        return cls(**{**value, "scales": scales})

    def require_equal(self, other: TokenSpec, this: str, that: str) -> None:
        """Refuse a mismatch.

        Raises:
            UserError: naming the first field that differs and both values.
        """
        mine, theirs = self.to_dict(), other.to_dict()
        for key, value in mine.items():
            if value != theirs[key]:
                raise UserError(f"{this} and {that} do not fit: {key} is {value} in one and {theirs[key]} in the other")


def _whole(number: object) -> int:
    if not isinstance(number, int) or isinstance(number, bool):
        raise ValueError(f"scales hold {number!r:.60}; whole numbers are needed")
    return number


@dataclass(frozen=True)
class TokenMaps:
    """Bits of every scale, coarse to fine.

    Attributes:
        bits: per scale (B, N_k, G_k, D) bool; False outside a motion.
        valid: per scale (B, N_k) bool, True = time cell inside the motion.
    """

    bits: tuple[Tensor, ...]
    valid: tuple[Tensor, ...]

    def __post_init__(self) -> None:
        for bits, valid in zip(self.bits, self.valid, strict=True):
            if bits.ndim != 4 or valid.shape != bits.shape[:2]:
                raise ValueError(f"bits {tuple(bits.shape)} do not fit mask {tuple(valid.shape)}")

    def __getitem__(self, rows: slice | Tensor) -> TokenMaps:
        return TokenMaps(tuple(b[rows] for b in self.bits), tuple(v[rows] for v in self.valid))


FASTEST, LARGEST_STATISTIC = 100_000, 1e30
"""Frames per second of data, and of the numbers of its statistics, at most."""


@dataclass(frozen=True)
class DataFacts:
    """What a model must know of its data to be used without it.

    Attributes:
        name: name of the data set.
        skeleton: the joint tree.
        layout: feature layout name.
        fps: frames per second.
        mean, std: (F,) float32, statistics of the training split.
        licence, citation: of the data.
        digests: split name -> digest.
    """

    name: str
    skeleton: Skeleton
    layout: str
    fps: float
    mean: Tensor
    std: Tensor
    licence: str
    citation: str
    digests: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, for JSON and for checkpoints."""
        return {
            "name": self.name,
            "skeleton": self.skeleton.to_dict(),
            "layout": self.layout,
            "fps": self.fps,
            "mean": self.mean.tolist(),
            "std": self.std.tolist(),
            "licence": self.licence,
            "citation": self.citation,
            "digests": dict(self.digests),
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> DataFacts:
        """Build from `to_dict`'s result.

        Raises:
            ValueError: a field is of another kind, or statistics are not finite numbers for the same features.
        """
        texts = {name: value[name] for name in ("name", "layout", "licence", "citation")} | dict(value["digests"])
        for name, text in texts.items():
            if not isinstance(text, str):
                raise ValueError(f"{name} is {text!r:.60}; a text is needed")
        fps = value["fps"]
        if type(fps) not in (int, float) or not 0 < fps <= FASTEST:
            raise ValueError(f"fps is {fps!r:.60}; a number up to {FASTEST} is needed")
        if len(value["mean"]) != len(value["std"]):
            raise ValueError(f"mean has {len(value['mean'])} numbers, std {len(value['std'])}")
        for number in (*value["mean"], *value["std"]):
            if type(number) not in (int, float) or not abs(number) < LARGEST_STATISTIC:
                raise ValueError(f"mean and std hold {number!r:.60}; finite numbers are needed")
        return cls(
            **{
                **value,
                "skeleton": Skeleton.from_dict(value["skeleton"]),
                "mean": torch.tensor(value["mean"], dtype=torch.float32),
                "std": torch.tensor(value["std"], dtype=torch.float32),
            }
        )

    @property
    def digest(self) -> str:
        """Digest of every field."""
        return digest_json(self.to_dict())

    def difference(self, other: DataFacts) -> str | None:
        """Return what tells this data from another as far as a model goes, None = they are interchangeable.

        Statistics may differ by rounding, as they do where the same data is built on another machine or with another
        number of threads: by 1e-4 of a standard deviation.
        """
        if self.name != other.name:
            return f"names {self.name} and {other.name}"
        if self.skeleton.digest != other.skeleton.digest:
            mine, theirs = (f"{tree.name} ({tree.digest})" for tree in (self.skeleton, other.skeleton))
            return f"skeleton {mine} and {theirs}"
        if self.layout != other.layout or self.fps != other.fps:
            return f"layout {self.layout} at {self.fps:g} fps and {other.layout} at {other.fps:g} fps"
        slack = 1e-4 * torch.maximum(self.std, other.std) + 1e-9
        apart = torch.maximum((self.mean - other.mean).abs(), (self.std - other.std).abs())
        return f"statistics of {self.name} and of {other.name}" if bool((apart > slack).any()) else None


@runtime_checkable
class MotionSource(Protocol):
    """What a task asks of a data module."""

    @property
    def facts(self) -> DataFacts:
        """Skeleton, layout, frame rate and statistics."""

    def captions(self, split: str) -> Sequence[str]:
        """All captions of a split, in a fixed order."""

    @property
    def cutting(self) -> dict[str, int]:
        """The limits that clips are cut and left out by."""

    def steady(self, split: str) -> Collection[MotionBatch]:
        """Batches of the clips of a split that every epoch shows alike: neither cut nor changed at random."""


@runtime_checkable
class Buildable(Protocol):
    """A task whose network is made when the data is known."""

    def build(self, source: MotionSource) -> None:
        """Make the network, once."""


@runtime_checkable
class Saveable(Protocol):
    """A task that writes model folders."""

    def save_model(self, folder: str | Path, state: dict[str, Tensor], provenance: dict[str, Any]) -> None:
        """Write a self-contained model folder with the weights of `state`."""


@runtime_checkable
class Reconstructs(Protocol):
    """A task whose reconstructions a callback can show."""

    def reconstruct_features(self, batch: MotionBatch) -> Tensor:
        """Return normalised features (B, T, F) of the batch after tokenising and decoding."""

    def to_motion(self, features: Tensor) -> Any:
        """Make a motion of the normalised features (T, F) of one clip."""


@runtime_checkable
class Samples(Protocol):
    """A task that generates motions a callback can show."""

    def sample(self, captions: list[str], frames: int, seed: int = 0) -> list[Any]:
        """Generate a motion for each caption."""
