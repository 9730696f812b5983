"""Generation: samples that never depend on their batch, inputs equal to those of training, guidance."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from helpers.ar import max_error
from helpers.toy_ar import LENGTHS, TEXT_WIDTH, toy_quantised, toy_spec, toy_text, toy_transformer
from scalemogen.ar import NextScaleTransformer
from scalemogen.contracts import TextFeatures
from scalemogen.errors import UserError
from scalemogen.sampling import Generated, generate, seeded_generators
from scalemogen.scales import Pyramid

SEEDS = [101, 103, 107]


def sample(model: NextScaleTransformer, rows: list[int] | None = None, **options: Any) -> Generated:
    rows = [0, 1, 2] if rows is None else rows
    options = {"generators": seeded_generators([SEEDS[row] for row in rows]), **options}
    return generate(model, Pyramid(model.spec), toy_text()[torch.tensor(rows)], LENGTHS[rows], **options)


def assert_same_motion(one: Generated, row: int, other: Generated, other_row: int) -> None:
    for k, (mine, theirs) in enumerate(zip(one.maps.bits, other.maps.bits, strict=True)):
        count = int(one.maps.valid[k][row].sum())
        assert torch.equal(mine[row, :count], theirs[other_row, :count]), f"scale {k}"
        assert not mine[row, count:].any()
        assert not theirs[other_row, count:].any()


@pytest.mark.parametrize("guidance", [0.0, 4.0])
@pytest.mark.parametrize("first_groups", [0, 2])
def test_batch_size_and_order_never_change_a_sample(guidance: float, first_groups: int) -> None:
    model = toy_transformer(toy_spec(first_groups))
    together = sample(model, guidance=guidance)
    shuffled = sample(model, [2, 0, 1, 0], guidance=guidance)
    for row in range(3):
        assert_same_motion(together, row, sample(model, [row], guidance=guidance), 0)
        assert_same_motion(together, row, shuffled, [1, 2, 0][row])
    assert_same_motion(shuffled, 1, shuffled, 3)


def test_padding_of_text_never_changes_a_sample() -> None:
    model = toy_transformer()
    text = toy_text()
    words = int(text.mask[0].sum())
    assert words < text.mask.shape[1]
    alone = generate(
        model,
        Pyramid(model.spec),
        TextFeatures(text.tokens[:1, :words], text.mask[:1, :words]),
        LENGTHS[:1],
        generators=seeded_generators(SEEDS[:1]),
    )
    assert_same_motion(sample(model), 0, alone, 0)


def test_seeds_decide() -> None:
    model = toy_transformer()
    one, again = sample(model), sample(model)
    other = sample(model, generators=seeded_generators([1, 2, 3]))
    assert all(torch.equal(a, b) for a, b in zip(one.maps.bits, again.maps.bits, strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(one.maps.bits, other.maps.bits, strict=True))


def test_without_generators_the_most_probable_bits() -> None:
    result = sample(toy_transformer(), generators=None)
    for bits, probability, valid in zip(result.maps.bits, result.probabilities, result.maps.valid, strict=True):
        assert torch.equal(bits, (probability > 0.5) & valid[:, :, None, None])


class Recording(NextScaleTransformer):
    """Keeps the inputs and the text of every scale."""

    seen: list[Tensor]

    def step(self, state: Any, inputs: Tensor | None) -> Tensor:
        if inputs is not None:
            self.seen.append(inputs)
        return super().step(state, inputs)


def recording(**options: Any) -> Recording:
    model = toy_transformer(**options)
    model.__class__ = Recording
    assert isinstance(model, Recording)
    model.seen = []
    return model


def test_generated_inputs_equal_teacher_forced_inputs() -> None:
    """Drive a generation to the labels of a real latent: it must see what training sees and say the same."""
    model = recording()
    quantised = toy_quantised(model.spec)
    result = sample(
        model,
        generators=None,
        guidance=0.0,
        temperature=1.0,
        decide=lambda k, probability, drawn: quantised.maps.bits[k],
    )
    assert quantised.inputs is not None
    assert max_error(Pyramid.flatten(model.seen), quantised.inputs) <= 1e-6
    assert max_error(result.latent, quantised.sums[-1]) <= 1e-6
    with torch.no_grad():
        logits = model(quantised.inputs, toy_text(), quantised.maps.valid)
    probability = torch.cat([p.flatten(1, 2) for p in result.probabilities], 1)
    assert max_error(logits.softmax(-1)[..., 1], probability) <= 1e-5


def test_latent_is_what_the_pyramid_makes_of_the_bits() -> None:
    model = toy_transformer()
    result = sample(model)
    assert max_error(result.latent, Pyramid(model.spec).latent(result.maps, LENGTHS)) <= 1e-6


@pytest.mark.parametrize("strengths", [[0.5, 1.0, 3.0, 2.0], [0.0, 1.0, 0.0, 2.0], [0.5, 1.0, 0.0, 0.0]])
def test_guidance_combines_two_passes(strengths: list[float]) -> None:
    """Against two separate teacher-forced passes over the generated bits, one with the null in place of the text."""
    model = recording()
    temperatures = [1.3, 1.1, 0.9, 0.7]
    result = sample(model, guidance=strengths, temperature=temperatures)
    inputs = Pyramid.flatten([x[:3] for x in model.seen])
    for k, x in enumerate(model.seen, 1):
        assert len(x) == (6 if any(strengths[k:]) else 3), "one pass where no later scale is guided"
        assert len(x) == 3 or torch.equal(x[:3], x[3:]), "both passes see the same bits"
    everyone = torch.ones(3, dtype=torch.bool)
    with torch.no_grad():
        text = model(inputs, toy_text(), result.maps.valid)
        null = model(inputs, toy_text(), result.maps.valid, everyone)
    pyramid = Pyramid(model.spec)
    for k in range(pyramid.scales):
        margins = [pyramid.split(x[..., 1] - x[..., 0])[k] for x in (text, null)]
        margin = ((1 + strengths[k]) * margins[0] - strengths[k] * margins[1]) / temperatures[k]
        assert max_error(torch.sigmoid(margin), result.probabilities[k]) <= 1e-5


def test_guidance_zero_is_the_conditional_pass_alone() -> None:
    """No second pass runs, and the result equals that of a doubled batch with (almost) no guidance."""
    model = recording()
    alone = sample(model, guidance=0.0)
    assert all(len(inputs) == 3 for inputs in model.seen)
    model.seen = []
    doubled = sample(model, guidance=1e-12)
    assert all(len(inputs) == 6 for inputs in model.seen)
    for one, other in zip(alone.probabilities, doubled.probabilities, strict=True):
        assert max_error(one, other) <= 1e-5


def test_null_text_decides_nothing_but_its_length() -> None:
    """The unguided pass must not see the caption: two captions of equal length have the same null pass."""
    model = toy_transformer()
    text = toy_text()
    other = TextFeatures(text.tokens.flip(-1), text.mask)
    assert torch.equal(model.without_text(text).tokens, model.without_text(other).tokens)


def test_decide_may_keep_bits() -> None:
    """The hook sees scale, probabilities and drawn bits; what it returns is taken, inside the motion only."""
    model = toy_transformer()
    source = sample(model)
    calls: list[int] = []

    def keep_coarse(k: int, probability: Tensor, drawn: Tensor) -> Tensor:
        calls.append(k)
        assert probability.shape == drawn.shape
        return source.maps.bits[k] if k < 2 else torch.ones_like(drawn)

    result = sample(model, generators=seeded_generators([1, 2, 3]), decide=keep_coarse)
    assert calls == [0, 1, 2, 3]
    assert torch.equal(result.maps.bits[1], source.maps.bits[1])
    for k in (2, 3):
        inside = result.maps.valid[k][:, :, None, None].expand_as(result.maps.bits[k])
        assert torch.equal(result.maps.bits[k], inside)


def test_dropout_is_off_while_generating() -> None:
    model = toy_transformer(dropout=0.5, drop_path=0.5)
    quiet = sample(model)
    model.train()
    assert_same_motion(sample(model), 1, quiet, 1)
    assert model.training
    assert model.blocks[0].training


def test_nothing_outside_the_longest_motion_is_computed() -> None:
    model = recording()
    result = generate(
        model, Pyramid(model.spec), toy_text(2), torch.tensor([5, 10]), generators=seeded_generators([1, 2])
    )
    assert result.latent.shape == (2, 4, 5, 7)
    assert [tuple(bits.shape[1:3]) for bits in result.maps.bits] == [(1, 1), (1, 2), (2, 3), (4, 5)]
    assert not result.latent[0, 2:].any()


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (0, "a motion of 0 frames"),
        (40, "of 40 frames; this model takes 1 to 39"),
    ],
)
def test_lengths_outside_the_models_range(frames: int, message: str) -> None:
    """Known defect: the reference accepts a length over its maximum."""
    model = toy_transformer()
    with pytest.raises(UserError, match=message):
        generate(model, Pyramid(model.spec), toy_text(2), torch.tensor([9, frames]), generators=None)


def test_mismatches_are_refused() -> None:
    model = toy_transformer()
    with pytest.raises(UserError, match="3 prompts, 2 lengths and no generators"):
        generate(model, Pyramid(model.spec), toy_text(), LENGTHS[:2], generators=None)
    with pytest.raises(UserError, match="3 prompts, 3 lengths and 1 generators"):
        sample(model, generators=seeded_generators([1]))
    with pytest.raises(UserError, match="the transformer and the pyramid do not fit: scales is"):
        generate(model, Pyramid(toy_spec(2)), toy_text(), LENGTHS, generators=None)
    long = TextFeatures(torch.zeros(1, 9, TEXT_WIDTH), torch.ones(1, 9) > 0)
    with pytest.raises(UserError, match="a prompt of 9 tokens"):
        generate(model, Pyramid(model.spec), long, LENGTHS[:1], generators=None)
