from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.official import WORDS, linked, write_words
from scalemogen.errors import UserError
from scalemogen.evaluators.words import CATEGORIES, WordVectors, read_word_vectors
from scalemogen.pickles import read_pickle


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_words(tmp_path / "glove", 3)
    return tmp_path / "glove"


@pytest.fixture
def words(folder: Path) -> WordVectors:
    return read_word_vectors(folder)


def test_every_word_has_the_vector_its_row_names(folder: Path, words: WordVectors) -> None:
    data = np.load(folder / "our_vab_data.npy")
    rows = pickle.loads((folder / "our_vab_idx.pkl").read_bytes())
    for word in WORDS:
        assert words.vectors[words.rows[word]].tolist() == data[rows[word]].astype(np.float32).tolist()


def test_the_codes_of_a_sentence(words: WordVectors) -> None:
    sentence = "a/DET man/NOUN zigzag/VERB slowly/ADV with/SCONJ his/PRON left/VERB feet/NOUN"
    rows, categories, lengths = words.encode([sentence, "walk/NOUN"])
    names = ["sos", "a", "man", "unk", "slowly", "with", "his", "left", "feet", "eos"]
    assert rows[0].tolist() == [words.rows[name] for name in names]
    kinds = ["OTHER", "DET", "NOUN", "OTHER", "manner", "OTHER", "PRON", "place", "body", "OTHER"]
    assert categories[0].tolist() == [CATEGORIES.index(kind) for kind in kinds]
    assert lengths.tolist() == [10, 3]
    assert categories[1, :3].tolist() == [14, 12, 14]


def test_the_fifteen_categories_have_the_published_order() -> None:
    assert len(CATEGORIES) == 15
    assert [CATEGORIES.index(name) for name in ("VERB", "NOUN", "DET", "ADP", "NUM", "AUX", "PRON", "ADJ", "ADV")] == [
        *range(9)
    ]
    assert CATEGORIES[9:] == ("place", "body", "object", "action", "manner", "OTHER")


def test_a_sentence_keeps_its_first_twenty_words(words: WordVectors) -> None:
    long = " ".join(f"{word}/X" for word in (WORDS * 2)[:23])
    rows, _, lengths = words.encode([long, " ".join(long.split()[:20])])
    assert lengths.tolist() == [22, 22]
    assert torch.equal(rows[0], rows[1])


def test_a_vocabulary_without_start_and_end_reads_them_as_unknown(folder: Path) -> None:
    (folder / "our_vab_words.pkl").write_bytes(pickle.dumps(["walk", "unk"]))
    words = read_word_vectors(folder)
    assert words.encode(["walk/VERB"])[0].tolist() == [[1, 0, 1]]


@pytest.mark.parametrize(
    ("sentence", "message"),
    [
        ("", "is empty"),
        ("   ", "is empty"),
        ("a man walks", "'a' is not 'word/POS'"),
        ("a/DET and/or/CCONJ", "'and/or/CCONJ' is not"),
        ("a/DET man/", "'man/' is not"),
    ],
)
def test_what_is_no_tagged_sentence_is_refused(words: WordVectors, sentence: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        words.encode(["a/DET", sentence])


class Trap:
    """Writes a file when its pickle is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return Path.write_text, (self.path, "sprung")  # type: ignore[return-value]


def test_a_pickle_that_would_run_something_is_refused_and_runs_nothing(tmp_path: Path, folder: Path) -> None:
    (folder / "our_vab_words.pkl").write_bytes(pickle.dumps(["unk", Trap(tmp_path / "sprung")]))
    with pytest.raises(UserError, match=r"our_vab_words.pkl is no pickle of plain lists and dictionaries"):
        read_word_vectors(folder)
    assert not (tmp_path / "sprung").exists()
    np.save(folder / "our_vab_data.npy", np.array([Trap(tmp_path / "sprung")], dtype=object))
    with pytest.raises(UserError, match=r"our_vab_data.npy is not a plain .npy file"):
        read_word_vectors(folder)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_pickles_of_every_protocol_are_read(tmp_path: Path, protocol: int) -> None:
    value = {"a": [1, 2.5, None, True], "b": ("c", {"d": -7})}
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(value, protocol))
    assert read_pickle(tmp_path / "x.pkl") == value


@pytest.mark.parametrize("content", [b"", b"\x80", b"no pickle", pickle.dumps(["a"])[:-3], b"\x80\x04N"])
def test_a_damaged_pickle_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.pkl").write_bytes(content)
    with pytest.raises(UserError, match=r"x.pkl"):
        read_pickle(tmp_path / "x.pkl")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("words", {"unk": 1}, "must hold a list of words"),
        ("words", ["unk", 3], "must hold a list of words"),
        ("words", ["walk"], "lacks the word 'unk'"),
        ("idx", ["unk"], "must hold a dictionary of rows"),
        ("idx", {"unk": 1}, "gives row None for word 'a'"),
        ("idx", dict.fromkeys(WORDS, 999), "gives row 999 for word 'unk'; there are 15 vectors"),
        ("idx", dict.fromkeys(WORDS, -1), "gives row -1"),
    ],
)
def test_foreign_content_is_named(tmp_path: Path, folder: Path, name: str, value: object, message: str) -> None:
    copy = linked(folder, tmp_path / "copy", f"our_vab_{name}.pkl")
    (copy / f"our_vab_{name}.pkl").write_bytes(pickle.dumps(value))
    with pytest.raises(UserError, match=message):
        read_word_vectors(copy)


@pytest.mark.parametrize("array", [np.zeros(5), np.full((16, 300), np.nan), np.array(["a"])])
def test_vectors_must_be_a_table_of_numbers(folder: Path, array: np.ndarray) -> None:
    np.save(folder / "our_vab_data.npy", array)
    with pytest.raises(UserError, match="our_vab_data"):
        read_word_vectors(folder)
