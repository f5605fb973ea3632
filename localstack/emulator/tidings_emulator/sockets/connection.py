"""One WebSocket connection, from the handshake to $disconnect."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import apigateway

from tidings_emulator.journal import FRAMES, clipped
from tidings_emulator.settings import SETTINGS
from tidings_emulator.shutdown import STOPPING
from tidings_emulator.sockets import functions
from tidings_emulator.sockets.events import Handshake, Identity
from tidings_emulator.sockets.turns import Turns

logger = logging.getLogger("tidings.sockets")

OUTBOX_MAX = 1000
MESSAGE_BYTES_MAX = 128 * 1024
GOING_AWAY = (1001, "Going away")
NORMAL = (1000, "Connection Closed Normally")
# A close that no client is told of and no function is called for: the connection is gone.
CUT = (0, "")
BINARY_REFUSED = (1003, "Binary frames are not supported")

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


FRAME_TURNS = Turns()
# Handshakes of all clients are as the frames of one.
HANDSHAKES = Turns().queue()


class OutboxFull(Exception):
    """The client does not take its messages fast enough."""


class Connection:
    """What is open: it reads frames, runs each in its own task, and writes in the order of the outbox."""

    def __init__(self, identity: Identity, account: str, region: str, receive: Receive, send: Send) -> None:
        self.identity = identity
        self._account, self._region = account, region
        self._receive, self._send = receive, send
        self._loop = asyncio.get_running_loop()
        self._outbox: asyncio.Queue[str] = asyncio.Queue(OUTBOX_MAX)
        self._closing: asyncio.Future[tuple[int, str]] = self._loop.create_future()
        self._opened = self._active = time.monotonic()
        self.last_active_at = time.time()
        self._timer: asyncio.TimerHandle | None = None
        self._frames: set[asyncio.Task[None]] = set()
        self._queue = FRAME_TURNS.queue()

    # What the @connections API and the emulator's reset use.

    def post(self, text: str) -> None:
        """Queues a message for the client."""
        try:
            self._outbox.put_nowait(text)
        except asyncio.QueueFull:
            raise OutboxFull from None

    def close(self, code_and_reason: tuple[int, str] = NORMAL) -> None:
        """Closes from the server's side; the first reason counts."""
        if not self._closing.done():
            self._closing.set_result(code_and_reason)

    def cut(self) -> None:
        """Ends the connection as a failing gateway does: no close frame, and no $disconnect."""
        self.close(CUT)

    def set(self) -> None:
        """The emulator's reset calls this from where it happens to run."""
        self._loop.call_soon_threadsafe(self.close, GOING_AWAY)

    def arm(self) -> None:
        """Sets the timer of the next limit: idle, or the longest time that a connection may last."""
        if self._timer:
            self._timer.cancel()
        due = min(self._active + SETTINGS.ws_idle_seconds, self._opened + SETTINGS.ws_max_seconds)
        if due <= time.monotonic():
            self.close(GOING_AWAY)
        else:
            self._timer = self._loop.call_later(due - time.monotonic(), self.arm)

    def as_json(self) -> dict[str, Any]:
        """The answer of GetConnection."""
        context = self.identity.request_context("", "", "")
        return {
            "connectedAt": _iso(self.identity.connected_at_ms / 1000),
            "identity": context["identity"],
            "lastActiveAt": _iso(self.last_active_at),
        }

    async def serve(self) -> None:
        """Works until one side closes, then runs $disconnect."""
        self.arm()
        reader = asyncio.create_task(self._read())
        writer = asyncio.create_task(self._write())
        try:
            await asyncio.wait({reader, writer, self._closing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if self._timer:
                self._timer.cancel()
            apigateway._ws_connections.pop(self.identity.connection_id, None)
            writer.cancel()
        if reader.done() and not reader.cancelled() and reader.exception() is None:
            code, reason = reader.result()
        else:
            reader.cancel()
            code, reason = self._closing.result() if self._closing.done() else (1006, "Connection Closed Abnormally")
            if (code, reason) == CUT:
                await _quietly(self._send({"type": "tidings.cut"}))
                return
            await _quietly(self._send({"type": "websocket.close", "code": code, "reason": reason}))
        await self._run_disconnect(code, reason)

    async def _read(self) -> tuple[int, str]:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return int(message.get("code") or 1005), message.get("reason") or ""
            if message["type"] != "websocket.receive":
                continue
            if message.get("text") is None:
                # API Gateway does not take binary frames from clients.
                self.close(BINARY_REFUSED)
                await asyncio.Event().wait()
            self._touch()
            self._journal("in", message["text"])
            # On AWS, the frames of a connection run side by side: nothing keeps their order.
            task = asyncio.create_task(self._run_frame(message["text"]))
            self._frames.add(task)
            task.add_done_callback(self._frames.discard)

    async def _write(self) -> None:
        while True:
            text = await self._outbox.get()
            self._touch()
            self._journal("out", text)
            await self._send({"type": "websocket.send", "text": text})

    def _touch(self) -> None:
        """Messages keep a connection from being idle, in both directions; pings do not."""
        self._active = time.monotonic()
        self.last_active_at = time.time()

    def _journal(self, direction: str, text: str) -> None:
        data = text.encode()
        entry = {
            "tMs": round(time.time() * 1000, 3),
            "direction": direction,
            "connectionId": self.identity.connection_id,
            "bytes": len(data),
            "body": clipped(data),
        }
        FRAMES.write(FRAMES.next_number(), entry, entry["body"])

    async def _run_frame(self, text: str) -> None:
        request_id = new_request_id()
        try:
            route = self._route_of(text)
            if route is None:
                raise functions.IntegrationFailed("Forbidden")
            event = self.identity.message(route["routeKey"], request_id, text)
            async with self._queue.turn():
                answer = await functions.run_route(self.identity.api_id, route, event, self._account, self._region)
            body = functions.text_of(answer)
            if not route.get("routeResponseSelectionExpression"):
                # Without a route response the route is one-way: what the function returns goes nowhere.
                body = ""
            if len(body.encode()) > MESSAGE_BYTES_MAX:
                raise functions.IntegrationFailed(functions.INTERNAL_ERROR)
        except functions.IntegrationFailed as failure:
            body = json.dumps(
                {"message": str(failure), "connectionId": self.identity.connection_id, "requestId": request_id}
            )
        except Exception:
            logger.exception("a frame could not be served")
            return
        if body:
            try:
                self.post(body)
            except OutboxFull:
                logger.warning("%s takes no more messages, an answer is dropped", self.identity.connection_id)

    def _route_of(self, text: str) -> dict[str, Any] | None:
        with request_scope(self._account, self._region):
            api = apigateway._apis.get(self.identity.api_id) or {}
            routes = apigateway._routes.get(self.identity.api_id, {})
        key = apigateway._evaluate_route_selection(api.get("routeSelectionExpression") or "", text)
        by_key = {route.get("routeKey"): route for route in routes.values()}
        if key in ("$connect", "$disconnect"):
            key = "$default"
        return by_key.get(key) or by_key.get("$default")

    async def _run_disconnect(self, code: int, reason: str) -> None:
        route = find_route(self.identity.api_id, "$disconnect")
        if route is None or STOPPING.is_set():
            return
        event = self.identity.disconnect(new_request_id(), code, reason)
        try:
            await functions.run_route(self.identity.api_id, route, event, self._account, self._region)
        except functions.IntegrationFailed:
            logger.warning("$disconnect of %s failed", self.identity.connection_id)


async def open_connection(
    scope: dict[str, Any], receive: Receive, send: Send, api_id: str, path_override: str | None = None
) -> None:
    """Serves an upgrade request to an API; stands in for the emulator's `handle_websocket`."""
    if (await receive())["type"] != "websocket.connect":
        return
    owner = apigateway._api_owner(api_id)
    path = path_override if path_override is not None else scope.get("path", "")
    stage = path.lstrip("/").split("/", 1)[0]
    identity = Identity(
        api_id=api_id,
        stage=stage,
        connection_id=base64.urlsafe_b64encode(os.urandom(11)).decode(),
        domain_name=f"{api_id}.execute-api.{apigateway._HOST}",
        handshake=Handshake.of(scope),
    )
    request_id = new_request_id()
    if not owner or owner[0] != "WEBSOCKET" or stage not in apigateway._stages.get_scoped(*owner[1:], api_id, {}):
        await _refuse(scope, send, identity, request_id, functions.Refusal(403, "Forbidden"))
        return
    _, account, region = owner
    with request_scope(account, region):
        try:
            async with HANDSHAKES.turn():
                subprotocol = await _connect(scope, identity, request_id, account, region)
        except functions.Refusal as refusal:
            await _refuse(scope, send, identity, request_id, refusal)
            return
        await send({"type": "websocket.accept", "subprotocol": subprotocol})
        connection = Connection(identity, account, region, receive, send)
        apigateway._ws_connections[identity.connection_id] = {
            "apiId": api_id,
            "close_event": connection,
            "connection": connection,
        }
        await connection.serve()


def find_route(api_id: str, route_key: str) -> dict[str, Any] | None:
    """The route with exactly this key; $connect and $disconnect do not fall back to $default."""
    routes = apigateway._routes.get(api_id, {})
    return next((route for route in routes.values() if route.get("routeKey") == route_key), None)


def rearm_all() -> None:
    """Applies changed limits to the open connections."""
    for entry in list(apigateway._ws_connections.values()):
        entry["connection"].arm()


def new_request_id() -> str:
    """An id of the form that API Gateway uses."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes[:11]).decode()


async def _connect(scope: dict[str, Any], identity: Identity, request_id: str, account: str, region: str) -> str | None:
    """Runs authorizer and $connect; the subprotocol is the one that $connect answers, if the client asked for it."""
    route = find_route(identity.api_id, "$connect")
    if route is None:
        return None
    kind = (route.get("authorizationType") or "NONE").upper()
    if kind == "CUSTOM":
        await functions.authorize(identity, route, request_id, account, region)
    elif kind == "AWS_IAM":
        arn = functions.execute_api_route_arn(region, account, identity.api_id, identity.stage, "$connect")
        refused = apigateway._authorize_ws_iam(scope, arn, identity.handshake.headers, identity.handshake.query, region)
        if refused:
            raise functions.Refusal(*refused)
    try:
        answer = await functions.run_route(identity.api_id, route, identity.connect(request_id), account, region)
    except functions.IntegrationFailed as failure:
        raise functions.Refusal(504 if str(failure) == functions.TIMED_OUT else 502, str(failure)) from None
    if not 200 <= answer["statusCode"] < 300:
        raise functions.Refusal(answer["statusCode"], "")
    for name, value in (answer.get("headers") or {}).items():
        if name.lower() == "sec-websocket-protocol" and value in identity.handshake.subprotocols:
            return value
    return None


async def _refuse(
    scope: dict[str, Any], send: Send, identity: Identity, request_id: str, refusal: functions.Refusal
) -> None:
    await apigateway._refuse_ws_handshake(
        scope, send, refusal.status, refusal.message, identity.connection_id, request_id
    )


async def _quietly(sending: Awaitable[None]) -> None:
    """A client that is gone cannot be told that it is."""
    try:
        await sending
    except Exception as error:
        logger.debug("close was not sent: %s", error)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
