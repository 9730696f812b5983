"""The next-scale predictor (paper_facts section 5): bit logits of every scale from all coarser scales and the text.

Axis letters: B batch, L tokens over all scales, L_0 tokens of the first scale, K scales, N_k time cells of scale k,
D bits per token, S words, E text width, M model width, H heads.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from scalemogen.ar.attention import EPSILON, KeyValueCache, View, hiding
from scalemogen.ar.blocks import Block
from scalemogen.ar.conditioning import NullText, TextConditioning
from scalemogen.ar.fused import modulated_linear
from scalemogen.ar.layout import TokenLayout, build_layout
from scalemogen.ar.places import BodyAndTime
from scalemogen.contracts import TextFeatures, TokenSpec
from scalemogen.errors import UserError

PAPER_POOL_CHANNELS = 128
LEAST_POOL_HEADS = 4
KEPT_LAYOUTS = 128
LEAST_VIEW = 64
"""Tokens of the coarsest scales that are attended to at once, under a mask; larger scales have a call each."""


@dataclass(frozen=True)
class TextContext:
    """What the text fixes for a whole sequence.

    Attributes:
        sentence: (B, M).
        shared: (B, 6, M) modulation of the blocks.
        words: per block keys and values (B, H, S, C) of the words.
        hidden: (B, 1, 1, S), what hides places without a word; None where all places hold one.
    """

    sentence: Tensor
    shared: Tensor
    words: list[tuple[Tensor, Tensor]]
    hidden: Tensor | None


@dataclass
class Decoding:
    """A generation under way: what text and lengths fix once, and the keys and values of the scales done so far.

    Made by `NextScaleTransformer.begin`, advanced by `NextScaleTransformer.step`.

    Attributes:
        layout: the tokens.
        context: the text, as every block needs it.
        hidden: (B, 1, 1, L), what hides tokens that must not be attended to; None = nothing does.
        caches: one per block.
        cells: (B,) latent time cells of the motions.
        scale: the scale that the next step predicts.
    """

    layout: TokenLayout
    context: TextContext
    hidden: Tensor | None
    caches: list[KeyValueCache]
    cells: Tensor
    scale: int = 0

    def first(self, rows: int) -> Decoding:
        """Return the generation of the first `rows` sequences alone, over the same keys and values."""
        context, hidden = self.context, self.context.hidden
        words = [(keys[:rows], values[:rows]) for keys, values in context.words]
        context = TextContext(
            context.sentence[:rows], context.shared[:rows], words, None if hidden is None else hidden[:rows]
        )
        caches = [KeyValueCache(cache.keys[:rows], cache.values[:rows], cache.filled) for cache in self.caches]
        hidden = None if self.hidden is None else self.hidden[:rows]
        return Decoding(self.layout, context, hidden, caches, self.cells[:rows], self.scale)


class NextScaleTransformer(nn.Module):
    """Predicts the bits of each scale from the text and all coarser scales.

    The sequence is [first scale, scales 1..]: the first scale holds start tokens made from the sentence, scale k the
    running sum of the codes of scales 0..k-1, resampled to its grid (`Pyramid.next_input`). A token sees its own
    scale and all coarser ones, never a cell outside its motion. Sequences are cropped to the longest motion of a
    batch: the grid is read from the shapes of the masks.

    Args:
        spec: scales, grid and bits.
        text_width: E, of any size.
        width: M.
        depth: blocks.
        heads: H; `width / heads` must be a multiple of 4.
        mlp_ratio: feed-forward width over M, rounded to a multiple of 256.
        text_pool_heads: heads that pool the sentence, a divisor of `width`; default the largest divisor up to
            max(4, `text_width / 128`); the reference has `text_width / 128`, which leaves small encoders one head.
        text_max_tokens: most words of a prompt.
        drop_path: rate of the last block; rates grow linearly from 0.
        dropout: after each attention and feed-forward.
        single_start: give only the first token of the first scale a content, as the reference does; the others are
            then zero and never attended to, so that all of them get the same logits. By default every token of the
            first scale has its own start vector. Without effect when the first scale has one token.
        places: tell every token its body parts and its time in the motion (`BodyAndTime`); the reference does not.

    Raises:
        UserError: a size that cannot work, with the values allowed.
    """

    def __init__(
        self,
        spec: TokenSpec,
        *,
        text_width: int,
        width: int = 768,
        depth: int = 12,
        heads: int = 8,
        mlp_ratio: float = 4.0,
        text_pool_heads: int | None = None,
        text_max_tokens: int = 512,
        drop_path: float = 0.1,
        dropout: float = 0.0,
        single_start: bool = False,
        places: bool = True,
    ) -> None:
        super().__init__()
        sizes = {"width": width, "depth": depth, "heads": heads}
        _check_sizes(sizes | {"text_width": text_width, "text_max_tokens": text_max_tokens})
        _check_rates(mlp_ratio, drop_path, dropout)
        self.spec = spec
        self.single_start = single_start
        self.head_dim = _head_dim(width, heads)
        self.heads = heads
        first = spec.sizes[0][0] * spec.sizes[0][1]
        self.text = TextConditioning(text_width, width, _pool_heads(text_pool_heads, text_width, width))
        self.null_text = NullText(text_max_tokens, text_width)
        self.start = nn.Parameter(torch.empty(1 if single_start else first, width))
        self.embed = nn.Linear(spec.bits, width)
        self.scale_embed = nn.Parameter(torch.empty(len(spec.scales), width))
        self.places = BodyAndTime(spec, width) if places else None
        self.modulation = nn.Linear(width, 6 * width)
        rates = (drop_path * block / max(1, depth - 1) for block in range(depth))
        self.blocks = nn.ModuleList(Block(width, heads, mlp_ratio, dropout, rate) for rate in rates)
        self.head_modulation = nn.Linear(width, 2 * width)
        self.head = nn.Linear(width, 2 * spec.bits)
        self._layouts: dict[tuple[tuple[int, ...], torch.device], TokenLayout] = {}
        self._initialise(width, depth)

    @torch.no_grad()
    def _initialise(self, width: int, depth: int) -> None:
        """Start near the identity: small outputs of every branch, adaptive norms at rest, even bits."""
        for module in self.modules():
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
        for parameter in (self.start, self.scale_embed):
            nn.init.trunc_normal_(parameter, std=1.0 / math.sqrt(3.0 * width))
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.head_modulation.weight)
        nn.init.trunc_normal_(self.head.weight, std=0.02)
        for block in self._blocks():
            for branch in (block.attention, block.text_attention, block.feed_forward):
                branch.out.weight.mul_(1.0 / math.sqrt(2.0 * depth))

    def forward(
        self, inputs: Tensor | None, text: TextFeatures, valid: Sequence[Tensor], drop_text: Tensor | None = None
    ) -> Tensor:
        """Return the logits of all scales at once (teacher forcing).

        Args:
            inputs: (B, L - L_0, D) inputs of scales 1.., from `Pyramid.quantise(..., inputs=True)`; None when there is
                one scale only.
            text: word features, padded on the right.
            valid: per scale (B, N_k) bool, True = inside the motion (`TokenMaps.valid`); its shapes fix the grid.
            drop_text: (B,) bool, True = replace this text by the learned null (for guidance).

        Returns:
            (B, L, D, 2): logits of bit 0 and bit 1. Those outside a motion mean nothing.

        Raises:
            UserError: a prompt over `text_max_tokens`.
        """
        layout = self.layout(valid)
        if inputs is None:
            inputs = self.start.new_zeros(len(text.mask), 0, self.spec.bits)
        if inputs.shape[1] != layout.bounds[-1] - layout.bounds[1]:
            raise ValueError(f"inputs {tuple(inputs.shape)} do not fit scales of sizes {layout.sizes}")
        context = self._context(text, drop_text)
        views = self._views(layout, self._attended(valid, layout))
        x = torch.cat([self._first_scale(context.sentence, layout), self.embed(inputs.to(context.sentence.dtype))], 1)
        x = x + self._place(layout, slice(None), valid[-1].sum(1))
        for block, words in zip(self._blocks(), context.words, strict=True):
            x = block.run(x, context.shared, words, context.hidden, layout.rotary, views)
        return self._logits(x, context.sentence)

    def begin(self, text: TextFeatures, valid: Sequence[Tensor]) -> Decoding:
        """Prepare a generation: text keys and values once, room for the keys and values of all tokens.

        Args:
            text: word features; `without_text` gives those of an unguided pass.
            valid: per scale (B, N_k) bool.
        """
        layout = self.layout(valid)
        context = self._context(text, None)
        attended = self._attended(valid, layout)
        size = (len(attended), self.heads, layout.bounds[-1], self.head_dim)
        caches = [KeyValueCache.allocate(*size, like=context.words[0][0]) for _ in self.blocks]
        hidden = None if bool(attended.all()) else hiding(attended[:, None, None])
        return Decoding(layout, context, hidden, caches, valid[-1].sum(1))

    def step(self, state: Decoding, inputs: Tensor | None) -> Tensor:
        """Predict the next scale and move `state` on by one scale.

        Args:
            state: from `begin`; all K steps must be taken in order.
            inputs: (B, N_k, G_k, D) input of this scale; None for the first.

        Returns:
            (B, N_k, G_k, D, 2) logits of bit 0 and bit 1.
        """
        k, layout, context = state.scale, state.layout, state.context
        times, _ = layout.sizes[k]
        if (inputs is None) != (k == 0):
            raise ValueError(f"scale {k} {'takes no' if k == 0 else 'needs'} inputs")
        if inputs is None:
            x = self._first_scale(context.sentence, layout)
        else:
            x = self.embed(rearrange(inputs, "b n g d -> b (n g) d").to(context.sentence.dtype))
        x = x + self._place(layout, layout.tokens(k), state.cells)
        keys = layout.bounds[k + 1]
        views = (View(slice(None), keys, None if state.hidden is None else state.hidden[..., :keys]),)
        rotary = layout.rotary[layout.tokens(k)]
        for block, words, cache in zip(self._blocks(), context.words, state.caches, strict=True):
            x = block(x, context.shared, words, context.hidden, rotary, views, cache)
        state.scale += 1
        return rearrange(self._logits(x, context.sentence), "b (n g) d two -> b n g d two", n=times)

    def without_text(self, text: TextFeatures) -> TextFeatures:
        """Return the learned null in place of `text`, with as many words."""
        everyone = torch.ones(len(text.mask), dtype=torch.bool, device=text.mask.device)
        result: TextFeatures = self.null_text(text, everyone)
        return result

    def layout(self, valid: Sequence[Tensor]) -> TokenLayout:
        """Return the layout of a grid, read from the shapes of the masks; kept for the next batch of this grid."""
        key = (tuple(mask.shape[1] for mask in valid), self.start.device)
        if key not in self._layouts:
            if len(self._layouts) >= KEPT_LAYOUTS:
                self._layouts.clear()
            with torch.inference_mode(False):  # what validation leaves here, training must be able to use
                self._layouts[key] = build_layout(self.spec, key[0], self.head_dim, self.start.device)
        return self._layouts[key]

    def _context(self, text: TextFeatures, dropped: Tensor | None) -> TextContext:
        if dropped is None:
            dropped = torch.zeros(len(text.mask), dtype=torch.bool, device=text.mask.device)
        text = self.null_text(TextFeatures(text.tokens.to(self.start.dtype), text.mask), dropped)
        sentence, words = self.text(text)
        shared = rearrange(self.modulation(functional.silu(sentence)), "b (six m) -> b six m", six=6)
        pairs = [block.text_attention.key_value(words) for block in self._blocks()]
        whole = text.mask.device.type == "cpu" and bool(text.mask.all())  # on a GPU, to ask would be to wait
        return TextContext(sentence, shared, pairs, None if whole else hiding(text.mask[:, None, None]))

    def _attended(self, valid: Sequence[Tensor], layout: TokenLayout) -> Tensor:
        groups = [size for _, size in layout.sizes]
        masks = [mask.repeat_interleave(g, 1) for mask, g in zip(valid, groups, strict=True)]
        if self.single_start:
            masks[0] = masks[0] & (torch.arange(masks[0].shape[1], device=masks[0].device) == 0)
        return torch.cat(masks, 1)

    def _views(self, layout: TokenLayout, attended: Tensor) -> list[View]:
        """Return what every token sees: scale by scale, so that nothing is computed that the causal mask would hide.

        The coarsest scales are too small to be worth a call each: they share one view and a mask.
        """
        hidden = None if attended.device.type == "cpu" and bool(attended.all()) else hiding(attended[:, None, None])
        first = next((stop for stop in layout.bounds[1:] if stop >= LEAST_VIEW), layout.bounds[-1])
        mask = None if first == layout.bounds[1] else hiding(layout.causal(first))
        if hidden is not None:
            mask = hidden[..., :first] if mask is None else hidden[..., :first] + mask
        views = [View(slice(0, first), first, mask)]
        for start, stop in pairwise(layout.bounds):
            if start >= first:
                views.append(View(slice(start, stop), stop, None if hidden is None else hidden[..., :stop]))
        return views

    def _first_scale(self, sentence: Tensor, layout: TokenLayout) -> Tensor:
        tokens = layout.bounds[1]
        if not self.single_start:
            return sentence[:, None] + self.start[:tokens]
        return functional.pad((sentence + self.start)[:, None], (0, 0, 0, tokens - 1))

    def _place(self, layout: TokenLayout, tokens: slice, cells: Tensor) -> Tensor:
        """Return (tokens, M) or (B, tokens, M), what tells tokens apart before the first block."""
        scale = self.scale_embed[layout.scale[tokens]]
        return scale if self.places is None else scale + self.places(layout, tokens, cells)

    def _logits(self, x: Tensor, sentence: Tensor) -> Tensor:
        scale, shift = self.head_modulation(functional.silu(sentence)).unsqueeze(1).chunk(2, -1)
        logits = modulated_linear(x, 1.0 + scale, shift, self.head.weight, self.head.bias, EPSILON)
        return rearrange(logits, "b l (d two) -> b l d two", two=2)

    def _blocks(self) -> Iterable[Block]:
        return cast(Iterable[Block], self.blocks)


def _check_sizes(sizes: Mapping[str, int]) -> None:
    for name, value in sizes.items():
        if value < 1:
            raise UserError(f"ar: {name} is {value}; it must be at least 1")


def _check_rates(mlp_ratio: float, drop_path: float, dropout: float) -> None:
    if not 0.0 < mlp_ratio < math.inf:
        raise UserError(f"ar: mlp_ratio is {mlp_ratio}; it must be above 0")
    for name, rate in (("drop_path", drop_path), ("dropout", dropout)):
        if not 0.0 <= rate < 1.0:
            raise UserError(f"ar: {name} is {rate}; it must lie in [0, 1)")


def _head_dim(width: int, heads: int) -> int:
    if width % heads or (width // heads) % 4:
        raise UserError(
            f"ar: width {width} with {heads} heads gives {width / heads:g} channels a head; "
            "that must be a whole multiple of 4 (two rotary axes of channel pairs)"
        )
    return width // heads


def _pool_heads(heads: int | None, text_width: int, width: int) -> int:
    if heads is None:
        wanted = max(LEAST_POOL_HEADS, text_width // PAPER_POOL_CHANNELS)
        return max(divisor for divisor in range(1, min(wanted, width) + 1) if width % divisor == 0)
    if heads < 1 or width % heads:
        raise UserError(f"ar: text_pool_heads is {heads}; it must divide the width {width}")
    return heads
