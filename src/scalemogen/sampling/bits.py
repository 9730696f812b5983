"""Drawing bits: guidance, temperature, one random stream per sample (paper_facts section 5).

Axis letters: B batch, K scales, N_k time cells and G_k groups of scale k, D bits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from scalemogen.ar import bit_margin
from scalemogen.errors import UserError


def guidance_schedule(guidance: float | Sequence[float], scales: int) -> list[float]:
    """Return the guidance of every scale: a number g rises linearly from 0 to g, a list is taken as it is.

    Raises:
        UserError: a negative or non-finite value, or a list of another length than K.
    """
    if not isinstance(guidance, Real):
        return _checked("guidance", guidance, scales, least=0.0)
    (last,) = _checked("guidance", [guidance], 1, least=0.0)
    return [last * k / (scales - 1) for k in range(scales)] if scales > 1 else [last]


def temperature_schedule(temperature: float | Sequence[float], scales: int) -> list[float]:
    """Return the temperature of every scale: a number holds for all of them.

    Raises:
        UserError: a value that is not above 0 (ask for the most probable bits instead), or a list of another length.
    """
    values = [temperature] * scales if isinstance(temperature, Real) else temperature
    return _checked("temperature", values, scales, least=1e-6)


def _checked(name: str, given: object, scales: int, least: float) -> list[float]:
    values: list[Any] = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    if wrong := [value for value in values if not isinstance(value, Real)]:
        raise UserError(f"{name} is {wrong[0]!r}; give one number, or one for each of {scales} scales")
    if len(values) != scales:
        raise UserError(f"{name} has {len(values)} values; give one number or one value for each of {scales} scales")
    for value in values:
        if not least <= value < math.inf:
            raise UserError(f"{name} is {value}; it must be finite and at least {least:g}")
    return [float(value) for value in values]


def bit_probability(logits: Tensor, temperature: float, guidance: float = 0.0, null: Tensor | None = None) -> Tensor:
    """Return the probability of bit 1 after temperature and guidance.

    Equation: p = softmax((1 + g) l / τ - g l_null / τ), which for two classes is the sigmoid of a difference.

    Args:
        logits: (..., 2) given the text.
        temperature: τ.
        guidance: g.
        null: (..., 2) logits without text; not needed when g = 0.

    Returns:
        (...) in 0..1, at least float32.
    """
    margin = bit_margin(logits) / temperature
    if null is not None and guidance:
        margin = (1.0 + guidance) * margin - guidance * (bit_margin(null) / temperature)
    return torch.sigmoid(margin)


def probability_of(bits: Tensor, probability: Tensor) -> Tensor:
    """Return the probability (...) of the bits (...) themselves, given that of bit 1."""
    return torch.where(bits, probability, 1.0 - probability)


def seeded_generators(seeds: Sequence[int]) -> list[torch.Generator]:
    """Return one CPU generator per sample. CPU streams are the same on every machine and for every device."""
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def draw_uniforms(
    valid: Sequence[Tensor], groups: Sequence[int], bits: int, generators: Sequence[torch.Generator]
) -> tuple[Tensor, ...]:
    """Draw one number in [0, 1) for every bit inside the motions; bit 1 is `u < p`.

    A sample takes all its numbers from its own generator in one draw: scale after scale, time cell after time cell.
    So what it gets depends on its seed and its length alone, never on its neighbours, the batch size or the padding.

    Args:
        valid: per scale (B, N_k) bool, each row True first, then False.
        groups: G_k.
        bits: D.
        generators: B generators, on any device.

    Returns:
        per scale (B, N_k, G_k, D) float32 on the masks' device; 1 outside a motion, which gives bit 0.
    """
    device = valid[0].device
    result = [torch.ones(*mask.shape, size, bits) for mask, size in zip(valid, groups, strict=True)]
    inside = [mask.sum(1).tolist() for mask in valid]
    for row, generator in enumerate(generators):
        counts = [cells[row] * size * bits for cells, size in zip(inside, groups, strict=True)]
        draw = torch.rand(sum(counts), generator=generator, device=generator.device).cpu()
        for k, part in enumerate(torch.split(draw, counts)):
            cells = inside[k][row]
            result[k][row, :cells] = part.view(cells, groups[k], bits)
    return tuple(uniforms.to(device) for uniforms in result)
