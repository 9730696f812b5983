"""A map over processes that keeps order and reads its input only as fast as it is used."""

from __future__ import annotations

import multiprocessing
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
    with ProcessPoolExecutor(processes, mp_context=context, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        source = iter(items)
        pending: deque[Future[_B]] = deque(pool.submit(function, item) for item in islice(source, 4 * processes))
        while pending:
            yield pending.popleft().result()
            pending.extend(pool.submit(function, item) for item in islice(source, 1))
