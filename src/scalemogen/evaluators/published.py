"""Files of evaluators that others trained: weights, statistics, and what to say when one is missing or foreign.

Nothing in them is executed: weights are read as plain tensors, arrays without pickled objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from scalemogen.arrays import read_npy
from scalemogen.errors import UserError
from scalemogen.motion.layouts import get_layout
from scalemogen.motion.layouts.units import metres_scale
from scalemogen.motion.normaliser import Normaliser
from scalemogen.skeletons import get_skeleton

LOWEST, HIGHEST = 0.2, 2.0
"""Metres between which the mean height of a root must lie."""

FOREIGN = 10.0
"""Features whose root is this many times higher than the evaluator's mean are not in metres."""


def folder_of(path: Path, needed: Mapping[str, str], source: str) -> Path:
    """Return the folder of an evaluator, which has all its files.

    Args:
        path: the folder, or a file directly in it.
        needed: file name (with its folder) -> what it is.
        source: where a user gets the files.

    Raises:
        UserError: naming every missing file and what it is.
    """
    folder = path.parent if path.is_file() else path
    missing = [f"{name} ({what})" for name, what in needed.items() if not (folder / name).exists()]
    if missing:
        raise UserError(f"evaluator folder {folder} lacks {', '.join(missing)}. {source}; see docs/evaluation.md")
    return folder


def read_states(path: Path, parts: tuple[str, ...]) -> dict[str, dict[str, Tensor]]:
    """Read the states of networks from a checkpoint; what else it holds (optimisers, counters) is passed over.

    Args:
        path: written by `torch.save`.
        parts: keys of the checkpoint.

    Raises:
        UserError: a missing or damaged file, one with other than plain tensors in it, or one without a part.
    """
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except Exception as error:  # torch.load raises half a dozen kinds at files that are not its own
        raise UserError(f"{path} is damaged, or holds other objects than tensors; such files are not read") from error
    if not isinstance(checkpoint, dict):
        raise UserError(f"{path} holds a {type(checkpoint).__name__}; it must hold {', '.join(parts)}")
    states: dict[str, dict[str, Tensor]] = {}
    for part in parts:
        state = checkpoint.get(part)
        if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
            held = ", ".join(sorted(map(str, checkpoint))) or "nothing"
            raise UserError(f"{path} has no network {part!r}; it must hold {', '.join(parts)} and holds {held}")
        states[part] = {str(name): value for name, value in state.items()}
    return states


def read_array(path: Path) -> np.ndarray:
    """Read a `.npy` file of real numbers.

    Raises:
        UserError: missing, damaged, with pickled objects, or not finite.
    """
    try:
        with path.open("rb") as file:
            array = read_npy(file)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise UserError(f"{path} is not a plain .npy file: {error}") from error
    if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise UserError(f"{path} must be one array of finite numbers")
    return array


def read_statistics(mean_file: Path, std_file: Path, data: str, layout: str) -> Normaliser:
    """Read the mean and the standard deviation that features were normalised with, and bring them to metres.

    Args:
        mean_file: `.npy` of F numbers.
        std_file: likewise.
        data: whose features they are; the name of the skeleton.
        layout: what the F numbers stand for.

    Raises:
        UserError: a damaged file, another width, a deviation that is not positive, or a height that is no person's.
    """
    skeleton, definition = get_skeleton(data), get_layout(layout)
    width, groups = definition.width(skeleton), definition.groups(skeleton)
    paths = (mean_file, std_file)
    mean, std = (torch.from_numpy(read_array(path).astype(np.float64)) for path in paths)
    for path, value in zip(paths, (mean, std), strict=True):
        if value.shape != (width,):
            raise UserError(f"{path} has shape {tuple(value.shape)}; features of {data} have ({width},)")
    if not bool((std > 0).all()):
        raise UserError(f"{paths[1]}: channel {int(std.argmin())} is {float(std.min()):g}; it must be positive")
    scale = metres_scale(data, layout)
    height = float((mean * scale)[groups["height"][0]])
    if not LOWEST <= height <= HIGHEST:
        raise UserError(
            f"{paths[0]} puts the root at a mean height of {height:g} m; {LOWEST} to {HIGHEST} are possible, so these"
            f" are not statistics of {data}"
        )
    return Normaliser((mean * scale).float(), (std * scale).float())


def require_metres(heights: Tensor, mean: float, name: str) -> None:
    """Refuse features in another unit.

    Args:
        heights: root heights inside the motions, in one row.
        mean: the evaluator's own, metres.
        name: of the evaluator.

    Raises:
        UserError: the median height is that of no person in metres.
    """
    found = float(heights.median())
    if found > FOREIGN * mean:
        raise UserError(
            f"evaluator {name} takes features in metres, with the root at about {mean:.2f}; these have it at {found:g}"
        )


def text_of(path: Path) -> str:
    """Read a text file.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
