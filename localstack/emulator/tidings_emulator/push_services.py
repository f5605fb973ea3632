"""Push services of our own: the mobile push of SNS, as far as the service uses it, and a browser maker's push service.

The emulator's SNS takes what it is given and keeps nothing that can be read, so here are endpoints that can be
disabled, outages that can be had, and a journal of what a phone would have been shown.
"""

from __future__ import annotations

import base64
import json
import threading
import time
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from tidings_emulator.journal import PUSHES

XML = "text/xml"
NAMESPACE = "http://sns.amazonaws.com/doc/2010-03-31/"
# What SNS calls the part of a message that goes to each service.
PARTS = {"APNS": "apns", "APNS_SANDBOX": "apns_sandbox", "GCM": "fcm"}
FAULTS = ("outage", "throttled", "disabled", "gone")
MESSAGE_BYTES_MAX = 256 * 1024
# What APNs and FCM take.
PAYLOAD_BYTES_MAX = 4096
TOKEN_CHARS_MAX = 2048
WEB_BODY_BYTES_MAX = 4096

Response = tuple[int, str, bytes]


class Refused(Exception):
    """An error that SNS answers."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass
class Endpoint:
    """What SNS knows of one installation of an app."""

    arn: str
    application: str
    platform: str
    token: str
    enabled: bool = True


class PushServices:
    """The endpoints that there are, and how they misbehave."""

    def __init__(self) -> None:
        self._endpoints: dict[str, Endpoint] = {}
        # By token, so that tests that run at once do not disturb one another.
        self._faults: dict[str, str] = {}
        self._lock = threading.Lock()

    # ---- For tests ----

    def set_fault(self, request: dict[str, Any]) -> dict[str, Any]:
        """Lets the service of a token misbehave; no fault, and it is well again."""
        token, fault = request.get("token"), request.get("fault")
        if not isinstance(token, str) or not token or (fault is not None and fault not in FAULTS):
            raise ValueError(f"a token, and a fault out of {', '.join(FAULTS)}, or none")
        with self._lock:
            self._faults.pop(token, None)
            for endpoint in list(self._endpoints.values()):
                if endpoint.token == token and fault == "disabled":
                    endpoint.enabled = False
                if endpoint.token == token and fault == "gone":
                    del self._endpoints[endpoint.arn]
            if fault in ("outage", "throttled") or (fault == "gone" and "://" in token):
                self._faults[token] = fault
        return {"token": token, "fault": fault}

    def endpoints(self, contains: str) -> bytes:
        """The endpoints whose token has this in it, as JSON lines."""
        with self._lock:
            found = [vars(endpoint) for endpoint in self._endpoints.values() if contains in endpoint.token]
        return "".join(json.dumps(endpoint) + "\n" for endpoint in found).encode()

    # ---- SNS ----

    def sns(self, body: bytes) -> Response:
        """One call, in the query protocol."""
        parameters = {name: values[0] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
        action = parameters.get("Action", "")
        deeds = {
            "CreatePlatformEndpoint": self._create,
            "SetEndpointAttributes": self._set,
            "GetEndpointAttributes": self._get,
            "DeleteEndpoint": self._delete,
            "Publish": self._publish,
        }
        try:
            if action not in deeds:
                raise Refused(400, "InvalidAction", f"no {action}")
            with self._lock:
                result = deeds[action](parameters)
        except Refused as refused:
            error = f"<Type>Sender</Type><Code>{refused.code}</Code><Message>{escape(str(refused))}</Message>"
            text = f'<ErrorResponse xmlns="{NAMESPACE}"><Error>{error}</Error>{_request_id()}</ErrorResponse>'
            return refused.status, XML, text.encode()
        metadata = f"<ResponseMetadata>{_request_id()}</ResponseMetadata>"
        text = f"<{action}Result>{result}</{action}Result>{metadata}"
        return 200, XML, f'<{action}Response xmlns="{NAMESPACE}">{text}</{action}Response>'.encode()

    def _create(self, parameters: dict[str, str]) -> str:
        application, token = parameters.get("PlatformApplicationArn", ""), parameters.get("Token", "")
        parts = application.split(":app/")
        if len(parts) != 2 or parts[1].split("/")[0] not in PARTS:
            raise Refused(404, "NotFound", "PlatformApplication does not exist")
        _check_token(token)
        self._may_fail(token)
        found = self._by_token(application, token)
        if found is None:
            platform = parts[1].split("/")[0]
            found = Endpoint(f"{parts[0]}:endpoint/{parts[1]}/{uuid.uuid4()}", application, platform, token)
            self._endpoints[found.arn] = found
        return f"<EndpointArn>{found.arn}</EndpointArn>"

    def _set(self, parameters: dict[str, str]) -> str:
        endpoint = self._endpoint(parameters.get("EndpointArn", ""))
        attributes = _entries(parameters, "Attributes.entry", "key", "value")
        token = attributes.get("Token", endpoint.token)
        _check_token(token)
        self._may_fail(token)
        other = self._by_token(endpoint.application, token)
        if other is not None and other is not endpoint:
            message = f"Invalid parameter: Token Reason: Endpoint {other.arn} already exists with the same Token."
            raise Refused(400, "InvalidParameter", message)
        endpoint.token = token
        endpoint.enabled = attributes.get("Enabled", str(endpoint.enabled)).lower() == "true"
        return ""

    def _get(self, parameters: dict[str, str]) -> str:
        endpoint = self._endpoint(parameters.get("EndpointArn", ""))
        attributes = {"Token": endpoint.token, "Enabled": str(endpoint.enabled).lower()}
        entries = "".join(
            f"<entry><key>{name}</key><value>{escape(value)}</value></entry>" for name, value in attributes.items()
        )
        return f"<Attributes>{entries}</Attributes>"

    def _delete(self, parameters: dict[str, str]) -> str:
        self._endpoints.pop(parameters.get("EndpointArn", ""), None)
        return ""

    def _publish(self, parameters: dict[str, str]) -> str:
        endpoint = self._endpoint(parameters.get("TargetArn", ""))
        self._may_fail(endpoint.token)
        if not endpoint.enabled:
            raise Refused(400, "EndpointDisabled", "Endpoint is disabled")
        if parameters.get("MessageStructure") != "json":
            raise Refused(400, "InvalidParameter", "Invalid parameter: MessageStructure")
        payload = _payload(endpoint.platform, parameters.get("Message", ""))
        headers = _entries(parameters, "MessageAttributes.entry", "Name", "Value.StringValue")
        _keep(PARTS[endpoint.platform], endpoint.token, headers, payload=payload, endpoint=endpoint.arn)
        return f"<MessageId>{uuid.uuid4()}</MessageId>"

    def _endpoint(self, arn: str) -> Endpoint:
        if arn not in self._endpoints:
            raise Refused(404, "NotFound", "Endpoint does not exist")
        return self._endpoints[arn]

    def _by_token(self, application: str, token: str) -> Endpoint | None:
        found = (e for e in self._endpoints.values() if (e.application, e.token) == (application, token))
        return next(found, None)

    def _may_fail(self, token: str) -> None:
        fault = self._faults.get(token)
        if fault == "outage":
            raise Refused(500, "InternalError", "the push service does not answer")
        if fault == "throttled":
            raise Refused(429, "Throttled", "Rate exceeded")

    # ---- Browsers ----

    def web_push(self, url: str, headers: dict[str, str], body: bytes) -> Response:
        """A message for the browser that has this subscription."""
        with self._lock:
            fault = self._faults.get(url)
        if fault:
            return {"outage": 503, "throttled": 429, "gone": 410}[fault], "text/plain", b""
        needed = {"authorization": "vapid t=", "content-encoding": "aes128gcm", "ttl": ""}
        for name, start in needed.items():
            if name not in headers or not headers[name].startswith(start):
                return 400, "text/plain", f"no good {name}".encode()
        if len(body) > WEB_BODY_BYTES_MAX:
            return 413, "text/plain", b""
        names = ("authorization", "content-encoding", "ttl", "topic", "urgency")
        kept = {name: headers[name] for name in names if name in headers}
        _keep("webpush", url, kept, body=base64.b64encode(body).decode())
        return 201, "text/plain", b""


def _request_id() -> str:
    return f"<RequestId>{uuid.uuid4()}</RequestId>"


def _check_token(token: str) -> None:
    if not token or len(token) > TOKEN_CHARS_MAX or token.startswith("bad-"):
        raise Refused(400, "InvalidParameter", "Invalid parameter: Token Reason: the token is not valid")


def _entries(parameters: dict[str, str], prefix: str, name: str, value: str) -> dict[str, str]:
    """The entries of a map in the query protocol."""
    found = {}
    for index in range(1, 100):
        key = parameters.get(f"{prefix}.{index}.{name}")
        if key is None:
            break
        found[key] = parameters.get(f"{prefix}.{index}.{value}", "")
    return found


def _payload(platform: str, message: str) -> Any:
    if len(message.encode()) > MESSAGE_BYTES_MAX:
        raise Refused(400, "InvalidParameter", "Invalid parameter: Message too long")
    try:
        part = json.loads(message)[platform]
        payload = json.loads(part)
    except (ValueError, KeyError, TypeError):
        raise Refused(400, "InvalidParameter", f"Invalid parameter: Message has no {platform}") from None
    if len(part.encode()) > PAYLOAD_BYTES_MAX:
        raise Refused(400, "InvalidParameter", f"Invalid parameter: {platform} payload too long")
    return payload


def _keep(service: str, token: str, headers: dict[str, str], **more: Any) -> None:
    entry = {"tMs": int(time.time() * 1000), "service": service, "token": token, "headers": headers, **more}
    PUSHES.write(PUSHES.next_number(), entry, json.dumps(entry))


SERVICES = PushServices()
