"""How the records of a Kinesis stream and of a DynamoDB stream are read."""

from __future__ import annotations

import base64
import binascii
import json
from bisect import bisect_right
from typing import Any, Protocol

from ministack.core.responses import get_region
from ministack.services import dynamodb, kinesis

from tidings_emulator.streams.record import StreamRecord

READ_MAX = 1000


class Source(Protocol):
    """A stream with shards; a cursor is where the next read of a shard starts."""

    arn: str
    info_name: str

    def is_there(self) -> bool:
        """Whether the stream exists and can be read."""

    def shards(self) -> list[str]:
        """The shards that the stream has now."""

    def horizon(self, shard: str) -> Any:
        """The cursor before the oldest record."""

    def tip(self, shard: str) -> Any:
        """The cursor behind the newest record."""

    def read(self, shard: str, cursor: Any, ordinal: int, role: str) -> tuple[list[StreamRecord], Any]:
        """The records from the cursor on, and the cursor behind them."""


class KinesisSource:
    """A Kinesis stream; a cursor is the sequence number of the last record that was read."""

    info_name = "KinesisBatchInfo"

    def __init__(self, arn: str, account: str, region: str, name: str) -> None:
        self.arn = arn
        self._scope = (account, region, name)

    def _stream(self) -> dict[str, Any] | None:
        return kinesis._streams.get_scoped(*self._scope)

    def is_there(self) -> bool:
        """Whether the stream exists and is active."""
        stream = self._stream()
        return bool(stream) and stream.get("StreamARN") == self.arn and stream["StreamStatus"] == "ACTIVE"

    def shards(self) -> list[str]:
        """The shards that the stream has now."""
        stream = self._stream()
        return list(stream["shards"]) if stream else []

    def _records(self, shard: str) -> list[dict[str, Any]]:
        stream = self._stream()
        return stream["shards"][shard]["records"] if stream and shard in stream["shards"] else []

    def horizon(self, shard: str) -> str:
        """Sorts before every sequence number."""
        return ""

    def tip(self, shard: str) -> str:
        """The newest sequence number."""
        records = self._records(shard)
        return records[-1]["SequenceNumber"] if records else ""

    def read(self, shard: str, cursor: str, ordinal: int, role: str) -> tuple[list[StreamRecord], str]:
        """The records behind a sequence number; the numbers are of equal length and only rise."""
        stored = self._records(shard)
        start = bisect_right(stored, cursor, key=lambda record: record["SequenceNumber"])
        found = []
        for offset, record in enumerate(stored[start : start + READ_MAX]):
            event = self._event(shard, record, role)
            found.append(
                StreamRecord(
                    ordinal=ordinal + offset,
                    resume=cursor,
                    sequence=record["SequenceNumber"],
                    order_key=record["PartitionKey"],
                    arrived_s=record["ApproximateArrivalTimestamp"],
                    size_bytes=len(json.dumps(event)),
                    event=event,
                )
            )
            cursor = record["SequenceNumber"]
        return found, cursor

    def _event(self, shard: str, record: dict[str, Any], role: str) -> dict[str, Any]:
        return {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": record["PartitionKey"],
                "sequenceNumber": record["SequenceNumber"],
                "data": _as_base64(record["Data"]),
                "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"],
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{shard}:{record['SequenceNumber']}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": role,
            "awsRegion": get_region(),
            "eventSourceARN": self.arn,
        }


class DynamoDbSource:
    """The stream of a table; a cursor is the absolute index of the next record, in the one shard that there is."""

    info_name = "DDBStreamBatchInfo"
    SHARD = "shardId-00000000000000000000-00000000"

    def __init__(self, arn: str, table: str) -> None:
        self.arn = arn
        self._table = table

    def is_there(self) -> bool:
        """Whether the table still has this very stream."""
        table = dynamodb._tables.get(self._table)
        return bool(table) and table.get("LatestStreamArn") == self.arn

    def shards(self) -> list[str]:
        """The emulator keeps one shard per stream."""
        return [self.SHARD]

    def horizon(self, shard: str) -> int:
        """The oldest record that is still kept."""
        return dynamodb.stream_start_position(self._table)

    def tip(self, shard: str) -> int:
        """Behind the newest record."""
        return dynamodb.stream_end_position(self._table)

    def read(self, shard: str, cursor: int, ordinal: int, role: str) -> tuple[list[StreamRecord], int]:
        """The records from an index on, or from the oldest that is kept if that one is gone."""
        cursor = max(cursor, self.horizon(shard))
        events = dynamodb.stream_records_since(self._table, cursor, READ_MAX)
        found = [
            StreamRecord(
                ordinal=ordinal + offset,
                resume=cursor + offset,
                sequence=event["dynamodb"]["SequenceNumber"],
                # Within a shard, AWS keeps the order of each item: partition key and sort key.
                order_key=json.dumps(event["dynamodb"]["Keys"], sort_keys=True),
                arrived_s=event["dynamodb"]["ApproximateCreationDateTime"],
                size_bytes=len(json.dumps(event)),
                event=event,
            )
            for offset, event in enumerate(events)
        ]
        return found, cursor + len(found)


def _as_base64(data: Any) -> str:
    if isinstance(data, bytes):
        return base64.b64encode(data).decode()
    try:
        base64.b64decode(data, validate=True)
    except binascii.Error:
        return base64.b64encode(data.encode()).decode()
    return data
