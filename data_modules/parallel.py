"""A map over processes that keeps order and reads its input only as fast as it is used."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from typing import TypeVar

import torch

_A = TypeVar("_A")
_B = TypeVar("_B")


def ordered_map(function: Callable[[_A], _B], items: Iterable[_A], processes: int = 0) -> Iterator[_B]:
    """Yield `function(item)` for every item, in order.

    Args:
        function: picklable if there are processes.
        items: read a few ahead only.
        processes: that work in parallel; 0 works in this process.
    """
    if processes <= 0:
        yield from map(function, items)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_begin) as pool:
        source = iter(items)
        pending: deque[Future[_B]] = deque(pool.submit(function, item) for item in islice(source, 4 * processes))
        while pending:
            yield pending.popleft().result()
            pending.extend(pool.submit(function, item) for item in islice(source, 1))


def _begin() -> None:
    """Prepare a process: one thread for arithmetic, and an end when the process that started it is killed."""
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
