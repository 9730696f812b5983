"""A small predictor whose axes have unequal prime sizes: 13 cells, 5 parts, 7 bits, 11 text channels."""

from __future__ import annotations

import torch
from torch import Tensor

from scalemogen.ar import NextScaleTransformer
from scalemogen.contracts import Scale, TextFeatures, TokenSpec
from scalemogen.scales import Pyramid, Quantised

CHAIN = (
    ((0, 1, 2, 3, 4),),
    ((0, 1), (2, 3, 4)),
    ((0, 1), (2,), (3, 4)),
    ((0,), (1,), (2,), (3,), (4,)),
)
TEXT_WIDTH, WORDS, MAX_WORDS = 11, 5, 7
FRAMES_PER_CELL = 3
LENGTHS = torch.tensor([17, 39, 4])


def toy_spec(first_groups: int = 0, cells: int = 13) -> TokenSpec:
    """Scales of 1, 2, 4 and 13 time cells (of 13); the first one can have several groups."""
    scales = (
        Scale(cells, CHAIN[first_groups]),
        Scale(6, CHAIN[max(1, first_groups)]),
        Scale(3, CHAIN[max(2, first_groups)]),
        Scale(1, CHAIN[3]),
    )
    return TokenSpec(7, scales, cells, 5, FRAMES_PER_CELL, "toy", "0", "toy")


def toy_transformer(spec: TokenSpec | None = None, **options: bool | float) -> NextScaleTransformer:
    """A predictor in which every parameter matters (training starts some of them at zero)."""
    torch.manual_seed(3)
    model = NextScaleTransformer(
        spec or toy_spec(),
        text_width=TEXT_WIDTH,
        width=24,
        depth=2,
        heads=3,
        text_max_tokens=MAX_WORDS,
        **options,  # type: ignore[arg-type]
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    return model.eval()


def toy_text(batch: int = 3, words: int = WORDS) -> TextFeatures:
    """Prompts of 1 to `words` words, with rubbish in the padding."""
    generator = torch.Generator().manual_seed(5)
    counts = 1 + torch.arange(batch) * 2 % words
    tokens = torch.randn(batch, words, TEXT_WIDTH, generator=generator)
    return TextFeatures(tokens, torch.arange(words) < counts[:, None])


def toy_quantised(spec: TokenSpec, lengths: Tensor = LENGTHS, cells: int | None = None) -> Quantised:
    """Labels and inputs of random latents, cropped to the longest motion or to `cells`; rows depend on nothing else."""
    pyramid = Pyramid(spec)
    cells = cells or int(pyramid.cells(lengths).max())
    rows = [torch.randn(spec.cells, spec.parts, spec.bits, generator=_seeded(row)) for row in range(len(lengths))]
    return pyramid.quantise(torch.stack(rows)[:, :cells], lengths, inputs=True)


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
