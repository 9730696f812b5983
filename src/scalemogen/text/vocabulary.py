"""Word pieces: a sentencepiece model trained on captions, handled as plain bytes.

Bytes are the whole state: they travel in checkpoints, compare, hash and pickle, and nothing touches the disk.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from functools import lru_cache

from sentencepiece import SentencePieceNormalizer, SentencePieceProcessor, SentencePieceTrainer

from scalemogen.errors import UserError
from scalemogen.text.encoder import printable

PAD, END, UNKNOWN = 0, 1, 2
BYTES = 256  # byte pieces spell whatever the captions never had
FOLDING = "nmt_nfkc_cf"  # Unicode variants and case
REMEMBERED = 1 << 16  # captions whose pieces are kept; they come back every epoch
WORDS = b"words of the training captions: "  # what the list of them begins with
WORDS_FIELD = b"\xc2\x3e"  # protobuf's tag of bytes in field 1000, one of those that sentencepiece leaves to others


def train_sentencepiece(captions: Iterable[str], vocab_size: int) -> bytes:
    """Train a byte-pair model on captions.

    Case and Unicode variants are folded (NFKC). Any text can be encoded: characters that no caption had are spelt in
    bytes. Byte pairs rather than a unigram model, because the latter only considers pieces that two different words
    share, and spells the few hundred words of a small corpus letter by letter.

    The result depends on the captions as a multiset, neither on their order nor on a seed.

    Args:
        captions: training captions; blank ones are ignored.
        vocab_size: most pieces; fewer come out when the captions offer fewer.

    Returns:
        The serialised model: piece 0 pads, 1 ends a sentence, 2 is unknown. It ends with a list of all words of the
        captions, in a field that sentencepiece passes over.

    Raises:
        UserError: no words in the captions, or `vocab_size` below the bytes and letters that must be in it.
    """
    lines = sorted(line for caption in captions if (line := _one_line(caption)))
    if not lines:
        raise UserError("cannot train a vocabulary: the training captions hold no words")
    needed = BYTES + UNKNOWN + 1 + len(_letters(lines))
    if vocab_size < needed:
        raise UserError(f"a vocabulary of {vocab_size} pieces is too small: bytes and letters alone need {needed}")
    model = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=model,
        model_type="bpe",
        vocab_size=vocab_size,
        hard_vocab_limit=False,
        byte_fallback=True,
        character_coverage=1.0,
        normalization_rule_name=FOLDING,
        max_sentence_length=max(10, *(len(line.encode()) + 1 for line in lines)),
        pad_id=PAD,
        eos_id=END,
        unk_id=UNKNOWN,
        bos_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    words = WORDS + " ".join(sorted({word for line in lines for word in _words(line)})).encode()
    return model.getvalue() + WORDS_FIELD + _varint(len(words)) + words


def unknown_words(model: bytes, caption: str) -> list[str]:
    """Return the words of a caption that no training caption had, folded, in order, each once.

    Of a model that does not tell its words (one of an older version) these are those with a character that no caption
    had. Pieces tell no more: letter by letter is how a small vocabulary spells rare words that it knows, too.
    """
    known = _known_words(model)
    words = dict.fromkeys(_words(_one_line(caption)))
    return [word for word in words if (word not in known if known else _has_bytes(model, word))]


@lru_cache(maxsize=REMEMBERED)
def encode_pieces(model: bytes, caption: str) -> tuple[int, ...]:
    """Return the pieces of a caption and the end of sentence; an empty caption is the latter alone."""
    return (*_processor(model).encode(caption), END)


def count_pieces(model: bytes) -> int:
    """Return the number of pieces.

    Raises:
        UserError: the bytes are no sentencepiece model.
    """
    try:
        return int(_processor(model).get_piece_size())
    except RuntimeError as error:
        raise UserError("the vocabulary is damaged: it is no sentencepiece model") from error


@lru_cache(maxsize=8)
def _processor(model: bytes) -> SentencePieceProcessor:
    return SentencePieceProcessor(model_proto=model)


@lru_cache(maxsize=8)
def _known_words(model: bytes) -> frozenset[str]:
    return frozenset(model.rpartition(WORDS)[2].decode().split() if WORDS in model else ())


def _has_bytes(model: bytes, word: str) -> bool:
    processor = _processor(model)
    return any(processor.is_byte(piece) for piece in processor.encode(word))


def _words(line: str) -> list[str]:
    """Return the runs of letters and digits, folded."""
    return re.findall(r"\w+", SentencePieceNormalizer(rule_name=FOLDING).normalize(line))


def _varint(number: int) -> bytes:
    """Return a number as protobuf writes it: 7 bits a byte, the lowest first."""
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])


def _one_line(caption: str) -> str:
    return " ".join(printable(caption).replace("\0", " ").split())


def _letters(lines: Iterable[str]) -> set[str]:
    normaliser = SentencePieceNormalizer(rule_name=FOLDING)
    words = {word for line in lines for word in line.split(" ")}
    return set().union(*(normaliser.normalize(word) for word in words))
