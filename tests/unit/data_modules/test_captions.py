"""Left and right in words and attributes."""

from __future__ import annotations

import pytest

from scalemogen.data_modules.captions import swap_attributes, swap_sides


@pytest.mark.parametrize(
    ("text", "swapped"),
    [
        ("a person waves with the left hand", "a person waves with the right hand"),
        ("Left, then right; LEFT!", "Right, then left; RIGHT!"),
        ("the left-handed man steps leftwards", "the right-handed man steps rightwards"),
        ("leaning leftward to the leftmost box", "leaning rightward to the rightmost box"),
        ("turns clockwise", "turns anticlockwise"),
        ("turns Anticlockwise", "turns Clockwise"),
        ("a counter-clockwise turn", "a clockwise turn"),
        ("his right's knee", "his left's knee"),
        ("right_arm and left_leg", "left_arm and right_leg"),
        ("stands upright in bright light, all right", "stands upright in bright light, all right"),
        ("sits down right away at a right angle", "sits down right away at a right angle"),
        ("cleft and rightful", "cleft and rightful"),
        ("", ""),
    ],
)
def test_sides_are_swapped_word_by_word(text: str, swapped: str) -> None:
    assert swap_sides(text) == swapped


def test_swapping_twice_gives_the_sentence_back() -> None:
    text = "Someone turns left, steps rightward and waves clockwise with the LEFT hand."
    assert swap_sides(swap_sides(text)) == text


def test_attributes_are_swapped_in_keys_and_values_at_any_depth() -> None:
    value = {"side": "left", "count": 3, "steps": [{"direction": "turn_right"}], "left": None}
    assert swap_attributes(value) == {"side": "right", "count": 3, "steps": [{"direction": "turn_left"}], "right": None}
