"""Text encoders: sentences in, word features out; and a cache for the features of frozen ones."""

from scalemogen.text.cache import TextFeatureCache
from scalemogen.text.encoder import TextEncoder
from scalemogen.text.minilm import MiniLMTextEncoder
from scalemogen.text.registry import TEXT_ENCODERS, build_text_encoder, load_encoder, load_text_encoder
from scalemogen.text.small import SmallTextEncoder
from scalemogen.text.t5 import T5TextEncoder
from scalemogen.text.vocabulary import train_sentencepiece

__all__ = [
    "TEXT_ENCODERS",
    "MiniLMTextEncoder",
    "SmallTextEncoder",
    "T5TextEncoder",
    "TextEncoder",
    "TextFeatureCache",
    "build_text_encoder",
    "load_encoder",
    "load_text_encoder",
    "train_sentencepiece",
]
