"""The @connections API: PostToConnection, GetConnection, DeleteConnection."""

from __future__ import annotations

import json
from typing import Any

from ministack.services import apigateway

from tidings_emulator.sockets.connection import MESSAGE_BYTES_MAX, NORMAL, Connection, OutboxFull

Response = tuple[int, dict[str, str], bytes]


async def handle(
    method: str, api_id: str, stage: str, connection_id: str, body: bytes, headers: dict[str, str]
) -> Response:
    """Answers one call; a connection that is not open, or is of another API or stage, is gone."""
    entry = apigateway._ws_connections.get(connection_id)
    connection: Connection | None = entry["connection"] if entry and entry["apiId"] == api_id else None
    if connection is None or connection.identity.stage != stage:
        return _error(410, "GoneException", "GoneException")
    if method == "POST":
        return _post(connection, body)
    if method == "GET":
        return 200, {"Content-Type": "application/json"}, json.dumps(connection.as_json()).encode()
    if method == "DELETE":
        apigateway._ws_connections.pop(connection_id, None)
        connection.close(NORMAL)
        return 204, {}, b""
    return _error(403, "ForbiddenException", "Forbidden")


def _post(connection: Connection, body: bytes) -> Response:
    if len(body) > MESSAGE_BYTES_MAX:
        return _error(413, "PayloadTooLargeException", "Message too long")
    try:
        if body:
            connection.post(apigateway._post_to_connection_text(body))
    except OutboxFull:
        return _error(429, "LimitExceededException", "Client side buffer is full")
    return 200, {"Content-Type": "application/json"}, b""


def _error(status: int, kind: str, message: str) -> Response:
    headers: dict[str, Any] = {"Content-Type": "application/json", "x-amzn-ErrorType": kind}
    return status, headers, json.dumps({"message": message}).encode()
