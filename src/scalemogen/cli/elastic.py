"""What the processes of torchrun tell each other before they train together, through the store of its agent."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from datetime import timedelta

from torch.distributed import TCPStore  # type: ignore[attr-defined]

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


def meet_anew() -> None:
    """Have a further attempt meet at a port of its own.

    The agent's store still holds where the processes of the attempt before could be reached. Torch 2.13 takes those
    addresses for the present ones, and a process that is late waits for a dead one.
    """
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    if started_by_torchrun() and attempt != "0":
        os.environ["MASTER_PORT"] = agreed(f"port/{attempt}", _free_port)
        os.environ["TORCHELASTIC_USE_AGENT_STORE"] = "False"


def _free_port() -> str:
    with socket.socket() as server:
        server.bind(("", 0))
        return str(server.getsockname()[1])
