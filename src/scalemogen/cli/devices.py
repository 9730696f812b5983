"""The device that a command computes on."""

from __future__ import annotations

import torch

from scalemogen.errors import UserError

DEVICES = ("auto", "cpu", "cuda")


def choose_device(name: str) -> str:
    """Return "cpu" or "cuda"; "auto" takes the accelerator where there is one.

    Raises:
        UserError: the accelerator was asked for and is not there.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("device cuda: this machine has none that torch can use (`scalemogen doctor` tells more)")
    return name
