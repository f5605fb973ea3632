"""One lane: the batches of some partition keys of a shard, one after another."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from typing import Any, Protocol

from tidings_emulator.streams.failure_record import RETRIES_EXHAUSTED, TOO_OLD
from tidings_emulator.streams.options import UNLIMITED, Options
from tidings_emulator.streams.outcome import Outcome, Verdict
from tidings_emulator.streams.record import Batch, StreamRecord

logger = logging.getLogger("tidings.streams")

PAYLOAD_BYTES_MAX = 6 * 1024 * 1024
RETRY_DELAY_S_FIRST = 0.05
RETRY_DELAY_S_MAX = 1.0


class Work(Protocol):
    """What a lane needs from its mapping."""

    def options(self) -> Options:
        """The options of the mapping as they are now."""

    def invoke(self, records: list[StreamRecord]) -> Outcome | None:
        """Runs the function on these records; `None` if the mapping or the function is gone."""

    def discard(self, batch: Batch, condition: str) -> None:
        """Gives up a batch: tells the on-failure destination."""

    def progressed(self) -> None:
        """Some records are done or given up."""

    def scope(self) -> Any:
        """A context in which the emulator's stores belong to the account of the mapping."""


class Lane:
    """A thread that works off its records in order, and retries until the rules of the mapping let it go on."""

    def __init__(self, name: str, work: Work) -> None:
        self._work = work
        self._queue: deque[tuple[float, StreamRecord]] = deque()
        self._retries: deque[Batch] = deque()
        self._current: Batch | None = None
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name=name)
        self._thread.start()

    def add(self, records: list[StreamRecord]) -> None:
        """Appends records that were read now."""
        now = time.monotonic()
        with self._changed:
            self._queue.extend((now, record) for record in records)
            self._changed.notify()

    def backlog(self) -> int:
        """How many records wait."""
        return len(self._queue)

    def stop(self) -> None:
        """Ends the lane after the invocation that runs now."""
        self._stopping.set()
        with self._changed:
            self._changed.notify()

    def is_running(self) -> bool:
        """Whether the thread still lives."""
        return self._thread.is_alive()

    def oldest_unfinished(self) -> StreamRecord | None:
        """The first record that is neither done nor given up."""
        with self._changed:
            for batch in (self._current, *self._retries):
                if batch and batch.records:
                    return batch.records[0]
            return self._queue[0][1] if self._queue else None

    def _run(self) -> None:
        with self._work.scope():
            while (batch := self._next_batch()) is not None:
                try:
                    self._process(batch)
                except Exception:
                    logger.exception("a batch could not be processed, it is tried again")
                    self._again(batch)
                    self._stopping.wait(RETRY_DELAY_S_MAX)
                self._work.progressed()

    def _next_batch(self) -> Batch | None:
        with self._changed:
            while not self._stopping.is_set():
                if self._retries:
                    self._current = self._retries.popleft()
                    return self._current
                wait_s = self._until_ready()
                if wait_s is not None and wait_s <= 0:
                    self._current = Batch(self._take())
                    return self._current
                self._changed.wait(wait_s)
        return None

    def _until_ready(self) -> float | None:
        """Seconds until the waiting records are a batch; `None` when none wait."""
        if not self._queue:
            return None
        options = self._work.options()
        if len(self._queue) >= options.batch_size or options.window_s <= 0:
            return 0.0
        if sum(record.size_bytes for _, record in self._queue) >= PAYLOAD_BYTES_MAX:
            return 0.0
        return self._queue[0][0] + options.window_s - time.monotonic()

    def _take(self) -> list[StreamRecord]:
        limit = self._work.options().batch_size
        taken: list[StreamRecord] = []
        size_bytes = 0
        while self._queue and len(taken) < limit:
            size_bytes += self._queue[0][1].size_bytes
            if taken and size_bytes > PAYLOAD_BYTES_MAX:
                break
            taken.append(self._queue.popleft()[1])
        return taken

    def _process(self, batch: Batch) -> None:
        options = self._work.options()
        self._discard_old(batch, options)
        if not batch.records:
            return
        outcome = self._work.invoke(batch.records)
        if outcome is None:
            self._again(batch)
            self._stopping.wait(RETRY_DELAY_S_MAX)
            return
        if outcome.verdict is Verdict.DONE:
            self._finish(batch, len(batch.records))
        elif outcome.verdict is Verdict.THROTTLED:
            # AWS does not count a throttled invocation: the batch did not reach the function.
            self._again(batch)
            self._stopping.wait(RETRY_DELAY_S_MAX)
        else:
            self._failed(batch, outcome, options)

    def _discard_old(self, batch: Batch, options: Options) -> None:
        """A record that is too old is not sent to the function, not even for the first time."""
        if options.age_max_s == UNLIMITED or options.age_max_s <= 0:
            return
        limit = time.time() - options.age_max_s
        old = 0
        while old < len(batch.records) and batch.records[old].arrived_s < limit:
            old += 1
        if old:
            self._give_up(batch, old, TOO_OLD)

    def _failed(self, batch: Batch, outcome: Outcome, options: Options) -> None:
        """Decides what is tried again; a split does not count as a retry."""
        batch.last_function_error = outcome.function_error
        if outcome.verdict is Verdict.REPORTED:
            # The report already says where the bad record is, so AWS splits there and not in the middle. Without
            # progress there is nothing to split, and the records behind the bad one share its fate.
            self._finish(batch, outcome.first_failed)
            if outcome.first_failed and options.bisects:
                self._again(batch)
                return
        elif options.bisects and len(batch.records) > 1:
            middle = len(batch.records) // 2
            self._again(
                Batch(batch.records[:middle], batch.attempts, batch.last_function_error),
                Batch(batch.records[middle:], batch.attempts, batch.last_function_error),
            )
            return
        batch.attempts += 1
        if options.retries_max != UNLIMITED and batch.attempts > options.retries_max:
            self._give_up(batch, len(batch.records), RETRIES_EXHAUSTED)
            return
        self._again(batch)
        self._stopping.wait(min(RETRY_DELAY_S_MAX, RETRY_DELAY_S_FIRST * 2 ** min(batch.attempts - 1, 10)))

    def _again(self, *batches: Batch) -> None:
        """Puts batches before all others: the records of a partition key stay in order."""
        with self._changed:
            self._retries.extendleft(reversed(batches))
            self._current = None

    def _finish(self, batch: Batch, count: int) -> None:
        with self._changed:
            del batch.records[:count]

    def _give_up(self, batch: Batch, count: int, condition: str) -> None:
        given_up = Batch(batch.records[:count], batch.attempts, batch.last_function_error)
        self._work.discard(given_up, condition)
        self._finish(batch, count)
