"""What a server takes and keeps."""

from __future__ import annotations

from dataclasses import dataclass

from scalemogen.errors import UserError

MIB = 2**20


@dataclass(frozen=True)
class Limits:
    """Bounds of one server.

    Attributes:
        queue: requests that may wait.
        batch: requests computed together.
        rate: requests for motions a minute from one address; as many may come at once.
        keep: motions kept.
        keep_seconds: how long a motion is kept after it was last asked for.
        keep_bytes: of all motions together.
        caption: characters of a sentence.
        body: bytes of a request.
        upload: bytes of an uploaded file.
        uploads: files that may be on their way at once.
        body_seconds: time in which a request has to arrive.
        motion_seconds: length of an uploaded motion, of sentences in a row, and of a motion that goes on.
        downloads: files that may be waited for at once; they are written one at a time.

    Raises:
        UserError: a bound below 1, or a store that could not hold what waits and what is computed.
    """

    queue: int = 32
    batch: int = 8
    rate: int = 60
    keep: int = 256
    keep_seconds: float = 3600.0
    keep_bytes: int = 256 * MIB
    caption: int = 300
    body: int = 16 * 1024
    upload: int = 8 * MIB
    uploads: int = 4
    body_seconds: float = 20.0
    motion_seconds: float = 120.0
    downloads: int = 8

    def __post_init__(self) -> None:
        for name in ("queue", "batch", "rate", "keep"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.keep < self.queue + self.batch:
            raise UserError(
                f"keep is {self.keep}; it must be at least {self.queue + self.batch}, for the queue ({self.queue}) and"
                f" the batch ({self.batch}) that is computed"
            )
