"""What the processes of torchrun tell each other before they train together, through the store of its agent."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from torch.distributed import TCPStore  # type: ignore[attr-defined]

from scalemogen.errors import UserError

PATIENCE = timedelta(minutes=10)
"""How long a process waits for the first one."""


def started_by_torchrun() -> bool:
    """Return whether torchrun has started this process, with a store that outlives its attempts."""
    return os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"


def agreed(name: str, choose: Callable[[], str]) -> str:
    """Return what the first process has chosen under a name, once for all processes and all attempts."""
    store = TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=False, timeout=PATIENCE)
    key = f"scalemogen/{name}"
    if os.environ["RANK"] == "0" and not store.check([key]):
        store.set(key, choose())
    return store.get(key).decode()


def meet() -> None:
    """Have the processes of this attempt meet at a port of their own, which the first of them opens.

    The agent's store still holds where the processes of the attempt before could be reached; torch 2.13 takes those
    addresses for the present ones. Nothing tells attempts apart: agents of several machines count them differently, and
    the first process may be on another machine than before. So the others take the newest address that is given when
    somebody listens there: the first process of an attempt is dead when the next attempt begins.

    Raises:
        UserError: nobody listens for ten minutes.
    """
    if not started_by_torchrun():
        return
    agent = (os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))
    store = TCPStore(*agent, is_master=False, timeout=PATIENCE)
    if os.environ["RANK"] == "0":
        with socket.create_connection(agent) as seen, socket.create_server(("", 0)) as server:
            place = (seen.getsockname()[0], server.getsockname()[1])
        store.set("scalemogen/meet", f"{place[0]} {place[1]}")
    else:
        place = _listening(store)
    os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"] = place[0], str(place[1])
    os.environ["TORCHELASTIC_USE_AGENT_STORE"] = "False"


def _listening(store: TCPStore) -> tuple[str, int]:
    deadline = time.monotonic() + PATIENCE.total_seconds()
    while time.monotonic() < deadline:
        address, port = store.get("scalemogen/meet").decode().split()
        with suppress(OSError), socket.create_connection((address, int(port)), timeout=5):
            return address, int(port)
        time.sleep(0.2)
    raise UserError(f"the first process of this training does not listen at {address}:{port}")
