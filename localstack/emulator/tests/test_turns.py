"""Whose frame goes to work, and whose waits."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tidings_emulator.settings import SETTINGS
from tidings_emulator.sockets.turns import FEW, PLACES_OF_FEW, PLACES_OF_MANY, Queue, Turns


@pytest.fixture(autouse=True)
def _settings() -> Iterator[None]:
    yield
    SETTINGS.ws_rest = 0.0


class Work:
    """Frames that are at work until they are told to end."""

    def __init__(self) -> None:
        self.at_work: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def send(self, queue: Queue, *names: str) -> None:
        for name in names:
            self._ends[name] = asyncio.Event()
            self._tasks[name] = asyncio.create_task(self._run(queue, name))
        await settle()

    async def _run(self, queue: Queue, name: str) -> None:
        async with queue.turn():
            self.at_work.append(name)
            try:
                await self._ends[name].wait()
            finally:
                self.at_work.remove(name)

    async def end(self, *names: str) -> None:
        for name in names:
            self._ends[name].set()
        await settle()

    async def cancel(self, *names: str) -> None:
        for name in names:
            self._tasks[name].cancel()
        await settle()

    def of(self, prefix: str) -> list[str]:
        return [name for name in self.at_work if name.startswith(prefix)]


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


# The first few of a flood are not known for one.
FLOOD_AT_WORK = FEW + PLACES_OF_MANY


def frames(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


def test_who_has_few_unanswered_does_not_wait_for_who_has_many() -> None:
    async def run() -> None:
        turns, work = Turns(), Work()
        await work.send(turns.queue(), *frames("flood", 100))
        assert len(work.at_work) == FLOOD_AT_WORK
        await work.send(turns.queue(), *frames("chat", FEW))
        assert work.of("chat") == frames("chat", FEW)

    asyncio.run(run())


def test_places_of_those_who_have_few_are_counted_too() -> None:
    async def run() -> None:
        turns, work = Turns(), Work()
        for number in range(PLACES_OF_FEW + 1):
            await work.send(turns.queue(), f"chat{number}")
        assert len(work.at_work) == PLACES_OF_FEW
        await work.end("chat0")
        assert work.of(f"chat{PLACES_OF_FEW}")

    asyncio.run(run())


def test_those_who_have_many_take_turns() -> None:
    async def run() -> None:
        turns, work = Turns(), Work()
        await work.send(turns.queue(), *frames("a", 100))
        await work.send(turns.queue(), *frames("b", 100))
        for name in [*work.of("a"), *work.of("b")]:
            await work.end(name)
        assert len(work.of("a")) == len(work.of("b")) == PLACES_OF_MANY // 2

    asyncio.run(run())


def test_a_place_rests_while_others_send() -> None:
    async def run() -> None:
        SETTINGS.ws_rest = 1.0
        turns, work = Turns(), Work()
        await work.send(turns.queue(), "chat")
        await work.send(turns.queue(), *frames("flood", 100))
        await work.end(*frames("flood", FEW))
        (flood,) = work.of("flood")
        await asyncio.sleep(0.05)
        await work.end(flood)
        assert work.of("flood") == [], "as long as it has worked"
        await asyncio.sleep(0.1)
        await settle()
        assert len(work.of("flood")) == 1

    asyncio.run(run())


def test_no_place_is_lost_with_who_does_not_wait_any_more() -> None:
    async def run() -> None:
        turns, work = Turns(), Work()
        flood = frames("flood", 100)
        await work.send(turns.queue(), *flood)
        # Some of those that wait, and one that is at work.
        await work.cancel(*flood[50:60], work.at_work[-1])
        assert len(work.at_work) == FLOOD_AT_WORK
        done = 0
        while work.at_work:
            await work.end(work.at_work[0])
            done += 1
        assert done == 100 - 11

    asyncio.run(run())
