"""From text to bits: guidance, bit sampling, scale-wise generation."""

from scalemogen.sampling.bits import (
    bit_probability,
    draw_uniforms,
    guidance_schedule,
    seeded_generators,
    temperature_schedule,
)
from scalemogen.sampling.generate import Decide, Generated, generate

__all__ = [
    "Decide",
    "Generated",
    "bit_probability",
    "draw_uniforms",
    "generate",
    "guidance_schedule",
    "seeded_generators",
    "temperature_schedule",
]
