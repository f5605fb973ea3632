"""What is in a message of an on-failure queue, in words."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

# A record that cannot be decoded may be anything; its conversation is told where it names one.
UNREADABLE = "not JSON"


@dataclass(frozen=True)
class Record:
    """One record of a stream: of Kinesis as it was put, of a table as its new image."""

    data: bytes
    sequence_number: str
    # Kinesis only: what keeps the records of a conversation in order.
    partition_key: str | None = None
    # Tables only: the event as the stream gave it.
    event: dict[str, Any] | None = None

    def conversation(self) -> str | None:
        """The conversation that the record names."""
        content = self._content()
        if isinstance(content.get("cid"), str):
            return content["cid"]
        key = content.get("pk")
        return key.rpartition("#")[0] if isinstance(key, str) else None

    def key(self) -> str:
        """Where it goes on a Kinesis stream: to the others of its conversation."""
        return (
            self.partition_key or self.conversation() or self.sequence_number or "lost"
        )

    def summary(self) -> str:
        """What it is, without what was said in it."""
        content = self._content()
        if not content:
            return f"{UNREADABLE}, {len(self.data)} bytes"
        if content.keys() >= {"cid", "user", "seq"}:
            place = f"conversation {content['cid']}, sequence {content['seq']}"
            return f"push, {place}, user {content['user']}, {len(self.data)} bytes"
        untold = "waiting send" if "entry" in content else "log row"
        parts = [str(content.get("kind", untold))]
        if conversation := self.conversation():
            parts.append(f"conversation {conversation}")
        parts += [_entry(entry) for entry in _entries(content)]
        if user := content.get("user"):
            parts.append(f"user {user}")
        for name, label in (("up_to", "up to"), ("last", "up to")):
            if name in content:
                parts.append(f"{label} {content[name]}")
        return ", ".join([*parts, f"{len(self.data)} bytes"])

    def text(self) -> str:
        """All of it."""
        try:
            return self.data.decode()
        except UnicodeDecodeError:
            return base64.b64encode(self.data).decode()

    def _content(self) -> dict[str, Any]:
        try:
            content = json.loads(self.data)
        except ValueError:
            return {}
        if not isinstance(content, dict):
            return {}
        return _plain(content) if _is_image(content) else content


@dataclass(frozen=True)
class Poison:
    """A record that a function could not read and put away itself."""

    consumer: str
    reason: str
    record: Record
    # The size of the record; more than what is here where it was cut to fit the queue.
    size: int

    def is_whole(self) -> bool:
        """Whether the queue has the whole record."""
        return len(self.record.data) >= self.size


@dataclass(frozen=True)
class Position:
    """A batch that Lambda gave up on: where its records are in the stream."""

    condition: str
    error: str | None
    invocations: int
    function: str
    stream_arn: str
    shard: str
    first: str
    last: str
    size: int
    arrived: str

    def is_of_table(self) -> bool:
        """Whether the stream is one of a table."""
        return ":dynamodb:" in self.stream_arn

    def reason(self) -> str:
        """Why Lambda gave up."""
        return f"{self.condition} ({self.error})" if self.error else self.condition


@dataclass(frozen=True)
class Push:
    """A push that its queue has given up on: it came back too often."""

    record: Record


@dataclass(frozen=True)
class Unknown:
    """A message that neither the functions nor Lambda write."""

    body: str


Content = Poison | Position | Push | Unknown


def read(body: str) -> Content:
    """The content of a message."""
    try:
        message = json.loads(body)
        if "KinesisBatchInfo" in message or "DDBStreamBatchInfo" in message:
            return _position(message)
        if isinstance(message, dict) and message.keys() >= {"cid", "user", "seq"}:
            return Push(Record(body.encode(), ""))
        data = base64.b64decode(message["data"])
        record = Record(data, str(message["sequenceNumber"]))
        size = int(message.get("bytes", len(data)))
        return Poison(message["consumer"], message["reason"], record, size)
    except (ValueError, KeyError, TypeError, binascii.Error):
        return Unknown(body)


def reason(content: Content) -> str:
    """By what messages are counted together."""
    if isinstance(content, Poison):
        return content.reason
    if isinstance(content, Push):
        return "a push that was tried too often"
    return content.reason() if isinstance(content, Position) else "not ours"


def _position(message: dict[str, Any]) -> Position:
    info = message.get("KinesisBatchInfo") or message["DDBStreamBatchInfo"]
    context = message["requestContext"]
    return Position(
        condition=context["condition"],
        error=message.get("responseContext", {}).get("functionError"),
        invocations=context["approximateInvokeCount"],
        function=context["functionArn"].split(":")[6],
        stream_arn=info["streamArn"],
        shard=info["shardId"],
        first=info["startSequenceNumber"],
        last=info["endSequenceNumber"],
        size=info["batchSize"],
        arrived=info["approximateArrivalOfFirstRecord"],
    )


def _entries(content: dict[str, Any]) -> list[dict[str, Any]]:
    """The log entries in a record. A row has the first one itself, and those behind it in a list."""
    row = content if "seq" in content else content.get("entry")
    if not isinstance(row, dict):
        return []
    more = row.get("more")
    entries = [row, *more] if isinstance(more, list) else [row]
    return [entry for entry in entries if isinstance(entry, dict)]


def _entry(entry: dict[str, Any]) -> str:
    event = entry.get("e", "message")
    kind = f" ({entry.get('k', 'text')})" if event == "message" else ""
    form = "" if entry.get("v") == 1 else f", form {entry.get('v')}"
    sender = f"{entry.get('u')} on {entry.get('d')}"
    return f"sequence {entry.get('seq')}, {event}{kind} of {sender}{form}"


def _is_image(content: dict[str, Any]) -> bool:
    """Whether it is an item in DynamoDB's JSON: `{"pk": {"S": "…"}}`."""
    return bool(content) and all(
        isinstance(value, dict) and len(value) == 1 and next(iter(value)) in _PLAIN
        for value in content.values()
    )


def _plain(image: dict[str, Any]) -> dict[str, Any]:
    return {name: _value(value) for name, value in image.items()}


def _value(value: dict[str, Any]) -> Any:
    ((kind, content),) = value.items()
    return _PLAIN[kind](content)


def _number(text: str) -> int | float:
    return int(text) if text.lstrip("-").isdigit() else float(text)


_PLAIN: dict[str, Any] = {
    "S": str,
    "N": _number,
    "B": str,
    "BOOL": bool,
    "NULL": lambda _: None,
    "SS": list,
    "NS": list,
    "BS": list,
    "L": lambda content: [_value(value) for value in content],
    "M": _plain,
}


def as_json(value: Any) -> Any:
    """What boto3 makes of a table's stream, as Lambda would say it."""
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} is not JSON")
