"""What breaks by itself on AWS, broken on demand: a function dies, a connection goes without a word."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import apigateway

COUNT_MAX = 1000


class InvalidFault(ValueError):
    """A fault that is not known, or cannot be had."""


def kill_functions(count: int) -> list[dict[str, Any]]:
    """Kills so many processes of functions, those first that are in an invocation; answers which."""
    with lambda_runtime._lock:
        workers = [worker for pool in lambda_runtime._workers.values() for worker in pool]
    alive = [worker for worker in workers if worker._proc is not None and worker._proc.poll() is None]
    random.shuffle(alive)
    alive.sort(key=lambda worker: not worker.in_use)
    killed = []
    for worker in alive[:count]:
        process = worker._proc
        if process is not None:
            process.kill()
            killed.append({"function": worker.func_name, "inInvocation": worker.in_use})
    return killed


def cut_sockets(count: int) -> list[dict[str, Any]]:
    """Ends so many connections without a close frame and without $disconnect; answers which."""
    entries = list(apigateway._ws_connections.items())
    chosen = random.sample(entries, min(count, len(entries)))
    for _, entry in chosen:
        entry["connection"].cut()
    return [{"connectionId": connection_id} for connection_id, _ in chosen]


FAULTS: dict[str, Callable[[int], list[dict[str, Any]]]] = {
    "kill-functions": kill_functions,
    "cut-sockets": cut_sockets,
}


def inject(request: object) -> list[dict[str, Any]]:
    """Does what `{"fault": "kill-functions", "count": 1}` asks for; answers what it hit."""
    if not isinstance(request, dict) or request.get("fault") not in FAULTS:
        raise InvalidFault(f'a fault is {{"fault": NAME, "count": N}}; names are {", ".join(FAULTS)}')
    count = request.get("count", 1)
    if not isinstance(count, int) or not 0 < count <= COUNT_MAX:
        raise InvalidFault(f"count must be 1 to {COUNT_MAX}")
    return FAULTS[request["fault"]](count)
