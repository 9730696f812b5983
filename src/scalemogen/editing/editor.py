"""Drawing parts of given motions anew: features in, features out. Shared by editing, in-betweening and prolonging.

Axis letters: B motions, T frames, F features, N latent time cells, G parts, K scales.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import torch
from einops import reduce
from torch import Tensor

from scalemogen.checkpoints import Bundle
from scalemogen.contracts import TextFeatures
from scalemogen.errors import UserError
from scalemogen.motion import Normaliser
from scalemogen.sampling import edit, kept_bits, seeded_generators, source_probabilities


@dataclass(frozen=True)
class Window:
    """A motion no longer than the model's longest, and what may change in it.

    Attributes:
        features: (T, F) in their own units. Inside the region they are what the tokenizer starts from.
        text: what the result is to show.
        region: (T, G) bool, True = may change; a latent cell with such a frame changes as a whole.
        seed: of the random numbers.
        source_text: what the features show; None = not known.
    """

    features: Tensor
    text: str
    region: Tensor
    seed: int
    source_text: str | None = None


@dataclass(frozen=True)
class Redrawn:
    """A window after an edit.

    Attributes:
        features: (T, F) as the decoder makes them, in their own units.
        kept: per scale the share of bits kept among the tokens that reach into the region.
    """

    features: Tensor
    kept: tuple[float, ...]


def time_region(frames: int, start: int, stop: int, parts: Collection[int], count: int) -> Tensor:
    """Return (T, G) bool, True for `parts` of `count` in frames start..stop-1."""
    index = torch.arange(frames)
    chosen = torch.tensor([part in parts for part in range(count)])
    return ((index >= start) & (index < stop))[:, None] & chosen


class Editor:
    """A loaded text-to-motion model, as editing uses it.

    Args:
        bundle: what `load_model` returned.
        device: where its networks are.

    Raises:
        UserError: the bundle holds a tokenizer alone.
    """

    def __init__(self, bundle: Bundle, device: torch.device) -> None:
        if bundle.ar is None or bundle.text is None:
            raise UserError(
                "this folder holds a tokenizer alone; new motion needs a text-to-motion model: train stage 2 on it"
                " (`make train-ar`) and load the folder that makes"
            )
        self._ar, self._text, self._tokenizer = bundle.ar, bundle.text, bundle.tokenizer
        self._normaliser = Normaliser(bundle.facts.mean, bundle.facts.std)
        self._device = device

    @property
    def scales(self) -> int:
        """K."""
        return self._tokenizer.pyramid.scales

    @property
    def max_frames(self) -> int:
        """Frames of the longest window."""
        return self._tokenizer.spec.max_frames

    @property
    def frames_per_cell(self) -> int:
        """Frames of a latent time cell."""
        return self._tokenizer.spec.frames_per_cell

    @property
    def parts(self) -> int:
        """G."""
        return self._tokenizer.spec.parts

    @torch.no_grad()
    def redraw(
        self,
        windows: Sequence[Window],
        sampling: Mapping[str, float],
        *,
        gamma: int = 0,
        tau: float | None = None,
    ) -> list[Redrawn]:
        """Edit windows in one batch; see `sampling.edit`.

        Args:
            windows: at least one.
            sampling: guidance and temperature.
            gamma: γ.
            tau: τ; None = every bit is drawn afresh, and no pass over the source is made.

        Raises:
            UserError: a sentence too long, γ, guidance or temperature out of range.
        """
        pyramid, guidance, temperature = self._tokenizer.pyramid, sampling["guidance"], sampling["temperature"]
        lengths = torch.tensor([len(window.features) for window in windows], device=self._device)
        rows = [self._normaliser.normalise(window.features) for window in windows]
        latent = self._tokenizer.encode(torch.nn.utils.rnn.pad_sequence(rows, True).to(self._device), lengths)
        source = pyramid.quantise(latent, lengths, inputs=tau is not None)
        probabilities = None
        if tau is not None:
            known = torch.tensor([window.source_text is not None for window in windows], device=self._device)
            texts = self._words([window.source_text or window.text for window in windows])
            probabilities = source_probabilities(
                self._ar, pyramid, source, texts, known, guidance=guidance, temperature=temperature
            )
        region = self._cells([window.region for window in windows], latent.shape[1])
        made = edit(
            self._ar,
            pyramid,
            source,
            self._words([window.text for window in windows]),
            lengths,
            region,
            generators=seeded_generators([window.seed for window in windows]),
            probabilities=probabilities,
            gamma=gamma,
            tau=tau or 0.0,
            guidance=guidance,
            temperature=temperature,
        )
        kept = torch.stack(kept_bits(pyramid, source.maps, made.maps, region), 1).tolist()
        features = self._normaliser.denormalise(self._tokenizer.decode(made.latent, lengths).float().cpu())
        return [
            Redrawn(row[:length], tuple(shares))
            for row, length, shares in zip(features, lengths.tolist(), kept, strict=True)
        ]

    def _words(self, sentences: list[str]) -> TextFeatures:
        words: TextFeatures = self._text(sentences)
        return words.to(self._device)

    def _cells(self, regions: Sequence[Tensor], cells: int) -> Tensor:
        """Return (B, N, G) bool, True where a latent cell holds a frame that may change."""
        size = self._tokenizer.spec.frames_per_cell
        padded = [torch.nn.functional.pad(region, (0, 0, 0, cells * size - len(region))) for region in regions]
        return reduce(torch.stack(padded).to(self._device), "b (n t) g -> b n g", "any", t=size)
