"""Reading YAML files of a known form, with errors that name the field."""

from __future__ import annotations

from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from scalemogen.errors import UserError
from scalemogen.files import parse_yaml

_File = TypeVar("_File", bound=BaseModel)


def read_yaml(path: Path | Traversable, form: type[_File], kind: str) -> _File:
    """Return the content of a YAML file.

    Args:
        path: the file.
        form: what it must hold.
        kind: what messages call it.

    Raises:
        UserError: the file is missing, is not YAML, or holds something else.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {kind} {path}: {getattr(error, 'strerror', None) or error}") from error
    try:
        return form.model_validate(parse_yaml(text))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(step) for step in first["loc"]) or "the file"
        raise UserError(f"{kind} {path}: {field}: {first['msg']}, got {first['input']!r:.80}") from error
    except ValueError as error:
        raise UserError(f"{kind} {path} is not YAML: {error}") from error
