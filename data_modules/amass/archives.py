"""Reading .npz and .npy files, damaged or not."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def read_arrays(path: Path, keys: Collection[str]) -> tuple[dict[str, NDArray[Any]], frozenset[str]]:
    """Return those arrays of a .npz file that have one of these names, and the names of all.

    Raises:
        ValueError: it cannot be read, or holds pickled objects under these names; the message is one line.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files if key in keys}, frozenset(archive.files)
    except (OSError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(_line(error)) from error


def read_array(path: Path) -> NDArray[Any]:
    """Return the array of a .npy file.

    Raises:
        ValueError: it cannot be read, or holds pickled objects; the message is one line.
    """
    try:
        with path.open("rb") as file:
            return np.asarray(np.lib.format.read_array(file, allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(_line(error)) from error


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
