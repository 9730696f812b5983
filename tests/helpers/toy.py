"""A small token grid and tokenizer with unequal prime sizes."""

from __future__ import annotations

import torch
from torch import Tensor

from scalemogen.contracts import TokenSpec
from scalemogen.motion import get_layout
from scalemogen.scales import scales_from_count
from scalemogen.skeletons import get_skeleton
from scalemogen.tokenizer import MotionTokenizer

SKELETON = get_skeleton("humanml3d")
LAYOUT = get_layout("humanml3d")
FEATURES = LAYOUT.width(SKELETON)
CELLS = 13


def make_spec(bits: int = 5, count: int = 6, cells: int = CELLS) -> TokenSpec:
    return TokenSpec(
        bits=bits,
        scales=scales_from_count(count, cells, SKELETON.chain("inner-to-outer")),
        cells=cells,
        parts=len(SKELETON.parts),
        frames_per_cell=4,
        skeleton=SKELETON.name,
        skeleton_digest=SKELETON.digest,
        layout="humanml3d",
    )


def make_tokenizer(width: int = 11, dropout: float = 0.0, **spec: int) -> MotionTokenizer:
    torch.manual_seed(0)
    return MotionTokenizer(make_spec(**spec), SKELETON, width=width, blocks=1, dropout=dropout).eval()


def make_features(lengths: list[int], frames: int | None = None) -> tuple[Tensor, Tensor]:
    """Return random features (B, T, F), zero after each length, and the lengths (B,)."""
    torch.manual_seed(1)
    lengths_tensor = torch.tensor(lengths)
    frames = frames or max(lengths)
    inside = torch.arange(frames) < lengths_tensor[:, None]
    return torch.randn(len(lengths), frames, FEATURES) * inside[..., None], lengths_tensor
