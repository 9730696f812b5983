"""MotionTokenizer: motion features to token maps and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from scalemogen.contracts import TokenMaps, TokenSpec, length_mask
from scalemogen.errors import UserError
from scalemogen.motion import get_layout
from scalemogen.scales import Pyramid, Quantised
from scalemogen.skeletons import Skeleton
from scalemogen.tokenizer.coders import JointChannels, MotionDecoder, MotionEncoder
from scalemogen.tokenizer.layers import wide_linear

FEW = 4
"""Motions that a CPU encodes or decodes at a time where there are no gradients: more of them do not fit its caches."""


@dataclass(frozen=True)
class TokenizerOutput:
    """What training needs.

    Attributes:
        reconstruction: (B, T, F) normalised features, zero outside the motion.
        quantised: bits, residuals and sums of every scale.
    """

    reconstruction: Tensor
    quantised: Quantised


class MotionTokenizer(nn.Module):
    """Skeletal-temporal autoencoder around the bitwise residual pyramid (paper_facts sections 3 and 4).

    Args:
        spec: the token grid; its skeleton digest must be that of `skeleton`.
        skeleton: joint tree with its pooling levels.
        width: channels C of every layer.
        blocks: residual blocks in each of the stages.
        dropout: inside the residual blocks, in training.
        reference: reproduce the reference implementation: compute the full grid with the padding left in, and mask
            the decoder's input by floor(frames / frames_per_cell) instead of ceil.

    Raises:
        UserError: the skeleton, layout or grid does not fit the spec.
    """

    def __init__(
        self,
        spec: TokenSpec,
        skeleton: Skeleton,
        *,
        width: int = 384,
        blocks: int = 2,
        dropout: float = 0.1,
        reference: bool = False,
    ) -> None:
        super().__init__()
        if spec.skeleton_digest != skeleton.digest:
            raise UserError(f"tokens are for skeleton {spec.skeleton} ({spec.skeleton_digest}), not {skeleton.name}")
        if spec.frames_per_cell != 2 ** len(skeleton.pools):
            raise UserError(f"{len(skeleton.pools)} pooling levels make {2 ** len(skeleton.pools)} frames a cell")
        self.spec = spec
        self.reference = reference
        channels = JointChannels(get_layout(spec.layout).channels(skeleton))
        self.features = sum(channels.counts)
        self.encoder = MotionEncoder(skeleton, channels, width=width, blocks=blocks, dropout=dropout)
        self.project_in = nn.Linear(width, spec.bits)
        self.project_out = nn.Linear(spec.bits, width)
        self.decoder = MotionDecoder(skeleton, channels, width=width, blocks=blocks, dropout=dropout)
        self.pyramid = Pyramid(spec, padding="reference" if reference else "zero")

    def grid(self, lengths: Tensor) -> int:
        """Return the latent cells that a batch is computed on: those of its longest motion."""
        longest = int(self.pyramid.cells(lengths).max())
        return self.spec.cells if self.reference else longest

    def encode(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Map normalised features (B, T, F) to the projected latent (B, N, G, D), zero outside the motions.

        Raises:
            UserError: another feature width, or a length outside 1..max_frames or beyond T.
        """
        if features.shape[-1] != self.features:
            raise UserError(f"features of width {features.shape[-1]}; layout {self.spec.layout} has {self.features}")
        if int(lengths.max()) > features.shape[1]:
            raise UserError(f"a length of {int(lengths.max())} frames, but only {features.shape[1]} frames given")
        cells = self.grid(lengths)
        frames = cells * self.spec.frames_per_cell
        features = functional.pad(features[:, :frames], (0, 0, 0, max(0, frames - features.shape[1])))
        if self.reference:
            return self._project_in(_few_at_a_time(self.encoder, features, None))
        inside = length_mask(lengths, frames)
        features = features * inside[:, :, None]
        cell_mask = self.pyramid.latent_mask(lengths, cells)
        frame_mask = cell_mask.repeat_interleave(self.spec.frames_per_cell, 1)
        return self._project_in(_few_at_a_time(self.encoder, features, frame_mask)) * cell_mask[:, :, None, None]

    def _project_in(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return wide_linear(self.project_in, x)

    def decode(self, latent: Tensor, lengths: Tensor) -> Tensor:
        """Map the quantised latent (B, N, G, D) to normalised features (B, N * frames_per_cell, F).

        Frames outside a motion are zero (the reference leaves them as they come).
        """
        cells = latent.shape[1]
        x = self.project_out(latent.to(self.project_out.weight.dtype))
        if self.reference:
            inside = length_mask(lengths // self.spec.frames_per_cell, cells)
            return _few_at_a_time(self.decoder, x * inside[:, :, None, None], None)
        inside = self.pyramid.latent_mask(lengths, cells)
        features = _few_at_a_time(self.decoder, x * inside[:, :, None, None], inside)
        frames = length_mask(lengths, features.shape[1])
        return features * frames[:, :, None]

    def tokenise(self, features: Tensor, lengths: Tensor) -> TokenMaps:
        """Map normalised features (B, T, F) to the bits of every scale."""
        return self.pyramid.quantise(self.encode(features, lengths), lengths).maps

    def detokenise(self, maps: TokenMaps, lengths: Tensor) -> Tensor:
        """Map bits of every scale to normalised features (B, T, F), zero outside the motions."""
        return self.decode(self.pyramid.latent(maps, lengths), lengths)

    def forward(self, features: Tensor, lengths: Tensor, keep: Sequence[bool] | None = None) -> TokenizerOutput:
        """Reconstruct (B, T, F); `keep` drops scales (see `Pyramid.quantise`)."""
        quantised = self.pyramid.quantise(self.encode(features, lengths), lengths, keep=keep)
        frames = features.shape[1]
        decoded = self.decode(quantised.sums[-1], lengths)
        decoded = functional.pad(decoded[:, :frames], (0, 0, 0, max(0, frames - decoded.shape[1])))
        return TokenizerOutput(decoded, quantised)


def _few_at_a_time(network: nn.Module, x: Tensor, mask: Tensor | None) -> Tensor:
    """Return network(x, mask); on a CPU and without gradients FEW motions at a time, which gives the same numbers."""
    if torch.is_grad_enabled() or x.device.type != "cpu" or len(x) <= FEW:
        result: Tensor = network(x, mask)
        return result
    parts = torch.split(x, FEW)
    masks = [None] * len(parts) if mask is None else torch.split(mask, FEW)
    return torch.cat([network(part, inside) for part, inside in zip(parts, masks, strict=True)])
