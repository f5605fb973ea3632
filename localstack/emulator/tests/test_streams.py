"""Event source mappings of Kinesis and DynamoDB streams."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from support import Emulator, Function, eventually, undisturbed

# Notes each batch, and does what the data of its records say: {"fail": true} fails the batch, {"report": true} is
# reported, {"sleep": seconds} takes time.
HANDLER = """
import base64
def handle(event):
    begun = time.time()
    decoded = []
    for record in event["Records"]:
        if "kinesis" in record:
            data = json.loads(base64.b64decode(record["kinesis"]["data"]))
            data["seq"] = record["kinesis"]["sequenceNumber"]
        else:
            data = json.loads(record["dynamodb"]["NewImage"]["data"]["S"])
            data["seq"] = record["dynamodb"]["SequenceNumber"]
        decoded.append(data)
    seen({"at": begun, "n": [data["n"] for data in decoded], "event": event})
    time.sleep(max(data.get("sleep", 0) for data in decoded))
    if any(data.get("fail") for data in decoded):
        raise ValueError("a poison record")
    failures = [{"itemIdentifier": data["seq"]} for data in decoded if data.get("report")]
    if any(data.get("badReport") for data in decoded):
        failures = [{"itemIdentifier": ""}]
    if any(data.get("unknownReport") for data in decoded):
        failures = [{"itemIdentifier": "12345"}]
    return {"batchItemFailures": failures}
"""
REPORTS = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}


class Stream:
    """A Kinesis stream with one mapping to a function."""

    def __init__(self, emulator: Emulator, **options: Any) -> None:
        self.emulator = emulator
        self.kinesis = emulator.client("kinesis")
        self.kinesis.create_stream(StreamName="events", ShardCount=1)
        self.arn = self.kinesis.describe_stream_summary(StreamName="events")["StreamDescriptionSummary"]["StreamARN"]
        self.function = emulator.function(HANDLER)
        self.mapping = self.map(**options)

    def map(self, **options: Any) -> str:
        options = {"StartingPosition": "LATEST", "BatchSize": 100, **options}
        return self.emulator.client("lambda").create_event_source_mapping(
            EventSourceArn=self.arn, FunctionName=self.function.name, **options
        )["UUID"]

    def put(self, n: int, key: str = "k", **data: Any) -> str:
        body = json.dumps({"n": n, **data}).encode()
        return self.kinesis.put_record(StreamName="events", PartitionKey=key, Data=body)["SequenceNumber"]

    def put_all(self, *decoded: dict[str, Any], key: str = "k") -> list[str]:
        records = [{"Data": json.dumps({"n": n, **data}), "PartitionKey": key} for n, data in enumerate(decoded)]
        answer = self.kinesis.put_records(StreamName="events", Records=records)
        return [record["SequenceNumber"] for record in answer["Records"]]

    def batches(self, count: int, seconds: float = 5.0) -> list[list[int]]:
        return [seen["n"] for seen in self.function.wait_seen(count, seconds)]


def queue(emulator: Emulator) -> tuple[str, dict[str, Any]]:
    """A queue, and the DestinationConfig that sends discarded records to it."""
    sqs = emulator.client("sqs")
    url = sqs.create_queue(QueueName="failures")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return url, {"DestinationConfig": {"OnFailure": {"Destination": arn}}}


def received(emulator: Emulator, url: str, seconds: float = 5.0) -> dict[str, Any]:
    def receive() -> list[Any]:
        return emulator.client("sqs").receive_message(QueueUrl=url).get("Messages", [])

    return json.loads(eventually(receive, seconds)[0]["Body"])


def test_a_record_has_the_form_of_aws(emulator: Emulator) -> None:
    stream = Stream(emulator)
    sequence = stream.put(1, key="conversation")
    (record,) = stream.function.wait_seen(1)[0]["event"]["Records"]
    assert record["eventSource"] == "aws:kinesis"
    assert record["eventName"] == "aws:kinesis:record"
    assert record["eventSourceARN"] == stream.arn
    assert record["eventID"] == f"shardId-000000000000:{sequence}"
    assert record["invokeIdentityArn"] == "arn:aws:iam::000000000000:role/functions"
    assert record["kinesis"]["partitionKey"] == "conversation"
    assert record["kinesis"]["sequenceNumber"] == sequence
    assert json.loads(base64.b64decode(record["kinesis"]["data"])) == {"n": 1}
    assert abs(record["kinesis"]["approximateArrivalTimestamp"] - time.time()) < 5


def test_a_record_reaches_an_idle_function_at_once(emulator: Emulator) -> None:
    stream = Stream(emulator)
    stream.put(0)
    stream.batches(1)
    times_ms = []
    for n in range(1, 21):
        time.sleep(0.02)
        begun = time.time()
        stream.put(n)
        times_ms.append((stream.function.wait_seen(n + 1)[n]["at"] - begun) * 1000)
    assert undisturbed(times_ms) < 15, times_ms


def test_records_that_wait_go_together_up_to_the_batch_size(emulator: Emulator) -> None:
    stream = Stream(emulator, BatchSize=4)
    stream.put(0, sleep=0.4)
    stream.batches(1)
    for n in range(1, 8):
        stream.put(n)
    assert stream.batches(3) == [[0], [1, 2, 3, 4], [5, 6, 7]]


def test_the_batching_window_gathers_records(emulator: Emulator) -> None:
    stream = Stream(emulator, MaximumBatchingWindowInSeconds=1, BatchSize=3)
    begun = time.time()
    stream.put(0)
    stream.put(1)
    (seen,) = stream.function.wait_seen(1)
    assert seen["n"] == [0, 1]
    assert 0.9 < seen["at"] - begun < 1.6
    begun = time.time()
    for n in range(3):
        stream.put(n)
    assert stream.function.wait_seen(2)[1]["at"] - begun < 0.5, "a full batch does not wait"


def test_a_slow_batch_holds_up_its_lane_only(emulator: Emulator) -> None:
    stream = Stream(emulator, ParallelizationFactor=10)
    stream.put(0, key="slow", sleep=1.5)
    stream.batches(1)
    begun = time.monotonic()
    for n in range(1, 31):
        stream.put(n, key=f"other-{n}")
    stream.put(99, key="slow")

    def most_are_there() -> bool:
        return sum(len(seen["n"]) for seen in stream.function.seen()) >= 25

    eventually(most_are_there)
    assert time.monotonic() - begun < 1.2
    eventually(lambda: any(99 in seen["n"] for seen in stream.function.seen()))


def test_a_slow_function_does_not_hold_up_another_mapping(emulator: Emulator) -> None:
    stream = Stream(emulator)
    slow = stream.function
    stream.function = emulator.function(HANDLER.replace('data.get("sleep", 0)', "0"))
    stream.map()
    stream.put(0, sleep=2)
    slow.wait_seen(1)
    begun = time.monotonic()
    stream.put(1)
    assert stream.batches(2) == [[0], [1]]
    assert time.monotonic() - begun < 1


def test_records_of_a_key_stay_in_order(emulator: Emulator) -> None:
    stream = Stream(emulator, ParallelizationFactor=10, BatchSize=5)
    order = [(f"key-{n % 7}", n) for n in range(140)]
    for key, n in order:
        stream.put(n, key=key)
    eventually(lambda: sum(len(seen["n"]) for seen in stream.function.seen()) >= 140)
    arrived: dict[int, list[int]] = {}
    for seen in stream.function.seen():
        for n in seen["n"]:
            arrived.setdefault(n % 7, []).append(n)
    assert all(numbers == sorted(numbers) for numbers in arrived.values())
    assert sum(map(len, arrived.values())) == 140


def test_a_reported_failure_is_tried_again_from_there(emulator: Emulator) -> None:
    stream = Stream(emulator, **REPORTS)
    stream.put_all({}, {}, {"report": True}, {})
    assert stream.batches(4)[:4] == [[0, 1, 2, 3], [2, 3], [2, 3], [2, 3]], "nothing is lost, nothing before it repeats"


def test_a_report_counts_only_if_it_is_asked_for(emulator: Emulator) -> None:
    stream = Stream(emulator)
    stream.put_all({}, {"report": True})
    stream.batches(1)
    stream.put(5)
    assert stream.batches(2) == [[0, 1], [5]]


@pytest.mark.parametrize("bad", ["badReport", "unknownReport"])
def test_a_report_that_cannot_be_trusted_fails_the_batch(emulator: Emulator, bad: str) -> None:
    stream = Stream(emulator, MaximumRetryAttempts=1, **REPORTS)
    stream.put_all({}, {bad: True}, {})
    stream.batches(1)
    stream.put(5)
    assert stream.batches(3) == [[0, 1, 2], [0, 1, 2], [5]]


def test_retries_end_and_the_destination_is_told(emulator: Emulator) -> None:
    url, destination = queue(emulator)
    stream = Stream(emulator, MaximumRetryAttempts=2, **destination)
    first, last = stream.put_all({"fail": True}, {})
    message = received(emulator, url)
    stream.put(7)
    assert stream.batches(4) == [[0, 1]] * 3 + [[7]]
    context = message["requestContext"]
    assert context["condition"] == "RetryAttemptsExhausted"
    assert context["approximateInvokeCount"] == 3
    assert context["functionArn"] == stream.function.arn
    assert message["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    assert message["version"] == "1.0"
    info = message["KinesisBatchInfo"]
    assert (info["startSequenceNumber"], info["endSequenceNumber"]) == (first, last)
    assert info["batchSize"] == 2
    assert info["shardId"] == "shardId-000000000000"
    assert info["streamArn"] == stream.arn
    assert info["approximateArrivalOfFirstRecord"].endswith("Z")


def test_no_retries_are_no_retries(emulator: Emulator) -> None:
    url, destination = queue(emulator)
    stream = Stream(emulator, MaximumRetryAttempts=0, **destination)
    stream.put(0, fail=True)
    assert received(emulator, url)["requestContext"]["approximateInvokeCount"] == 1
    stream.put(1)
    assert stream.batches(2) == [[0], [1]]


def test_a_failed_batch_is_split_until_the_poison_record_is_alone(emulator: Emulator) -> None:
    url, destination = queue(emulator)
    stream = Stream(emulator, MaximumRetryAttempts=1, BisectBatchOnFunctionError=True, **destination)
    sequences = stream.put_all({}, {}, {}, {}, {}, {"fail": True}, {}, {})
    info = received(emulator, url)["KinesisBatchInfo"]
    assert info["startSequenceNumber"] == info["endSequenceNumber"] == sequences[5]
    batches = stream.batches(8)
    assert batches == [list(range(8)), [0, 1, 2, 3], [4, 5, 6, 7], [4, 5], [4], [5], [5], [6, 7]]


def test_a_report_splits_at_the_record_and_costs_no_retry(emulator: Emulator) -> None:
    """Once the reported record is the first, those behind it share its retries and its end."""
    url, destination = queue(emulator)
    options = {"MaximumRetryAttempts": 1, "BisectBatchOnFunctionError": True, **destination, **REPORTS}
    stream = Stream(emulator, **options)
    sequences = stream.put_all({}, {}, {"report": True}, {})
    message = received(emulator, url)
    info = message["KinesisBatchInfo"]
    assert (info["startSequenceNumber"], info["endSequenceNumber"]) == (sequences[2], sequences[3])
    assert "functionError" not in message["responseContext"]
    assert stream.batches(3) == [[0, 1, 2, 3], [2, 3], [2, 3]]


def test_a_record_that_is_too_old_is_given_up(emulator: Emulator) -> None:
    url, destination = queue(emulator)
    stream = Stream(emulator, MaximumRecordAgeInSeconds=60, **destination)
    emulator.client("lambda").update_event_source_mapping(UUID=stream.mapping, MaximumRecordAgeInSeconds=1)
    stream.put(0, fail=True)
    message = received(emulator, url)
    assert message["requestContext"]["condition"] == "RecordAgeExceeded"
    assert message["requestContext"]["approximateInvokeCount"] >= 2
    stream.put(1)
    eventually(lambda: stream.function.seen()[-1]["n"] == [1])


def test_a_throttled_batch_is_tried_again_and_costs_no_retry(emulator: Emulator) -> None:
    stream = Stream(emulator, MaximumRetryAttempts=0)
    functions = emulator.client("lambda")
    functions.put_function_concurrency(FunctionName=stream.function.name, ReservedConcurrentExecutions=0)
    stream.put(0)
    time.sleep(0.3)
    assert stream.function.seen() == []
    functions.delete_function_concurrency(FunctionName=stream.function.name)
    assert stream.batches(1) == [[0]]


def test_a_mapping_from_latest_skips_and_from_trim_horizon_reads_what_was_before(emulator: Emulator) -> None:
    stream = Stream(emulator)
    stream.put(0)
    stream.batches(1)
    first = stream.function
    stream.function = emulator.function(HANDLER)
    stream.map()
    stream.put(1)
    assert stream.batches(1) == [[1]]
    assert [seen["n"] for seen in first.wait_seen(2)] == [[0], [1]]
    stream.function = emulator.function(HANDLER)
    stream.map(StartingPosition="TRIM_HORIZON")
    assert stream.batches(1) == [[0, 1]]


def test_a_disabled_mapping_goes_on_where_it_stopped(emulator: Emulator) -> None:
    stream = Stream(emulator)
    functions = emulator.client("lambda")
    stream.put(0)
    stream.batches(1)
    functions.update_event_source_mapping(UUID=stream.mapping, Enabled=False)
    time.sleep(1.2)
    stream.put(1)
    time.sleep(0.3)
    assert stream.batches(1) == [[0]]
    functions.update_event_source_mapping(UUID=stream.mapping, Enabled=True)
    assert stream.batches(2) == [[0], [1]]


class TestDynamoDb:
    @pytest.fixture
    def function(self, emulator: Emulator) -> Function:
        return emulator.function(HANDLER)

    def map(self, emulator: Emulator, function: Function, **options: Any) -> str:
        emulator.client("dynamodb").create_table(
            TableName="log",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "seq", "KeyType": "RANGE"}],
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "seq", "AttributeType": "N"},
            ],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        )
        arn = emulator.client("dynamodb").describe_table(TableName="log")["Table"]["LatestStreamArn"]
        options = {"StartingPosition": "LATEST", "BatchSize": 100, **options}
        emulator.client("lambda").create_event_source_mapping(EventSourceArn=arn, FunctionName=function.name, **options)
        return arn

    def put(self, emulator: Emulator, n: int, **data: Any) -> None:
        item = {"pk": {"S": "c#0"}, "seq": {"N": str(n)}, "data": {"S": json.dumps({"n": n, **data})}}
        emulator.client("dynamodb").put_item(TableName="log", Item=item)

    def test_a_record_has_the_form_of_aws(self, emulator: Emulator, function: Function) -> None:
        arn = self.map(emulator, function)
        self.put(emulator, 1)
        (record,) = function.wait_seen(1)[0]["event"]["Records"]
        assert record["eventName"] == "INSERT"
        assert record["eventSource"] == "aws:dynamodb"
        assert record["eventSourceARN"] == arn
        assert record["dynamodb"]["Keys"] == {"pk": {"S": "c#0"}, "seq": {"N": "1"}}
        assert record["dynamodb"]["NewImage"]["data"] == {"S": '{"n": 1}'}
        assert record["dynamodb"]["StreamViewType"] == "NEW_IMAGE"
        assert "OldImage" not in record["dynamodb"]

    def test_filter_criteria_let_inserts_through_only(self, emulator: Emulator, function: Function) -> None:
        self.map(emulator, function, FilterCriteria={"Filters": [{"Pattern": '{"eventName":["INSERT"]}'}]})
        self.put(emulator, 1)
        function.wait_seen(1)
        self.put(emulator, 1, changed=True)
        emulator.client("dynamodb").delete_item(TableName="log", Key={"pk": {"S": "c#0"}, "seq": {"N": "1"}})
        self.put(emulator, 2)
        assert [seen["n"] for seen in function.wait_seen(2)] == [[1], [2]]

    def test_a_window_gathers_and_a_reported_failure_is_tried_again(
        self, emulator: Emulator, function: Function
    ) -> None:
        self.map(emulator, function, MaximumBatchingWindowInSeconds=1, **REPORTS)
        self.put(emulator, 1)
        self.put(emulator, 2, report=True)
        self.put(emulator, 3)
        assert [seen["n"] for seen in function.wait_seen(3)[:3]] == [[1, 2, 3], [2, 3], [2, 3]]

    def test_a_discarded_batch_is_told(self, emulator: Emulator, function: Function) -> None:
        url, destination = queue(emulator)
        arn = self.map(emulator, function, MaximumRetryAttempts=1, **destination)
        self.put(emulator, 1, fail=True)
        message = received(emulator, url)
        assert message["requestContext"]["condition"] == "RetryAttemptsExhausted"
        info = message["DDBStreamBatchInfo"]
        assert info["streamArn"] == arn
        assert info["batchSize"] == 1
        assert info["startSequenceNumber"] == function.seen()[0]["event"]["Records"][0]["dynamodb"]["SequenceNumber"]


def test_a_mapping_of_a_template_follows_the_same_rules(emulator: Emulator) -> None:
    url, destination = queue(emulator)
    stream = Stream(emulator)
    emulator.client("lambda").delete_event_source_mapping(UUID=stream.mapping)
    properties = {
        "EventSourceArn": stream.arn,
        "FunctionName": stream.function.name,
        "StartingPosition": "LATEST",
        "BatchSize": 100,
        "MaximumRetryAttempts": {"Ref": "Retries"},
        "BisectBatchOnFunctionError": True,
        "ParallelizationFactor": 2,
        **destination,
    }
    template = {
        "Parameters": {"Retries": {"Type": "Number", "Default": 0}},
        "Resources": {"Mapping": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": properties}},
    }
    formation = emulator.client("cloudformation")
    formation.create_stack(StackName="streams", TemplateBody=json.dumps(template))
    formation.get_waiter("stack_create_complete").wait(StackName="streams", WaiterConfig={"Delay": 1})
    sequences = stream.put_all({"fail": True}, {})
    assert received(emulator, url)["KinesisBatchInfo"]["endSequenceNumber"] == sequences[0]
    assert stream.batches(3) == [[0, 1], [0], [1]]
