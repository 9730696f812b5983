"""Pickles of other people's data, read without running anything: only names that the caller lists are known."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from scalemogen.errors import UserError

Known = Mapping[str, Callable[..., Any]]
"""What a pickle may ask for, "module.name", and what it gets in its place."""

NOTHING: Known = {}


class _Unpickler(pickle.Unpickler):
    """All that a pickle can do with it is to build containers, strings, numbers, and what is known."""

    def __init__(self, file: BinaryIO, known: Known, encoding: str) -> None:
        super().__init__(file, encoding=encoding)
        self._known = known

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        try:
            return self._known[f"{module}.{name}"]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None


def read_pickle(path: Path, known: Known = NOTHING, *, encoding: str = "ASCII") -> Any:
    """Read a pickle of lists, dictionaries, strings and numbers, without running what else it may hold.

    Args:
        path: the file.
        known: harmless stand-ins for the classes and functions that it may name; any other name is refused before
            anything is called.
        encoding: of the strings of a pickle from Python 2; "latin1" where they are bytes of arrays.

    Raises:
        UserError: missing, damaged, or with other objects in it.
    """
    try:
        with path.open("rb") as file:
            return _Unpickler(file, known, encoding).load()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path} is no pickle of plain {'data' if known else 'lists and dictionaries'}: {error}"
        ) from error
    except Exception as error:  # a damaged pickle ends in almost any kind
        raise UserError(f"{path} is a damaged pickle: {type(error).__name__} {error}") from error
