"""Runs the mended emulator until SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import signal
import sys
import threading
from typing import Any

from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config
from ministack.core import lambda_runtime
from ministack.services import apigateway

from tidings_emulator.shutdown import STOPPING

logger = logging.getLogger("tidings.launcher")

GRACE_SECONDS = 0.3
END_SECONDS = 1.8
END_SECONDS_WITH_STATE = 30.0
KEEP_ALIVE_SECONDS = 75


def run(app: Any, host: str, port: int, persists: bool) -> None:
    """Serves, and ends the process after a clean stop: threads that wait for functions must not hold it up."""
    _raise_file_limit()
    asyncio.run(_serve(app, host, port, persists))


async def _serve(app: Any, host: str, port: int, persists: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    async def until_stopped() -> None:
        await stop.wait()
        STOPPING.set()
        # What is cut off now says so in many voices, and nobody needs to hear it.
        for name in ("lambda", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        _end_at_the_latest(END_SECONDS_WITH_STATE if persists else END_SECONDS)
        for entry in list(apigateway._ws_connections.values()):
            entry["close_event"].set()
        _kill_functions()

    config = Config()
    config.bind = [f"{host}:{port}"]
    config.keep_alive_timeout = KEEP_ALIVE_SECONDS
    config.graceful_timeout = GRACE_SECONDS
    config.loglevel = "WARNING"
    await hypercorn_serve(app, config, shutdown_trigger=until_stopped)
    _end()


def _kill_functions() -> None:
    with lambda_runtime._lock:
        workers = [worker for pool in lambda_runtime._workers.values() for worker in pool]
    for worker in workers:
        process = worker._proc
        if process is not None and process.poll() is None:
            process.kill()


def _end() -> None:
    _kill_functions()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _end_at_the_latest(seconds: float) -> None:
    timer = threading.Timer(seconds, _end)
    timer.daemon = True
    timer.start()


def _raise_file_limit() -> None:
    """Thousands of sockets do not fit into the usual 1,024 files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
