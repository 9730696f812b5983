"""The small encoder: trained with the ar stage, vocabulary in its state."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from helpers.text import CAPTIONS, VOCABULARY, assert_same_features, small_encoder
from scalemogen.errors import UserError
from scalemogen.text import SmallTextEncoder


def test_gradients_reach_every_parameter() -> None:
    encoder = small_encoder()
    (encoder(CAPTIONS[:2]).tokens ** 2 * torch.arange(22)).sum().backward()
    assert encoder.stack.embed_tokens.weight.grad is not None
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


def test_dropout_acts_in_training_only() -> None:
    encoder = small_encoder()
    assert not torch.equal(encoder(CAPTIONS[:2]).tokens, encoder(CAPTIONS[:2]).tokens)
    encoder.eval()
    assert torch.equal(encoder(CAPTIONS[:2]).tokens, encoder(CAPTIONS[:2]).tokens)


def test_the_vocabulary_travels_in_a_checkpoint_of_a_parent(tmp_path: Path) -> None:
    parent = nn.ModuleDict({"text": small_encoder()})
    torch.save(parent.state_dict(), tmp_path / "checkpoint.pt")
    save_file(parent.state_dict(), tmp_path / "checkpoint.safetensors")
    for state in (
        torch.load(tmp_path / "checkpoint.pt", weights_only=True),
        load_file(tmp_path / "checkpoint.safetensors"),
    ):
        other = nn.ModuleDict({"text": SmallTextEncoder(width=22, layers=3, heads=2, max_tokens=37, vocab_size=331)})
        other.load_state_dict(state)
        assert other["text"].vocabulary == VOCABULARY
        assert_same_features(other.eval()["text"](CAPTIONS[:2]), parent.eval()["text"](CAPTIONS[:2]))


def test_weight_averaging_leaves_the_vocabulary_alone() -> None:
    parent = nn.ModuleDict({"text": small_encoder()}).bfloat16()
    average = torch.optim.swa_utils.AveragedModel(parent, use_buffers=True)
    average.update_parameters(parent)
    assert average.module["text"].vocabulary == VOCABULARY
    assert copy.deepcopy(parent)["text"].vocabulary == VOCABULARY


def test_prepare_trains_the_vocabulary_once() -> None:
    encoder = SmallTextEncoder(width=22, layers=1, heads=2, vocab_size=331)
    with pytest.raises(RuntimeError, match="no vocabulary"):
        encoder(CAPTIONS)
    encoder.prepare(CAPTIONS)
    assert encoder.vocabulary == VOCABULARY
    encoder.prepare(["other words"])
    assert encoder.vocabulary == VOCABULARY


def test_the_embedding_fits_the_vocabulary() -> None:
    assert small_encoder().stack.embed_tokens.num_embeddings == 331
    assert small_encoder(vocab_size=401).stack.embed_tokens.num_embeddings == 401
    with pytest.raises(UserError, match="has 331 pieces; this text encoder has room for 330"):
        small_encoder(vocab_size=330)


def test_the_digest_follows_weights_and_vocabulary() -> None:
    encoder = small_encoder()
    before = encoder.digest
    assert encoder.digest == before
    with torch.no_grad():
        encoder.stack.final_layer_norm.weight[3] += 1e-3
    assert encoder.digest != before
    with torch.no_grad():
        encoder.stack.final_layer_norm.weight.fill_(1.0)
    assert encoder.digest == before
    other = small_encoder()
    other.load_state_dict(encoder.state_dict())
    assert other.digest == before
    other.max_tokens = 41
    assert other.digest != before


@pytest.mark.parametrize(
    ("sizes", "message"),
    [({"width": 23}, "width of the text encoder is 23; .* multiple of its 4"), ({"layers": 0}, "0 layers")],
)
def test_bad_sizes_are_refused(sizes: dict[str, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        SmallTextEncoder(VOCABULARY, **sizes)  # type: ignore[arg-type]
