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
from scalemogen.tokenizer.rows import Rows


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
def test_few_motions_at_a_time_only_without_gradients(reference: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    toy = make_tokenizer()
    tokenizer = MotionTokenizer(toy.spec, SKELETON, width=11, blocks=1, dropout=0.0, reference=reference)
    monkeypatch.setattr("scalemogen.tokenizer.tokenizer.MOST_ACTIVATIONS", 50 * 4 * 22 * 11)
    portions: list[list[int]] = []
    for network in (tokenizer.encoder, tokenizer.decoder):
        network.register_forward_pre_hook(lambda _, inputs: portions.append(cells_of(inputs[1])))
    features, lengths = make_features(
        [29, 52, 3, 17, 41, 8, 11, 36, 23, 5, 47, 19, 31, 13, 44, 26, 7, 38, 2], frames=52
    )
    latent = tokenizer.encode(features, lengths)
    decoded = tokenizer.decode(latent, lengths)
    assert [len(portion) for portion in portions] == [19, 19]
    with torch.no_grad():
        torch.testing.assert_close(tokenizer.encode(features, lengths), latent)
        torch.testing.assert_close(tokenizer.decode(latent, lengths), decoded)
    halves = portions[2 : 2 + len(portions[2:]) // 2], portions[2 + len(portions[2:]) // 2 :]
    for half, whole in zip(halves, portions[:2], strict=True):
        assert len(half) > 1
        assert [cells for portion in half for cells in portion] == whole  # no motion left out, none twice
        assert all(sum(portion) <= 50 for portion in half)


def cells_of(rows: Rows) -> list[int]:
    """Return the latent cells of each motion."""
    return torch.bincount(rows.levels[0].clips).tolist()


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
