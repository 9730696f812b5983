"""The predictor: what may see what, fast paths against slow ones, sizes it refuses."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from helpers.ar import max_error
from helpers.toy_ar import LENGTHS, MAX_WORDS, TEXT_WIDTH, toy_quantised, toy_spec, toy_text, toy_transformer
from scalemogen.ar import NextScaleTransformer, scale_weighted_cross_entropy
from scalemogen.contracts import Scale, TextFeatures, TokenSpec
from scalemogen.errors import UserError
from scalemogen.scales import Pyramid


def forward(model: NextScaleTransformer, lengths: Tensor = LENGTHS, cells: int | None = None) -> Tensor:
    quantised = toy_quantised(model.spec, lengths, cells)
    logits: Tensor = model(quantised.inputs, toy_text(len(lengths)), quantised.maps.valid)
    return logits


@pytest.mark.parametrize("first_groups", [0, 2])
def test_causal_over_scales_by_gradients(first_groups: int) -> None:
    """A logit of scale k has a gradient from every input of scales up to k, and exactly none from later ones."""
    model = toy_transformer(toy_spec(first_groups))
    quantised = toy_quantised(model.spec)
    assert quantised.inputs is not None
    inputs = quantised.inputs.clone().requires_grad_()
    logits = model(inputs, toy_text(), quantised.maps.valid)
    pyramid = Pyramid(model.spec)
    valid = pyramid.token_mask(quantised.maps.valid)
    bounds = model.layout(quantised.maps.valid).bounds
    for k in range(pyramid.scales):
        tokens = slice(bounds[k], bounds[k + 1])
        (gradient,) = torch.autograd.grad(logits[:, tokens][valid[:, tokens]].sum(), inputs, retain_graph=True)
        size = gradient.abs().sum(-1)
        end = bounds[k + 1] - bounds[1]
        assert torch.equal(size[:, end:], torch.zeros_like(size[:, end:])), "a later scale is seen"
        seen = valid[:, bounds[1] : bounds[k + 1]]
        assert (size[:, :end][seen] > 0).all(), "an earlier token or one of the same scale is not seen"
        assert (size[:, :end][~seen] == 0).all(), "a token outside the motion is seen"


def test_every_token_sees_the_text() -> None:
    model = toy_transformer()
    quantised = toy_quantised(model.spec)
    text = toy_text()
    tokens = text.tokens.clone().requires_grad_()
    logits = model(quantised.inputs, TextFeatures(tokens, text.mask), quantised.maps.valid)
    for token in range(logits.shape[1]):
        (gradient,) = torch.autograd.grad(logits[:, token].sum(), tokens, retain_graph=True)
        size = gradient.abs().sum(-1)
        assert (size[text.mask] > 0).all()
        assert (size[~text.mask] == 0).all(), "padding of the text is read"


@pytest.mark.parametrize("options", [{"first_groups": 0}, {"first_groups": 2}, {"first_groups": 2, "single": True}])
@torch.no_grad()
def test_cache_equals_no_cache(options: dict[str, Any]) -> None:
    model = toy_transformer(toy_spec(options["first_groups"]), single_start=options.get("single", False))
    quantised = toy_quantised(model.spec)
    pyramid = Pyramid(model.spec)
    whole = forward(model)
    state = model.begin(toy_text(), quantised.maps.valid)
    total = torch.zeros_like(quantised.sums[0])
    inside = quantised.maps.valid[-1]
    steps = []
    for k in range(pyramid.scales):
        logits = model.step(state, pyramid.next_input(total, k, inside) if k else None)
        steps.append(logits.flatten(1, 2))
        total = quantised.sums[k]
    assert max_error(torch.cat(steps, 1), whole) <= 1e-5


@torch.no_grad()
def test_padded_equals_cropped() -> None:
    """Computing the full grid for motions that do not fill it changes no logit inside them."""
    model = toy_transformer()
    lengths = torch.tensor([17, 8, 4])
    cropped, padded = forward(model, lengths), forward(model, lengths, cells=13)
    sizes = Pyramid(model.spec).sizes(6)
    assert cropped.shape[1] == sum(n * g for n, g in sizes) < padded.shape[1] == model.spec.tokens
    small, large = toy_quantised(model.spec, lengths).maps.valid, toy_quantised(model.spec, lengths, 13).maps.valid
    pyramid = Pyramid(model.spec)
    for row in range(3):
        mine = cropped[row][pyramid.token_mask(small)[row]]
        assert max_error(mine, padded[row][pyramid.token_mask(large)[row]]) <= 1e-5


@torch.no_grad()
def test_batch_equals_one_by_one() -> None:
    model = toy_transformer()
    together = forward(model)
    quantised = toy_quantised(model.spec)
    pyramid = Pyramid(model.spec)
    for row in range(3):
        alone = pyramid.quantise(_latent(model.spec, row), LENGTHS[row : row + 1], inputs=True)
        text = toy_text()[row : row + 1]
        words = int(text.mask.sum())
        text = TextFeatures(text.tokens[:, :words], text.mask[:, :words])
        logits = model(alone.inputs, text, alone.maps.valid)[0]
        mine = together[row][pyramid.token_mask(quantised.maps.valid)[row]]
        assert max_error(mine, logits[pyramid.token_mask(alone.maps.valid)[0]]) <= 1e-5


def _latent(spec: TokenSpec, row: int) -> Tensor:
    """The latent of one row of `toy_quantised`, cropped to its own length."""
    cells = int(Pyramid(spec).cells(LENGTHS)[row])
    generator = torch.Generator().manual_seed(row)
    return torch.randn(spec.cells, spec.parts, spec.bits, generator=generator)[None, :cells]


@torch.no_grad()
def test_every_token_of_the_first_scale_has_its_own_start() -> None:
    """Known defect: with the reference's single start token, the groups of a first scale cannot be told apart."""
    for single in (False, True):
        logits = forward(toy_transformer(toy_spec(2), single_start=single, places=False))[:, 1:3]
        assert torch.equal(logits[:, 0], logits[:, 1]) == single


def test_null_text_replaces_rows_and_leaves_the_callers_tensor() -> None:
    model = toy_transformer()
    text = toy_text()
    before = text.tokens.clone()
    replaced = model.null_text(text, torch.tensor([False, True, False]))
    assert torch.equal(replaced.tokens[[0, 2]], before[[0, 2]])
    assert torch.equal(replaced.tokens[1], model.null_text.tokens[: before.shape[1]])
    assert torch.equal(model.without_text(text).tokens[0], model.null_text.tokens[: before.shape[1]])
    assert torch.equal(replaced.mask, text.mask)
    assert torch.equal(text.tokens, before)


def test_every_parameter_has_a_gradient_in_every_step() -> None:
    """Also without any dropped text: DistributedDataParallel refuses parameters that are not on the graph."""
    model = toy_transformer().train()
    loss = scale_weighted_cross_entropy(forward(model), toy_quantised(model.spec).maps, model.spec).loss
    loss.backward()
    missing = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert not missing
    assert not model.null_text.tokens.grad.any()  # type: ignore[union-attr]


def test_a_single_scale_is_a_model_too() -> None:
    spec = TokenSpec(7, (Scale(1, ((0,), (1,), (2,))),), 5, 3, 3, "toy", "0", "toy")
    model = toy_transformer(spec)
    quantised = toy_quantised(spec, torch.tensor([15, 7]))
    logits = model(quantised.inputs, toy_text(2), quantised.maps.valid)
    assert logits.shape == (2, 15, 7, 2)
    logits.sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@torch.no_grad()
def test_more_than_128_cells_and_narrow_text() -> None:
    spec = toy_spec(cells=149)
    model = toy_transformer(spec)
    assert forward(model, torch.tensor([149 * 3])).shape == (1, spec.tokens, 7, 2)


@torch.no_grad()
def test_double_precision_and_autocast() -> None:
    model = toy_transformer()
    single = forward(model)
    assert max_error(copy.deepcopy(model).double()(*_double_inputs(model)), single) <= 1e-4
    with torch.autocast("cpu", torch.bfloat16):
        assert max_error(forward(model).float(), single) <= 0.2


def _double_inputs(model: NextScaleTransformer) -> tuple[Any, ...]:
    quantised = toy_quantised(model.spec)
    return quantised.inputs, toy_text(), quantised.maps.valid


def test_training_after_validation_in_inference_mode() -> None:
    model = toy_transformer()
    with torch.inference_mode():
        forward(model)
    forward(model).sum().backward()


@torch.no_grad()
def test_long_prompts() -> None:
    """Padding beyond the maximum is cut off; words beyond it are an error."""
    model = toy_transformer()
    quantised = toy_quantised(model.spec)
    text = toy_text()
    extra = MAX_WORDS - text.mask.shape[1] + 4
    wide = TextFeatures(
        torch.nn.functional.pad(text.tokens, (0, 0, 0, extra)), torch.nn.functional.pad(text.mask, (0, extra))
    )
    assert max_error(model(quantised.inputs, wide, quantised.maps.valid), forward(model)) <= 1e-5
    with pytest.raises(UserError, match=r"a prompt of 9 tokens; this model takes at most 7"):
        model(quantised.inputs, TextFeatures(torch.zeros(3, 9, TEXT_WIDTH), torch.ones(3, 9) > 0), quantised.maps.valid)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 26, "heads": 4}, "width 26 with 4 heads"),
        ({"width": 24, "heads": 4}, "6 channels a head"),
        ({"depth": 0}, "depth is 0"),
        ({"text_width": 0}, "text_width is 0"),
        ({"text_max_tokens": 0}, "text_max_tokens is 0"),
        ({"text_pool_heads": 5}, "text_pool_heads is 5; it must divide the width 24"),
        ({"dropout": 1.0}, r"dropout is 1.0; it must lie in \[0, 1\)"),
        ({"drop_path": -0.1}, "drop_path is -0.1"),
        ({"mlp_ratio": 0.0}, "mlp_ratio is 0.0"),
    ],
)
def test_sizes_that_cannot_work_are_refused_at_construction(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        NextScaleTransformer(toy_spec(), **{"text_width": 11, "width": 24, "depth": 1, "heads": 3, **options})


@pytest.mark.parametrize(("text_width", "heads"), [(11, 4), (640, 4), (1280, 8), (2048, 12)])
def test_default_pool_heads(text_width: int, heads: int) -> None:
    """The reference's text_width / 128, at least 4, lowered to a divisor of the width (24)."""
    model = NextScaleTransformer(toy_spec(), text_width=text_width, width=24, depth=1, heads=3)
    assert model.text.pool.query.shape[0] == heads


def test_shapes_that_do_not_fit_are_refused() -> None:
    model = toy_transformer()
    quantised = toy_quantised(model.spec)
    assert quantised.inputs is not None
    with pytest.raises(ValueError, match="do not fit scales of sizes"):
        model(quantised.inputs[:, 1:], toy_text(), quantised.maps.valid)
    with pytest.raises(ValueError, match="do not fit the full grid"):
        model(quantised.inputs, toy_text(), quantised.maps.valid[1:])


def test_state_dict_keys_are_a_contract() -> None:
    block = {
        "modulation",
        *(f"attention.{name}" for name in ("qkv.weight", "query_bias", "value_bias", "log_gain")),
        *(f"text_attention.key_value.{name}" for name in ("weight", "value_bias")),
        *(
            f"{layer}.{name}"
            for layer in (
                "attention.out",
                "text_norm",
                "text_attention.query",
                "text_attention.out",
                "feed_forward.expand",
                "feed_forward.out",
            )
            for name in ("weight", "bias")
        ),
    }
    rest = {
        *("start", "scale_embed", "null_text.tokens", "text.norm.weight", "text.pool.query"),
        *("places.parts", "places.time.weight", "places.time.bias"),
        *("text.pool.key_value.weight", "text.pool.key_value.value_bias"),
        *(
            f"{layer}.{name}"
            for layer in ("text.pool.out", "text.project.0", "text.project.2", "embed", "modulation")
            for name in ("weight", "bias")
        ),
        *(f"{layer}.{name}" for layer in ("head", "head_modulation") for name in ("weight", "bias")),
    }
    assert set(toy_transformer().state_dict()) == rest | {f"blocks.{i}.{name}" for i in range(2) for name in block}
