"""Sentences for acts: varied wording, every attribute said."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from scalemogen.synthetic.acts import Act, acts_of
from scalemogen.synthetic.dice import Dice
from scalemogen.synthetic.wording import (
    ADJECTIVES,
    ANGLES,
    FORMS,
    LINKS,
    NOUNS,
    NUMBERS,
    OBSTACLES,
    SPEED_WORDS,
    STYLE_WORDS,
    TEMPLATES,
    TIMES,
)

_FINITE, _GERUND = 0, 1


def describe(attributes: Mapping[str, Any], generator: torch.Generator, count: int = 3) -> tuple[str, ...]:
    """Return different sentences that say what a clip shows.

    Every sentence names side, direction, number, angle and height of every act where it has them, its speed unless
    it is normal, and the style unless it is neutral. Exchanging the words left and right describes the mirrored clip.

    Args:
        attributes: those of a synthetic clip.
        generator: source of the wording.
        count: number of sentences.

    Raises:
        UserError: the attributes are not those of a synthetic clip.
    """
    dice = Dice(generator)
    acts, style = acts_of(attributes), str(attributes.get("style", "neutral"))
    found: list[str] = []
    while len(found) < count:
        sentence = _sentence(acts, style, dice)
        if sentence not in found:
            found.append(sentence)
    return tuple(found)


def _sentence(acts: Sequence[Act], style: str, dice: Dice) -> str:
    subject, manner = _subject(style, dice)
    if len(acts) == 1:
        if dice.chance(0.25):
            return _with_manner(f"{subject} is", _phrase(acts[0], dice, _GERUND), manner, dice)
        return _with_manner(subject, _phrase(acts[0], dice, _FINITE), manner, dice)
    first, second = acts
    if dice.chance(0.18):
        opening = _phrase(first, dice, _GERUND)
        return f"after {opening}, {_with_manner(subject, _phrase(second, dice, _FINITE), manner, dice)}"
    link = dice.choice(LINKS)
    form = _GERUND if "followed" in link else _FINITE
    deeds = _phrase(first, dice, form) + link + _phrase(second, dice, form)
    if form == _GERUND:
        subject += " is"
    elif manner and " " not in manner and dice.chance(0.5):
        return f"{subject} {manner} {deeds}"
    elif link == ", then " and dice.chance(0.4):
        deeds = f"first {deeds}"
    return f"{subject} {deeds}, moving {manner}" if manner else f"{subject} {deeds}"


def _subject(style: str, dice: Dice) -> tuple[str, str]:
    """Return a subject, and the words for the style unless it holds them already."""
    article = dice.weighted({"a": 0.7, "the": 0.3})
    noun = "person" if dice.chance(0.45) else dice.choice(NOUNS)
    if style in ADJECTIVES and dice.chance(0.3):
        return f"{article} {dice.choice(ADJECTIVES[style])} {noun}", ""
    manner = dice.choice(STYLE_WORDS[style])
    return ("someone" if dice.chance(0.15) else f"{article} {noun}"), manner


def _with_manner(subject: str, deed: str, manner: str, dice: Dice) -> str:
    """Say how somebody does something, before or after what they do."""
    if not manner:
        return f"{subject} {deed}"
    if " " not in manner and dice.chance(0.5):
        return f"{subject} {manner} {deed}"
    paced = any(deed.endswith(words) for options in SPEED_WORDS.values() for words in options if words)
    if not paced:
        return f"{subject} {deed} {manner}"
    return f"{subject} {deed} and {manner}" if " " not in manner else f"{subject} {deed}, {manner}"


def _phrase(act: Act, dice: Dice, form: int) -> str:
    """Return a verb phrase, finite ("walks") or as a gerund ("walking")."""
    options = [words for key in _keys(act) for words in TEMPLATES[key] if "{steps}" not in words or act.count]
    phrase = dice.choice(options).format_map(_slots(act, dice))
    phrase = re.sub(r"\[(\w+)\]", lambda verb: FORMS[verb.group(1)][form], phrase)
    speed = dice.choice(SPEED_WORDS[act.speed]) if act.speed else ""
    if speed in ("slowly", "quickly", "rapidly") and dice.chance(0.35):
        return f"{speed} {phrase}"
    return f"{phrase} {speed}".rstrip()


def _keys(act: Act) -> list[tuple[str, str | None]]:
    if act.action == "walk":
        return [("walk", "forward" if act.direction in (None, "forward") else "bend")]
    if act.action == "jump":
        return [("jump", "up" if act.direction in (None, "up") else "away")]
    if act.action == "turn":
        named = {90: "quarter", 180: "half", 360: "full"}.get(act.degrees or 0)
        return [("turn", None), *([("turn", named)] if named else [])]
    return [(act.action, act.direction)]


def _slots(act: Act, dice: Dice) -> dict[str, str]:
    side, count = act.side or "", act.count

    def some(noun: str, plural: str) -> str:
        one = f"a {noun}" if count is None else f"one {noun}"
        return one if count in (None, 1) else f"{NUMBERS[count or 0]} {plural}"

    def body(part: str, plural: str) -> str:
        return f"both {plural}" if side == "both" else f"{dice.choice(('the', 'their'))} {side} {part}"

    limbs = {"hand": body("hand", "hands"), "arm": body("arm", "arms"), "leg": body("leg", "legs")}
    limbs |= {"fist": body("fist", "fists"), "foot": body("foot", "feet")}
    direction = act.direction or ""
    return {
        **limbs,
        **{f"with_{name}": f"with {limb}" for name, limb in limbs.items()},
        "side": side,
        "direction": direction,
        "to": direction if direction in ("forward", "backward") else f"to the {direction}",
        "steps": some("step", "steps"),
        "for_steps": "" if count is None else f" for {some('step', 'steps')}",
        "sidesteps": some("side step", "side steps"),
        "times": "" if count in (None, 1) and not (count and dice.chance(0.3)) else f" {TIMES[count or 0]}",
        "squats": some("squat", "squats"),
        "jumps": some("jump", "jumps"),
        "bows": some("bow", "bows"),
        "punches": some("punch", "punches"),
        "kicks": some("kick", "kicks"),
        "angle": dice.choice(ANGLES.get(act.degrees or 0, (f"{act.degrees} degrees",))),
        "high": {"high": " high", "low": " low"}.get(act.height or "", ""),
        "high_adjective": {"high": " high", "low": " low"}.get(act.height or "", ""),
        "obstacle": dice.choice(OBSTACLES.get(act.height or "low", ("an obstacle",))),
    }
