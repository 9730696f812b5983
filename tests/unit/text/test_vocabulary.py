"""The sentencepiece model of the captions."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentencepiece import SentencePieceProcessor

from helpers.text import CAPTIONS, VOCABULARY
from scalemogen.errors import UserError
from scalemogen.text import train_sentencepiece
from scalemogen.text.vocabulary import END, WORDS_FIELD, count_pieces, encode_pieces, unknown_words

NEEDED = 256 + 3 + 2  # bytes; padding, end and unknown; the letters "▁" and "a"


def test_training_does_not_depend_on_order_and_runs() -> None:
    assert train_sentencepiece(reversed(CAPTIONS), 331) == train_sentencepiece(CAPTIONS, 331)


def test_training_is_silent_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    train_sentencepiece(CAPTIONS, 331)
    assert capfd.readouterr() == ("", "")
    assert os.listdir(tmp_path) == []


def test_known_words_are_whole_pieces_and_case_is_folded() -> None:
    vocabulary = train_sentencepiece(CAPTIONS, 1000)
    pieces = SentencePieceProcessor(model_proto=vocabulary).encode("A PERSON waves", out_type=str)
    assert pieces == ["▁a", "▁person", "▁waves"]
    assert encode_pieces(vocabulary, "A PERSON  waves ") == encode_pieces(vocabulary, "a person waves")


def test_a_vocabulary_is_never_larger_than_asked_and_shrinks_with_the_captions() -> None:
    assert count_pieces(VOCABULARY) == 331
    assert count_pieces(train_sentencepiece(CAPTIONS, 5000)) < 500
    assert count_pieces(train_sentencepiece(["a"], 5000)) == NEEDED + 1  # and "▁a"
    assert count_pieces(train_sentencepiece(["a"], NEEDED)) == NEEDED


def test_too_small_a_vocabulary_names_what_is_needed() -> None:
    with pytest.raises(UserError, match=f"{NEEDED - 1} pieces is too small: .* need {NEEDED}$"):
        train_sentencepiece(["a"], NEEDED - 1)


@pytest.mark.parametrize("captions", [[], ["", "  \n"]])
def test_captions_without_words_are_refused(captions: list[str]) -> None:
    with pytest.raises(UserError, match="hold no words"):
        train_sentencepiece(captions, 500)


def test_long_and_odd_captions_are_learned_from() -> None:
    odd = ["walk " * 3000, "null\0byte", "new\nline", "日本語", "lone \ud800 surrogate"]
    assert count_pieces(train_sentencepiece(odd, 400)) > NEEDED
    assert count_pieces(train_sentencepiece(["ＷＡＬＫ ½ ẞ"], 400)) > NEEDED


@given(st.text())
def test_any_text_is_spelt_without_unknown_pieces(text: str) -> None:
    ids = encode_pieces(VOCABULARY, text.encode("utf-8", "replace").decode())
    assert ids[-1] == END
    assert END not in ids[:-1]
    assert 2 not in ids
    assert max(ids) < 331


def test_the_empty_text_is_the_end_of_sentence() -> None:
    assert encode_pieces(VOCABULARY, "") == encode_pieces(VOCABULARY, " \n") == (END,)


def test_damaged_bytes_are_refused() -> None:
    with pytest.raises(UserError, match="no sentencepiece model"):
        count_pieces(VOCABULARY[:100])


def test_words_that_no_caption_had_are_named() -> None:
    assert [word for caption in CAPTIONS for word in unknown_words(VOCABULARY, caption)] == []
    asked = "A PERSON waves! xyzzy, plugh / \u6b69\u304f\u4eba \u2014 xyzzy"
    assert unknown_words(VOCABULARY, asked) == ["xyzzy", "plugh", "\u6b69\u304f\u4eba"]
    assert unknown_words(train_sentencepiece(["\uff37\uff21\uff2c\uff2b the dog's way"], 400), "Walk dog's") == []


def test_the_list_of_words_does_not_change_the_pieces() -> None:
    """Vocabularies of older versions have none; there a character that no caption had gives a word away."""
    older = VOCABULARY.partition(WORDS_FIELD)[0]
    assert len(older) < len(VOCABULARY)
    assert encode_pieces(older, "a person waves") == encode_pieces(VOCABULARY, "a person waves")
    assert unknown_words(older, "a person \u6b69\u304f") == ["\u6b69\u304f"]
