from __future__ import annotations

import pytest

from helpers.motions import make_motion
from scalemogen.errors import UserError
from scalemogen.serving import Limits
from scalemogen.serving.meter import ADDRESSES, Meter
from scalemogen.serving.store import Piece, Store


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def done(frames: int = 5) -> Piece:
    return Piece("a person walks", state="done", motion=make_motion(frames=frames))


def test_names_cannot_be_guessed() -> None:
    store = Store(100, 60.0, 10**9)
    names = {store.add(done()) for _ in range(50)}
    assert len(names) == 50
    assert min(map(len, names)) >= 22  # 128 bits


def test_the_one_asked_for_longest_ago_goes_first() -> None:
    store = Store(2, 60.0, 10**9, Clock())
    first, second = store.add(done()), store.add(done())
    assert store.get(first) is not None
    third = store.add(done())
    assert store.get(second) is None
    assert store.get(first) is not None
    assert store.get(third) is not None


def test_motions_are_bounded_in_bytes() -> None:
    piece = done()
    store = Store(100, 60.0, 3 * piece.size, Clock())
    names = [store.add(piece) for _ in range(7)]
    assert [store.get(name) is not None for name in names] == [False] * 4 + [True] * 3


def test_what_nobody_asks_for_expires() -> None:
    clock = Clock()
    store = Store(100, 60.0, 10**9, clock)
    kept, lost = store.add(done()), store.add(done())
    clock.now = 50.0
    assert store.get(kept) is not None
    clock.now = 100.0
    assert store.get(lost) is None
    assert store.get(kept) is not None
    assert len(store) == 1


def test_what_is_waited_for_is_never_dropped() -> None:
    clock = Clock()
    store = Store(4, 60.0, 10**9, clock)
    waiting = [store.add(Piece("a person waits")) for _ in range(3)]
    clock.now = 1000.0
    settled = store.add(done())
    assert all(store.get(name) for name in [*waiting, settled])


def test_a_removed_piece_stays_removed() -> None:
    store = Store(2, 60.0, 10**9)
    name = store.add(Piece("a person waits"))
    store.remove(name)
    store.change(name, done())
    assert store.get(name) is None


def test_an_address_may_ask_so_often() -> None:
    clock = Clock()
    meter = Meter(3, clock)
    assert [meter.wait("here") for _ in range(4)] == [0.0, 0.0, 0.0, pytest.approx(20.0)]
    assert meter.wait("there") == 0.0
    clock.now = 19.0
    assert meter.wait("here") == pytest.approx(1.0)
    clock.now = 20.0
    assert meter.wait("here") == 0.0


def test_the_meter_forgets_addresses() -> None:
    meter = Meter(1)
    for number in range(ADDRESSES + 10):
        meter.wait(str(number))
    assert len(meter._left) == ADDRESSES


@pytest.mark.parametrize(("limits", "words"), [({"queue": 0}, "queue is 0"), ({"keep": 10}, "keep is 10")])
def test_limits_are_checked(limits: dict[str, int], words: str) -> None:
    with pytest.raises(UserError, match=words):
        Limits(**limits)
