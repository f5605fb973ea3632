"""Bounded journals of what the emulator served."""

from __future__ import annotations

import itertools
import json
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

ENTRIES_MAX = 20_000
BODY_BYTES_MAX = 4096


@dataclass
class Journal:
    """The last entries of one kind; `haystack` is what a `contains` filter looks through."""

    _entries: deque[tuple[int, str, dict[str, Any]]] = field(default_factory=lambda: deque(maxlen=ENTRIES_MAX))
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def next_number(self) -> int:
        """The place of an entry that arrives now, although it is written when it is finished."""
        return next(self._numbers)

    def write(self, number: int, entry: dict[str, Any], haystack: str) -> None:
        """Adds a finished entry."""
        with self._lock:
            self._entries.append((number, haystack, entry))

    def clear(self) -> None:
        """Forgets all entries."""
        with self._lock:
            self._entries.clear()

    def lines(self, contains: str = "") -> bytes:
        """The entries as JSON lines in the order of arrival."""
        with self._lock:
            entries = list(self._entries)
        entries.sort(key=lambda entry: entry[0])
        chosen = [json.dumps(entry) for _, haystack, entry in entries if contains in haystack]
        return "".join(line + "\n" for line in chosen).encode()


def clipped(body: bytes) -> str:
    """The start of a body, as text."""
    return body[:BODY_BYTES_MAX].decode("utf-8", errors="replace")


CALLS = Journal()
FRAMES = Journal()
PUSHES = Journal()
