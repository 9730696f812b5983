"""States of networks on disk and between networks: safetensors, strict loading, digests."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

import torch
from pydantic import ConfigDict, TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from scalemogen.errors import UserError
from scalemogen.files import digest_bytes

LAYERS = ("depth", "blocks", "layers", "text_layers")
"""Arguments that count layers, in any network here."""


def save_state(state: Mapping[str, Tensor], path: Path) -> None:
    """Write a safetensors file.

    Raises:
        UserError: it cannot be written.
    """
    try:
        save_file({name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}, path)
    except SafetensorError as error:  # how it reports a full disk
        raise UserError(f"cannot write {path.name}: {error}") from error


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file.

    Raises:
        UserError: missing or damaged.
    """
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise UserError(f"cannot read {path}: {error}") from error


def count_stored(path: Path) -> int:
    """Return the number of values in a safetensors file, from its header alone.

    Raises:
        UserError: missing or damaged.
    """
    try:
        with safe_open(path, "pt") as file:
            return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118  # no dict
    except (OSError, SafetensorError) as error:
        raise UserError(f"cannot read {path}: {error}") from error


def checked_arguments(network: type[nn.Module], arguments: object, source: str | Path, *given: str) -> dict[str, Any]:
    """Return a network's constructor arguments from a file, if they have the names and types of the constructor.

    Args:
        network: whose constructor.
        arguments: by name.
        source: the file, for messages.
        given: names of further arguments, which are not from the file.

    Raises:
        UserError: naming the argument, what it is and what it must be.
    """
    if not isinstance(arguments, Mapping):
        raise UserError(f"{source} is damaged: the arguments of {network.__name__} are {arguments!r:.60}")
    hints = get_type_hints(network.__init__)
    known = {name: hint for name, hint in hints.items() if name not in (*given, "return")}
    for name, value in arguments.items():
        if name not in known:
            there = ", ".join(known)
            raise UserError(f"{source} does not fit: {network.__name__} has no argument {name!r}; it has {there}")
        try:
            _checker(known[name]).validate_python(value)
        except ValidationError as error:
            raise UserError(f"{source} is damaged: {name} is {value!r:.60}: {error.errors()[0]['msg']}") from None
    return dict(arguments)


@cache
def _checker(hint: Any) -> TypeAdapter[Any]:
    return TypeAdapter(hint, config=ConfigDict(strict=True, allow_inf_nan=False))


def require_room(arguments: Mapping[str, Any], stored: int, source: str | Path) -> None:
    """Refuse constructor arguments that ask for more weights than are stored, before memory is taken for them.

    What every network here has at least is compared: a matrix of width by width in each layer, the matrices between its
    width and that of the text, a row for each word of a prompt, and no other size larger than all weights together.

    Args:
        arguments: by name, of the right types (`checked_arguments`).
        stored: number of values in its file of weights.
        source: the file with the arguments, for messages.

    Raises:
        UserError: naming the arguments.
    """
    sizes = {name: value for name, value in arguments.items() if isinstance(value, int) and value > 0}
    width, text, words = (sizes.get(name, 1) for name in ("width", "text_width", "text_max_tokens"))
    layers = max(1, sum(sizes.get(name, 0) for name in LAYERS))
    ratio = max(1.0, 0.5 * arguments.get("mlp_ratio", 0.0))  # hidden widths are rounded, down by less than half
    most, largest = max(stored, 1), max(sizes.values(), default=1)
    # the largest alone first: products of others would leave what a float holds
    if largest > most or max(layers * width * width * ratio, text * width, words * text) > most:
        listed = ", ".join(f"{name} {value}" for name, value in sizes.items())
        raise UserError(f"{source} is damaged: {listed} ask for more weights than the {stored} that are stored")


def require_state(state: object, source: str | Path) -> Mapping[str, Tensor]:
    """Return a state, if it is tensors by name.

    Raises:
        UserError: it is something else.
    """
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(f"{source} is damaged: where weights should be it holds something else")
    return state


def load_strictly(module: nn.Module, state: Mapping[str, Tensor], source: str | Path) -> None:
    """Load a state whose keys and shapes must be the module's own.

    Raises:
        UserError: naming the first key that is missing, unknown, of another shape, or not finite.
    """
    own = module.state_dict()
    for problem, keys in (("lacks", own.keys() - state.keys()), ("has an unknown", state.keys() - own.keys())):
        if keys:
            raise UserError(f"{source} {problem} tensor {min(keys)!r}")
    for name, tensor in require_state(state, source).items():
        if tensor.shape != own[name].shape:
            raise UserError(f"{source}: {name} is {tuple(tensor.shape)}; this model has {tuple(own[name].shape)}")
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise UserError(f"{source}: {name} is not finite")
    module.load_state_dict(state)


def under(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the part of a state whose names start with `prefix`, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


def digest_state(state: Mapping[str, Tensor]) -> str:
    """Return the digest of names and values of a state, independent of order and device."""
    chunks: list[bytes] = []
    for name, tensor in sorted(state.items()):
        value = tensor.detach().cpu().contiguous()
        chunks += [f"{name} {value.dtype} {tuple(value.shape)}".encode(), value.view(torch.uint8).numpy().tobytes()]
    return digest_bytes(*chunks)
