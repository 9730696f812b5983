"""MotionTokenizer: motion features to token maps and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

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
from scalemogen.tokenizer.rows import Rows

MOST_ACTIVATIONS = 2_000_000
"""Numbers of the widest layer that a CPU computes at a time where there are no gradients, but whole motions: more do
not stay in its caches."""


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
        self.stages = len(skeleton.pools)
        self.encoder = MotionEncoder(skeleton, channels, width=width, blocks=blocks, dropout=dropout)
        self.project_in = nn.Linear(width, spec.bits)
        self.project_out = nn.Linear(spec.bits, width)
        self.decoder = MotionDecoder(skeleton, channels, width=width, blocks=blocks, dropout=dropout)
        self.pyramid = Pyramid(spec, padding="reference" if reference else "zero")

    def encode(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Map normalised features (B, T, F) to the projected latent (B, N, G, D), zero outside the motions.

        Raises:
            UserError: another feature width, or a length outside 1..max_frames or beyond T.
        """
        if features.shape[-1] != self.features:
            raise UserError(f"features of width {features.shape[-1]}; layout {self.spec.layout} has {self.features}")
        if int(lengths.max()) > features.shape[1]:
            raise UserError(f"a length of {int(lengths.max())} frames, but only {features.shape[1]} frames given")
        counts = self.pyramid.cells(lengths).tolist()
        if self.reference:
            counts = [self.spec.cells] * len(counts)
        cells = max(counts)
        frames = cells * self.spec.frames_per_cell
        features = functional.pad(features[:, :frames], (0, 0, 0, max(0, frames - features.shape[1])))
        if not self.reference:
            features = features * length_mask(lengths, frames)[:, :, None]
        parts = [self._encode(features[some], counts[some], cells) for some in self._portions(counts, features.device)]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _encode(self, features: Tensor, counts: list[int], cells: int) -> Tensor:
        rows = Rows(counts, self.stages, features.device)
        x = self.encoder(rows.pack(features, self.stages), rows)
        with torch.autocast(x.device.type, enabled=False):
            z = wide_linear(self.project_in, x)
        return rows.unpack(z.transpose(0, 1), 0, cells)

    def decode(self, latent: Tensor, lengths: Tensor) -> Tensor:
        """Map the quantised latent (B, N, G, D) to normalised features (B, N * frames_per_cell, F).

        Frames outside a motion are zero (the reference leaves them as they come).
        """
        cells = latent.shape[1]
        counts = [cells] * len(latent) if self.reference else self.pyramid.cells(lengths).tolist()
        x = self.project_out(latent.to(self.project_out.weight.dtype))
        if self.reference:
            x = x * length_mask(lengths // self.spec.frames_per_cell, cells)[:, :, None, None]
        parts = [self._decode(x[some], counts[some], cells) for some in self._portions(counts, x.device)]
        features = parts[0] if len(parts) == 1 else torch.cat(parts)
        return features if self.reference else features * length_mask(lengths, features.shape[1])[:, :, None]

    def _decode(self, x: Tensor, counts: list[int], cells: int) -> Tensor:
        rows = Rows(counts, self.stages, x.device)
        features = self.decoder(rows.pack(x, 0).transpose(0, 1).contiguous(), rows)
        return rows.unpack(features, self.stages, cells * self.spec.frames_per_cell)

    def _portions(self, counts: list[int], device: torch.device) -> list[slice]:
        """Return the motions to compute at a time: all of them, but on a CPU without gradients what its caches hold."""
        if torch.is_grad_enabled() or device.type != "cpu":
            return [slice(None)]
        of_cell = self.spec.frames_per_cell * len(self.encoder.channels.counts) * self.project_in.in_features
        most = MOST_ACTIVATIONS // of_cell
        cuts, cells = [0], 0
        for motion, count in enumerate(counts):
            if cells and cells + count > most:
                cuts.append(motion)
                cells = 0
            cells += count
        return [slice(*pair) for pair in pairwise([*cuts, len(counts)])]

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
