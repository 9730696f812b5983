"""How often an address may ask."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

ADDRESSES = 4096


class Meter:
    """Lets every address have `rate` requests at once, and `rate` more every minute.

    Args:
        rate: requests a minute.
        clock: seconds.
    """

    def __init__(self, rate: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = rate, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, address: str) -> float:
        """Count a request; returns 0, or the seconds after which one would be let through."""
        with self._lock:
            now = self._clock()
            left, then = self._left.pop(address, (float(self._rate), now))
            left = min(left + (now - then) * self._rate / 60.0, float(self._rate))
            allowed = left >= 1.0
            self._left[address] = (left - allowed, now)
            while len(self._left) > ADDRESSES:
                self._left.popitem(last=False)
            return 0.0 if allowed else (1.0 - left) * 60.0 / self._rate
