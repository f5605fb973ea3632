"""What the lanes work on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """One record of a shard.

    `ordinal` orders the records of a shard, `resume` is the read position from which this record is read again, and
    `order_key` is what AWS keeps in order when a shard is worked on in parallel.
    """

    ordinal: int
    resume: Any
    sequence: str
    order_key: str
    arrived_s: float
    size_bytes: int
    event: dict[str, Any]


@dataclass
class Batch:
    """Records that go to the function together, and how often they went already."""

    records: list[StreamRecord]
    attempts: int = 0
    last_function_error: str | None = None
