"""Sentences are varied, say every attribute, and survive mirroring."""

from __future__ import annotations

import re

import pytest
import torch

from scalemogen.errors import UserError
from scalemogen.synthetic import Act, describe, generate_clip, mirrored_attributes
from scalemogen.synthetic.actions import ACTIONS, draw_act
from scalemogen.synthetic.dice import Dice
from scalemogen.synthetic.wording import ADJECTIVES, NUMBERS, SPEED_WORDS, STYLE_WORDS, TIMES

SENTENCES = 30


def sentences(act: Act, style: str = "neutral", seed: int = 0) -> tuple[str, ...]:
    attributes = {"acts": [act.to_dict()], "style": style}
    return describe(attributes, torch.Generator().manual_seed(seed))


def drawn(count: int) -> list[Act]:
    dice = Dice.seeded(0)
    names = list(ACTIONS)
    return [draw_act(names[number % len(names)], "neutral", dice) for number in range(count)]


def says(sentence: str, words: tuple[str, ...]) -> bool:
    return any(re.search(rf"\b{re.escape(word)}\b", sentence) for word in words if word)


@pytest.mark.parametrize("act", drawn(160), ids=lambda act: act.action)
def test_every_attribute_is_said(act: Act) -> None:
    for sentence in sentences(act):
        if act.side:
            assert says(sentence, (act.side,)), sentence
            if act.side != "both":
                assert says(sentence, ("left",)) != says(sentence, ("right",)), sentence
        if act.direction in ("left", "right"):
            assert says(sentence, (act.direction,)), sentence
        if act.count and act.count > 1:
            assert says(sentence, (NUMBERS[act.count], TIMES[act.count])), sentence
        if act.speed in ("slow", "fast"):
            assert says(sentence, SPEED_WORDS[act.speed]), sentence
        if act.height == "high":
            assert says(sentence, ("high", "tall")), sentence
        assert not re.search(r"[{\[]|  ", sentence), sentence


@pytest.mark.parametrize("style", ["tired", "happy", "sneaky"])
def test_style_is_said(style: str) -> None:
    for seed in range(SENTENCES):
        for sentence in sentences(Act("walk", "slow", direction="forward"), style, seed):
            assert says(sentence, (*STYLE_WORDS[style], *ADJECTIVES[style])), sentence


def test_sentences_differ() -> None:
    for index in range(40):
        assert len(set(generate_clip(index, 2).captions)) == 3
    many = {line for seed in range(SENTENCES) for line in sentences(Act("wave", "slow", "left"), "tired", seed)}
    assert len(many) > SENTENCES


def test_two_acts_are_told_in_order() -> None:
    acts = [Act("run", "fast").to_dict(), Act("bow", "slow", count=2).to_dict()]
    for seed in range(SENTENCES):
        for sentence in describe({"acts": acts, "style": "neutral"}, torch.Generator().manual_seed(seed)):
            assert re.search(r"\brun.*\b(bow|bend)", sentence), sentence
            assert says(sentence, ("then", "after", "after that", "followed")), sentence


def test_mirrored_attributes_get_the_swapped_words() -> None:
    other = {"left": "right", "right": "left"}
    for index in range(40):
        attributes = generate_clip(index, 4).attributes
        plain = describe(attributes, torch.Generator().manual_seed(index))
        mirrored = describe(mirrored_attributes(attributes), torch.Generator().manual_seed(index))
        swapped = tuple(re.sub(r"\b(left|right)\b", lambda word: other[word.group()], line) for line in plain)
        assert mirrored == swapped
        assert mirrored_attributes(mirrored_attributes(attributes)) == attributes


@pytest.mark.parametrize(
    "attributes", [{}, {"acts": []}, {"acts": [{"side": "left"}]}, {"acts": [{"action": "a", "b": 1}]}]
)
def test_foreign_attributes(attributes: dict[str, object]) -> None:
    with pytest.raises(UserError):
        describe(attributes, torch.Generator())
