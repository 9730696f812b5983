"""Captions and tiny pretrained-looking encoders for the text tests."""

from __future__ import annotations

import io
from pathlib import Path

import torch
from sentencepiece import SentencePieceTrainer
from transformers import T5Config, T5EncoderModel

from scalemogen.contracts import TextFeatures
from scalemogen.text import SmallTextEncoder, train_sentencepiece

CAPTIONS = [
    "A person walks forward slowly.",
    "someone waves with the left hand",
    "a person turns right by ninety degrees, then walks forward and waves with the right hand",
    "A man squats.",
    "a person kicks with the left foot while someone waves",
]
VOCABULARY = train_sentencepiece(CAPTIONS, 331)
WIDTH = 13


def small_encoder(max_tokens: int = 37, **sizes: int) -> SmallTextEncoder:
    """Return an untrained small encoder of E = 22 that knows the captions' words."""
    return SmallTextEncoder(VOCABULARY, width=22, layers=3, heads=2, max_tokens=max_tokens, **sizes)


def write_t5(folder: Path, seed: int = 0, tokenizer: str = "tokenizer.json", width: int = WIDTH) -> Path:
    """Write a random T5 encoder of E = 13 in the hub's format, with a unigram tokeniser of the captions' words."""
    torch.manual_seed(seed)
    model = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(CAPTIONS * 5),
        model_writer=model,
        vocab_size=61,
        hard_vocab_limit=False,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
    )
    config = T5Config(
        vocab_size=211,
        d_model=width,
        d_kv=5,
        d_ff=17,
        num_layers=2,
        num_heads=3,
        feed_forward_proj="gated-gelu",
        is_encoder_decoder=False,
        use_cache=False,
    )
    T5EncoderModel(config).save_pretrained(folder)
    (folder / "spiece.model").write_bytes(model.getvalue())
    if tokenizer == "tokenizer.json":
        from transformers import AutoTokenizer

        AutoTokenizer.from_pretrained(folder).save_pretrained(folder)
        (folder / "spiece.model").unlink()
    return folder


def assert_same_features(found: TextFeatures, expected: TextFeatures, atol: float = 0.0) -> None:
    """Compare words, to `atol`, and masks."""
    assert torch.equal(found.mask, expected.mask)
    torch.testing.assert_close(found.tokens, expected.tokens, atol=atol, rtol=0)
