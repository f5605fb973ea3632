"""Frame and message limits, and the close code of the client, in the WebSocket server below the API."""

from __future__ import annotations

import asyncio
from typing import Any

from hypercorn.protocol import ws_stream
from hypercorn.protocol.events import StreamClosed
from hypercorn.protocol.ws_stream import (
    ASGIWebsocketState,
    FrameTooLargeError,
    Handshake,
    WebsocketBuffer,
    WSStream,
)
from wsproto.connection import ConnectionState
from wsproto.events import CloseConnection, Message, Ping
from wsproto.frame_protocol import CloseReason

from tidings_emulator.mends.base import Mend, expect_function, expect_source

FRAME_BYTES_MAX = 32 * 1024
MESSAGE_BYTES_MAX = 128 * 1024
CLOSE_GRACE_SECONDS = 2.0


def _check() -> None:
    expect_function(WebsocketBuffer, "extend", ["self", "event"])
    expect_function(WSStream, "_handle_events", ["self"])
    expect_function(WSStream, "handle", ["self", "event"])
    expect_function(WSStream, "app_send", ["self", "message"])
    expect_source(WSStream._handle_events, "self.buffer.extend(event)")
    expect_source(WSStream._handle_events, "await self.send(StreamClosed(stream_id=self.stream_id))")
    expect_source(Handshake.accept, "server_extensions_handshake(self.extensions, extensions)")
    expect_source(WSStream.handle, "CloseReason.ABNORMAL_CLOSURE.value")


def _apply() -> None:
    handle = WSStream.handle
    extend = WebsocketBuffer.extend

    def extend_limited(self: WebsocketBuffer, event: Message) -> None:
        """API Gateway takes frames of 32 KiB and messages of 128 KiB; beyond, it closes with 1009."""
        size = len(event.data.encode()) if isinstance(event.data, str) else len(event.data)
        self.frame_bytes = getattr(self, "frame_bytes", 0) + size
        self.message_bytes = getattr(self, "message_bytes", 0) + size
        if self.frame_bytes > FRAME_BYTES_MAX or self.message_bytes > MESSAGE_BYTES_MAX:
            raise FrameTooLargeError
        if event.frame_finished:
            self.frame_bytes = 0
        if event.message_finished:
            self.message_bytes = 0
        extend(self, event)

    async def handle_with_code(self: WSStream, event: Any) -> None:
        """Tells the application why the peer closed; stock says 1006 whatever the client sent."""
        if not isinstance(event, StreamClosed) or self.closed or self.app_put is None:
            await handle(self, event)
        elif getattr(self, "refused", False):
            self.closed = True
        elif (close := getattr(self, "peer_close", None)) is not None:
            self.closed = True
            await self.app_put({"type": "websocket.disconnect", "code": close[0], "reason": close[1]})
        else:
            await handle(self, event)

    async def app_send_unless_refused(self: WSStream, message: Any) -> None:
        """A refused client may still be sending: an early end of the connection would hide the 1009 from it."""
        if message is not None and message["type"] == "tidings.cut":
            # Not a part of ASGI: the end of the stream without a close frame.
            self.state = ASGIWebsocketState.CLOSED
            await self.send(StreamClosed(stream_id=self.stream_id))
        elif not getattr(self, "refused", False):
            await app_send(self, message)

    def without_extensions(*_: Any) -> None:
        """API Gateway does not compress messages."""

    app_send = WSStream.app_send
    ws_stream.server_extensions_handshake = without_extensions
    WebsocketBuffer.extend = extend_limited
    WSStream.handle = handle_with_code
    WSStream.app_send = app_send_unless_refused
    WSStream._handle_events = _handle_events


async def _handle_events(self: WSStream) -> None:
    for event in self.connection.events():
        if isinstance(event, Message):
            if not getattr(self, "refused", False):
                await _take(self, event)
        elif isinstance(event, Ping):
            await self._send_wsproto_event(event.response())
        elif isinstance(event, CloseConnection):
            if self.connection.state == ConnectionState.REMOTE_CLOSING:
                self.peer_close = (int(event.code), event.reason or "")
                await self._send_wsproto_event(event.response())
            await self.send(StreamClosed(stream_id=self.stream_id))


async def _take(self: WSStream, event: Message) -> None:
    try:
        self.buffer.extend(event)
    except FrameTooLargeError:
        self.refused = True
        await self._send_wsproto_event(CloseConnection(code=CloseReason.MESSAGE_TOO_BIG))
        await self.app_put(
            {"type": "websocket.disconnect", "code": int(CloseReason.MESSAGE_TOO_BIG), "reason": "Message too big"}
        )
        self.task_group.spawn(_end_after_grace, self)
        return
    if event.message_finished:
        await self.app_put(self.buffer.to_message())
        self.buffer.clear()


async def _end_after_grace(self: WSStream) -> None:
    """Ends a refused connection whose client does not answer the close."""
    for _ in range(int(CLOSE_GRACE_SECONDS * 10)):
        await asyncio.sleep(0.1)
        if self.closed:
            return
    await self.send(StreamClosed(stream_id=self.stream_id))


MEND = Mend(
    name="WebSocket frames",
    why="the stock server takes frames of any size and hides the close code of the client",
    check=_check,
    apply=_apply,
)
