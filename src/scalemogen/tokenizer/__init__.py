"""Stage 1: the skeletal-temporal multi-scale binary motion tokenizer."""

from scalemogen.tokenizer.losses import LossWeights, joint_loss, path_losses, quantiser_loss, reconstruction_losses
from scalemogen.tokenizer.tokenizer import MotionTokenizer, TokenizerOutput

__all__ = [
    "LossWeights",
    "MotionTokenizer",
    "TokenizerOutput",
    "joint_loss",
    "path_losses",
    "quantiser_loss",
    "reconstruction_losses",
]
