"""What the stores rely on. Only the cost of a Query is mended: these tests guard a change of the pinned version."""

from __future__ import annotations

import random
import threading
import time
from typing import Any

import pytest
from support import Emulator, undisturbed

LOG_KEYS = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "seq", "KeyType": "RANGE"}]
LOG_ATTRIBUTES = [{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "seq", "AttributeType": "N"}]


@pytest.fixture
def dynamodb(emulator: Emulator) -> Any:
    client = emulator.client("dynamodb")
    client.create_table(
        TableName="log", KeySchema=LOG_KEYS, AttributeDefinitions=LOG_ATTRIBUTES, BillingMode="PAY_PER_REQUEST"
    )
    client.create_table(
        TableName="members",
        KeySchema=[{"AttributeName": "cid", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "cid", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
            {"AttributeName": "uid", "AttributeType": "S"},
            {"AttributeName": "act", "AttributeType": "N"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "byUser",
                "KeySchema": [
                    {"AttributeName": "uid", "KeyType": "HASH"},
                    {"AttributeName": "act", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return client


def row(n: int, **more: Any) -> dict[str, Any]:
    return {"pk": {"S": "c"}, "seq": {"N": str(n)}, **more}


def member(user: str, act: int, **more: Any) -> dict[str, Any]:
    key = {"cid": {"S": f"c-{user}-{act}"}, "sk": {"S": f"m#{user}"}}
    return {**key, "uid": {"S": user}, "act": {"N": str(act)}, "name": {"S": "x"}, **more}


def test_of_writers_to_the_same_slot_one_wins(emulator: Emulator, dynamodb: Any) -> None:
    won, lost = [], []

    def put(writer: int) -> None:
        try:
            dynamodb.put_item(
                TableName="log",
                Item=row(1, w={"N": str(writer)}),
                ConditionExpression="attribute_not_exists(pk)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
            won.append(writer)
        except dynamodb.exceptions.ConditionalCheckFailedException as error:
            lost.append(error.response["Item"])

    writers = [threading.Thread(target=put, args=(n,)) for n in range(12)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(won) == 1
    assert lost == [row(1, w={"N": str(won[0])})] * 11, "the loser sees the row that won"


def test_without_asking_the_old_item_is_not_returned(dynamodb: Any) -> None:
    dynamodb.put_item(TableName="log", Item=row(1))
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException) as failure:
        dynamodb.put_item(TableName="log", Item=row(1), ConditionExpression="attribute_not_exists(pk)")
    assert "Item" not in failure.value.response


def test_the_tail_is_a_descending_consistent_query_with_a_limit(dynamodb: Any) -> None:
    for n in (1, 2, 9, 10, 11, 100):
        dynamodb.put_item(TableName="log", Item=row(n))
    wanted = {
        "TableName": "log",
        "KeyConditionExpression": "pk = :c",
        "ExpressionAttributeValues": {":c": {"S": "c"}},
        "ConsistentRead": True,
        "ScanIndexForward": False,
        "Limit": 4,
    }
    page = dynamodb.query(**wanted)
    assert [item["seq"]["N"] for item in page["Items"]] == ["100", "11", "10", "9"]
    assert page["LastEvaluatedKey"] == row(9)
    rest = dynamodb.query(**wanted, ExclusiveStartKey=page["LastEvaluatedKey"])
    assert [item["seq"]["N"] for item in rest["Items"]] == ["2", "1"]


def test_a_range_of_sequences(dynamodb: Any) -> None:
    for n in range(1, 8):
        dynamodb.put_item(TableName="log", Item=row(n))
    page = dynamodb.query(
        TableName="log",
        KeyConditionExpression="pk = :c AND seq BETWEEN :a AND :b",
        ExpressionAttributeValues={":c": {"S": "c"}, ":a": {"N": "3"}, ":b": {"N": "5"}},
    )
    assert [item["seq"]["N"] for item in page["Items"]] == ["3", "4", "5"]


class TestLongPartition:
    """A long conversation: the emulator must find a page as quickly as in a short one, and the same page."""

    ROWS = 700

    @pytest.fixture
    def long(self, dynamodb: Any) -> Any:
        numbers = list(range(1, self.ROWS + 1))
        random.Random(1).shuffle(numbers)
        for at in range(0, self.ROWS, 25):
            puts = [{"PutRequest": {"Item": row(n, odd={"BOOL": bool(n % 2)})}} for n in numbers[at : at + 25]]
            dynamodb.batch_write_item(RequestItems={"log": puts})
        return dynamodb

    def query(self, dynamodb: Any, condition: str = "", values: dict[str, int] | None = None, **more: Any) -> Any:
        return dynamodb.query(
            TableName="log",
            KeyConditionExpression=f"pk = :c{condition}",
            ExpressionAttributeValues={
                ":c": {"S": "c"},
                **{name: {"N": str(n)} for name, n in (values or {}).items()},
            },
            ConsistentRead=True,
            **more,
        )

    def numbers(self, page: Any) -> list[int]:
        return [int(item["seq"]["N"]) for item in page["Items"]]

    def test_conditions_on_the_sort_key(self, long: Any) -> None:
        every = range(1, self.ROWS + 1)
        for condition, wanted in (
            (" AND seq = :a", [100]),
            (" AND seq > :a", [n for n in every if n > 100]),
            (" AND seq >= :a", [n for n in every if n >= 100]),
            (" AND seq < :a", [n for n in every if n < 100]),
            (" AND seq <= :a", [n for n in every if n <= 100]),
        ):
            assert self.numbers(self.query(long, condition, {":a": 100})) == wanted
            backward = self.query(long, condition, {":a": 100}, ScanIndexForward=False)
            assert self.numbers(backward) == wanted[::-1]
        between = self.query(
            long, " AND #s BETWEEN :a AND :b", {":a": 9, ":b": 12}, ExpressionAttributeNames={"#s": "seq"}
        )
        assert self.numbers(between) == [9, 10, 11, 12]
        assert self.numbers(self.query(long, " AND seq BETWEEN :a AND :b", {":a": 9000, ":b": 9001})) == []

    @pytest.mark.parametrize("forward", [True, False])
    def test_pages_cover_all_once(self, long: Any, forward: bool) -> None:
        seen: list[int] = []
        more: dict[str, Any] = {}
        while True:
            page = self.query(long, " AND seq > :a", {":a": 50}, Limit=100, ScanIndexForward=forward, **more)
            seen += self.numbers(page)
            if "LastEvaluatedKey" not in page:
                break
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
        wanted = list(range(51, self.ROWS + 1))
        assert seen == (wanted if forward else wanted[::-1])

    def test_a_filter_applies_after_the_limit(self, long: Any) -> None:
        page = long.query(
            TableName="log",
            KeyConditionExpression="pk = :c",
            FilterExpression="odd = :t",
            ExpressionAttributeValues={":c": {"S": "c"}, ":t": {"BOOL": True}},
            Limit=10,
        )
        assert (self.numbers(page), page["ScannedCount"]) == ([1, 3, 5, 7, 9], 10)
        assert page["LastEvaluatedKey"] == row(10)

    def test_writes_between_queries_are_seen(self, long: Any) -> None:
        tail = {"ScanIndexForward": False, "Limit": 3}
        last = self.ROWS
        assert self.numbers(self.query(long, **tail)) == [last, last - 1, last - 2]
        long.put_item(TableName="log", Item=row(last + 1))
        long.put_item(TableName="log", Item=row(last, changed={"BOOL": True}))
        long.delete_item(TableName="log", Key=row(last - 1))
        page = self.query(long, **tail)
        assert self.numbers(page) == [last + 1, last, last - 2]
        assert page["Items"][1]["changed"] == {"BOOL": True}
        assert len(self.numbers(self.query(long))) == self.ROWS

    def test_the_tail_costs_the_same_as_in_a_short_partition(self, long: Any) -> None:
        long.put_item(TableName="log", Item={"pk": {"S": "short"}, "seq": {"N": "1"}})

        def tail_ms(conversation: str) -> float:
            times_ms = []
            for _ in range(40):
                begun = time.perf_counter()
                long.query(
                    TableName="log",
                    KeyConditionExpression="pk = :c",
                    ExpressionAttributeValues={":c": {"S": conversation}},
                    ScanIndexForward=False,
                    Limit=8,
                )
                times_ms.append((time.perf_counter() - begun) * 1000)
            return undisturbed(times_ms)

        tail_ms("c")
        assert tail_ms("c") < tail_ms("short") + 3

    def test_errors_are_those_of_a_short_partition(self, long: Any) -> None:
        with pytest.raises(long.exceptions.ClientError, match="does not match schema type"):
            long.query(
                TableName="log",
                KeyConditionExpression="pk = :c AND seq > :a",
                ExpressionAttributeValues={":c": {"S": "c"}, ":a": {"S": "1"}},
            )


def test_add_and_delete_of_a_binary_set(dynamodb: Any) -> None:
    key = {"cid": {"S": "c"}, "sk": {"S": "m#u"}}

    def update(expression: str, values: list[bytes]) -> dict[str, Any]:
        return dynamodb.update_item(
            TableName="members",
            Key=key,
            UpdateExpression=expression,
            ExpressionAttributeNames={"#ring": "ring"},
            ExpressionAttributeValues={":v": {"BS": values}},
            ReturnValues="ALL_NEW",
        )["Attributes"]

    assert sorted(update("ADD #ring :v", [b"\x01", b"\xff\x00"])["ring"]["BS"]) == [b"\x01", b"\xff\x00"]
    assert sorted(update("ADD #ring :v", [b"\x01", b"\x02"])["ring"]["BS"]) == [b"\x01", b"\x02", b"\xff\x00"]
    assert sorted(update("DELETE #ring :v", [b"\x01"])["ring"]["BS"]) == [b"\x02", b"\xff\x00"]
    assert "ring" not in update("DELETE #ring :v", [b"\x02", b"\xff\x00"]), "an empty set is no attribute"


def test_a_watermark_only_rises(dynamodb: Any) -> None:
    key = {"cid": {"S": "c"}, "sk": {"S": "m#u"}}

    def raise_to(n: int) -> None:
        dynamodb.update_item(
            TableName="members",
            Key=key,
            UpdateExpression="SET readUpTo = :n",
            ConditionExpression="attribute_not_exists(readUpTo) OR readUpTo < :n",
            ExpressionAttributeValues={":n": {"N": str(n)}},
        )

    raise_to(5)
    raise_to(10)
    for lower in (10, 9):
        with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
            raise_to(lower)
    assert dynamodb.get_item(TableName="members", Key=key, ConsistentRead=True)["Item"]["readUpTo"] == {"N": "10"}


def test_a_keys_only_index_has_the_keys_of_index_and_table(dynamodb: Any) -> None:
    for act in (10, 9, 200):
        dynamodb.put_item(TableName="members", Item=member("alice", act))
    dynamodb.put_item(TableName="members", Item={"cid": {"S": "c"}, "sk": {"S": "head"}})
    wanted = {
        "TableName": "members",
        "IndexName": "byUser",
        "KeyConditionExpression": "uid = :u",
        "ExpressionAttributeValues": {":u": {"S": "alice"}},
        "ScanIndexForward": False,
    }
    page = dynamodb.query(**wanted, Limit=2)
    assert [item["act"]["N"] for item in page["Items"]] == ["200", "10"]
    assert set(page["Items"][0]) == {"cid", "sk", "uid", "act"}
    rest = dynamodb.query(**wanted, ExclusiveStartKey=page["LastEvaluatedKey"])
    assert [item["act"]["N"] for item in rest["Items"]] == ["9"]
    with pytest.raises(dynamodb.exceptions.ClientError, match="Consistent reads are not supported"):
        dynamodb.query(**wanted, ConsistentRead=True)


def test_a_batch_get_reads_two_tables_at_once(dynamodb: Any) -> None:
    dynamodb.put_item(TableName="log", Item=row(1))
    dynamodb.put_item(TableName="members", Item=member("alice", 1))
    found = dynamodb.batch_get_item(
        RequestItems={
            "log": {"Keys": [row(1), row(2)], "ConsistentRead": True},
            "members": {"Keys": [{"cid": {"S": "c-alice-1"}, "sk": {"S": "m#alice"}}], "ConsistentRead": True},
        }
    )
    assert found["Responses"]["log"] == [row(1)]
    assert found["Responses"]["members"] == [member("alice", 1)]
    assert found["UnprocessedKeys"] == {}


def test_a_conditional_delete_compares(dynamodb: Any) -> None:
    item = {"cid": {"S": "u"}, "sk": {"S": "d"}, "conn": {"S": "new"}}
    dynamodb.put_item(TableName="members", Item=item)
    wanted = {
        "TableName": "members",
        "Key": {"cid": {"S": "u"}, "sk": {"S": "d"}},
        "ConditionExpression": "conn = :c",
    }
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
        dynamodb.delete_item(**wanted, ExpressionAttributeValues={":c": {"S": "old"}})
    deleted = dynamodb.delete_item(**wanted, ExpressionAttributeValues={":c": {"S": "new"}}, ReturnValues="ALL_OLD")
    assert deleted["Attributes"] == item


def test_a_cancelled_transaction_names_its_reasons_and_writes_nothing(dynamodb: Any) -> None:
    dynamodb.put_item(TableName="log", Item=row(1))
    put = {"TableName": "log", "ConditionExpression": "attribute_not_exists(pk)"}
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException) as cancelled:
        dynamodb.transact_write_items(
            TransactItems=[{"Put": {**put, "Item": row(2)}}, {"Put": {**put, "Item": row(1)}}]
        )
    codes = [reason["Code"] for reason in cancelled.value.response["CancellationReasons"]]
    assert codes == ["None", "ConditionalCheckFailed"]
    assert "Item" not in dynamodb.get_item(TableName="log", Key=row(2))


def test_time_to_live_can_be_turned_on(dynamodb: Any) -> None:
    """The emulator deletes expired items about every minute, and writes no stream record for it."""
    setting = {"Enabled": True, "AttributeName": "exp"}
    dynamodb.update_time_to_live(TableName="members", TimeToLiveSpecification=setting)
    found = dynamodb.describe_time_to_live(TableName="members")["TimeToLiveDescription"]
    assert found == {"TimeToLiveStatus": "ENABLED", "AttributeName": "exp"}
