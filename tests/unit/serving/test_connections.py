"""Connections that say nothing, or say it too slowly, are closed; others are served meanwhile."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from helpers.serving import PATIENCE, listening
from scalemogen.pipeline import TextToMotion
from scalemogen.serving import Impatient, create_app

REQUEST = b"GET /api/model HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Soon(Impatient):
    seconds = 0.5


@pytest.fixture(scope="module")
def address(model: TextToMotion) -> Iterator[tuple[str, int]]:
    with listening(create_app(model), Soon) as at:
        yield "127.0.0.1", int(at.rpartition(":")[2])


def answer(connection: socket.socket) -> bytes:
    """Return what comes until the description of the model is whole, or the server hangs up."""
    content = b""
    while b'"keep_seconds"' not in content and (more := connection.recv(65536)):
        content += more
    return content


@pytest.mark.parametrize(
    "said", [b"", b"GET / HTTP/1.1\r\nHost:", REQUEST + b"GET /"], ids=["nothing", "half", "again"]
)
def test_who_does_not_ask_is_sent_away(address: tuple[str, int], said: bytes) -> None:
    with socket.create_connection(address, timeout=PATIENCE) as connection:
        connection.sendall(said)
        if said.startswith(REQUEST):
            assert answer(connection).startswith(b"HTTP/1.1 200")
        assert connection.recv(65536) == b""


def test_drops_of_a_head_do_not_keep_it_open(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=0.05) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        for _ in range(round(PATIENCE / 0.05)):
            try:
                connection.sendall(b"X-Drop: 1\r\n")
                assert connection.recv(1) == b""
                return
            except TimeoutError:
                continue
            except ConnectionError:
                return
    raise AssertionError("it stayed open")


def test_who_asks_again_and_again_stays(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=PATIENCE) as connection:
        for _ in range(4):
            connection.sendall(REQUEST)
            assert answer(connection).startswith(b"HTTP/1.1 200")
            time.sleep(0.3)
