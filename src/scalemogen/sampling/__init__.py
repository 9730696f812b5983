"""From text to bits: guidance, bit sampling, scale-wise generation."""

from scalemogen.sampling.bits import (
    bit_probability,
    draw_uniforms,
    guidance_schedule,
    probability_of,
    seeded_generators,
    temperature_schedule,
)
from scalemogen.sampling.edit_reference import reference_decide, reference_region
from scalemogen.sampling.generate import Decide, Generated, generate

__all__ = [
    "Decide",
    "Generated",
    "bit_probability",
    "draw_uniforms",
    "generate",
    "guidance_schedule",
    "probability_of",
    "reference_decide",
    "reference_region",
    "seeded_generators",
    "temperature_schedule",
]
