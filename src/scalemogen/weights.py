"""States of networks on disk and between networks: safetensors, strict loading, digests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from scalemogen.errors import UserError
from scalemogen.files import digest_bytes


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


def load_strictly(module: nn.Module, state: Mapping[str, Tensor], source: str | Path) -> None:
    """Load a state whose keys and shapes must be the module's own.

    Raises:
        UserError: naming the first key that is missing, unknown, of another shape, or not finite.
    """
    own = module.state_dict()
    for problem, keys in (("lacks", own.keys() - state.keys()), ("has an unknown", state.keys() - own.keys())):
        if keys:
            raise UserError(f"{source} {problem} tensor {min(keys)!r}")
    for name, tensor in state.items():
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
