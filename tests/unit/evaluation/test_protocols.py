"""The protocols say what the field's loaders do."""

from __future__ import annotations

import pytest

from scalemogen.errors import UserError
from scalemogen.evaluation import PROTOCOLS, get_protocol


def test_settings_of_the_field() -> None:
    usual, fixed, snap = (get_protocol(name) for name in ("humanml3d", "humanml3d-deterministic", "snapmogen"))
    for protocol in (usual, fixed):
        assert (protocol.unit, protocol.shortest, protocol.longest, protocol.cut_to) == (4, 40, 199, 196)
        assert (protocol.pool, protocol.distance, protocol.pools) == (32, "euclidean", "consecutive")
        assert (protocol.diversity_pairs, protocol.samples, protocol.pairs) == (300, 30, 10)
    assert (usual.caption, usual.crop, usual.order, usual.unit_drop, usual.texts) == (
        "random",
        "random",
        "shuffled",
        1 / 3,
        100,
    )
    assert (fixed.caption, fixed.crop, fixed.order, fixed.unit_drop) == ("first", "centre", "length", 0)
    assert (snap.unit, snap.shortest, snap.cut_to, snap.pool, snap.distance) == (8, 128, 320, 100, "cosine")
    assert (snap.caption, snap.crop, snap.order, snap.unit_drop) == ("random", "random", "shuffled", 0)


def test_kit_is_humanml3d_with_shorter_clips() -> None:
    usual, kit = (get_protocol(name).to_dict() for name in ("humanml3d", "kit"))
    assert {name: value for name, value in kit.items() if value != usual[name]} == {"name": "kit", "shortest": 24}


def test_the_honest_one_leaves_nothing_out() -> None:
    honest = get_protocol("default")
    assert (honest.shortest, honest.longest, honest.cut_to, honest.unit, honest.unit_drop) == (None, None, None, 1, 0)
    assert honest.pools == "different captions"


def test_each_says_what_it_is() -> None:
    for name, protocol in PROTOCOLS.items():
        assert protocol.name == name
        assert protocol.purpose.endswith(".")
    assert len({protocol.purpose for protocol in PROTOCOLS.values()}) == len(PROTOCOLS)


def test_unknown_names_and_pools_are_refused() -> None:
    with pytest.raises(UserError, match="'motionx': choose from default, humanml3d"):
        get_protocol("motionx")
    with pytest.raises(UserError, match="a pool of 1"):
        get_protocol("default").with_pool(1)
