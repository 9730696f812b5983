"""Text encoders by name: from a configuration, and from a saved folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from scalemogen.errors import UserError
from scalemogen.files import parse_json
from scalemogen.text.encoder import DESCRIPTION, WEIGHTS, TextEncoder
from scalemogen.text.minilm import MiniLMTextEncoder
from scalemogen.text.small import SmallTextEncoder
from scalemogen.text.t5 import T5TextEncoder
from scalemogen.weights import checked_arguments, count_stored, read_state, require_room

TEXT_ENCODERS: dict[str, type[TextEncoder]] = {
    encoder.kind: encoder for encoder in (SmallTextEncoder, T5TextEncoder, MiniLMTextEncoder)
}


def build_text_encoder(
    config: Mapping[str, Any], stored: Callable[[], int] | None = None, source: str | Path = "the text encoder"
) -> TextEncoder:
    """Build an encoder from `TextEncoder.config()`'s result; a trainable one has random weights and no vocabulary.

    Args:
        config: its kind and its settings.
        stored: counts the values in the weights of a trainable one, if there are any: larger sizes are refused unmade.
        source: what messages call the settings.

    Raises:
        UserError: unknown kind or keyword, or what the encoder itself raises.
    """
    keywords = dict(config)
    kind = keywords.pop("kind", None)
    if not isinstance(kind, str) or kind not in TEXT_ENCODERS:
        raise UserError(f"unknown text encoder {kind!r:.60}; it must be one of {', '.join(TEXT_ENCODERS)}")
    encoder = TEXT_ENCODERS[kind]
    settings = checked_arguments(encoder, keywords, source)
    if stored is not None and not encoder.frozen:
        require_room(settings, stored(), source)
    return encoder(**settings)


def load_encoder(encoder: TextEncoder, state: Mapping[str, Tensor], source: str | Path) -> None:
    """Load the weights of a trainable encoder strictly.

    Raises:
        UserError: they are not its own, or hold no vocabulary.
    """
    try:
        encoder.load_state_dict(state)
    except (AttributeError, RuntimeError, UserError) as error:
        raise UserError(f"{source} does not hold its text encoder: {error}") from error


def load_text_encoder(folder: str | Path) -> TextEncoder:
    """Load what `TextEncoder.save` wrote, in evaluation mode; no code in the files is executed.

    Raises:
        UserError: a missing or damaged file; or a frozen encoder whose files are not those the folder was saved with.
    """
    path = Path(folder) / DESCRIPTION
    try:
        config = parse_json(path.read_bytes())
        digest = config.pop("digest")
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise UserError(f"{path} is no text encoder description: {error}") from error
    weights = path.with_name(WEIGHTS)
    try:
        encoder = build_text_encoder(config, lambda: count_stored(weights), path)
    except UserError as error:
        hint = "; if its folder was moved, put the new place into 'source' of that file" if "source" in config else ""
        raise UserError(f"{path}: {error}{hint}") from error
    if not encoder.frozen:
        load_encoder(encoder, read_state(weights), weights)
    if encoder.digest != digest:
        raise UserError(f"the text encoder found by {path} has digest {encoder.digest}; it was saved with {digest}")
    return encoder.eval()
