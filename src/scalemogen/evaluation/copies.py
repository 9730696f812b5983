"""Whether generated motions are copies of training clips: by the bits that they share with the clip most like them.

A model that replays a clip replays its tokens. Joints tell that less surely, since the tokenizer's own error reaches
into what lies between two takes of one action; bits do. Copies made for the purpose tell whether it would
have been seen.

Axis letters: B, Q motions, R training windows, L tokens of the full grid, D bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as nnf
from torch import Tensor

from scalemogen.contracts import TokenMaps, TokenSpec
from scalemogen.evaluation.draws import Window
from scalemogen.evaluation.neighbours import TRAIN, equal_windows
from scalemogen.evaluation.samples import Batching, Samples
from scalemogen.evaluation.subject import Subject
from scalemogen.scales import Pyramid

NEAR = 0.01
"""Share of held-out clips that share as many bits with a training clip as counts as near."""

CHANGED = 0.1
"""Share of the bits of a training clip that are turned in the copies that are made for the purpose."""

POWER = 0.5
"""Share of such copies that must be near for the check to say anything."""

OVERLAP = 0.8
"""Share of a motion's tokens that a training clip must have too to be compared with it."""

CHUNK = 512
"""Training windows that are compared at a time."""

BITS = "bits"
GENERATED, HELD_OUT, COPIES = "generated", "held_out", "copies"
QUANTILES: Mapping[str, float] = {"5 %": 0.05, "median": 0.5, "95 %": 0.95, "most": 1.0}


def signed_bits(maps: TokenMaps, spec: TokenSpec) -> Tensor:
    """Return the bits of all scales (B, L D) int8, -1 and 1, 0 outside a motion, each in its place on the full grid."""
    padded = []
    for bits, valid, (cells, _) in zip(maps.bits, maps.valid, spec.sizes, strict=True):
        signed = (2 * bits.to(torch.int8) - 1) * valid[:, :, None, None]
        padded.append(nnf.pad(signed, (0, 0, 0, 0, 0, cells - signed.shape[1])))
    return Pyramid.flatten(padded).flatten(1)


class CopyCheck:
    """Compares bits with those of the training clips of a store, which are tokenised when they are first needed.

    Args:
        subject: the model, whose tokenizer it is, and the store.
        batching: how motions are put together.
    """

    def __init__(self, subject: Subject, batching: Batching) -> None:
        self._subject, self._batching = subject, batching
        self._windows = equal_windows(subject.store, subject.store.indices(TRAIN).tolist(), subject.max_frames)

    @cached_property
    def _trained(self) -> Tensor:
        return self.bits(self._windows, "bits of training clips")

    def bits(self, windows: Sequence[Window], label: str) -> Tensor:
        """Return `signed_bits` (Q, L D) of real motions; `label` is the progress bar's."""
        spec = self._subject.bundle.spec

        def work(batch: list[Window]) -> Samples:
            return {BITS: signed_bits(self._subject.tokens(batch)[0].maps, spec)}

        return self._batching.run(windows, [window.frames for window in windows], work, label)[BITS]

    def copies(self, count: int, seed: int) -> Tensor:
        """Return the bits (Q, L D) of at most `count` training windows with CHANGED of them turned."""
        generator = torch.Generator().manual_seed(seed)
        chosen = self._trained[torch.randperm(len(self._windows), generator=generator)[:count]]
        return torch.where(torch.rand(chosen.shape, generator=generator) < CHANGED, -chosen, chosen)

    def shared(self, bits: Tensor, own: Sequence[int]) -> Tensor:
        """Return the largest share (Q,) of bits that motions have in common with a training window.

        Args:
            bits: (Q, L D) `signed_bits`.
            own: Q clips of the store with which a motion is not compared; -1 for none.

        Returns:
            Of the bits of tokens that both have. NaN where no window has OVERLAP of the motion's tokens.
        """
        device, owners = self._subject.device, torch.tensor(own)
        query = bits.to(device).float()
        needed = OVERLAP * query.abs().sum(1, keepdim=True)
        best = torch.full((len(bits),), -torch.inf)
        for start in range(0, len(self._windows), CHUNK):
            part = self._trained[start : start + CHUNK].to(device).float()
            both = query.abs() @ part.abs().T
            share = ((query @ part.T / both.clamp_min(1.0) + 1.0) / 2.0).masked_fill(both < needed, -torch.inf).cpu()
            clips = torch.tensor([window.clip for window in self._windows[start : start + CHUNK]])
            best = torch.maximum(best, share.masked_fill(owners[:, None] == clips, -torch.inf).amax(1))
        return torch.where(best.isfinite(), best, torch.nan)


def memorisation(generated: Tensor, held_out: Tensor, copies: Tensor) -> dict[str, Any]:
    """Compare how much generated motions share with training clips with what copies nothing, and with copies.

    Args:
        generated: (Q,) largest shares of generated motions, see `CopyCheck.shared`; NaN where one was not judged.
        held_out: (Q',) of real clips that were not trained on.
        copies: (Q'',) of `CopyCheck.copies`.

    Returns:
        "threshold", the share that NEAR of `held_out` exceed; by kind "nearer", how many of its motions do, "judged"
        and "left_out", numbers of motions, "quantiles" and "shares"; "power", whether at least POWER of the copies do;
        "changed". What there are no motions for is None.
    """
    kinds = {GENERATED: generated.double(), HELD_OUT: held_out.double(), COPIES: copies.double()}
    judged = {name: values[~values.isnan()] for name, values in kinds.items()}
    threshold = float(judged[HELD_OUT].quantile(1.0 - NEAR)) if len(judged[HELD_OUT]) else None
    nearer = {
        name: float((values > threshold).double().mean()) if threshold is not None and len(values) else None
        for name, values in judged.items()
    }
    seen = nearer[COPIES]
    return {
        "changed": CHANGED,
        "threshold": threshold,
        "nearer": nearer,
        "power": seen is not None and seen >= POWER,
        "judged": {name: len(values) for name, values in judged.items()},
        "left_out": {name: len(values) - len(judged[name]) for name, values in kinds.items()},
        "quantiles": {
            name: {at: float(values.quantile(share)) for at, share in QUANTILES.items()} if len(values) else None
            for name, values in judged.items()
        },
        "shares": {name: values.tolist() for name, values in judged.items()},
    }
