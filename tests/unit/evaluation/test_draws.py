"""Which part of which clip is measured with which caption."""

from __future__ import annotations

from dataclasses import replace

import pytest

from helpers.stores import write_store
from scalemogen.data_modules import MotionStore
from scalemogen.errors import UserError
from scalemogen.evaluation.draws import Draws, seed_of
from scalemogen.evaluation.protocols import Protocol, get_protocol

LENGTHS = [39, 40, 41, 47, 63, 97, 101, 150, 195, 199, 200, 230]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> MotionStore:
    return write_store(tmp_path_factory.mktemp("draws") / "store", {"train": [9], "test": LENGTHS})


def draws(store: MotionStore, protocol: Protocol, seed: int = 0, max_frames: int = 196) -> Draws:
    return Draws(store, "test", protocol, seed, max_frames=max_frames, min_frames=4)


def test_the_usual_loader(store: MotionStore) -> None:
    found = draws(store, replace(get_protocol("humanml3d"), pool=3))
    assert (found.left.short, found.left.long, found.left.cut) == (1, 2, 0)
    repeats = [found.repeat(number) for number in range(30)]
    assert {len(items) for items in repeats} == {9}  # 40..199 are 9 clips: three pools
    lengths = dict(enumerate(LENGTHS, start=1))
    dropped = []
    for item in (item for items in repeats for item in items):
        length, window = lengths[item.window.clip], item.window
        assert window.frames % 4 == 0
        assert 0 <= window.start <= length - window.frames
        dropped.append(length // 4 * 4 - window.frames)
        assert item.caption == store.captions(window.clip)[item.choice]
    assert set(dropped) == {0, 4}
    assert 0.25 < dropped.count(4) / len(dropped) < 0.42
    assert {item.choice for items in repeats for item in items} == {0, 1, 2}
    assert len({tuple(item.window.clip for item in items) for items in repeats}) > 20


def test_the_deterministic_loader(store: MotionStore) -> None:
    found = draws(store, replace(get_protocol("humanml3d-deterministic"), pool=4))
    first = found.repeat(0)
    assert first == found.repeat(1)
    assert [LENGTHS[item.window.clip - 1] for item in first] == [
        40,
        41,
        47,
        63,
        97,
        101,
        150,
        195,
    ]  # the longest is dropped
    assert [item.window.frames for item in first] == [40, 40, 44, 60, 96, 100, 148, 192]
    assert [item.window.start for item in first] == [0, 0, 1, 1, 0, 0, 1, 1]
    assert {item.choice for item in first} == {0}


def test_the_honest_protocol_takes_every_clip_whole_where_it_can(store: MotionStore) -> None:
    found = draws(store, get_protocol("default").with_pool(5), max_frames=100)
    items = found.repeat(0)
    assert [item.window.clip for item in items] == list(range(1, 1 + len(LENGTHS)))
    assert [item.window.frames for item in items] == [min(length, 100) for length in LENGTHS]
    assert [item.window.start for item in items] == [max(0, length - 100) // 2 for length in LENGTHS]
    assert found.left.cut == 6
    assert [item.window for item in items] == found.windows()


def test_draws_depend_on_seed_repeat_and_split_alone(store: MotionStore) -> None:
    protocol = replace(get_protocol("humanml3d"), pool=3)
    assert draws(store, protocol).repeat(3) == draws(store, protocol).repeat(3)
    for other in (draws(store, protocol).repeat(4), draws(store, protocol, seed=1).repeat(3)):
        assert other != draws(store, protocol).repeat(3)
    assert draws(store, protocol).repeat(3, "redrawn") != draws(store, protocol).repeat(3)
    assert 0 <= seed_of(7, "motion", 3) < 2**32
    assert seed_of(7, "motion", 3) != seed_of(7, "motion", 4)


def test_clips_without_a_caption_are_left_out_and_blank_captions_not_drawn(
    store: MotionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "captions", lambda clip: [" "] if clip == 3 else ["", "walks", "\n"])
    found = draws(store, get_protocol("default").with_pool(3))
    assert found.left.silent == 1
    assert {(item.caption, item.choice) for item in found.repeat(0)} == {("walks", 1)}
    assert 3 not in {item.window.clip for item in found.repeat(0)}


def test_too_few_clips_for_a_pool_are_refused(store: MotionStore) -> None:
    with pytest.raises(
        UserError, match=r"split 'test' .* has 12 clips to measure; protocol default needs 32.*--pool 6"
    ):
        draws(store, get_protocol("default")).repeat(0)
