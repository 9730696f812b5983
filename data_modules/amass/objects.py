"""What the pickles of the official body models hold, rebuilt as plain arrays from the numbers in them.

They were written with Python 2 and name classes of numpy, scipy and chumpy. Each name gets a stand-in here that only
keeps what it is given; nothing of those packages runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray


class _Kept:
    """An object of which only the attributes are kept."""

    def __init__(self, *_: Any) -> None:
        pass


class _Type(_Kept):
    """`numpy.dtype`: only numbers are known."""

    def __init__(self, code: str, *_: Any) -> None:
        self.code, self.order = code, "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = state[1]

    @property
    def dtype(self) -> np.dtype[Any]:
        if not re.fullmatch(r"[biuf]\d\d?", self.code) or self.order not in ("<", ">", "=", "|"):
            raise ValueError(f"an array of {self.code!r}, which are no numbers")
        return np.dtype(self.order + self.code)


class _Array(_Kept):
    """`numpy.ndarray`: shape, type and bytes."""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        *_, self.shape, self.type, self.columns_first, self.raw = state


class _Sparse(_Kept):
    """A compressed sparse matrix of scipy."""

    _shape: tuple[int, int]
    data: Any
    indices: Any
    indptr: Any


class _SparseColumns(_Sparse):
    """One that is compressed column by column."""


class _Value(_Kept):
    """`chumpy.ch.Ch`: an array under the name x."""

    x: Any


class _Select(_Kept):
    """`chumpy.reordering.Select`: some values of another array."""

    a: Any
    idxs: Any
    preferred_shape: Any


def _new_array(*_: Any) -> _Array:
    return _Array()


def _array_of(raw: Any, kind: _Type, shape: tuple[int, ...], order: str) -> _Array:
    array = _Array()
    array.__setstate__((1, shape, kind, order == "F", bytes(raw)))
    return array


def _number(kind: _Type, raw: Any) -> _Array:
    return _array_of(_bytes(raw), kind, (), "C")


def _encode(text: str, *_: Any) -> bytes:
    return text.encode("latin1")


def _rebuild(kind: type, *_: Any) -> _Kept:
    return kind() if issubclass(kind, _Kept) else _Kept()


KNOWN: dict[str, Callable[..., Any]] = {
    "numpy.ndarray": _Array,
    "numpy.dtype": _Type,
    **{f"{package}.multiarray._reconstruct": _new_array for package in ("numpy.core", "numpy._core")},
    **{f"{package}.multiarray.scalar": _number for package in ("numpy.core", "numpy._core")},
    **{f"{package}.numeric._frombuffer": _array_of for package in ("numpy.core", "numpy._core")},
    **{f"scipy.sparse.{module}.csc_matrix": _SparseColumns for module in ("csc", "_csc")},
    **{f"scipy.sparse.{module}.csr_matrix": _Sparse for module in ("csr", "_csr")},
    "chumpy.ch.Ch": _Value,
    "chumpy.reordering.Select": _Select,
    "_codecs.encode": _encode,
    **{f"{module}._reconstructor": _rebuild for module in ("copy_reg", "copyreg")},
    **{f"{module}.object": _Kept for module in ("__builtin__", "builtins")},
    **{f"{module}.set": set for module in ("__builtin__", "builtins")},
}
"""The names in the official body models, for `pickles.read_pickle`."""


def as_array(value: Any) -> NDArray[Any]:
    """Return the numbers of an array, a sparse matrix or a chumpy value, as an array.

    Raises:
        ValueError: there are none, or they do not fit together.
    """
    try:
        found = _as_array(value)
    except (AttributeError, TypeError, IndexError) as error:
        raise ValueError(f"no array can be made of it ({error})") from error
    if found.dtype.kind not in "biuf":
        raise ValueError(f"an array of {found.dtype}, which are no numbers")
    return found


def _as_array(value: Any) -> NDArray[Any]:
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, _Array):
        flat: NDArray[Any] = np.frombuffer(_bytes(value.raw), value.type.dtype)
        return flat.reshape(value.shape, order="F" if value.columns_first else "C")
    if isinstance(value, _Sparse):
        return _dense(value)
    if isinstance(value, _Value):
        return _as_array(value.x)
    if isinstance(value, _Select):
        chosen: NDArray[Any] = _as_array(value.a).ravel()[_as_array(value.idxs)]
        return chosen.reshape(tuple(value.preferred_shape))
    raise ValueError(f"{type(value).__name__.strip('_').lower()} is no array")


def _dense(matrix: _Sparse) -> NDArray[Any]:
    data, inner, ends = (_as_array(part) for part in (matrix.data, matrix.indices, matrix.indptr))
    outer = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
    places = (inner, outer) if isinstance(matrix, _SparseColumns) else (outer, inner)
    dense = np.zeros(matrix._shape, data.dtype)
    np.add.at(dense, places, data)
    return dense


def _bytes(raw: Any) -> bytes:
    return raw.encode("latin1") if isinstance(raw, str) else bytes(raw)
