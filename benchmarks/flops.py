"""The useful arithmetic of the networks, by formulas from shapes: a list of matrix products.

Useful is what the method asks for: products for time cells and tokens inside a motion, between a token and those it
may see, between a joint and its neighbours. Padding, hidden tokens and zeros of sparse matrices do not count, whether
an implementation computes them or not. What is small beside them is left out: norms, activations, losses, the
optimiser, the pyramid's resampling. A motion's last time cell counts whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scalemogen.contracts import TokenSpec
from scalemogen.motion import get_layout
from scalemogen.skeletons import Skeleton


@dataclass(frozen=True)
class Product:
    """So many products of a matrix (rows, inner) and one (inner, columns)."""

    rows: int
    inner: int
    columns: int
    times: int = 1

    @property
    def flops(self) -> int:
        """Multiplications and additions."""
        return 2 * self.rows * self.inner * self.columns * self.times


def total(products: Iterable[Product]) -> int:
    """Return the multiplications and additions of all products."""
    return sum(product.flops for product in products)


def with_backward(products: Iterable[Product]) -> list[Product]:
    """Return the products with those of a backward pass: the gradient of either factor takes as much arithmetic."""
    found = []
    for one in products:
        found += [one, Product(one.rows, one.columns, one.inner, one.times)]
        found.append(Product(one.inner, one.rows, one.columns, one.times))
    return found


def frames_to_cells(spec: TokenSpec, lengths: Sequence[int]) -> list[int]:
    """Return the latent time cells of motions of so many frames."""
    return [-(-length // spec.frames_per_cell) for length in lengths]


@dataclass(frozen=True)
class TokenizerShape:
    """What fixes the arithmetic of a tokenizer.

    Attributes:
        spec: the token grid.
        skeleton: joint tree with its levels.
        width: C.
        blocks: residual blocks of a stage.
    """

    spec: TokenSpec
    skeleton: Skeleton
    width: int
    blocks: int

    def encoder(self, cells: Sequence[int]) -> list[Product]:
        """Return the products that encode motions of so many latent time cells."""
        frames, width = sum(cells) * self.spec.frames_per_cell, self.width
        products = self._joints(frames, inputs=True)
        for level, groups in enumerate(self.skeleton.pools):
            products += self._stage(frames, level)
            products.append(Product(1, 1, width, frames * sum(len(group) for group in groups)))
            frames //= 2
        return [*products, Product(frames * self.spec.parts, width, self.spec.bits)]

    def decoder(self, cells: Sequence[int]) -> list[Product]:
        """Return the products that decode motions of so many latent time cells."""
        frames, width = sum(cells), self.width
        products = [Product(frames * self.spec.parts, self.spec.bits, width)]
        for level in reversed(range(len(self.skeleton.pools))):
            products.append(Product(1, 1, width, frames * sum(len(group) for group in self.skeleton.pools[level])))
            frames *= 2
            products += self._stage(frames, level)
        return products + self._joints(frames, inputs=False)

    def _joints(self, frames: int, inputs: bool) -> list[Product]:
        """Return the two linear maps that every joint has of its own, at one end."""
        channels = [len(own) for own in get_layout(self.spec.layout).channels(self.skeleton)]
        ends = [(count, self.width) if inputs else (self.width, count) for count in channels]
        return [Product(frames, *end) for end in ends] + [Product(frames, self.width, self.width, len(channels))]

    def _stage(self, frames: int, level: int) -> list[Product]:
        """Return the convolutions of a level: own frame, the two beside it, mean of the neighbours."""
        nodes = self.skeleton.levels[level]
        neighbours = nodes + 2 * len(self.skeleton.links[level])
        convolutions = 2 * self.blocks
        linear = Product(frames * nodes, 4 * self.width, self.width, convolutions)
        return [linear, Product(1, 1, self.width, frames * neighbours * convolutions)]


@dataclass(frozen=True)
class TransformerShape:
    """What fixes the arithmetic of a next-scale transformer.

    Attributes:
        spec: the token grid.
        text_width: E.
        width: M.
        depth: blocks.
        heads: H.
        hidden: feed-forward width.
        waves: inputs of the map that tells a token its time; 0 without places.
    """

    spec: TokenSpec
    text_width: int
    width: int
    depth: int
    heads: int
    hidden: int
    waves: int = 24

    def tokens(self, cells: int) -> list[int]:
        """Return the tokens of every scale inside a motion of so many latent time cells."""
        return [-(-cells * full // self.spec.cells) * groups for full, groups in self.spec.sizes]

    def whole(self, cells: Sequence[int], words: Sequence[int]) -> list[Product]:
        """Return the products of all scales at once, as in training.

        Args:
            cells: latent time cells of every motion.
            words: text tokens of every sentence.
        """
        counts = [self.tokens(one) for one in cells]
        tokens, first = sum(map(sum, counts)), sum(count[0] for count in counts)
        return [*self.text(words), *self._linear(tokens, tokens - first), *self._attention(counts, words)]

    def by_scale(self, cells: Sequence[int], words: Sequence[int]) -> list[Product]:
        """Return the products of one scale after the other over a cache, as in generation; see `whole`."""
        counts = [self.tokens(one) for one in cells]
        products = self.text(words)
        for k, per_scale in enumerate(zip(*counts, strict=True)):
            products += self._linear(sum(per_scale), sum(per_scale) if k else 0)
        return products + self._attention(counts, words)

    def text(self, words: Sequence[int]) -> list[Product]:
        """Return what the sentences cost once: pooling, projection, keys and values of every block, modulations."""
        count, width, sentences = sum(words), self.width, len(words)
        return [
            Product(count, self.text_width, 2 * width),
            Product(1, width, count, 2),
            Product(sentences, width, width),
            Product(count, self.text_width, width),
            Product(count, width, width),
            Product(count, width, 2 * width, self.depth),
            Product(sentences, width, 8 * width),
        ]

    def _linear(self, tokens: int, embedded: int) -> list[Product]:
        width, depth = self.width, self.depth
        return [
            Product(embedded, self.spec.bits, width),
            Product(tokens, self.waves, width),
            Product(tokens, width, 3 * width, depth),
            Product(tokens, width, width, 3 * depth),
            Product(tokens, width, self.hidden, depth),
            Product(tokens, self.hidden, width, depth),
            Product(tokens, width, 2 * self.spec.bits),
        ]

    def _attention(self, counts: Sequence[Sequence[int]], words: Sequence[int]) -> list[Product]:
        """Return what tokens see: their own scale and all coarser ones of their motion, and the words."""
        channels, times = self.width // self.heads, self.heads * self.depth
        products = []
        for motion, sentence in zip(counts, words, strict=True):
            seen = 0
            for count in motion:
                seen += count
                for keys in (seen, sentence):
                    products += [Product(count, channels, keys, times), Product(count, keys, channels, times)]
        return products


def text_encoder(
    words: Sequence[int], *, width: int, hidden: int, layers: int, heads: int, gated: bool
) -> list[Product]:
    """Return the products of a bidirectional transformer over sentences of so many tokens.

    Args:
        words: text tokens of every sentence.
        width: E.
        hidden: feed-forward width.
        layers: blocks.
        heads: attention heads.
        gated: whether the feed-forward layer has a gate beside its first map.
    """
    count, channels = sum(words), width // heads
    products = [
        Product(count, width, width, 4 * layers),
        Product(count, width, hidden, (2 if gated else 1) * layers),
        Product(count, hidden, width, layers),
    ]
    for sentence in words:
        products.append(Product(sentence, channels, sentence, heads * layers))
        products.append(Product(sentence, sentence, channels, heads * layers))
    return products
