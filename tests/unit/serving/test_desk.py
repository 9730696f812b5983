from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence

import pytest

from helpers.motions import make_motion
from scalemogen.errors import UserError
from scalemogen.serving.desk import Desk, QueueFull
from scalemogen.serving.orders import Made, Options, Order, Sentence
from scalemogen.serving.store import Piece, Store

PATIENCE = 30.0


class Work:
    """Does orders when it is let, and remembers the batches."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.batches: list[list[str]] = []

    def __call__(self, orders: Sequence[Order]) -> list[Made]:
        texts = [order.text for order in orders if isinstance(order, Sentence)]
        self.batches.append(texts)
        assert self.go.wait(PATIENCE)
        if "refused" in texts:
            raise UserError("this sentence is refused")
        if "broken" in texts:
            raise RuntimeError("secret path /etc/passwd")
        return [(make_motion(frames=len(text)), None) for text in texts]


class Room:
    def __init__(self, queue: int = 8, batch: int = 3) -> None:
        self.work, self.store = Work(), Store(100, 60.0, 10**9)
        self.desk = Desk(self.work, self.store, queue, batch)
        self.desk.start()

    def ask(self, text: str, guidance: float | None = None) -> str:
        return self.desk.submit(Sentence(text, 20, 0, Options(guidance)), Piece(text, 0))

    def busy(self) -> str:
        """Ask for something and wait until it is computed; it goes on until `work.go` is set."""
        name = self.ask("first")
        while not self.work.batches:
            time.sleep(0.001)
        return name

    def settled(self, name: str) -> Piece:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            piece = self.store.get(name)
            assert piece is not None
            if piece.settled:
                return piece
            time.sleep(0.001)
        raise AssertionError("never settled")


@pytest.fixture
def room() -> Iterator[Room]:
    made = Room()
    yield made
    made.work.go.set()
    made.desk.stop()


def test_what_waits_is_computed_together(room: Room) -> None:
    first = room.busy()
    names = [room.ask("a" * size) for size in (2, 3, 5)]
    other = room.ask("other", guidance=2.0)
    last = room.ask("a" * 7)
    assert [room.desk.progress(name).ahead for name in (first, *names, other, last)] == [0, 1, 2, 3, 4, 5]
    room.work.go.set()
    assert [room.settled(name).motion.frames for name in (*names, other, last)] == [2, 3, 5, 5, 7]  # type: ignore[union-attr]
    assert room.work.batches == [["first"], ["aa", "aaa", "aaaaa"], ["other"], ["aaaaaaa"]]


def test_a_full_queue_refuses(room: Room) -> None:
    room.busy()
    for number in range(8):
        room.ask(f"number {number}")
    kept = len(room.store)
    with pytest.raises(QueueFull):
        room.ask("one more")
    assert len(room.store) == kept


def test_one_refused_sentence_fails_alone(room: Room) -> None:
    room.busy()
    good, bad, fine = room.ask("good"), room.ask("refused"), room.ask("fine")
    room.work.go.set()
    assert room.settled(bad).error == "this sentence is refused"
    assert room.settled(good).motion is not None
    assert room.settled(fine).motion is not None


def test_the_desk_outlives_a_failure_and_tells_no_secrets(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    room.work.go.set()
    piece = room.settled(room.ask("broken"))
    assert piece.state == "failed"
    assert piece.error is not None
    assert "secret" not in piece.error
    assert "secret" in caplog.text
    assert room.settled(room.ask("next")).state == "done"


def test_an_order_can_be_taken_back(room: Room) -> None:
    room.busy()
    name, other = room.ask("not wanted"), room.ask("wanted")
    room.desk.withdraw(name)
    assert room.store.get(name) is None
    assert room.desk.progress(other).ahead == 1
    room.work.go.set()
    room.settled(other)
    assert ["wanted"] in room.work.batches


def test_a_closed_desk_takes_nothing() -> None:
    room = Room()
    room.busy()
    room.ask("never computed")
    room.work.go.set()
    room.desk.stop()
    assert room.work.batches == [["first"]]
    with pytest.raises(QueueFull):
        room.ask("too late")
