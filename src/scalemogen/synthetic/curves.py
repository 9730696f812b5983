"""Smooth curves over time, evaluated for all frames at once.

T frames, n knots, C channels; times in seconds.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def pchip(times: Array, knots: Array, values: Array) -> Array:
    """Interpolate monotonically (Fritsch and Carlson, 1980): C1, no overshoot, at rest at both ends.

    Plateaus stay flat, knots between a lower and a higher neighbour are passed without stopping.

    Args:
        times: (T,) where to evaluate; outside the knots the end values hold.
        knots: (n,) strictly increasing.
        values: (n, C) or (n,).

    Returns:
        (T, C) or (T,).
    """
    if len(knots) == 1:
        return np.broadcast_to(values[0], times.shape + values.shape[1:]).copy()
    columns = values.reshape(len(knots), -1)
    width = np.diff(knots)[:, None]
    rise = np.diff(columns, axis=0) / width
    slopes = np.zeros_like(columns)
    if len(knots) > 2:
        before, after = rise[:-1], rise[1:]
        same = before * after > 0.0
        a, b = 2.0 * width[1:] + width[:-1], width[1:] + 2.0 * width[:-1]
        mean = (a + b) / (a / np.where(same, before, 1.0) + b / np.where(same, after, 1.0))
        slopes[1:-1] = np.where(same, mean, 0.0)
    cell = np.clip(np.searchsorted(knots, times, side="right") - 1, 0, len(knots) - 2)
    s = np.clip((times[:, None] - knots[cell, None]) / width[cell], 0.0, 1.0)
    t = 1.0 - s
    low, high = columns[cell], columns[cell + 1]
    curve = t * t * (1.0 + 2.0 * s) * low + s * s * (1.0 + 2.0 * t) * high
    curve += s * t * width[cell] * (t * slopes[cell] - s * slopes[cell + 1])
    return curve.reshape(times.shape + values.shape[1:])


def quintic(s: Array, start: Array, end: Array, start_slope: Array, end_slope: Array) -> Array:
    """Join two points with given slopes and no acceleration at the ends (a minimum-jerk arc).

    Args:
        s: (T, 1) in [0, 1].
        start: (C,) values at 0.
        end: (C,) values at 1.
        start_slope: (C,) derivatives by `s` at 0.
        end_slope: (C,) derivatives by `s` at 1.
    """
    gap = end - start
    cubic = 10.0 * gap - 6.0 * start_slope - 4.0 * end_slope
    quartic = -15.0 * gap + 8.0 * start_slope + 7.0 * end_slope
    fifth = 6.0 * gap - 3.0 * (start_slope + end_slope)
    return start + s * (start_slope + s * s * (cubic + s * (quartic + s * fifth)))


def ramp(x: Array, low: float, high: float) -> Array:
    """Rise smoothly from 0 (x <= low) to 1 (x >= high)."""
    s = np.clip((x - low) / (high - low), 0.0, 1.0)
    return s * s * (3.0 - 2.0 * s)


def soft_min(a: Array, b: Array | float, softness: float) -> Array:
    """Return a smooth minimum, at most `softness` / 2 below the sharp one."""
    return 0.5 * (a + b - np.sqrt((a - b) ** 2 + softness**2))


@lru_cache(maxsize=512)
def _kernel(frames: int, sigma: float) -> Array:
    steps = np.arange(frames, dtype=np.float64)
    weights = np.exp(-0.5 * ((steps[:, None] - steps[None, :]) / sigma) ** 2)
    result: Array = weights / weights.sum(axis=1, keepdims=True)
    result.flags.writeable = False
    return result


def smooth(values: Array, sigma: float) -> Array:
    """Blur along time with a Gaussian of `sigma` frames; the ends see only frames inside.

    Args:
        values: (T, ...).
        sigma: width in frames.
    """
    if sigma < 0.2:
        return values
    frames = len(values)
    return (_kernel(frames, round(sigma, 3)) @ values.reshape(frames, -1)).reshape(values.shape)
