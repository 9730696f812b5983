"""Editing without training: a motion's bits, drawn anew under another sentence where that is asked for.

The idea is the paper's (paper_facts section 6): keep the bits that the new sentence does not speak against, draw the
others anew. What differs from the reference implementation (`edit_reference.py`) is the region: a set of cells of the
finest grid, outside which nothing changes. After every scale the running sum there is set back to the source's own. So
a coarse token that covers an arm and both legs can change for the arm alone, and a token as long as the motion for a
second of it.

Axis letters: B batch, K scales, N latent time cells, G parts, N_k and G_k those of scale k, D bits.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from einops import rearrange
from torch import Tensor

from scalemogen.ar import NextScaleTransformer
from scalemogen.contracts import TextFeatures, TokenMaps
from scalemogen.errors import UserError
from scalemogen.sampling.bits import (
    bit_probability,
    draw_uniforms,
    guidance_schedule,
    probability_of,
    temperature_schedule,
)
from scalemogen.sampling.generate import Generated, evaluating, generate
from scalemogen.scales import Pyramid, Quantised


@torch.no_grad()
def source_probabilities(
    transformer: NextScaleTransformer,
    pyramid: Pyramid,
    source: Quantised,
    text: TextFeatures,
    known: Tensor,
    *,
    guidance: float | Sequence[float] = 7.0,
    temperature: float | Sequence[float] = 1.3,
) -> tuple[Tensor, ...]:
    """Ask how probable a motion's own bits are: one teacher-forced pass over all scales, without drawing.

    Args:
        transformer: any device and floating type; dropout is off.
        pyramid: of the same spec.
        source: B motions, quantised with `inputs=True`.
        text: B sentences.
        known: (B,) bool, False = what this motion shows is not known; its probabilities are those without text, and its
            row of `text` counts for nothing but its number of words.
        guidance: as in `generate`.
        temperature: as in `generate`.

    Returns:
        per scale (B, N_k, G_k, D) the probability of bit 1.

    Raises:
        UserError: another spec, a prompt too long, a wrong guidance or temperature.
    """
    transformer.spec.require_equal(pyramid.spec, "the transformer", "the pyramid")
    strengths = guidance_schedule(guidance, pyramid.scales)
    temperatures = temperature_schedule(temperature, pyramid.scales)
    batch, valid, inputs, drop = len(known), source.maps.valid, source.inputs, ~known
    guided = any(strengths) and bool(known.any())
    if guided:
        text = TextFeatures(torch.cat([text.tokens] * 2), torch.cat([text.mask] * 2))
        valid = tuple(torch.cat([mask] * 2) for mask in valid)
        inputs = None if inputs is None else torch.cat([inputs] * 2)
        drop = torch.cat([drop, torch.ones_like(drop)])
    with evaluating(transformer):
        logits = transformer(inputs, text, valid, drop)
    cells = source.sums[-1].shape[1]
    per_scale = pyramid.split(logits.flatten(2), cells)
    probabilities = []
    for k, flat in enumerate(per_scale):
        both = rearrange(flat, "b n g (d two) -> b n g d two", two=2)
        null = both[batch:] if guided else None
        probabilities.append(bit_probability(both[:batch], temperatures[k], strengths[k], null))
    return tuple(probabilities)


def abduct_uniforms(maps: TokenMaps, probabilities: Sequence[Tensor], uniforms: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return random numbers of the kind that would have drawn these bits: below p where the bit is 1, else above.

    Drawn with them under another sentence, a bit changes no more often than its probability does, and under its own
    sentence it comes back. The reference's way to the same end is to use the source's random seed again, which a motion
    from a file does not have.

    Args:
        maps: the bits.
        probabilities: per scale (B, N_k, G_k, D), p, of bit 1.
        uniforms: per scale (B, N_k, G_k, D) in [0, 1), where in its range each number lies.
    """
    return tuple(
        torch.where(bits, u * p, p + u * (1.0 - p))
        for bits, p, u in zip(maps.bits, probabilities, uniforms, strict=True)
    )


@torch.no_grad()
def edit(
    transformer: NextScaleTransformer,
    pyramid: Pyramid,
    source: Quantised,
    text: TextFeatures,
    lengths: Tensor,
    region: Tensor,
    *,
    generators: Sequence[torch.Generator] | None,
    probabilities: Sequence[Tensor] | None = None,
    gamma: int = 0,
    tau: float = 0.0,
    guidance: float | Sequence[float] = 7.0,
    temperature: float | Sequence[float] = 1.3,
) -> Generated:
    """Draw the bits of motions anew under other sentences, inside a region.

    Scales below γ keep the source's bits. From γ on a bit is drawn where the new sentence makes the source's one less
    probable, P_s(B_s) - P_t(B_s) > τ, with a random number that fits the source (`abduct_uniforms`). Without
    probabilities every bit from γ on is drawn afresh.

    Args:
        transformer: any device and floating type; dropout is off.
        pyramid: of the same spec, in zero padding.
        source: B motions.
        text: B sentences that the result is to show.
        lengths: (B,) frames.
        region: (B, N, G) bool, True = cell that may change.
        generators: as in `generate`.
        probabilities: of the source's bits, from `source_probabilities`; None = the region is filled with new motion.
        gamma: γ, 0..K.
        tau: τ.
        guidance: as in `generate`.
        temperature: as in `generate`.

    Returns:
        Generated. Its latent is the source's outside the region, exactly; its bits are those that were chosen, which a
        token that reaches over the region's border gives to the inside only.

    Raises:
        UserError: γ out of range; see `generate`.
    """
    if not 0 <= gamma <= pyramid.scales:
        raise UserError(f"gamma is {gamma}; it counts scales, so it must be 0 to {pyramid.scales}")
    uniforms = None
    if probabilities is not None and generators is not None:
        sizes = pyramid.sizes(source.sums[-1].shape[1])
        fresh = draw_uniforms(source.maps.valid, [groups for _, groups in sizes], pyramid.spec.bits, generators)
        uniforms = abduct_uniforms(source.maps, probabilities, fresh)

    def decide(k: int, probability: Tensor, bits: Tensor) -> Tensor:
        own = source.maps.bits[k]
        if k < gamma:
            return own
        if probabilities is None:
            return bits
        fall = probability_of(own, probabilities[k]) - probability_of(own, probability)
        return torch.where(fall > tau, bits, own)

    def hold(k: int, total: Tensor) -> Tensor:
        return torch.where(region[..., None], total, source.sums[k])

    return generate(
        transformer,
        pyramid,
        text,
        lengths,
        generators=generators,
        guidance=guidance,
        temperature=temperature,
        uniforms=uniforms,
        decide=decide,
        hold=hold,
    )


def kept_bits(pyramid: Pyramid, source: TokenMaps, result: TokenMaps, region: Tensor) -> list[Tensor]:
    """Return per scale (B,) the share of bits that are the source's, among tokens that reach into the region.

    1 where no token does.
    """
    shares = []
    for k, (own, new) in enumerate(zip(source.bits, result.bits, strict=True)):
        reached = (pyramid.down(region[..., None].float(), k) > 0) & result.valid[k][:, :, None, None]
        same = ((own == new) & reached).sum((1, 2, 3))
        count = reached.sum((1, 2, 3)) * own.shape[-1]
        shares.append(torch.where(count > 0, same / count.clamp_min(1), 1.0))
    return shares
