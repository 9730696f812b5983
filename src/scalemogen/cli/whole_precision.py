"""Training in one number format throughout: `--trainer.precision 64-true`, `bf16-true` and `16-true`."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch.plugins.precision import DoublePrecision, HalfPrecision, Precision
from torch import nn

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
