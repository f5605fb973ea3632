"""The launcher's own endpoints, under /_tidings/, in front of the emulator."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import parse_qs

from tidings_emulator.faults import InvalidFault, inject
from tidings_emulator.grants import GRANTS
from tidings_emulator.journal import CALLS, FRAMES, PUSHES, Journal
from tidings_emulator.mends.base import Mend
from tidings_emulator.push_services import SERVICES
from tidings_emulator.settings import SETTINGS, InvalidSetting

PREFIX = "/_tidings/"
JOURNALS = {"calls": CALLS, "frames": FRAMES, "pushes": PUSHES}
WEB_PUSH = "web-push/"

App = Callable[[dict[str, Any], Any, Any], Awaitable[None]]
Response = tuple[int, str, bytes]


class Control:
    """An ASGI application that answers its own paths and passes on all others."""

    def __init__(self, inner: App, emulator_version: str, mends: Sequence[Mend], persists: bool) -> None:
        self._inner = inner
        self._started = time.time()
        self._health = {
            "emulator": "ministack",
            "emulatorVersion": emulator_version,
            "pythonVersion": platform.python_version(),
            "persists": persists,
            "mends": [{"name": mend.name, "why": mend.why} for mend in mends],
        }

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Serves one connection."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._inner(scope, receive, send)
            return
        body = await _body(receive)
        query = parse_qs(scope.get("query_string", b"").decode(), keep_blank_values=True)
        name = scope["path"][len(PREFIX) :]
        if name.startswith(WEB_PUSH) and scope["method"] == "POST":
            given = {key.decode().lower(): value.decode() for key, value in scope["headers"]}
            url = f"{scope['scheme']}://{given.get('host', '')}{scope['path']}"
            status, content_type, answer = SERVICES.web_push(url, given, body)
        else:
            status, content_type, answer = self._answer(scope["method"], name, query, body)
        headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def _answer(self, method: str, name: str, query: dict[str, list[str]], body: bytes) -> Response:
        if name in JOURNALS:
            return _journal(JOURNALS[name], method, query)
        if name == "health" and method == "GET":
            return _json(200, {**self._health, "uptimeSeconds": round(time.time() - self._started, 1)})
        if name == "settings":
            return _settings(method, body)
        if name == "faults" and method == "POST":
            return _faults(body)
        if name == "grants":
            return _grants(method)
        return _push(method, name, query, body) or _json(404, {"message": f"no {method} {PREFIX}{name}"})


def _journal(journal: Journal, method: str, query: dict[str, list[str]]) -> Response:
    if method == "GET":
        return 200, "application/x-ndjson", journal.lines(query.get("contains", [""])[0])
    if method == "DELETE":
        journal.clear()
        return 204, "application/json", b""
    return _json(405, {"message": "GET reads, DELETE clears"})


def _grants(method: str) -> Response:
    if method == "GET":
        return 200, "application/json", GRANTS.as_json()
    if method == "DELETE":
        GRANTS.clear()
        return 204, "application/json", b""
    return _json(405, {"message": "GET reads, DELETE clears"})


def _settings(method: str, body: bytes) -> Response:
    if method == "POST":
        try:
            SETTINGS.update(json.loads(body))
        except ValueError as error:
            return _json(400, {"message": str(error) if isinstance(error, InvalidSetting) else "not JSON"})
    elif method != "GET":
        return _json(405, {"message": "GET reads, POST changes"})
    return _json(200, SETTINGS.as_json())


def _faults(body: bytes) -> Response:
    try:
        return _json(200, {"hit": inject(json.loads(body))})
    except ValueError as error:
        return _json(400, {"message": str(error) if isinstance(error, InvalidFault) else "not JSON"})


def _push(method: str, name: str, query: dict[str, list[str]], body: bytes) -> Response | None:
    """What the push services answer; None where it is not for them."""
    if (method, name.rstrip("/")) == ("POST", "sns"):
        return SERVICES.sns(body)
    if (method, name) == ("POST", "push-faults"):
        return _push_faults(body)
    if (method, name) == ("GET", "push-endpoints"):
        return 200, "application/x-ndjson", SERVICES.endpoints(query.get("contains", [""])[0])
    return None


def _push_faults(body: bytes) -> Response:
    try:
        return _json(200, SERVICES.set_fault(json.loads(body)))
    except (ValueError, AttributeError) as error:
        return _json(400, {"message": str(error)})


def _json(status: int, content: dict[str, Any]) -> Response:
    return status, "application/json", json.dumps(content).encode()


async def _body(receive: Any) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            return b"".join(parts)
