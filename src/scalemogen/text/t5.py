"""Frozen T5 encoders, by hub name or local folder. The paper's is google/flan-t5-xl."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar, Literal, final

import torch
from torch import nn

from scalemogen.errors import UserError
from scalemogen.text.frozen import FrozenTextEncoder, tokenizer_file, weight_files

NEEDED_FILES = ["config.json", "model*.safetensors*", "tokenizer*.json", "spiece.model", "special_tokens_map.json"]


@final
class T5TextEncoder(FrozenTextEncoder):
    """The encoder half of any T5.

    A local folder is used as it is, without a network. A hub name (`google/flan-t5-xl`) is fetched into the Hugging
    Face cache, or found there; with HF_HUB_OFFLINE=1 it must be there. Only safetensors weights are read.

    Args:
        source: local folder or hub name.
        max_tokens: most tokens of a caption, end of sentence included.
        dtype: of weights and arithmetic. The paper's features are float32; bfloat16 halves memory and moves features
            by about 1%. (float16 is not offered: large T5s overflow in it.)

    Raises:
        UserError: no such folder, hub model out of reach, no T5, or no safetensors weights.
    """

    kind: ClassVar[str] = "t5"

    def __init__(
        self,
        source: str = "google/flan-t5-xl",
        *,
        max_tokens: int = 512,
        dtype: Literal["float32", "bfloat16"] = "float32",
    ) -> None:
        folder = _find(source)
        width = _width(folder)
        tokenizer_file(folder)
        weight_files(folder)
        dtypes = {"float32": torch.float32, "bfloat16": torch.bfloat16}
        if dtype not in dtypes:
            raise UserError(f"dtype of the text encoder is '{dtype}'; it must be one of {', '.join(dtypes)}")
        super().__init__(folder, width=width, max_tokens=max_tokens, dtype=dtypes[dtype])
        self.source = str(folder.resolve()) if Path(source).expanduser().is_dir() else source

    def config(self) -> dict[str, Any]:
        """Return `kind` and the constructor's keywords; a local folder by its absolute path."""
        dtype = str(self.dtype).removeprefix("torch.")
        return {"kind": self.kind, "source": self.source, "max_tokens": self.max_tokens, "dtype": dtype}

    def load_network(self) -> nn.Module:
        """Read the encoder half; a decoder in the file is skipped."""
        from safetensors import SafetensorError
        from transformers import T5EncoderModel

        reader: Any = T5EncoderModel  # its annotations do not know of the loading report
        try:
            network, report = reader.from_pretrained(
                self.folder, local_files_only=True, use_safetensors=True, dtype=self.dtype, output_loading_info=True
            )
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise UserError(f"{self.folder} cannot be read as a T5 encoder: {error}") from error
        if report["missing_keys"]:
            raise UserError(f"{self.folder} is no T5 encoder: its weights lack {min(report['missing_keys'])}")
        module: nn.Module = network
        return module


def _find(source: str) -> Path:
    local = Path(source).expanduser()
    if local.is_dir():
        return local
    if not source or local.is_absolute() or source.startswith((".", "~")) or source.count("/") > 1:
        raise UserError(f"text encoder folder '{source}' does not exist")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(source, allow_patterns=NEEDED_FILES))
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise UserError(
            f"text encoder '{source}' is no local folder and cannot be fetched from the Hugging Face hub ({reason}); "
            "download it where there is a network and pass the local folder, "
            "or copy the hub's cache here and set HF_HUB_OFFLINE=1"
        ) from error


def _width(folder: Path) -> int:
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text())
        found = config["model_type"]
        width = int(config["d_model"]) if found in {"t5", "mt5"} else 0
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is no model configuration: {error}") from error
    if not width:
        raise UserError(f"{path} describes a model of type '{found}'; it must be t5")
    return width
