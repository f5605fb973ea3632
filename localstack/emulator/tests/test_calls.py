"""The journals of calls and frames, and the units of calls."""

from __future__ import annotations

import base64
import json
import threading
import time
import uuid
from typing import Any

import pytest
from support import REGION, Emulator, undisturbed


@pytest.fixture
def dynamodb(emulator: Emulator) -> Any:
    client = emulator.client("dynamodb")
    client.create_table(
        TableName="log",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "seq", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "seq", "AttributeType": "N"},
            {"AttributeName": "uid", "AttributeType": "S"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "byUser",
                "KeySchema": [{"AttributeName": "uid", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return client


def row(n: int, kilobytes: float = 0.1, **more: Any) -> dict[str, Any]:
    return {**key(n), "d": {"S": "x" * int(kilobytes * 1024 - 20)}, **more}


def key(n: int) -> dict[str, Any]:
    return {"pk": {"S": "c"}, "seq": {"N": str(n)}}


def last(emulator: Emulator) -> dict[str, Any]:
    return emulator.journal("calls")[-1]


def units(emulator: Emulator) -> tuple[float, float]:
    call = last(emulator)
    return call["readUnits"], call["writeUnits"]


def test_a_call_is_written_down(emulator: Emulator, dynamodb: Any) -> None:
    marker = uuid.uuid4().hex
    before_ms = time.time() * 1000
    dynamodb.put_item(TableName="log", Item=row(1, m={"S": marker}))
    (call,) = emulator.journal("calls", marker)
    assert call["service"] == "dynamodb"
    assert call["action"] == "PutItem"
    assert call["table"] == "log"
    assert call["appId"] == "tests"
    assert call["status"] == 200
    assert before_ms <= call["startMs"] <= call["endMs"] <= time.time() * 1000
    assert json.loads(call["requestBody"])["Item"]["m"] == {"S": marker}
    assert call["bytesOut"] == 2


def test_long_bodies_are_clipped_and_the_journal_can_be_cleared(emulator: Emulator, dynamodb: Any) -> None:
    dynamodb.put_item(TableName="log", Item=row(1, 20))
    assert len(last(emulator)["requestBody"]) == 4096
    assert emulator.http("DELETE", "/_tidings/calls")[0] == 204
    assert emulator.journal("calls") == []


class TestWrites:
    def test_a_put_by_kilobyte(self, emulator: Emulator, dynamodb: Any) -> None:
        dynamodb.put_item(TableName="log", Item=row(1))
        assert units(emulator) == (0, 1)
        dynamodb.put_item(TableName="log", Item=row(1, 2.5))
        assert units(emulator) == (0, 3)
        dynamodb.put_item(TableName="log", Item=row(1))
        assert units(emulator) == (0, 3), "the replaced item was larger"

    def test_an_index_entry_that_comes_moves_or_stays(self, emulator: Emulator, dynamodb: Any) -> None:
        dynamodb.put_item(TableName="log", Item=row(1, uid={"S": "a"}))
        assert units(emulator) == (0, 2)
        dynamodb.put_item(TableName="log", Item=row(1, 0.2, uid={"S": "a"}))
        assert units(emulator) == (0, 1)
        update = {"TableName": "log", "Key": key(1), "UpdateExpression": "SET uid = :u"}
        dynamodb.update_item(**update, ExpressionAttributeValues={":u": {"S": "b"}})
        assert units(emulator) == (0, 3)
        dynamodb.delete_item(TableName="log", Key=key(1))
        assert units(emulator) == (0, 2)
        dynamodb.delete_item(TableName="log", Key=key(1))
        assert units(emulator) == (0, 1), "there was nothing to delete"

    def test_a_failed_condition_costs_the_item_it_looked_at(self, emulator: Emulator, dynamodb: Any) -> None:
        put = {"TableName": "log", "ConditionExpression": "attribute_not_exists(pk)"}
        dynamodb.put_item(**put, Item=row(1, 1.5))
        with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
            dynamodb.put_item(**put, Item=row(1))
        assert last(emulator)["status"] == 400
        assert units(emulator) == (0, 2)

    def test_a_refused_call_costs_nothing(self, emulator: Emulator, dynamodb: Any) -> None:
        with pytest.raises(dynamodb.exceptions.ClientError):
            dynamodb.put_item(TableName="log", Item={"pk": {"S": "c"}})
        assert units(emulator) == (0, 0)

    def test_a_batch_is_the_sum(self, emulator: Emulator, dynamodb: Any) -> None:
        puts = [{"PutRequest": {"Item": row(n, 1.5)}} for n in range(2)]
        dynamodb.batch_write_item(RequestItems={"log": [*puts, {"DeleteRequest": {"Key": key(9)}}]})
        assert units(emulator) == (0, 5)

    def test_a_transaction_costs_twice_and_its_indexes_once(self, emulator: Emulator, dynamodb: Any) -> None:
        dynamodb.put_item(TableName="log", Item=row(5, 2.5))
        check = {"TableName": "log", "Key": key(5), "ConditionExpression": "attribute_exists(pk)"}
        put = {"TableName": "log", "Item": row(1, uid={"S": "a"}), "ConditionExpression": "attribute_not_exists(pk)"}
        items = [{"Put": put}, {"ConditionCheck": check}]
        dynamodb.transact_write_items(TransactItems=items)
        assert units(emulator) == (0, 2 * (1 + 3) + 1)
        with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
            dynamodb.transact_write_items(TransactItems=items)
        assert units(emulator) == (0, 2 * (1 + 3))


class TestReads:
    @pytest.fixture(autouse=True)
    def rows(self, dynamodb: Any) -> None:
        for n in range(8):
            dynamodb.put_item(TableName="log", Item=row(n, 1, uid={"S": "a"}))

    def test_a_get(self, emulator: Emulator, dynamodb: Any) -> None:
        dynamodb.get_item(TableName="log", Key=key(1), ProjectionExpression="pk")
        assert units(emulator) == (0.5, 0)
        dynamodb.get_item(TableName="log", Key=key(1), ConsistentRead=True)
        assert units(emulator) == (1, 0)
        dynamodb.get_item(TableName="log", Key=key(99), ConsistentRead=True)
        assert units(emulator) == (1, 0)
        dynamodb.put_item(TableName="log", Item=row(20, 9))
        dynamodb.get_item(TableName="log", Key=key(20), ConsistentRead=True)
        assert units(emulator) == (3, 0)

    def test_a_query_rounds_the_sum(self, emulator: Emulator, dynamodb: Any) -> None:
        query = {
            "TableName": "log",
            "KeyConditionExpression": "pk = :c",
            "ExpressionAttributeValues": {":c": {"S": "c"}},
        }
        dynamodb.query(**query, ConsistentRead=True)
        assert units(emulator) == (2, 0), "8 items of 1 KB"
        dynamodb.query(**query, ConsistentRead=True, Limit=4, ScanIndexForward=False)
        assert units(emulator) == (1, 0)
        dynamodb.query(**query)
        assert units(emulator) == (1, 0)
        dynamodb.query(**query, ProjectionExpression="pk")
        assert units(emulator) == (1, 0), "what is not returned is read all the same"
        filtered = {**query, "ExpressionAttributeValues": {":c": {"S": "c"}, ":x": {"S": "no"}}}
        dynamodb.query(**filtered, FilterExpression="d = :x", ConsistentRead=True)
        assert units(emulator) == (2, 0)

    def test_an_empty_query_costs_one_read(self, emulator: Emulator, dynamodb: Any) -> None:
        query = {
            "TableName": "log",
            "KeyConditionExpression": "pk = :c",
            "ExpressionAttributeValues": {":c": {"S": "other"}},
        }
        dynamodb.query(**query, ConsistentRead=True)
        assert units(emulator) == (1, 0)
        dynamodb.query(**query)
        assert units(emulator) == (0.5, 0)

    def test_an_index_is_read_by_the_size_of_its_entries(self, emulator: Emulator, dynamodb: Any) -> None:
        dynamodb.query(
            TableName="log",
            IndexName="byUser",
            KeyConditionExpression="uid = :u",
            ExpressionAttributeValues={":u": {"S": "a"}},
        )
        assert units(emulator) == (0.5, 0)

    def test_a_batch_get_rounds_each_item(self, emulator: Emulator, dynamodb: Any) -> None:
        keys = [key(n) for n in (1, 2, 99)]
        dynamodb.batch_get_item(RequestItems={"log": {"Keys": keys}})
        assert units(emulator) == (1.5, 0)
        dynamodb.batch_get_item(RequestItems={"log": {"Keys": keys, "ConsistentRead": True}})
        assert units(emulator) == (3, 0)

    def test_a_transaction_reads_at_double_cost(self, emulator: Emulator, dynamodb: Any) -> None:
        dynamodb.transact_get_items(TransactItems=[{"Get": {"TableName": "log", "Key": key(n)}} for n in (1, 2)])
        assert units(emulator) == (4, 0)


def test_kinesis_data_can_be_searched(emulator: Emulator) -> None:
    kinesis = emulator.client("kinesis")
    kinesis.create_stream(StreamName="events", ShardCount=1)
    marker = uuid.uuid4().hex
    kinesis.put_record(StreamName="events", PartitionKey="p", Data=json.dumps({"id": marker}))
    kinesis.put_records(StreamName="events", Records=[{"PartitionKey": "p", "Data": marker}])
    first, second = emulator.journal("calls", marker)
    assert (first["service"], first["action"], second["action"]) == ("kinesis", "PutRecord", "PutRecords")
    assert marker in base64.b64decode(json.loads(first["requestBody"])["Data"]).decode()


def test_other_services_have_their_action(emulator: Emulator) -> None:
    emulator.client("sqs").list_queues()
    emulator.client("sts").get_caller_identity()
    sqs, sts = emulator.journal("calls")
    assert (sqs["service"], sqs["action"]) == ("sqs", "ListQueues")
    assert (sts["service"], sts["action"]) == ("sts", "GetCallerIdentity")


def test_frames_and_posts_are_written_down(emulator: Emulator) -> None:
    echo = emulator.function(
        "def handle(event): return {'statusCode': 200, 'body': event['requestContext']['connectionId']}"
    )
    api_id = emulator.web_socket_api({"$default": echo})
    marker = uuid.uuid4().hex
    with emulator.open(api_id) as socket:
        socket.send(json.dumps({"type": marker}))
        connection_id = str(socket.recv(5))
        emulator.management(api_id).post_to_connection(ConnectionId=connection_id, Data=marker.encode())
        socket.recv(5)
    inward, answer, outward = emulator.journal("frames")
    assert (inward["direction"], answer["direction"], outward["direction"]) == ("in", "out", "out")
    assert {frame["connectionId"] for frame in (inward, answer, outward)} == {connection_id}
    assert outward["bytes"] == len(marker)
    assert outward["body"] == marker
    assert inward["tMs"] <= answer["tMs"] <= outward["tMs"]
    assert emulator.journal("frames", marker) == [inward, outward]
    (post,) = emulator.journal("calls", marker)
    assert (post["service"], post["action"]) == ("apigatewaymanagementapi", "PostToConnection")
    assert (post["status"], post["appId"], post["requestBody"]) == (200, "tests", marker)
    assert emulator.http("DELETE", "/_tidings/frames")[0] == 204
    assert emulator.journal("frames") == []


def test_the_journal_keeps_the_order_of_many_callers(emulator: Emulator, dynamodb: Any) -> None:
    def put(writer: int) -> None:
        for n in range(25):
            dynamodb.put_item(TableName="log", Item=row(writer * 100 + n))

    writers = [threading.Thread(target=put, args=(n,)) for n in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    calls = [call for call in emulator.journal("calls") if call["action"] == "PutItem"]
    assert len(calls) == 200
    assert [call["seq"] for call in calls] == sorted(call["seq"] for call in calls)
    assert sum(call["writeUnits"] for call in calls) == 200


def test_kinesis_puts_do_not_slow_down_with_the_stream(emulator: Emulator) -> None:
    kinesis = emulator.client("kinesis")
    kinesis.create_stream(StreamName="events", ShardCount=1)

    def put_ms() -> float:
        times_ms = []
        for _ in range(60):
            begun = time.perf_counter()
            kinesis.put_record(StreamName="events", PartitionKey="p", Data=b"x")
            times_ms.append((time.perf_counter() - begun) * 1000)
        return undisturbed(times_ms)

    put_ms()
    empty_ms = put_ms()
    for _ in range(200):
        kinesis.put_records(StreamName="events", Records=[{"PartitionKey": "p", "Data": b"x"}] * 500)
    assert put_ms() < empty_ms + 1.5


def test_the_region_of_the_tests_is_the_one_of_the_calls(emulator: Emulator, dynamodb: Any) -> None:
    assert f":{REGION}:" in dynamodb.describe_table(TableName="log")["Table"]["TableArn"]
