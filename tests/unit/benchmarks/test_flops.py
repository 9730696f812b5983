"""The formulas of useful arithmetic against torch's own counter, where nothing is padded and nothing hidden."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from helpers.toy import SKELETON, make_features, make_spec
from scalemogen.ar import NextScaleTransformer
from scalemogen.benchmarks.flops import (
    Product,
    TokenizerShape,
    TransformerShape,
    frames_to_cells,
    text_encoder,
    total,
    with_backward,
)
from scalemogen.benchmarks.models import random_text, small_text_products
from scalemogen.sampling import generate
from scalemogen.scales import Pyramid
from scalemogen.text import SmallTextEncoder
from scalemogen.tokenizer import MotionTokenizer


def added_in_place(_: torch.Tensor, left: torch.Tensor, right: torch.Tensor, **__: object) -> int:
    """Count what torch's counter leaves out."""
    return 2 * left.shape[0] * left.shape[1] * right.shape[1]


added_in_place._get_raw = True  # type: ignore[attr-defined]  # tensors, not their shapes
UNKNOWN = {torch.ops.aten.addmm_: added_in_place}

SLACK = 0.04
"""Zeros of sparse matrices and frames beside a motion that an implementation multiplies, and resampling."""


def counted(work: Callable[[], object]) -> int:
    """Count by torch, with attention as the two products that it is (the CPU's own kernel is not counted)."""
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False, custom_mapping=UNKNOWN) as counter:
        work()
    return counter.get_total_flops()


def test_a_product_is_counted_by_hand() -> None:
    assert Product(2, 3, 5, times=7).flops == 2 * 2 * 3 * 5 * 7
    assert total(with_backward([Product(2, 3, 5)])) == 3 * 2 * 2 * 3 * 5


def test_tokenizer() -> None:
    width, cells, spec = 256, 49, make_spec(cells=49)
    network = MotionTokenizer(spec, SKELETON, width=width, blocks=2, dropout=0.0)
    shape = TokenizerShape(spec, SKELETON, width, blocks=2)
    features, lengths = make_features([196])
    with torch.no_grad():
        latent = network.encode(features, lengths)
        encoded = counted(lambda: network.encode(features, lengths))
        decoded = counted(lambda: network.decode(latent, lengths))
    assert encoded == pytest.approx(total(shape.encoder([cells])), rel=SLACK)
    assert decoded == pytest.approx(total(shape.decoder([cells])), rel=SLACK)
    trained = with_backward(shape.encoder([cells]) + shape.decoder([cells]))
    step = counted(lambda: network(features, lengths).reconstruction.mean().backward())
    assert step == pytest.approx(total(trained), rel=SLACK)


def transformer(count: int) -> tuple[NextScaleTransformer, TransformerShape]:
    spec = make_spec(bits=24, count=count)
    network = NextScaleTransformer(spec, text_width=80, width=192, depth=3, heads=4, drop_path=0.0)
    return network, TransformerShape(spec, 80, 192, 3, 4, hidden=768)


def test_generation_with_guidance() -> None:
    """Scale by scale an implementation computes what may be seen and no more: all scales agree."""
    network, shape = transformer(count=6)
    pyramid, text, lengths = Pyramid(network.spec), random_text(1, 9, 80, "cpu"), torch.tensor([52])
    work = counted(lambda: generate(network, pyramid, text, lengths, generators=None, guidance=7.0))
    assert work == pytest.approx(total(shape.by_scale([13, 13], [9, 9])), rel=SLACK)


def test_all_scales_at_once() -> None:
    """Of a single scale every token sees every other: no mask hides anything, so that both counts are the same."""
    network, shape = transformer(count=1)
    text, valid = random_text(2, 9, 80, "cpu"), (torch.ones(2, 13, dtype=torch.bool),)
    work = counted(lambda: network(None, text, valid))
    assert work == pytest.approx(total(shape.whole([13, 13], [9, 9])), rel=SLACK)


def test_hidden_tokens_and_padding_do_not_count() -> None:
    shape = transformer(count=6)[1]
    cells = shape.spec.cells
    whole, counts = total(shape.whole([cells], [9])), shape.tokens(cells)
    seen = sum(count * sum(counts[: k + 1]) for k, count in enumerate(counts))
    dense = whole + 4 * (sum(counts) ** 2 - seen) * shape.width * shape.depth
    assert whole < 0.97 * dense
    # A short motion beside a long one costs what it costs alone.
    alone = total(shape.whole([5], [4]))
    assert total(shape.whole([cells, 5], [9, 4])) == whole + alone
    assert frames_to_cells(shape.spec, [52, 17]) == [13, 5]


@pytest.mark.parametrize("words", [[7, 7], [11]])
def test_text_encoder(words: Sequence[int]) -> None:
    encoder = SmallTextEncoder(width=48, layers=2, heads=4, vocab_size=300).eval()
    ids, mask = torch.ones(len(words), words[0], dtype=torch.long), torch.ones(len(words), words[0], dtype=torch.bool)
    work = counted(lambda: encoder.encode(ids, mask))
    assert work == pytest.approx(total(small_text_products(encoder, words)), rel=SLACK)
    ungated = text_encoder(words, width=48, hidden=96, layers=2, heads=4, gated=False)
    assert total(ungated) == total(small_text_products(encoder, words)) - 2 * 2 * sum(words) * 48 * 96
