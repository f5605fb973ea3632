"""Whose frame is next.

On AWS, the frames of one client take nothing from those of another: each invocation has a processor of its own. Here
all share two cores and one process, and a client that floods would keep everybody waiting. So only so many frames are
at work; those of connections that have few unanswered come first, and of the others one connection after the other.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tidings_emulator.settings import SETTINGS

# A connection with more frames unanswered has many.
FEW = 4
# Frames at work at once of connections that have few, and of those that have many.
PLACES_OF_FEW = 16
PLACES_OF_MANY = 8
# Others are about for so long after their last frame.
ABOUT_SECONDS = 1.0


class Turns:
    """Whose frames are at work, and whose wait."""

    def __init__(self) -> None:
        self._of_few = 0
        self._of_many = 0
        self._about_until = 0.0
        # The connections with frames that wait, the next one first.
        self._waiting: OrderedDict[Queue, None] = OrderedDict()

    def queue(self) -> Queue:
        """That of a new connection."""
        return Queue(self)

    def enter(self, queue: Queue) -> None:
        """One more frame of this connection waits."""
        self._waiting.setdefault(queue)
        self._fill()

    def leave(self, has_many: bool, took: float) -> None:
        """A frame is done, after so many seconds."""
        if not has_many:
            self._of_few -= 1
            self._about_until = time.monotonic() + ABOUT_SECONDS
            self._fill()
        elif SETTINGS.ws_rest > 0 and self._others_are_about():
            asyncio.get_running_loop().call_later(SETTINGS.ws_rest * took, self._end_rest)
        else:
            self._end_rest()

    def _end_rest(self) -> None:
        self._of_many -= 1
        self._fill()

    def _others_are_about(self) -> bool:
        return self._of_few > 0 or time.monotonic() < self._about_until

    def _fill(self) -> None:
        """Lets as many go to work as there are places for."""
        while (queue := self._next()) is not None:
            del self._waiting[queue]
            has_many = queue.has_many
            turn = queue.waiting.popleft()
            if queue.waiting:
                self._waiting[queue] = None
            if turn.done():
                continue
            if has_many:
                self._of_many += 1
            else:
                self._of_few += 1
            turn.set_result(has_many)

    def _next(self) -> Queue | None:
        if self._of_few < PLACES_OF_FEW:
            for queue in self._waiting:
                if not queue.has_many:
                    return queue
        room = 1 if SETTINGS.ws_rest > 0 and self._others_are_about() else PLACES_OF_MANY
        if self._of_many >= room:
            return None
        return next((queue for queue in self._waiting if queue.has_many), None)


class Queue:
    """The frames of one connection."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._unanswered = 0
        self.waiting: deque[asyncio.Future[bool]] = deque()

    @property
    def has_many(self) -> bool:
        """Whether more frames are unanswered than those of who waits for answers."""
        return self._unanswered > FEW

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Waits until a frame may go to work, and says when it is done; whoever is cancelled waits no more."""
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        began = time.monotonic()
        self._unanswered += 1
        self.waiting.append(turn)
        try:
            self._turns.enter(self)
            await turn
            began = time.monotonic()
            yield
        finally:
            self._unanswered -= 1
            if turn.done() and not turn.cancelled():
                self._turns.leave(turn.result(), time.monotonic() - began)
