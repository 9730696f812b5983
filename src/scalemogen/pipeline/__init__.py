"""A trained model folder, ready to use. Plain torch; no training framework and no data set needed."""

from scalemogen.pipeline.text_to_motion import GUIDANCE, TEMPERATURE, TextToMotion

__all__ = ["GUIDANCE", "TEMPERATURE", "TextToMotion"]
