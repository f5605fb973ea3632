"""The units of a DynamoDB call, from the request and from what the emulator read and wrote for it."""

from __future__ import annotations

import json
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from ministack.services import dynamodb

from tidings_emulator.meter import Index, Item, item_bytes, read_units, write_units


@dataclass
class Touched:
    """What one call did to the store: items before and after, and the sizes of the pages that were read."""

    writes: list[tuple[dict[str, Any], Item | None, Item | None]] = field(default_factory=list)
    page_bytes: int = 0


TOUCHED: ContextVar[Touched | None] = ContextVar("touched", default=None)


@dataclass(frozen=True)
class Charge:
    """The units of a call, and the table that it names first."""

    table: str | None = None
    read: float = 0.0
    write: float = 0.0


def charge(action: str, request: dict[str, Any], status: int, answer: bytes, touched: Touched) -> Charge:
    """Computes the units. A refused call costs nothing, a failed condition as much as the item is large."""
    failed_condition = status != 200 and (
        b"ConditionalCheckFailedException" in answer or b"TransactionCanceledException" in answer
    )
    table = _table_name(request)
    if status != 200 and not failed_condition:
        return Charge(table)
    if action in ("PutItem", "UpdateItem", "DeleteItem"):
        written = _written(touched) if not failed_condition else 0.0
        return Charge(table, write=written or write_units(_stored(table, _key_of(request)), None))
    if action == "BatchWriteItem":
        wanted = sum(len(entries) for entries in request.get("RequestItems", {}).values())
        # A delete of an item that does not exist writes nothing, and costs a unit all the same.
        return Charge(table, write=_written(touched) + wanted - len(touched.writes))
    if action == "TransactWriteItems":
        return Charge(table, write=_transaction(request, touched, failed_condition))
    if action in ("GetItem", "BatchGetItem", "TransactGetItems", "Query", "Scan"):
        return Charge(table, read=_read(action, request, touched))
    return Charge(table)


def _read(action: str, request: dict[str, Any], touched: Touched) -> float:
    if action in ("Query", "Scan"):
        return read_units(touched.page_bytes, bool(request.get("ConsistentRead")))
    if action == "GetItem":
        size = item_bytes(_stored(request.get("TableName"), request.get("Key")))
        return read_units(size, bool(request.get("ConsistentRead")))
    if action == "BatchGetItem":
        return sum(
            read_units(item_bytes(_stored(table, key)), bool(wanted.get("ConsistentRead")))
            for table, wanted in request.get("RequestItems", {}).items()
            for key in wanted.get("Keys", [])
        )
    gets = [entry.get("Get", {}) for entry in request.get("TransactItems", [])]
    sizes = [item_bytes(_stored(get.get("TableName"), get.get("Key"))) for get in gets]
    return sum(read_units(size, consistent=True, transactional=True) for size in sizes)


def _written(touched: Touched) -> float:
    return _written_to_tables(touched) + _written_to_indexes(touched)


def _written_to_tables(touched: Touched) -> float:
    return sum(write_units(before, after) for _, before, after in touched.writes)


def _written_to_indexes(touched: Touched) -> float:
    units = 0.0
    for table, before, after in touched.writes:
        keys = [table["pk_name"], *([table["sk_name"]] if table.get("sk_name") else [])]
        indexes = [*(table.get("GlobalSecondaryIndexes") or []), *(table.get("LocalSecondaryIndexes") or [])]
        units += sum(Index.of(index, keys).write_units(before, after) for index in indexes)
    return units


def _transaction(request: dict[str, Any], touched: Touched, failed: bool) -> float:
    """Each part costs twice, its indexes once; a condition check costs by the item that it looked at."""
    looked_at = 0.0
    for entry in request.get("TransactItems", []):
        ((kind, part),) = entry.items()
        if failed or kind == "ConditionCheck":
            looked_at += write_units(_stored(part.get("TableName"), _key_of(part)), None)
    if failed:
        return 2.0 * looked_at
    return 2.0 * (_written_to_tables(touched) + looked_at) + _written_to_indexes(touched)


def _table_name(request: dict[str, Any]) -> str | None:
    if request.get("TableName"):
        return request["TableName"]
    if request.get("RequestItems"):
        return next(iter(request["RequestItems"]))
    for entry in request.get("TransactItems") or []:
        return next(iter(entry.values())).get("TableName")
    return None


def _key_of(request: dict[str, Any]) -> Item | None:
    return request.get("Key") or request.get("Item")


def _stored(table_name: str | None, key: Item | None) -> Item | None:
    table = dynamodb._tables.get(dynamodb._normalize_table_name(table_name)) if table_name else None
    return dynamodb._get_item_by_key(table, key) if table and key else None


def request_of(body: bytes) -> dict[str, Any]:
    """The request as JSON; empty if it is none, as the emulator refuses it anyway."""
    try:
        request = json.loads(body)
    except ValueError:
        return {}
    return request if isinstance(request, dict) else {}
