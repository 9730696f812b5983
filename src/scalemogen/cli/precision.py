"""The number format of a run: what the user names, else what suits the machine."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch.plugins.precision import DoublePrecision, HalfPrecision, Precision
from lightning.pytorch.utilities import rank_zero_only
from torch import nn

from scalemogen import machine
from scalemogen.scales import Pyramid


class DoubleBatches(DoublePrecision):
    """Lightning's plugin for `64-true`, which cannot convert frozen records by itself."""

    def convert_input(self, data: Any) -> Any:
        """Return a batch in float64."""
        return data.to(dtype=torch.float64)


class HalfBatches(HalfPrecision):
    """Lightning's plugin for `bf16-true` and `16-true`, which cannot convert frozen records by itself."""

    def convert_module(self, module: nn.Module) -> nn.Module:
        """Convert weights; the matrices of the pyramid stay in float32: a bit is a sign."""
        kept = [(part, dict(part.named_buffers())) for part in module.modules() if isinstance(part, Pyramid)]
        module = super().convert_module(module)
        for part, buffers in kept:
            for name, buffer in buffers.items():
                part.register_buffer(name, buffer, persistent=False)
        return module

    def convert_input(self, data: Any) -> Any:
        """Return a batch in bfloat16 or float16."""
        return data.to(dtype=self._desired_input_dtype)


def precision_plugin(name: object) -> Precision | None:
    """Return the plugin for a precision of the trainer, None where Lightning's own will do."""
    match name:
        case "64-true" | "64" | 64:
            return DoubleBatches()
        case "bf16-true" | "16-true":
            return HalfBatches(name)
    return None


def chosen_precision(asked: Mapping[str, Any]) -> machine.Precision | None:
    """Return the precision that the user names, else the one that suits the device; None where a plugin settles it.

    What the user names is obeyed, with a warning on stderr where this CPU must emulate it.

    Args:
        asked: of the trainer.
    """
    accelerator, plugins = asked.get("accelerator"), asked.get("plugins") or []
    plugins = plugins if isinstance(plugins, list | tuple) else [plugins]
    own = any(isinstance(plugin, Precision) for plugin in plugins)
    if own or not isinstance(accelerator, str):
        return None
    kind = machine.device_kind(accelerator)
    if asked.get("precision") is None:
        return machine.choose_precision(kind)
    name = str(asked["precision"])
    factor = machine.emulation_factor(name, kind)
    if factor is not None and not rank_zero_only.rank:  # type: ignore[attr-defined]
        print(
            f"scalemogen: warning: {name} is emulated on this CPU: a matrix product takes {factor:.1f} times as long "
            "as in float32 (--trainer.precision=null takes what suits the machine)",
            file=sys.stderr,
        )
    return machine.Precision(name, "as asked")
