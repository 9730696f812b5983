"""Text encoders by name: from a configuration, and from a saved folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from scalemogen.errors import UserError
from scalemogen.text.encoder import DESCRIPTION, WEIGHTS, TextEncoder
from scalemogen.text.minilm import MiniLMTextEncoder
from scalemogen.text.small import SmallTextEncoder
from scalemogen.text.t5 import T5TextEncoder

TEXT_ENCODERS: dict[str, type[TextEncoder]] = {
    encoder.kind: encoder for encoder in (SmallTextEncoder, T5TextEncoder, MiniLMTextEncoder)
}


def build_text_encoder(config: Mapping[str, Any]) -> TextEncoder:
    """Build an encoder from `TextEncoder.config()`'s result; a trainable one has random weights and no vocabulary.

    Raises:
        UserError: unknown kind or keyword, or what the encoder itself raises.
    """
    keywords = dict(config)
    kind = keywords.pop("kind", None)
    if kind not in TEXT_ENCODERS:
        raise UserError(f"unknown text encoder '{kind}'; it must be one of {', '.join(TEXT_ENCODERS)}")
    try:
        return TEXT_ENCODERS[kind](**keywords)
    except TypeError as error:
        raise UserError(f"the {kind} text encoder does not take these settings: {error}") from error


def load_text_encoder(folder: str | Path) -> TextEncoder:
    """Load what `TextEncoder.save` wrote, in evaluation mode; no code in the files is executed.

    Raises:
        UserError: a missing or damaged file; or a frozen encoder whose files are not those the folder was saved with.
    """
    path = Path(folder) / DESCRIPTION
    try:
        config = json.loads(path.read_text())
        digest = config.pop("digest")
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise UserError(f"{path} is no text encoder description: {error}") from error
    try:
        encoder = build_text_encoder(config)
    except UserError as error:
        hint = "; if its folder was moved, put the new place into 'source' of that file" if "source" in config else ""
        raise UserError(f"{path}: {error}{hint}") from error
    if not encoder.frozen:
        weights = path.with_name(WEIGHTS)
        try:
            encoder.load_state_dict(load_file(weights))
        except (OSError, SafetensorError, RuntimeError) as error:
            raise UserError(f"{weights} does not hold this text encoder: {error}") from error
    if encoder.digest != digest:
        raise UserError(f"the text encoder found by {path} has digest {encoder.digest}; it was saved with {digest}")
    return encoder.eval()
