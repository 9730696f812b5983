"""The scale pyramid: which grids there are, and how to pool to them and copy back."""

from scalemogen.scales.pyramid import Pyramid, Quantised
from scalemogen.scales.resample import area_matrix, area_windows, linear_matrix
from scalemogen.scales.schedule import check_scales, scales_from_count, scales_from_lists, time_divisors

__all__ = [
    "Pyramid",
    "Quantised",
    "area_matrix",
    "area_windows",
    "check_scales",
    "linear_matrix",
    "scales_from_count",
    "scales_from_lists",
    "time_divisors",
]
