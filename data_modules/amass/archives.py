"""Reading .npz and .npy files, damaged or not."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from scalemogen.arrays import read_npy, read_npz


def read_arrays(path: Path, keys: Collection[str]) -> tuple[dict[str, NDArray[Any]], frozenset[str]]:
    """Return those arrays of a .npz file that have one of these names, and the names of all.

    Raises:
        ValueError: it cannot be read, or holds pickled objects under these names; the message is one line.
    """
    try:
        return read_npz(path, keys)
    except (OSError, ValueError) as error:
        raise ValueError(_line(error)) from error


def read_array(path: Path) -> NDArray[Any]:
    """Return the array of a .npy file.

    Raises:
        ValueError: it cannot be read, or holds pickled objects; the message is one line.
    """
    try:
        with path.open("rb") as file:
            return read_npy(file)
    except (OSError, ValueError) as error:
        raise ValueError(_line(error)) from error


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
