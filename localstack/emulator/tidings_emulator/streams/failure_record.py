"""The message that AWS Lambda sends for records which it gives up."""

from __future__ import annotations

import json
import logging
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from ministack.core.arn import parse_arn
from ministack.services import sns, sqs

from tidings_emulator.streams.record import Batch

logger = logging.getLogger("tidings.streams")

RETRIES_EXHAUSTED = "RetryAttemptsExhausted"
TOO_OLD = "RecordAgeExceeded"


def failure_record(
    batch: Batch, condition: str, *, function_arn: str, version: str, info_name: str, shard: str, stream_arn: str
) -> dict[str, Any]:
    """The metadata of a discarded batch; the records themselves are not in it.

    `responseContext` tells of the last invocation, so it is absent when there was none; a batch that the function
    reported, instead of failing, has no `functionError`.
    """
    first, last = batch.records[0], batch.records[-1]
    record: dict[str, Any] = {
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "functionArn": function_arn,
            "condition": condition,
            "approximateInvokeCount": batch.attempts,
        },
        "version": "1.0",
        "timestamp": _iso(time.time()),
        info_name: {
            "shardId": shard,
            "startSequenceNumber": first.sequence,
            "endSequenceNumber": last.sequence,
            "approximateArrivalOfFirstRecord": _iso(first.arrived_s),
            "approximateArrivalOfLastRecord": _iso(last.arrived_s),
            "batchSize": len(batch.records),
            "streamArn": stream_arn,
        },
    }
    if batch.attempts:
        response: dict[str, Any] = {"statusCode": 200, "executedVersion": version}
        if batch.last_function_error:
            response["functionError"] = batch.last_function_error
        record["responseContext"] = response
    return record


def send(record: dict[str, Any], destination_arn: str) -> None:
    """Delivers to a queue or a topic; a failure is logged, as the records are given up either way."""
    body = json.dumps(record)
    try:
        destination = parse_arn(destination_arn)
        if destination.service == "sqs":
            url = sqs._queue_url(destination.resource)
            sqs._act_send_message({"QueueUrl": url, "MessageBody": body}, url)
        elif destination.service == "sns":
            sns._fanout(destination_arn, str(uuid.uuid4()), body, "")
        else:
            logger.error("on-failure destination %s is neither a queue nor a topic", destination_arn)
    except Exception:
        logger.exception("on-failure destination %s refused a record: %s", destination_arn, body)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(float(seconds), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
