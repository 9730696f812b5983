"""From text to bits: guidance, bit sampling, scale-wise generation."""

from scalemogen.sampling.bits import (
    bit_probability,
    draw_uniforms,
    guidance_schedule,
    probability_of,
    seeded_generators,
    temperature_schedule,
)
from scalemogen.sampling.edit import abduct_uniforms, edit, kept_bits, source_probabilities
from scalemogen.sampling.edit_reference import reference_decide, reference_region
from scalemogen.sampling.generate import Decide, Generated, Hold, Watch, generate, keeping_tokens, watching

__all__ = [
    "Decide",
    "Generated",
    "Hold",
    "Watch",
    "abduct_uniforms",
    "bit_probability",
    "draw_uniforms",
    "edit",
    "generate",
    "guidance_schedule",
    "keeping_tokens",
    "kept_bits",
    "probability_of",
    "reference_decide",
    "reference_region",
    "seeded_generators",
    "source_probabilities",
    "temperature_schedule",
    "watching",
]
