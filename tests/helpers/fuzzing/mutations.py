"""Damage to bytes, texts and JSON values, drawn from a generator: the same generator, the same damage."""

from __future__ import annotations

import contextlib
import copy
import json
import re
from random import Random
from typing import Any

VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 3, 1.5, -0.0, 1e-320, 1e308, 10**9, 2**31, 2**63, -(2**63), 10**30, 10**400,
    float("nan"), float("inf"), float("-inf"), "", " ", "x", "0", "nan", "\x00", "\ud800", "x" * 5000, [], [[]], {},
    [1], [None], {"a": 1}, [[0, 1], [2]], "../../etc/passwd",
)  # fmt: skip
"""What stands in place of a value."""

NUMBERS = (
    b"nan", b"inf", b"-inf", b"1e999", b"-1e999", b"1e-999", b"-1", b"0", b"-0", b"1", b"2", b"999999999",
    b"4294967296", b"99999999999999999999", b"1e308", b"1e38",
    b"0x10", b"1_0", b"", b"x", b"1,5", b"\xd9\xa3", b"\xb2", b"1e5", b".",
)  # fmt: skip
"""What stands in place of a number in a text."""

WORDS = (
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\n", b"\r", b"\r\n", b"\x0c", b"\x85", b"\xe2\x80\xa8", b"{", b"}",
    b"[" * 3000, b'{"a":' * 3000,
    b'"', b"'", b":", b"&a ", b"*a", b"!!python/object:os.system x", b"---\n", b",", b";", b"\t", b"#",
)  # fmt: skip
"""What is put into a text."""

SIZES = (0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF)


def damage_bytes(data: bytes, dice: Random) -> bytes:
    """Return bytes with one to four changes: bits, words, spans lost, doubled, swapped or cut off."""
    result = bytearray(data)
    for _ in range(dice.choice((1, 1, 1, 2, 3, 4))):
        at = dice.randrange(len(result) + 1)
        span = min(len(result) - at, dice.choice((1, 2, 4, 8, 64, 1024)))
        match dice.randrange(8):
            case 0 if at < len(result):
                result[at] ^= 1 << dice.randrange(8)
            case 1 if at < len(result):
                result[at] = dice.randrange(256)
            case 2:
                width = dice.choice((1, 2, 4, 8))
                result[at : at + width] = (dice.choice(SIZES) & (256**width - 1)).to_bytes(
                    width, dice.choice(("little", "big"))
                )
            case 3:
                del result[at : at + span]
            case 4:
                result[at:at] = result[at : at + span]
            case 5:
                result[at : at + span] = dice.randbytes(span)
            case 6:
                other = dice.randrange(len(result) + 1)
                result[at : at + span], result[other : other + span] = (
                    result[other : other + span],
                    result[at : at + span],
                )
            case _:
                del result[at:]
    return bytes(result)


def damage_text(data: bytes, dice: Random) -> bytes:
    """Return a text with changed numbers, lines or words, or with damaged bytes."""
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        match dice.randrange(6):
            case 0 | 1:
                found = list(re.finditer(rb"-?\d[\d.eE+-]*", data))
                if found:
                    number = dice.choice(found[:40] if dice.random() < 0.5 else found)
                    data = data[: number.start()] + dice.choice(NUMBERS) + data[number.end() :]
            case 2:
                lines = data.split(b"\n")
                here, there = dice.randrange(len(lines)), dice.randrange(len(lines))
                match dice.randrange(3):
                    case 0:
                        del lines[here]
                    case 1:
                        lines.insert(there, lines[here])
                    case _:
                        lines[here], lines[there] = lines[there], lines[here]
                data = b"\n".join(lines)
            case 3:
                words = list(re.finditer(rb"\w+", data))
                if len(words) > 1:
                    one, other = dice.choice(words), dice.choice(words)
                    data = data[: one.start()] + data[other.start() : other.end()] + data[one.end() :]
            case 4:
                at = dice.randrange(len(data) + 1)
                data = data[:at] + dice.choice(WORDS) + data[at:]
            case _:
                data = damage_bytes(data, dice)
    return data


def damage_json(value: Any, dice: Random) -> Any:
    """Return a JSON value with one to three entries replaced, lost, doubled or made much bigger."""
    result = copy.deepcopy(value)
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        places = list(_places(result))
        if not places:
            break
        depth = min(len(places), dice.choice((12, 60, len(places))))
        holder, key = places[dice.randrange(depth)]
        old = holder[key]
        match dice.randrange(6):
            case 0 | 1 | 2:
                holder[key] = copy.deepcopy(dice.choice(VALUES))
            case 3:
                del holder[key]
            case 4 if isinstance(old, int | float):
                holder[key] = dice.choice((old * 1000, old * 10**9, -old, old + 1, old - 1, old // 3, str(old)))
            case 4 if isinstance(old, list) and old:
                holder[key] = dice.choice((old * 2, old[1:], old[::-1], [old], old[0]))
            case _:
                other, name = dice.choice(places)
                with contextlib.suppress(LookupError):  # it may be gone by now
                    holder[key] = copy.deepcopy(other[name])
    return result


def to_json(value: Any) -> bytes:
    """Return the text of a JSON value, lone surrogates and infinities included."""
    return json.dumps(value).encode()


def _places(value: Any) -> Any:
    """Yield (container, key) of everything inside a JSON value, outermost first."""
    todo = [value]
    while todo:
        holder = todo.pop(0)
        for key in list(holder) if isinstance(holder, dict) else range(len(holder)):
            yield holder, key
            if isinstance(holder[key], dict | list):
                todo.append(holder[key])
