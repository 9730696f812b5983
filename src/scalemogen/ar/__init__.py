"""The next-scale predictor: transformer, loss, input self-correction, text conditioning."""

from scalemogen.ar.conditioning import draw_text_dropout
from scalemogen.ar.correction import draw_flips
from scalemogen.ar.loss import BitLoss, bit_margin, scale_weighted_cross_entropy, scale_weights
from scalemogen.ar.transformer import Decoding, NextScaleTransformer

__all__ = [
    "BitLoss",
    "Decoding",
    "NextScaleTransformer",
    "bit_margin",
    "draw_flips",
    "draw_text_dropout",
    "scale_weighted_cross_entropy",
    "scale_weights",
]
