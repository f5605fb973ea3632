"""A warm invocation of a compiled function costs milliseconds, not a tenth of a second."""

from __future__ import annotations

import array
import contextlib
import fcntl
import queue
import socket
import socketserver
import termios
import time
from typing import Any

from ministack.core import lambda_runtime
from ministack.core.lambda_runtime import ProvidedWorker, Worker

from tidings_emulator.mends.base import Mend, expect_attributes, expect_function, expect_source

DRAIN_SECONDS_MAX = 0.25
QUIET_SECONDS = 0.0005
# The stock emulator has two threads for each process of a function that look up ten times a second, and a third
# twenty times while an invocation runs. With hundreds of processes, they would do nothing but wait for each other.
IDLE_SECONDS = 2.0
BUSY_SECONDS = 0.2


class PatientQueue:
    """Hands on the events of a process."""

    def __init__(self, events: queue.Queue[Any]) -> None:
        self._events = events

    def get(self, timeout: float) -> Any:
        """The next event; `queue.Empty` when none came in time."""
        return self._events.get(timeout=max(timeout, IDLE_SECONDS))


def _check() -> None:
    expect_function(Worker, "_drain_stderr_bounded", ["self", "first_line_wait", "idle_confirm", "hard_cap"])
    expect_function(ProvidedWorker, "_build_handler_class", ["self", "generation", "pending"])
    expect_source(Worker._drain_stderr_bounded, "_stderr_queue.get_nowait()")
    expect_source(ProvidedWorker._spawn, "stdout=subprocess.PIPE")
    expect_source(ProvidedWorker._build_handler_class, "pending.get(")
    expect_source(ProvidedWorker._spawn, "socketserver.ThreadingTCPServer")
    expect_source(socketserver.BaseServer.shutdown, "self.__shutdown_request = True")
    expect_attributes(lambda_runtime, ["_PROVIDED_POLL"])


def _apply() -> None:
    build = ProvidedWorker._build_handler_class

    def build_without_nagle(self: ProvidedWorker, generation: int, pending: queue.Queue[Any]) -> type:
        """Headers and body are two writes: with Nagle, the second waits for the client's delayed ACK (40 ms)."""
        handler = build(self, generation, PatientQueue(pending))
        handler.disable_nagle_algorithm = True
        return handler

    def serve_patiently(self: socketserver.ThreadingTCPServer, poll_interval: float = IDLE_SECONDS) -> None:
        serve_forever(self, max(poll_interval, IDLE_SECONDS))

    def shut_down_at_once(self: socketserver.ThreadingTCPServer) -> None:
        """The server sees that it is to end when it is called."""
        self._BaseServer__shutdown_request = True
        with contextlib.suppress(OSError), socket.create_connection(self.server_address, timeout=1):
            shutdown(self)

    serve_forever, shutdown = socketserver.BaseServer.serve_forever, socketserver.BaseServer.shutdown
    socketserver.ThreadingTCPServer.serve_forever = serve_patiently
    socketserver.ThreadingTCPServer.shutdown = shut_down_at_once
    lambda_runtime._PROVIDED_POLL = BUSY_SECONDS
    ProvidedWorker._build_handler_class = build_without_nagle
    ProvidedWorker._drain_stderr_bounded = _drain


def _drain(
    self: ProvidedWorker, first_line_wait: float = 0.0, idle_confirm: float = QUIET_SECONDS, hard_cap: float = 0.0
) -> str:
    """The log lines of the invocation.

    A function writes its lines before it answers, so they are in the pipe already: it is enough to wait until the
    pipe is empty and what was taken out of it has arrived, instead of 50 ms for a line that may never come.
    """
    lines: list[str] = []
    deadline = time.monotonic() + DRAIN_SECONDS_MAX
    wait_until = time.monotonic() + (first_line_wait if first_line_wait > QUIET_SECONDS else 0.0)
    while time.monotonic() < deadline:
        if _take(self._stderr_queue, lines) or _bytes_in_pipe(self._proc):
            continue
        time.sleep(QUIET_SECONDS)
        if _take(self._stderr_queue, lines) or _bytes_in_pipe(self._proc):
            continue
        if lines or time.monotonic() >= wait_until:
            break
    return "\n".join(lines)


def _take(source: queue.Queue[str], lines: list[str]) -> bool:
    before = len(lines)
    while True:
        try:
            lines.append(source.get_nowait())
        except queue.Empty:
            return len(lines) > before


def _bytes_in_pipe(process: Any) -> bool:
    if process is None or process.stdout is None or process.stdout.closed:
        return False
    waiting = array.array("i", [0])
    try:
        fcntl.ioctl(process.stdout.fileno(), termios.FIONREAD, waiting)
    except (OSError, ValueError):
        return False
    return waiting[0] > 0


MEND = Mend(
    name="invoke latency",
    why="the stock emulator adds 50 ms of waiting for logs and 40 ms of delayed ACK to each invocation",
    check=_check,
    apply=_apply,
)
