"""Left and right swapped in sentences and attributes, for mirrored copies of clips."""

from __future__ import annotations

import re
from typing import Any

_SWAPS = {
    "left": "right",
    "right": "left",
    "clockwise": "anticlockwise",
    "anticlockwise": "clockwise",
    "anti-clockwise": "clockwise",
    "counterclockwise": "clockwise",
    "counter-clockwise": "clockwise",
}

# "right" where it names no side: "right away", "all right", "a right angle".
_NO_SIDE_BEFORE = r"(?<!\ball )(?<!\bthat's )"
_NO_SIDE_AFTER = r"(?! (?:away|now|after|before|angles?|then)\b)"
_SIDE = re.compile(
    rf"(?<![A-Za-z])(?:{_NO_SIDE_BEFORE}(?P<right>right){_NO_SIDE_AFTER}|(?P<left>left)"
    r"|(?P<turn>anti-?clockwise|counter-?clockwise|clockwise))"
    r"(?=(?:wards?|most|hand(?:ed)?|foot(?:ed)?|s)?(?![A-Za-z]))",
    re.IGNORECASE,
)


def swap_sides(text: str) -> str:
    """Return `text` with left and right, and the senses of rotation, exchanged word by word.

    Capitals are kept ("Left" becomes "Right"), as are endings ("left-handed", "leftwards", "leftmost", "left's").
    "Right" that names no side ("right away", "all right", "right angle") is left alone. All spellings of
    "counterclockwise" become "clockwise", which becomes "anticlockwise".
    """
    return _SIDE.sub(lambda match: _with_case(_SWAPS[match[0].lower()], match[0]), text)


def _with_case(word: str, like: str) -> str:
    if like.isupper():
        return word.upper()
    return word.capitalize() if like[0].isupper() else word


def swap_attributes(value: Any) -> Any:
    """Return a JSON value with the sides exchanged in all its strings and keys."""
    if isinstance(value, str):
        return swap_sides(value)
    if isinstance(value, dict):
        return {swap_sides(key): swap_attributes(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [swap_attributes(item) for item in value]
    return value
