"""Item sizes and capacity units, against sizes that the documentation of DynamoDB gives or implies."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from tidings_emulator.meter import Index, item_bytes, read_units, value_bytes, write_units


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": ""}, 0),
        ({"S": "abc"}, 3),
        ({"S": "äß€"}, 7),
        ({"B": "AAEC"}, 3),
        ({"B": b"\x00\x01"}, 2),
        ({"BOOL": True}, 1),
        ({"NULL": True}, 1),
        ({"N": "0"}, 1),
        ({"N": "7"}, 2),
        ({"N": "42"}, 2),
        ({"N": "123"}, 3),
        ({"N": "-123"}, 4),
        ({"N": "1000"}, 2),
        ({"N": "0.005"}, 2),
        ({"N": "1764000000000"}, 3),
        ({"N": "1764012345678"}, 8),
        ({"N": "12345678901234567890123456789012345678"}, 20),
        ({"N": "1.5E+10"}, 2),
        ({"SS": ["ab", "c"]}, 3),
        ({"NS": ["1", "123"]}, 5),
        ({"BS": ["AAEC", "AA=="]}, 4),
        ({"L": []}, 3),
        ({"M": {}}, 3),
        ({"L": [{"S": "ab"}, {"N": "1"}]}, 3 + (1 + 2) + (1 + 2)),
        ({"M": {"key": {"S": "ab"}, "n": {"L": []}}}, 3 + (1 + 3 + 2) + (1 + 1 + 3)),
    ],
)
def test_the_size_of_a_value(value: dict[str, Any], size: int) -> None:
    assert value_bytes(value) == size


def test_an_item_is_its_names_and_values() -> None:
    assert item_bytes({"pk": {"S": "conversation#0"}, "seq": {"N": "12"}, "é": {"BOOL": False}}) == 16 + 5 + 3
    assert item_bytes(None) == 0


@pytest.mark.parametrize(
    ("size", "strong", "eventual", "transactional"),
    [(0, 1, 0.5, 2), (1, 1, 0.5, 2), (4096, 1, 0.5, 2), (4097, 2, 1, 4), (40960, 10, 5, 20)],
)
def test_read_units(size: int, strong: float, eventual: float, transactional: float) -> None:
    assert read_units(size, consistent=True) == strong
    assert read_units(size, consistent=False) == eventual
    assert read_units(size, consistent=True, transactional=True) == transactional


def sized(size: int, **more: Any) -> dict[str, Any]:
    """An item of this size, and the attributes besides."""
    return {"p": {"S": "x" * (size - 1)}, **more}


def test_a_write_counts_the_larger_of_before_and_after() -> None:
    assert write_units(None, sized(1024)) == 1
    assert write_units(None, sized(1025)) == 2
    assert write_units(sized(3000), sized(10)) == 3
    assert write_units(sized(10), sized(3000)) == 3
    assert write_units(sized(2048), None) == 2
    assert write_units(None, None) == 1


class TestIndex:
    by_user = Index.of(
        {
            "KeySchema": [{"AttributeName": "uid"}, {"AttributeName": "act"}],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        },
        ["cid", "sk"],
    )
    item: ClassVar[dict[str, Any]] = {
        "cid": {"S": "c"},
        "sk": {"S": "m"},
        "uid": {"S": "u"},
        "act": {"N": "1"},
        "n": {"S": "x" * 5000},
    }

    def test_an_entry_that_comes_or_goes_costs_one(self) -> None:
        assert self.by_user.write_units(None, self.item) == 1
        assert self.by_user.write_units(self.item, None) == 1

    def test_a_changed_key_costs_two(self) -> None:
        assert self.by_user.write_units(self.item, {**self.item, "act": {"N": "2"}}) == 2

    def test_what_is_not_projected_costs_nothing(self) -> None:
        assert self.by_user.write_units(self.item, {**self.item, "n": {"S": "y"}}) == 0

    def test_an_item_without_the_keys_is_not_in_the_index(self) -> None:
        head = {"cid": {"S": "c"}, "sk": {"S": "head"}}
        assert self.by_user.entry(head) is None
        assert self.by_user.write_units(None, head) == 0
        assert self.by_user.write_units(head, self.item) == 1

    def test_projections(self) -> None:
        keys = {"cid", "sk", "uid", "act"}
        schema = [{"AttributeName": "uid"}, {"AttributeName": "act"}]
        everything = Index.of({"KeySchema": schema, "Projection": {"ProjectionType": "ALL"}}, ["cid", "sk"])
        including = {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["n"]}
        some = Index.of({"KeySchema": schema, "Projection": including}, ["cid", "sk"])
        item = {**self.item, "other": {"S": "z"}}
        assert set(self.by_user.entry(item) or {}) == keys
        assert set(some.entry(item) or {}) == keys | {"n"}
        assert everything.entry(item) == item
        assert everything.write_units(item, {**item, "n": {"S": "y"}}) == 5, "the larger of both, by KB"
