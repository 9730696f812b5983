"""The model under evaluation: parts of clips and sentences to features in the layout's own units.

Axis letters: B batch, T frames, F features per frame, K scales, N latent time cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from scalemogen.checkpoints import Bundle
from scalemogen.contracts import TokenMaps, length_mask
from scalemogen.data_modules import MotionStore
from scalemogen.errors import UserError
from scalemogen.evaluation.draws import Window, read_windows
from scalemogen.motion import Motion, Normaliser
from scalemogen.pipeline import GUIDANCE, TEMPERATURE, TextToMotion
from scalemogen.sampling import generate, seeded_generators
from scalemogen.scales import Quantised


@dataclass(frozen=True)
class Request:
    """A motion to generate: from which sentence, how long, with which seed."""

    caption: str
    frames: int
    seed: int


@dataclass(frozen=True)
class Rebuilt:
    """Windows after the tokenizer.

    Attributes:
        features: per scale (B, T, F), decoded from the maps up to it; the last one is the reconstruction. Only that
            one, where no others were asked for.
        maps: their bits.
    """

    features: list[Tensor]
    maps: TokenMaps


class Subject:
    """A trained model beside the data it is measured on. Everything it returns is in units, on the model's device.

    Args:
        bundle: the model.
        store: the data.
        device: where to compute.
        guidance, temperature: of the sampling; None: what the model was saved with.

    Attributes:
        bundle: the model.
        store: the data.
        device: where to compute.
        guidance, temperature: as used.
    """

    def __init__(
        self,
        bundle: Bundle,
        store: MotionStore,
        *,
        device: str = "cpu",
        guidance: float | None = None,
        temperature: float | None = None,
    ) -> None:
        self.bundle = bundle
        self.store = store
        self.device = torch.device(device)
        self.guidance = bundle.sampling.get("guidance", GUIDANCE) if guidance is None else guidance
        self.temperature = bundle.sampling.get("temperature", TEMPERATURE) if temperature is None else temperature
        self._model = TextToMotion(bundle, device)
        self._normaliser = Normaliser(bundle.facts.mean, bundle.facts.std)

    @property
    def generates(self) -> bool:
        """Whether there is a second stage."""
        return self.bundle.ar is not None

    @property
    def max_frames(self) -> int:
        """Frames of the longest motion."""
        return self.bundle.spec.max_frames

    @property
    def min_frames(self) -> int:
        """Frames of the shortest motion that can be generated."""
        return self.bundle.spec.frames_per_cell

    @property
    def scales(self) -> int:
        """K."""
        return len(self.bundle.spec.scales)

    @property
    def bits(self) -> int:
        """D, bits of a token."""
        return self.bundle.spec.bits

    def real(self, windows: Sequence[Window]) -> tuple[Tensor, Tensor]:
        """Return the features (B, T, F) of windows, zero beyond their lengths (B,), and these.

        Raises:
            UserError: a clip holds values that are not finite.
        """
        features, lengths = read_windows(self.store, windows)
        return features.to(self.device), lengths.to(self.device)

    @torch.no_grad()
    def tokens(self, windows: Sequence[Window]) -> tuple[Quantised, Tensor]:
        """Return windows tokenised, and their lengths (B,)."""
        features, lengths = self.real(windows)
        inside = length_mask(lengths, features.shape[1])
        normalised = self._normaliser.normalise(features) * inside[..., None]
        tokenizer = self.bundle.tokenizer
        quantised: Quantised = tokenizer.pyramid.quantise(tokenizer.encode(normalised, lengths), lengths)
        return quantised, lengths

    @torch.no_grad()
    def rebuild(self, windows: Sequence[Window], every_scale: bool = False) -> Rebuilt:
        """Pass windows through the tokenizer.

        Args:
            windows: at least one.
            every_scale: also decode after 1, 2, ... scales.
        """
        quantised, lengths = self.tokens(windows)
        sums = quantised.sums if every_scale else quantised.sums[-1:]
        return Rebuilt([self._decode(total, lengths) for total in sums], quantised.maps)

    @torch.no_grad()
    def generate(self, requests: Sequence[Request]) -> tuple[Tensor, Tensor, TokenMaps]:
        """Return features (B, T, F) of new motions, zero beyond their lengths (B,), these, and the bits.

        Raises:
            UserError: there is no second stage, or it produced values that are not finite.
        """
        bundle = self.bundle
        if bundle.ar is None or bundle.text is None:
            raise UserError("this model is a tokenizer alone; it generates nothing")
        lengths = torch.tensor([request.frames for request in requests], device=self.device)
        made = generate(
            bundle.ar,
            bundle.tokenizer.pyramid,
            bundle.text([request.caption for request in requests], truncate=True).to(self.device),
            lengths,
            generators=seeded_generators([request.seed for request in requests]),
            guidance=self.guidance,
            temperature=self.temperature,
        )
        features = self._decode(made.latent, lengths)
        broken = (~features.isfinite().all(-1).all(-1)).nonzero().flatten().tolist()
        if broken:
            request = requests[broken[0]]
            raise UserError(
                f"the model generates values that are not finite, for {request.caption!r} with seed {request.seed}"
            )
        return features, lengths, made.maps

    def to_motions(self, features: Tensor, lengths: Sequence[int]) -> list[Motion]:
        """Return the motions that a user sees of features (B, T, F)."""
        return self._model.to_motions([row[:length] for row, length in zip(features.cpu(), lengths, strict=True)])

    def _decode(self, latent: Tensor, lengths: Tensor) -> Tensor:
        frames = int(lengths.max())
        normalised = self.bundle.tokenizer.decode(latent, lengths)[:, :frames].float()
        inside = length_mask(lengths, frames)
        return torch.where(inside[..., None], self._normaliser.denormalise(normalised), 0.0)
