"""Words as the HumanML3D evaluator sees them: a GloVe vector and one of 15 categories.

The category of a word is its part of speech, unless it is one of the words that matter most for motion: places, parts
of the body, objects, actions and manners have categories of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from scalemogen.errors import UserError
from scalemogen.evaluators.published import read_array
from scalemogen.files import digest_json
from scalemogen.pickles import read_pickle

CATEGORIES = (
    *("VERB", "NOUN", "DET", "ADP", "NUM", "AUX", "PRON", "ADJ", "ADV"),
    *("place", "body", "object", "action", "manner"),
    "OTHER",
)
"""In the order of the one-hot code."""

SPECIAL = {
    "place": "left right clockwise counterclockwise anticlockwise forward back backward up down straight curve",
    "body": "arm chin foot feet face hand mouth leg waist eye knee shoulder thigh",
    "object": "stair dumbbell chair window floor car ball handrail baseball basketball",
    "action": "walk run swing pick bring kick put squat throw hop dance jump turn stumble stop sit lift lower raise"
    " wash stand kneel stroll rub bend balance flap jog shuffle lean rotate spin spread climb",
    "manner": "slowly carefully fast careful slow quickly happy angry sad happily angrily sadly",
}
"""The words whose category is not their part of speech."""

SPEECH = frozenset(CATEGORIES) - frozenset(SPECIAL)
_SPECIAL_OF = {word: category for category, words in SPECIAL.items() for word in words.split()}

START, END, UNKNOWN = "sos", "eos", "unk"
MOST_WORDS = 20
"""Words of a sentence that count, without start and end."""


@dataclass(frozen=True)
class WordVectors:
    """The vocabulary of an evaluator.

    Attributes:
        rows: word -> row of `vectors`; has the word "unk".
        vectors: (V, E) float32.
    """

    rows: Mapping[str, int]
    vectors: Tensor

    @property
    def digest(self) -> str:
        """Identity of the words and their order."""
        return digest_json(dict(self.rows))

    def encode(self, sentences: Sequence[str]) -> tuple[Tensor, Tensor, Tensor]:
        """Look up B tagged sentences, "word/POS word/POS ...", each with start and end around its first 20 words.

        A word that is not in the vocabulary counts as "unk", of category OTHER. So do unknown parts of speech.

        Returns:
            rows (B, S) int64, categories (B, S) int64, lengths (B,) int64; 0 beyond a length.

        Raises:
            UserError: a sentence without words, or a word that is not "word/POS".
        """
        found = [self._sentence(sentence) for sentence in sentences]
        lengths = torch.tensor([len(tokens) for tokens in found])
        codes = torch.zeros(len(found), int(lengths.max()), 2, dtype=torch.int64)
        for row, tokens in enumerate(found):
            codes[row, : len(tokens)] = torch.tensor(tokens)
        return codes[..., 0], codes[..., 1], lengths

    def _sentence(self, sentence: str) -> list[tuple[int, int]]:
        tokens = sentence.split()
        if not tokens:
            raise UserError("a tagged sentence is empty; it must be 'word/POS word/POS ...'")
        pairs = [token.split("/") for token in tokens[:MOST_WORDS]]
        for token, pair in zip(tokens, pairs, strict=False):
            if len(pair) != 2 or not all(pair):
                raise UserError(f"tagged sentence '{sentence[:60]}': {token!r} is not 'word/POS', such as 'walk/VERB'")
        inner = [self._word(word, speech) for word, speech in pairs]
        return [self._word(START, "OTHER"), *inner, self._word(END, "OTHER")]

    def _word(self, word: str, speech: str) -> tuple[int, int]:
        if word not in self.rows:
            return self.rows[UNKNOWN], CATEGORIES.index("OTHER")
        category = _SPECIAL_OF.get(word, speech if speech in SPEECH else "OTHER")
        return self.rows[word], CATEGORIES.index(category)


def read_word_vectors(folder: Path, prefix: str = "our_vab") -> WordVectors:
    """Read the field's three files of GloVe vectors.

        PREFIX_data.npy     (V, E) vectors
        PREFIX_words.pkl    a list of words
        PREFIX_idx.pkl      a dictionary, word -> row of the vectors

    The pickles may hold lists, dictionaries, strings and numbers; one that asks for any class or function is refused
    before anything is called.

    Raises:
        UserError: a missing, damaged or foreign file, named.
    """
    vectors = read_array(folder / f"{prefix}_data.npy")
    paths = {part: folder / f"{prefix}_{part}.pkl" for part in ("words", "idx")}
    words, rows = (read_pickle(path) for path in paths.values())
    if vectors.ndim != 2:
        raise UserError(f"{folder / f'{prefix}_data.npy'} has shape {vectors.shape}; it must be (words, width)")
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise UserError(f"{paths['words']} must hold a list of words")
    if not isinstance(rows, dict):
        raise UserError(f"{paths['idx']} must hold a dictionary of rows, word by word")
    if UNKNOWN not in words:
        raise UserError(f"{paths['words']} lacks the word {UNKNOWN!r}, which stands for all that are not in it")
    for word in words:
        row = rows.get(word)
        if not isinstance(row, int) or not 0 <= row < len(vectors):
            raise UserError(f"{paths['idx']} gives row {row} for word {word!r}; there are {len(vectors)} vectors")
    order = torch.tensor([rows[word] for word in words])
    return WordVectors({word: row for row, word in enumerate(words)}, torch.from_numpy(vectors.copy()).float()[order])
