"""The queues of a deployed stack, their messages, and the streams that these came from."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from records import Content, Poison, Position, Push, Record, Unknown, as_json, read

QUEUE_SUFFIX = "Failures"
# One look takes no more; a longer queue is dealt with in several.
MESSAGES_MAX = 1000
# Who looks hides the messages from other readers for so long at most.
HIDDEN_S = 120
# A pause between reads of a shard that had nothing yet: it allows five reads a second.
READ_PAUSE_S = 0.25
READS_MAX = 200
# Of an invocation, with room for what is around the records.
INVOKE_BYTES_MAX = 5 * 1024 * 1024
GONE = "the stream keeps records for a day, and has forgotten these"


class DlqError(Exception):
    """Something that the operator has to mend."""


class CannotRedrive(Exception):
    """Why a message stays in its queue."""


@dataclass(frozen=True)
class Message:
    """A message, hidden from others while it is looked at."""

    id: str
    receipt: str
    sent_at_s: float
    content: Content


@dataclass
class Queue:
    """An on-failure queue, and the consumer that it belongs to."""

    name: str
    url: str
    arn: str
    # The function whose records end here, and where it gets them from.
    function: str | None = None
    source_arn: str | None = None
    visible: int = 0
    hidden: int = 0

    def consumer(self) -> str:
        """The consumer's short name: `fanout` of the queue `FanoutFailures`."""
        return self.name.removesuffix(QUEUE_SUFFIX).lower()


class Stack:
    """A stack by its name; endpoint and region are those of the environment where they are not given."""

    def __init__(self, name: str, endpoint: str | None, region: str | None) -> None:
        session = boto3.Session(region_name=region)
        config = Config(retries={"max_attempts": 4, "mode": "standard"})

        def client(service: str) -> Any:
            return session.client(service, endpoint_url=endpoint, config=config)

        self._cloudformation = client("cloudformation")
        self._sqs = client("sqs")
        self._lambda = client("lambda")
        self._kinesis = client("kinesis")
        self._table_streams = client("dynamodbstreams")
        self.name = name

    # ---- Queues ----

    def queues(self) -> list[Queue]:
        """All on-failure queues of the stack."""
        urls = self._resources("AWS::SQS::Queue")
        found = [
            self._queue(name, url)
            for name, url in sorted(urls.items())
            if name.endswith(QUEUE_SUFFIX)
        ]
        by_arn = {queue.arn: queue for queue in found}
        for mapping in self._mappings():
            destination = mapping.get("DestinationConfig", {}).get("OnFailure", {})
            if queue := by_arn.get(destination.get("Destination")):
                queue.function = mapping["FunctionArn"].split(":")[6]
                # Of an enhanced fan-out consumer, the stream.
                queue.source_arn = mapping["EventSourceArn"].split("/consumer/")[0]
            elif ":sqs:" in mapping["EventSourceArn"]:
                # A queue names the queue behind it itself.
                source = mapping["EventSourceArn"]
                if queue := by_arn.get(self._dead_letters_of(source)):
                    queue.function = mapping["FunctionArn"].split(":")[6]
                    queue.source_arn = source
        return found

    def _dead_letters_of(self, queue_arn: str) -> str | None:
        answer = self._sqs.get_queue_attributes(
            QueueUrl=self._queue_url(queue_arn), AttributeNames=["RedrivePolicy"]
        )
        policy = answer.get("Attributes", {}).get("RedrivePolicy")
        return json.loads(policy)["deadLetterTargetArn"] if policy else None

    def _queue_url(self, queue_arn: str) -> str:
        return self._sqs.get_queue_url(QueueName=queue_arn.rsplit(":", 1)[1])[
            "QueueUrl"
        ]

    def queue(self, wanted: str) -> Queue:
        """The queue of this name, or of this consumer."""
        queues = self.queues()
        for queue in queues:
            if wanted.lower() in (queue.name.lower(), queue.consumer()):
                return queue
        names = " ".join(queue.consumer() for queue in queues)
        raise DlqError(f"there is no queue {wanted!r}; there are: {names}")

    def _resources(self, kind: str) -> dict[str, str]:
        pages = self._cloudformation.get_paginator("list_stack_resources").paginate(
            StackName=self.name
        )
        return {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for page in pages
            for resource in page["StackResourceSummaries"]
            if resource["ResourceType"] == kind
        }

    def _queue(self, name: str, url: str) -> Queue:
        names = [
            "QueueArn",
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
        ]
        answer = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)
        arn, visible, hidden = (answer["Attributes"][name] for name in names)
        return Queue(name, url, arn, visible=int(visible), hidden=int(hidden))

    def _mappings(self) -> Iterator[dict[str, Any]]:
        for page in self._lambda.get_paginator("list_event_source_mappings").paginate():
            yield from page["EventSourceMappings"]

    # ---- Messages ----

    def messages(self, queue: Queue) -> list[Message]:
        """What is in the queue, oldest first. It is hidden until `give_back`, or for two minutes."""
        found: dict[str, Message] = {}
        while len(found) < MESSAGES_MAX:
            answer = self._sqs.receive_message(
                QueueUrl=queue.url,
                MaxNumberOfMessages=10,
                VisibilityTimeout=HIDDEN_S,
                # A long poll asks every server of the queue, a short one only some.
                WaitTimeSeconds=1,
                MessageSystemAttributeNames=["SentTimestamp"],
            )
            fresh = answer.get("Messages", [])
            if not fresh:
                break
            for message in fresh:
                found[message["MessageId"]] = Message(
                    id=message["MessageId"],
                    receipt=message["ReceiptHandle"],
                    sent_at_s=int(message["Attributes"]["SentTimestamp"]) / 1000,
                    content=read(message["Body"]),
                )
        return sorted(found.values(), key=lambda message: message.sent_at_s)

    def give_back(self, queue: Queue, messages: list[Message]) -> None:
        """Lets other readers see the messages again."""
        for start in range(0, len(messages), 10):
            entries = [
                {
                    "Id": str(index),
                    "ReceiptHandle": message.receipt,
                    "VisibilityTimeout": 0,
                }
                for index, message in enumerate(messages[start : start + 10])
            ]
            self._sqs.change_message_visibility_batch(
                QueueUrl=queue.url, Entries=entries
            )

    def delete(self, queue: Queue, message: Message) -> None:
        """Takes a message out of its queue for good."""
        self._sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=message.receipt)

    # ---- Records ----

    def records(self, queue: Queue, message: Message) -> list[Record]:
        """The records that a message is about, from the stream where the message has not got them."""
        content = message.content
        if isinstance(content, Unknown):
            raise CannotRedrive("neither the functions nor Lambda wrote this message")
        if isinstance(content, Push):
            return [content.record]
        if isinstance(content, Position):
            if content.is_of_table():
                return self._table_records(content)
            return self._kinesis_records(
                content.stream_arn, content.shard, content.first, content.last
            )
        if content.is_whole():
            return [content.record]
        return self._whole_record(queue, content)

    def _whole_record(self, queue: Queue, poison: Poison) -> list[Record]:
        """A record that was cut to fit its queue, as the stream has it."""
        number = poison.record.sequence_number
        if not queue.source_arn or ":kinesis:" not in queue.source_arn:
            raise CannotRedrive("only the beginning of the record is in the message")
        name = _stream_name(queue.source_arn)
        for shard in self._kinesis.list_shards(StreamName=name)["Shards"]:
            try:
                return self._kinesis_records(
                    queue.source_arn, shard["ShardId"], number, number
                )
            except (CannotRedrive, ClientError):
                continue
        raise CannotRedrive(f"only its beginning is in the message, and {GONE}")

    def _kinesis_records(
        self, stream_arn: str, shard: str, first: str, last: str
    ) -> list[Record]:
        iterator = self._kinesis.get_shard_iterator(
            StreamName=_stream_name(stream_arn),
            ShardId=shard,
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            StartingSequenceNumber=first,
        )["ShardIterator"]
        found: list[Record] = []
        for _ in range(READS_MAX):
            answer = self._kinesis.get_records(ShardIterator=iterator, Limit=1000)
            for record in answer["Records"]:
                if int(record["SequenceNumber"]) <= int(last):
                    found.append(
                        Record(
                            record["Data"],
                            record["SequenceNumber"],
                            partition_key=record["PartitionKey"],
                        )
                    )
            iterator = answer.get("NextShardIterator")
            if _is_past(answer["Records"], last) or not iterator:
                break
            if not answer["Records"]:
                if answer.get("MillisBehindLatest", 0) == 0:
                    break
                time.sleep(READ_PAUSE_S)
        return _all_there(found, first)

    def _table_records(self, position: Position) -> list[Record]:
        try:
            iterator = self._table_streams.get_shard_iterator(
                StreamArn=position.stream_arn,
                ShardId=position.shard,
                ShardIteratorType="AT_SEQUENCE_NUMBER",
                SequenceNumber=position.first,
            )["ShardIterator"]
        except ClientError as error:
            if _code(error) in (
                "TrimmedDataAccessException",
                "ResourceNotFoundException",
            ):
                raise CannotRedrive(GONE) from None
            raise
        found: list[Record] = []
        for _ in range(READS_MAX):
            answer = self._table_streams.get_records(ShardIterator=iterator, Limit=1000)
            for event in answer["Records"]:
                number = event["dynamodb"]["SequenceNumber"]
                if int(number) <= int(position.last) and event["eventName"] == "INSERT":
                    image = event["dynamodb"].get("NewImage", {})
                    data = json.dumps(image, default=as_json).encode()
                    found.append(Record(data, number, event=event))
            numbers = [event["dynamodb"] for event in answer["Records"]]
            iterator = answer.get("NextShardIterator")
            if _is_past(numbers, position.last) or not iterator:
                break
            if not answer["Records"]:
                time.sleep(READ_PAUSE_S)
        return _all_there(found, position.first)

    # ---- Back to the consumer ----

    def put_back(self, queue: Queue, records: list[Record]) -> str:
        """Gives the records to the consumer once more, and answers how."""
        if not queue.source_arn or not queue.function:
            raise CannotRedrive(f"no consumer has {queue.name} as its on-failure queue")
        if ":kinesis:" in queue.source_arn:
            name = _stream_name(queue.source_arn)
            for record in records:
                self._kinesis.put_record(
                    StreamName=name, PartitionKey=record.key(), Data=record.data
                )
            return f"put on {name}"
        if ":sqs:" in queue.source_arn:
            url = self._queue_url(queue.source_arn)
            for record in records:
                self._sqs.send_message(QueueUrl=url, MessageBody=record.text())
            return f"put on {url.rsplit('/', 1)[1]}"
        # Nothing can be put on a table's stream, so the function is called as the stream calls it.
        for events in _in_calls(
            [_table_event(queue.source_arn, record) for record in records]
        ):
            self._call(queue.function, events)
        return f"given to {queue.function}"

    def _call(self, function: str, events: list[dict[str, Any]]) -> None:
        payload = json.dumps({"Records": events}, default=as_json).encode()
        answer = self._lambda.invoke(FunctionName=function, Payload=payload)
        body = answer["Payload"].read()
        if answer.get("FunctionError"):
            raise CannotRedrive(f"{function} failed: {body.decode()[:200]}")
        failed = (json.loads(body or b"{}") or {}).get("batchItemFailures") or []
        if failed:
            raise CannotRedrive(
                f"{function} cannot do {len(failed)} of its records yet"
            )


def _stream_name(arn: str) -> str:
    return arn.rsplit("/", 1)[1]


def _code(error: ClientError) -> str:
    return error.response["Error"]["Code"]


def _is_past(records: list[dict[str, Any]], last: str) -> bool:
    return bool(records) and int(records[-1]["SequenceNumber"]) >= int(last)


def _all_there(found: list[Record], first: str) -> list[Record]:
    if not found or int(found[0].sequence_number) != int(first):
        raise CannotRedrive(GONE)
    return found


def _table_event(stream_arn: str, record: Record) -> dict[str, Any]:
    """The event that Lambda makes of a record of a table's stream."""
    if record.event:
        return {**record.event, "eventSourceARN": stream_arn}
    image = json.loads(record.data)
    return {
        "eventID": record.sequence_number,
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "eventSourceARN": stream_arn,
        "awsRegion": stream_arn.split(":")[3],
        "dynamodb": {
            "ApproximateCreationDateTime": time.time(),
            "Keys": {name: image[name] for name in ("pk", "seq") if name in image},
            "NewImage": image,
            "SequenceNumber": record.sequence_number,
            "SizeBytes": len(record.data),
            "StreamViewType": "NEW_IMAGE",
        },
    }


def _in_calls(events: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The events in calls that are not too large."""
    call: list[dict[str, Any]] = []
    size = 0
    for event in events:
        bytes_of_it = len(json.dumps(event, default=as_json))
        if call and size + bytes_of_it > INVOKE_BYTES_MAX:
            yield call
            call, size = [], 0
        call.append(event)
        size += bytes_of_it
    if call:
        yield call
