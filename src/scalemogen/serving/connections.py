"""Connections that say nothing do not stay."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol


class Impatient(H11Protocol):
    """One connection; closed when the head of a request takes longer than `seconds` to arrive.

    uvicorn waits for it without end, and counts such connections among those it takes at once.
    """

    seconds = 10.0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take what came; a request that is answered, body and all, is for others to time."""
        super().data_received(data)
        self._watch()

    def _watch(self) -> None:
        if self._deadline is not None and not self._waits():
            self._deadline.cancel()
            self._deadline = None
        elif self._deadline is None and self._waits():
            self._deadline = self.loop.call_later(self.seconds, self._hang_up)

    def _waits(self) -> bool:
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]  # at first it is None

    def _hang_up(self) -> None:
        self._deadline = None
        if self._waits() and not self.transport.is_closing():
            self.transport.close()
