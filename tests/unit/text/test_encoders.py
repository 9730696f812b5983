"""What every text encoder promises."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import torch

from helpers.text import CAPTIONS, small_encoder, write_t5
from scalemogen.errors import UserError
from scalemogen.text import TEXT_ENCODERS, T5TextEncoder, TextEncoder, build_text_encoder, load_text_encoder

SHORT = [CAPTIONS[1], "", CAPTIONS[3]]
LONG = "a person walks and " * 17


def test_features_are_masked_words_of_the_promised_width(encoder: TextEncoder) -> None:
    features = encoder(SHORT)
    lengths = [len(ids) for ids in encoder.tokenise(SHORT)]
    assert features.tokens.shape == (3, max(lengths), encoder.width)
    assert features.tokens.dtype == torch.float32
    assert features.mask.sum(1).tolist() == lengths
    assert not features.tokens[~features.mask].any()
    assert features.tokens[features.mask].any(-1).all()


def test_a_caption_does_not_feel_its_batch(encoder: TextEncoder) -> None:
    batch = encoder(SHORT)
    for row, caption in enumerate(SHORT):
        alone = encoder([caption]).tokens[0].detach()
        found = batch.tokens[row, : len(alone)]
        torch.testing.assert_close(found, alone, atol=2e-6 * float(alone.abs().max()), rtol=0)


def test_the_empty_caption_has_a_word(encoder: TextEncoder) -> None:
    assert encoder(["", "a person walks"]).mask[0].any()
    torch.testing.assert_close(encoder([""]).tokens, encoder([" "]).tokens)


def test_features_depend_on_the_words_and_nothing_else(encoder: TextEncoder) -> None:
    torch.testing.assert_close(encoder(SHORT).tokens, encoder(SHORT).tokens, atol=0, rtol=0)
    left, right = encoder(["left", "right"]).tokens
    assert (left - right).abs().max() > 0.1


@pytest.mark.parametrize("text", ["日本語 🙂 ½", "\0\t\n", "broken \udcff bytes", "</s> <pad> [SEP]", "ｅ́"])
def test_any_text_is_encoded(encoder: TextEncoder, text: str) -> None:
    features = encoder([text])
    assert features.mask.any()
    assert torch.isfinite(features.tokens).all()


def test_a_text_over_the_limit_is_refused_with_both_lengths(encoder: TextEncoder) -> None:
    with pytest.raises(UserError, match=r"has \d+ tokens, 37 are allowed: 'a person walks and a person.*\.\.\.'"):
        encoder(["short", LONG])


def test_a_training_caption_over_the_limit_keeps_its_beginning(
    encoder: TextEncoder, caplog: pytest.LogCaptureFixture
) -> None:
    encoder._told_of_truncation = False
    with caplog.at_level(logging.WARNING):
        ids, _ = encoder.tokenise([LONG, LONG + "b"], truncate=True)
    assert len(caplog.records) == 1
    whole = encoder.token_ids(LONG)
    assert ids == (*whole[:36], whole[-1])
    assert encoder([LONG], truncate=True).tokens.shape[1] == 37


def test_a_limit_is_met_exactly(encoder: TextEncoder) -> None:
    words = next(n for n in range(1, 40) if len(encoder.token_ids("a " * n)) == 37)
    assert encoder(["a " * words]).mask.shape == (1, 37)


def test_no_captions_is_a_mistake_of_the_caller(encoder: TextEncoder) -> None:
    with pytest.raises(ValueError, match="no captions"):
        encoder([])


def test_a_saved_encoder_is_the_same_encoder(encoder: TextEncoder, tmp_path: Path) -> None:
    encoder.save(tmp_path / "text")
    loaded = load_text_encoder(tmp_path / "text")
    assert type(loaded) is type(encoder)
    assert (loaded.digest, loaded.config(), loaded.training) == (encoder.digest, encoder.config(), False)
    torch.testing.assert_close(loaded(SHORT).tokens, encoder(SHORT).tokens, atol=0, rtol=0)
    names = {path.name for path in (tmp_path / "text").iterdir()}
    assert names == {"encoder.json"} if encoder.frozen else names == {"encoder.json", "encoder.safetensors"}


def test_a_configuration_builds_an_encoder_of_the_same_shape(encoder: TextEncoder) -> None:
    config = json.loads(json.dumps(encoder.config()))
    built = build_text_encoder(config)
    assert built.config() == encoder.config()
    assert (built.width, built.max_tokens, built.frozen) == (encoder.width, encoder.max_tokens, encoder.frozen)


def test_bad_configurations_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"unknown text encoder 'bert'; it must be one of {', '.join(TEXT_ENCODERS)}"):
        build_text_encoder({"kind": "bert"})
    with pytest.raises(UserError, match=r"has no argument 'depth'"):
        build_text_encoder({"kind": "small", "depth": 3})
    with pytest.raises(UserError, match="max_tokens is 1"):
        build_text_encoder({"kind": "small", "max_tokens": 1})
    with pytest.raises(UserError, match=r"encoder\.json is no text encoder description"):
        load_text_encoder(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"kind": "small"}'])
def test_a_damaged_description_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "encoder.json").write_text(content)
    with pytest.raises(UserError, match="is no text encoder description"):
        load_text_encoder(tmp_path)


def test_damaged_or_missing_weights_are_refused(tmp_path: Path) -> None:
    small_encoder().save(tmp_path)
    weights = tmp_path / "encoder.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"cannot read .*encoder\.safetensors"):
        load_text_encoder(tmp_path)
    weights.unlink()
    with pytest.raises(UserError, match=r"cannot read .*encoder\.safetensors"):
        load_text_encoder(tmp_path)


def test_another_model_in_the_frozen_folder_is_noticed(tmp_path: Path) -> None:
    folder = write_t5(tmp_path / "model")
    T5TextEncoder(str(folder)).save(tmp_path / "text")
    write_t5(folder, seed=1)
    with pytest.raises(UserError, match=r"has digest .* it was saved with"):
        load_text_encoder(tmp_path / "text")
    folder.rename(tmp_path / "moved")
    with pytest.raises(UserError, match=r"does not exist; .* put the new place into 'source' of that file"):
        load_text_encoder(tmp_path / "text")
