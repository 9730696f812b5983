"""Text to bits, scale by scale (paper_facts section 5, Sampling).

Axis letters: B batch, K scales, N latent time cells, G parts, N_k and G_k those of scale k, D bits, S words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from scalemogen.ar import NextScaleTransformer
from scalemogen.contracts import TextFeatures, TokenMaps
from scalemogen.errors import UserError
from scalemogen.sampling.bits import bit_probability, draw_uniforms, guidance_schedule, temperature_schedule
from scalemogen.scales import Pyramid

Decide = Callable[[int, Tensor, Tensor], Tensor]
"""Chooses the bits of a scale: (scale, probability of bit 1, drawn bits) to bits; each (B, N_k, G_k, D)."""

Hold = Callable[[int, Tensor], Tensor]
"""Changes the running sum after a scale: (scale, sum of codes) to sum; each (B, N, G, D)."""

Watch = Callable[[int, int], None]
"""Hears of every scale that is done: (scales done, K)."""

_WATCH: ContextVar[Watch | None] = ContextVar("watch", default=None)


@contextmanager
def watching(watch: Watch) -> Iterator[None]:
    """Have every generation of this thread inside the block, edits among them, tell `watch` of each scale."""
    token = _WATCH.set(watch)
    try:
        yield
    finally:
        _WATCH.reset(token)


_KEEP: ContextVar[list[TokenMaps] | None] = ContextVar("keep", default=None)


@contextmanager
def keeping_tokens() -> Iterator[list[TokenMaps]]:
    """Yield a list to which every generation of this thread inside the block adds its bits, batch after batch."""
    kept: list[TokenMaps] = []
    token = _KEEP.set(kept)
    try:
        yield kept
    finally:
        _KEEP.reset(token)


@dataclass(frozen=True)
class Generated:
    """The result of a generation.

    Attributes:
        maps: bits of every scale and their masks.
        latent: (B, N, G, D) the final sum of codes, what the tokenizer decodes.
        probabilities: per scale (B, N_k, G_k, D) the probability of bit 1 after guidance and temperature.
    """

    maps: TokenMaps
    latent: Tensor
    probabilities: tuple[Tensor, ...]


@torch.no_grad()
def generate(
    transformer: NextScaleTransformer,
    pyramid: Pyramid,
    text: TextFeatures,
    lengths: Tensor,
    *,
    generators: Sequence[torch.Generator] | None,
    guidance: float | Sequence[float] = 7.0,
    temperature: float | Sequence[float] = 1.3,
    uniforms: Sequence[Tensor] | None = None,
    decide: Decide | None = None,
    hold: Hold | None = None,
) -> Generated:
    """Generate the bits of B motions of any lengths.

    A pass with text and one without run as one batch of 2B, over the same key-value cache; without guidance, and from
    the last scale that has any, there is only the first. Nothing past the longest motion is computed, except with a
    pyramid in reference padding, which always computes the full grid.

    A sample depends on its seed, text and length only. The last digits of a probability do depend on the batch, as all
    float32 matrix products do: a bit differs where its random number falls between the two, less than one bit in a
    million; with `transformer.double()` in practice never.

    Args:
        transformer: any device and floating type; dropout is off while generating.
        pyramid: of the same spec.
        text: features of B prompts.
        lengths: (B,) frames.
        generators: one per sample (`seeded_generators`); None = the most probable bits, without any randomness.
        guidance: g: a number rises linearly over the scales from 0 to g, a list is taken as it is.
        temperature: one number, or one per scale.
        uniforms: recorded random numbers per scale (B, N_k or more, G_k, D), instead of `generators`; bit 1 is `u < p`.
        decide: chooses the bits of each scale; default the drawn ones. This and the next are where editing comes in.
        hold: changes the running sum after each scale; default as it is.

    Returns:
        Generated.

    Raises:
        UserError: a length outside 1..max_frames, a prompt too long, another spec, a wrong guidance or temperature.
    """
    transformer.spec.require_equal(pyramid.spec, "the transformer", "the pyramid")
    strengths = guidance_schedule(guidance, pyramid.scales)
    temperatures = temperature_schedule(temperature, pyramid.scales)
    batch = _batch_size(text, lengths, generators)
    cells = pyramid.spec.cells if pyramid.padding == "reference" else int(pyramid.cells(lengths).max())
    valid, inside = pyramid.valid(lengths, cells), pyramid.latent_mask(lengths, cells)
    sizes = pyramid.sizes(cells)
    if uniforms is None and generators is not None:
        uniforms = draw_uniforms(valid, [groups for _, groups in sizes], pyramid.spec.bits, generators)

    guided, watch = any(strengths), _WATCH.get()
    total = torch.zeros(batch, cells, pyramid.spec.parts, pyramid.spec.bits, device=lengths.device)
    chosen, probabilities = [], []
    with evaluating(transformer):
        state = transformer.begin(*_with_null(transformer, text, valid) if guided else (text, valid))
        for k in range(pyramid.scales):
            inputs = pyramid.next_input(total, k, inside) if k else None
            if guided and not any(strengths[k:]):
                state, guided = state.first(batch), False
            if guided and inputs is not None:
                inputs = torch.cat([inputs, inputs])
            logits = transformer.step(state, inputs)
            null = logits[batch:] if guided else None
            probability = bit_probability(logits[:batch], temperatures[k], strengths[k], null)
            bits = (0.5 if uniforms is None else uniforms[k][:, : sizes[k][0]]) < probability
            if decide is not None:
                bits = decide(k, probability, bits)
            bits = bits & valid[k][:, :, None, None]
            total = pyramid.accumulate(total, pyramid.codes(bits, valid[k]), k, inside)
            if hold is not None:
                total = hold(k, total)
            chosen.append(bits)
            probabilities.append(probability)
            if watch is not None:
                watch(k + 1, pyramid.scales)
    maps = TokenMaps(tuple(chosen), valid)
    if (kept := _KEEP.get()) is not None:
        kept.append(maps)
    return Generated(maps, total, tuple(probabilities))


def _batch_size(text: TextFeatures, lengths: Tensor, generators: Sequence[torch.Generator] | None) -> int:
    batch = len(lengths)
    if len(text.mask) != batch or (generators is not None and len(generators) != batch):
        given = "no" if generators is None else len(generators)
        raise UserError(f"{len(text.mask)} prompts, {batch} lengths and {given} generators; give as many of each")
    return batch


def _with_null(
    transformer: NextScaleTransformer, text: TextFeatures, valid: Sequence[Tensor]
) -> tuple[TextFeatures, list[Tensor]]:
    """Put a second copy of every sample, without text, behind the batch."""
    null = transformer.without_text(text)
    words = null.mask.shape[1]
    tokens = torch.cat([text.tokens[:, :words].to(null.tokens.dtype), null.tokens])
    return TextFeatures(tokens, torch.cat([null.mask, null.mask])), [torch.cat([mask, mask]) for mask in valid]


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Switch dropout off, and back to what it was."""
    training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(training)
