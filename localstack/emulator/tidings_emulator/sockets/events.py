"""The events that API Gateway sends to the functions of a WebSocket API."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs


@dataclass
class Handshake:
    """What the client sent to open the connection."""

    headers: dict[str, str]
    query: dict[str, list[str]]
    source_ip: str
    subprotocols: list[str]

    @classmethod
    def of(cls, scope: dict[str, Any]) -> Handshake:
        """Reads the ASGI scope of an upgrade request."""
        headers: dict[str, str] = {}
        for name, value in scope.get("headers", []):
            headers[name.decode("latin-1").lower()] = value.decode("utf-8", errors="replace")
        query = parse_qs(scope.get("query_string", b"").decode("utf-8", errors="replace"), keep_blank_values=True)
        client = scope.get("client") or ("127.0.0.1", 0)
        return cls(headers, query, client[0], list(scope.get("subprotocols") or []))

    def fields(self) -> dict[str, Any]:
        """Headers and query as the $connect event and its authorizer carry them.

        API Gateway passes header names in the spelling of the client, which is most often this one. A function that
        looks for `authorization` only would fail on AWS.
        """
        named = {_title(name): value for name, value in self.headers.items()}
        return {
            "headers": named,
            "multiValueHeaders": {name: [value] for name, value in named.items()},
            "queryStringParameters": {name: values[-1] for name, values in self.query.items()} or None,
            "multiValueQueryStringParameters": dict(self.query) or None,
        }


@dataclass
class Identity:
    """What stays the same for all events of a connection."""

    api_id: str
    stage: str
    connection_id: str
    domain_name: str
    handshake: Handshake
    connected_at_ms: int = field(default_factory=lambda: int(time.time() * 1000))
    authorizer: dict[str, str] | None = None

    def request_context(self, route_key: str, event_type: str, request_id: str) -> dict[str, Any]:
        """The requestContext of one event."""
        context: dict[str, Any] = {
            "routeKey": route_key,
            "eventType": event_type,
            "messageDirection": "IN",
            "extendedRequestId": uuid.uuid4().hex,
            "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime()),
            "requestTimeEpoch": int(time.time() * 1000),
            "stage": self.stage,
            "connectedAt": self.connected_at_ms,
            "identity": {
                "sourceIp": self.handshake.source_ip,
                "userAgent": self.handshake.headers.get("user-agent", ""),
            },
            "requestId": request_id,
            "domainName": self.domain_name,
            "connectionId": self.connection_id,
            "apiId": self.api_id,
        }
        if self.authorizer is not None:
            context["authorizer"] = dict(self.authorizer)
        return context

    def connect(self, request_id: str) -> dict[str, Any]:
        """The event of $connect."""
        return {
            **self.handshake.fields(),
            "requestContext": self.request_context("$connect", "CONNECT", request_id),
            "isBase64Encoded": False,
        }

    def message(self, route_key: str, request_id: str, body: str) -> dict[str, Any]:
        """The event of a frame."""
        context = self.request_context(route_key, "MESSAGE", request_id)
        context["messageId"] = request_id
        return {"requestContext": context, "body": body, "isBase64Encoded": False}

    def disconnect(self, request_id: str, code: int, reason: str) -> dict[str, Any]:
        """The event of $disconnect."""
        context = self.request_context("$disconnect", "DISCONNECT", request_id)
        context["disconnectStatusCode"] = code
        context["disconnectReason"] = reason
        headers = {"Host": self.domain_name, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""}
        return {
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "requestContext": context,
            "isBase64Encoded": False,
        }


def _title(name: str) -> str:
    special = {"sec-websocket-key": "Sec-WebSocket-Key", "sec-websocket-version": "Sec-WebSocket-Version"}
    special |= {
        "sec-websocket-protocol": "Sec-WebSocket-Protocol",
        "sec-websocket-extensions": "Sec-WebSocket-Extensions",
    }
    return special.get(name) or "-".join(part.capitalize() for part in name.split("-"))
