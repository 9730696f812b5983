"""Pretrained encoders that are never trained."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, final

import torch
from torch import Tensor, nn

from scalemogen.errors import UserError
from scalemogen.files import digest_json
from scalemogen.text.encoder import TextEncoder

if TYPE_CHECKING:
    from tokenizers import Tokenizer

BLOCK = 1 << 22  # bytes hashed at a time
# The first of these that a folder has is what its tokeniser is read from.
TOKENIZER_FILES = ("tokenizer.json", "spiece.model", "vocab.txt")


class FrozenTextEncoder(TextEncoder):
    """An encoder whose network lives in a folder in the format of `transformers`, with safetensors weights.

    The network is no child module. A parent's `parameters()`, `buffers()` and `state_dict()` do not see it, deep
    copies (weight averaging makes one) share it, and `train()` does not reach it. It is read on the first forward
    pass, to the device the parent was moved to: a run that finds all its features in a cache never loads it.

    Args:
        folder: config.json, tokeniser and model*.safetensors.
        width: E of the network in the folder.
        max_tokens: most tokens of a caption, special tokens included.
        dtype: of weights and arithmetic; features are float32 in any case.
    """

    frozen: ClassVar[bool] = True

    def __init__(self, folder: Path, *, width: int, max_tokens: int, dtype: torch.dtype) -> None:
        super().__init__(width=width, max_tokens=max_tokens)
        self.folder = folder
        self.dtype = dtype
        self._device = torch.device("cpu")
        self._shared = _Shared()
        self._digest = ""

    @abstractmethod
    def load_network(self) -> nn.Module:
        """Read the network from `folder`; calling it with ids and mask gives `last_hidden_state`."""

    @property
    def device(self) -> torch.device:
        """Where the network runs: the device this module, or a parent, was last moved to."""
        return self._device

    @property
    def digest(self) -> str:
        """Digest of weight and tokeniser files, precision and `max_tokens`, but not of where the files are."""
        if not self._digest:  # once: it reads all weights
            files = {path.name: sha256(path) for path in [tokenizer_file(self.folder), *weight_files(self.folder)]}
            self._digest = digest_json([self.kind, files, str(self.dtype), self.max_tokens])
        return self._digest

    def prepare(self, captions: Iterable[str]) -> None:
        """Do nothing: the vocabulary is pretrained."""

    @final
    def token_ids(self, caption: str) -> tuple[int, ...]:
        """Return the pretrained tokeniser's ids, special tokens included."""
        if self._shared.tokenizer is None:
            self._shared.tokenizer = _load_tokenizer(self.folder)
        return tuple(self._shared.tokenizer.encode(caption).ids)

    @final
    def encode(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return features (B, S, E) float32 without gradient, whatever precision autocast asks for."""
        if self._shared.network is None:
            self._shared.network = self.load_network().requires_grad_(False).eval()
        network = self._shared.network.to(self._device)
        with torch.no_grad(), torch.autocast(self._device.type, enabled=False):
            features: Tensor = network(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        return features.float()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        # What `to`, `cuda` and a parent's `to` call for every module: the network follows when it is needed.
        self._device = fn(torch.empty(0, device=self._device)).device
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self


class _Shared:
    """What the deep copies of an encoder have in common."""

    def __init__(self) -> None:
        self.tokenizer: Tokenizer | None = None
        self.network: nn.Module | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> _Shared:
        return self


def tokenizer_file(folder: Path) -> Path:
    """Return the file that defines the tokeniser.

    Raises:
        UserError: there is none.
    """
    for name in TOKENIZER_FILES:
        if (folder / name).is_file():
            return folder / name
    raise UserError(f"{folder} holds no tokeniser: one of {', '.join(TOKENIZER_FILES)} is needed")


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files.

    Raises:
        UserError: there are none.
    """
    files = sorted(folder.glob("model*.safetensors"))
    if not files:
        raise UserError(f"{folder} holds no model*.safetensors; pickled weights are not read, convert them first")
    return files


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            sha.update(block)
    return sha.hexdigest()


def _load_tokenizer(folder: Path) -> Tokenizer:
    from transformers import AutoTokenizer

    try:
        tokenizer: Tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True).backend_tokenizer
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"{tokenizer_file(folder)} cannot be read as a tokeniser: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
