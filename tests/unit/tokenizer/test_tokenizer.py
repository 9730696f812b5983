from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from helpers.toy import FEATURES, LAYOUT, SKELETON, make_features, make_spec, make_tokenizer
from scalemogen.errors import UserError
from scalemogen.skeletons import get_skeleton
from scalemogen.tokenizer import (
    LossWeights,
    MotionTokenizer,
    joint_loss,
    path_losses,
    quantiser_loss,
    reconstruction_losses,
)
from scalemogen.tokenizer.layers import SkeletalPool, SkeletalTemporalConv, SkeletalUnpool
from scalemogen.tokenizer.tokenizer import FEW


@torch.no_grad()
def test_a_motion_alone_and_in_a_padded_batch_agree() -> None:
    tokenizer = make_tokenizer()
    features, lengths = make_features([52, 29, 3], frames=52)
    together = tokenizer(features, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = tokenizer(features[row : row + 1, :length], lengths[row : row + 1])
        torch.testing.assert_close(together.reconstruction[row : row + 1, :length], alone.reconstruction)
        assert not together.reconstruction[row, length:].any()
        for k, bits in enumerate(alone.quantised.maps.bits):
            assert torch.equal(together.quantised.maps.bits[k][row : row + 1, : bits.shape[1]], bits)


@pytest.mark.parametrize("reference", [False, True])
def test_few_motions_at_a_time_only_without_gradients(reference: bool) -> None:
    toy = make_tokenizer()
    tokenizer = MotionTokenizer(toy.spec, SKELETON, width=11, blocks=1, dropout=0.0, reference=reference)
    sizes: list[int] = []
    for network in (tokenizer.encoder, tokenizer.decoder):
        network.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    features, lengths = make_features(
        [29, 52, 3, 17, 41, 8, 11, 36, 23, 5, 47, 19, 31, 13, 44, 26, 7, 38, 2], frames=52
    )
    latent = tokenizer.encode(features, lengths)
    decoded = tokenizer.decode(latent, lengths)
    assert sizes == [19, 19]
    with torch.no_grad():
        torch.testing.assert_close(tokenizer.encode(features, lengths), latent)
        torch.testing.assert_close(tokenizer.decode(latent, lengths), decoded)
    assert sizes[2:] == [*[FEW] * 4, 19 - 4 * FEW] * 2


@torch.no_grad()
def test_what_lies_after_the_end_has_no_effect() -> None:
    tokenizer = make_tokenizer()
    features, lengths = make_features([30, 17], frames=31)
    garbage = torch.where(features == 0, 99.0, features)
    torch.testing.assert_close(tokenizer(garbage, lengths).reconstruction, tokenizer(features, lengths).reconstruction)


@torch.no_grad()
def test_reference_mode_differs_where_the_reference_is_wrong() -> None:
    """Known defects: the full length is always computed, and the decoder's mask is floor where the tokens' is ceil."""
    tokenizer = make_tokenizer()
    wrong = MotionTokenizer(tokenizer.spec, SKELETON, width=11, blocks=1, dropout=0.0, reference=True).eval()
    wrong.load_state_dict(tokenizer.state_dict())
    features, lengths = make_features([19])
    assert tokenizer.encode(features, lengths).shape[1] == 5
    assert wrong.encode(features, lengths).shape[1] == tokenizer.spec.cells
    latent = torch.randn(1, 5, 7, 5)
    changed = latent.clone()
    changed[:, 4] += 1.0  # the last, partly filled cell
    assert torch.equal(wrong.decode(latent, lengths), wrong.decode(changed, lengths))
    assert not torch.equal(tokenizer.decode(latent, lengths), tokenizer.decode(changed, lengths))


@torch.no_grad()
def test_tokenise_and_detokenise_are_the_two_halves() -> None:
    tokenizer = make_tokenizer()
    features, lengths = make_features([40, 23])
    maps = tokenizer.tokenise(features, lengths)
    torch.testing.assert_close(tokenizer.detokenise(maps, lengths), tokenizer(features, lengths).reconstruction)


def test_every_parameter_gets_a_gradient() -> None:
    tokenizer = make_tokenizer().train()
    features, lengths = make_features([40, 23])
    output = tokenizer(features, lengths)
    velocities = LAYOUT.groups(SKELETON)["velocities"]
    terms = reconstruction_losses(output.reconstruction, features, lengths, velocities)
    loss = terms["features"] + quantiser_loss(output.quantised, LossWeights())
    loss.backward()
    for name, parameter in tokenizer.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


def test_convolution_by_hand() -> None:
    conv = SkeletalTemporalConv(1, [[1, 1], [1, 1]])
    with torch.no_grad():
        conv.weight.copy_(torch.tensor([1.0, 10.0, 100.0, 1000.0])[:, None, None])
        conv.bias.fill_(0.5)
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])[None, :, :, None]
    middle = 1.0 * 1 + 10.0 * 3 + 100.0 * 5 + 1000.0 * (3 + 4) / 2 + 0.5
    first = 10.0 * 1 + 100.0 * 3 + 1000.0 * (1 + 2) / 2 + 0.5
    out = conv(x)[0, :, :, 0]
    assert out[1, 0].item() == pytest.approx(middle, rel=1e-5)
    assert out[0, 0].item() == pytest.approx(first, rel=1e-5)


def test_pooling_starts_as_a_mean_and_unpooling_as_a_copy() -> None:
    pool = SkeletalPool(((0, 1), (1, 2)), 3)
    x = torch.tensor([[1.0, 3.0, 5.0], [3.0, 5.0, 7.0]])[None, :, :, None]
    torch.testing.assert_close(pool(x, None)[0, 0, :, 0], torch.tensor([3.0, 5.0]), atol=1e-4, rtol=0)
    unpool = SkeletalUnpool(((0, 1), (1, 2)), 3)
    y = unpool(torch.tensor([[0.0, 0.0], [4.0, 8.0]])[None, :, :, None], None)[0, :, :, 0]
    torch.testing.assert_close(y[:, 0], torch.tensor([0.0, 1.0, 3.0, 4.0]))
    torch.testing.assert_close(y[:, 1], torch.tensor([0.0, 1.5, 4.5, 6.0]))


def test_path_losses_see_a_drift_that_features_hardly_show() -> None:
    target = (torch.zeros(1, 41), torch.zeros(1, 41, 3))
    drift = torch.zeros(1, 41, 3)
    drift[..., 0] = torch.arange(41) * 0.01
    terms = path_losses((target[0] + 0.5, drift), target, torch.tensor([41]))
    assert terms["path"].item() == pytest.approx(0.2, abs=1e-4)
    assert terms["heading"].item() == pytest.approx(0.5)


def test_joint_loss_by_hand() -> None:
    target = torch.zeros(1, 3, 6)
    prediction = target.clone()
    prediction[0, :2, 0], prediction[0, :2, 1] = 0.3, 0.4  # one of two joints is 0.5 m off, in both frames inside
    prediction[0, 2] = 99.0
    assert joint_loss(prediction, target, torch.tensor([2])).item() == pytest.approx(0.25, abs=1e-5)


def test_padding_does_not_enter_the_losses() -> None:
    features, lengths = make_features([7, 5], frames=11)
    noisy = torch.where(torch.arange(11)[None, :, None] < lengths[:, None, None], features, 77.0)
    velocities = LAYOUT.groups(SKELETON)["velocities"]
    for value in reconstruction_losses(noisy, features, lengths, velocities).values():
        assert value.item() == 0.0


def test_every_loss_weight_has_its_effect() -> None:
    """Known defect: the reference's configured entropy weights do nothing."""
    tokenizer = make_tokenizer()
    features, lengths = make_features([40, 23])
    quantised = tokenizer(features, lengths).quantised
    default = LossWeights()
    base = quantiser_loss(quantised, default)
    for change in (
        replace(default, commitment=0.5),
        replace(default, entropy=0.2),
        replace(default, inverse_temperature=50.0),
    ):
        assert not torch.isclose(quantiser_loss(quantised, change), base, rtol=1e-4)


def test_mismatches_are_refused() -> None:
    with pytest.raises(UserError, match="not kit"):
        MotionTokenizer(make_spec(), get_skeleton("kit"))
    with pytest.raises(UserError, match="4 frames a cell"):
        MotionTokenizer(replace(make_spec(), frames_per_cell=8), SKELETON)
    tokenizer = make_tokenizer()
    features, lengths = make_features([20])
    with pytest.raises(UserError, match=f"width 7; layout humanml3d has {FEATURES}"):
        tokenizer.encode(features[..., :7], lengths)
    with pytest.raises(UserError, match="only 20 frames"):
        tokenizer.encode(features, lengths + 1)
