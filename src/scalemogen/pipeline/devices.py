"""The device that a model computes on."""

from __future__ import annotations

import torch

from scalemogen.errors import UserError

DEVICES = ("auto", "cpu", "cuda")


def choose_device(name: str | torch.device) -> str:
    """Return a name that torch knows; "auto" takes the accelerator where there is one.

    Raises:
        UserError: no such kind of device, or an accelerator that was asked for and is not there.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError) as error:
        raise UserError(f"unknown device {name!r}; choose from {', '.join(DEVICES)}") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(f"device {name}: this machine has none that torch can use (`scalemogen doctor` tells more)")
    return str(name)
