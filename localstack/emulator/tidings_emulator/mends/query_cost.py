"""A Query takes the time of what it reads, not of what the partition holds."""

from __future__ import annotations

import re
import threading
from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass, field
from typing import Any

from ministack.services import dynamodb

from tidings_emulator.mends.base import Mend, expect_attributes, expect_function, expect_source

# Below this, the stock way is as quick.
PARTITION_ROWS_MIN = 32
TABLES_MAX = 256

_NAME, _VALUE = r"(#?[A-Za-z_][\w-]*)", r"(:\w+)"
_CLAUSE = rf"{_NAME}\s*(=|<=|>=|<|>)\s*{_VALUE}|{_NAME}\s+BETWEEN\s+{_VALUE}\s+AND\s+{_VALUE}"
_KEY_CONDITION = re.compile(rf"\s*(?:{_CLAUSE})(?:\s+AND\s+(?:{_CLAUSE}))?\s*", re.IGNORECASE)

Clause = tuple[str, str, list[str]]


@dataclass
class _SortedTable:
    """The sort keys of the large partitions of a table, in order."""

    items: Any
    partitions: dict[Any, list[tuple[Any, Any]]] = field(default_factory=dict)


class _SortedKeys:
    """Keeps the keys in order over writes; `lock` keeps the emulator's reaper out of a narrowed partition."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._tables: dict[int, _SortedTable] = {}

    def of(self, table: dict[str, Any], pk_val: Any) -> list[tuple[Any, Any]]:
        """Pairs of the sort key as it compares and as the emulator stores it."""
        items = table["items"]
        known = self._tables.get(id(items))
        if known is None or known.items is not items:
            if len(self._tables) >= TABLES_MAX:
                self._tables.clear()
            known = self._tables[id(items)] = _SortedTable(items)
        keys = known.partitions.get(pk_val)
        if keys is None or len(keys) != len(items[pk_val]):
            keys = known.partitions[pk_val] = sorted(
                (_comparable(table, item[table["sk_name"]]), sk_val) for sk_val, item in items[pk_val].items()
            )
        return keys

    def added(self, table: dict[str, Any], pk_val: Any, sk_val: Any, item: dict[str, Any]) -> None:
        """A new item has come into a partition."""
        if (keys := self._known(table, pk_val)) is not None:
            insort(keys, (_comparable(table, item[table["sk_name"]]), sk_val))

    def removed(self, table: dict[str, Any], pk_val: Any, sk_val: Any, item: dict[str, Any]) -> None:
        """An item has gone."""
        if (keys := self._known(table, pk_val)) is not None:
            del keys[bisect_left(keys, (_comparable(table, item[table["sk_name"]]), sk_val))]

    def _known(self, table: dict[str, Any], pk_val: Any) -> list[tuple[Any, Any]] | None:
        known = self._tables.get(id(table["items"]))
        return known.partitions.get(pk_val) if known and known.items is table["items"] else None


_KEYS = _SortedKeys()


def _check() -> None:
    expect_function(dynamodb, "_query", ["data"])
    expect_source(dynamodb._query, 'list(table["items"].get(pk_val, {}).values())')
    expect_function(dynamodb, "_set_item", ["table", "pk_val", "sk_val", "item"])
    expect_function(dynamodb, "_remove_item", ["table", "pk_val", "sk_val"])
    expect_function(dynamodb, "_sort_key_value", ["attr", "sk_type"])
    expect_function(dynamodb, "_get_attr_type", ["table", "attr_name"])
    expect_function(dynamodb, "_extract_key_val", ["attr"])
    expect_function(dynamodb, "_normalize_table_name", ["value"])
    expect_source(dynamodb.handle_request, '"Query": _query')
    expect_attributes(dynamodb, ["_tables"])


def _apply() -> None:
    query, set_item, remove_item = dynamodb._query, dynamodb._set_item, dynamodb._remove_item

    def query_narrowed(data: dict[str, Any]) -> Any:
        with _KEYS.lock:
            narrowed = _narrow(data)
            if narrowed is None:
                return query(data)
            items, pk_val, rows = narrowed
            whole = items[pk_val]
            items[pk_val] = rows
            try:
                return query(data)
            finally:
                items[pk_val] = whole

    def set_sorted(table: dict[str, Any], pk_val: Any, sk_val: Any, item: dict[str, Any]) -> Any:
        with _KEYS.lock:
            old = set_item(table, pk_val, sk_val, item)
            if old is None and table.get("sk_name"):
                _KEYS.added(table, pk_val, sk_val, item)
            return old

    def remove_sorted(table: dict[str, Any], pk_val: Any, sk_val: Any) -> Any:
        with _KEYS.lock:
            old = remove_item(table, pk_val, sk_val)
            if old is not None and table.get("sk_name"):
                _KEYS.removed(table, pk_val, sk_val, old)
            return old

    dynamodb._query = query_narrowed
    dynamodb._set_item = set_sorted
    dynamodb._remove_item = remove_sorted


def _narrow(data: dict[str, Any]) -> tuple[Any, Any, dict[Any, Any]] | None:
    """The rows that a Query of a table can need; `None` leaves it to the stock way, with its checks and errors."""
    table = dynamodb._tables.get(dynamodb._normalize_table_name(data.get("TableName")))
    clauses = _clauses(data)
    if not table or not table.get("sk_name") or data.get("IndexName") or data.get("KeyConditions") or not clauses:
        return None
    pk_clause = next((c for c in clauses if c[0] == table["pk_name"] and c[1] == "="), None)
    others = [clause for clause in clauses if clause is not pk_clause]
    if pk_clause is None or any(clause[0] != table["sk_name"] for clause in others):
        return None
    values = data.get("ExpressionAttributeValues") or {}
    pk_val = dynamodb._extract_key_val(values.get(pk_clause[2][0]))
    if len(table["items"].get(pk_val, ())) < PARTITION_ROWS_MIN:
        return None
    keys = _KEYS.of(table, pk_val)
    span = _span(table, keys, others, values)
    if span is None:
        return None
    rows = table["items"][pk_val]
    return table["items"], pk_val, {sk_val: rows[sk_val] for _, sk_val in _page(table, keys, *span, data)}


def _clauses(data: dict[str, Any]) -> list[Clause]:
    """The one or two conditions of the usual form, with names resolved; none if it is of another form."""
    found = _KEY_CONDITION.fullmatch(data.get("KeyConditionExpression") or "")
    if not found:
        return []
    names = data.get("ExpressionAttributeNames") or {}
    clauses: list[Clause] = []
    groups = found.groups()
    for part in (groups[:6], groups[6:]):
        if part[0]:
            clauses.append((names.get(part[0], part[0]), part[1], [part[2]]))
        elif part[3]:
            clauses.append((names.get(part[3], part[3]), "between", [part[4], part[5]]))
    return clauses


def _span(
    table: dict[str, Any], keys: list[tuple[Any, Any]], clauses: list[Clause], values: dict[str, Any]
) -> tuple[int, int] | None:
    """From where to where the sort key fulfils its condition."""
    low, high = 0, len(keys)
    kind = dynamodb._get_attr_type(table, table["sk_name"])
    for _, operator, references in clauses:
        given = [values.get(reference) for reference in references]
        if any(not isinstance(value, dict) or set(value) != {kind} for value in given):
            return None
        bounds = [_comparable(table, value) for value in given]
        if operator in ("=", ">=", "between"):
            low = max(low, bisect_left(keys, bounds[0], key=_first))
        if operator == ">":
            low = max(low, bisect_right(keys, bounds[0], key=_first))
        if operator in ("=", "<=", "between"):
            high = min(high, bisect_right(keys, bounds[-1], key=_first))
        if operator == "<":
            high = min(high, bisect_left(keys, bounds[0], key=_first))
    return low, high


def _page(
    table: dict[str, Any], keys: list[tuple[Any, Any]], low: int, high: int, data: dict[str, Any]
) -> list[tuple[Any, Any]]:
    """The keys of the page, and one more, so that the stock way sees whether there is another page."""
    forward = data.get("ScanIndexForward", True)
    start = (data.get("ExclusiveStartKey") or {}).get(table["sk_name"])
    if start is not None:
        cursor = _comparable(table, start)
        if forward:
            low = max(low, bisect_right(keys, cursor, key=_first))
        else:
            high = min(high, bisect_left(keys, cursor, key=_first))
    limit = data.get("Limit")
    if limit and int(limit) > 0:
        if forward:
            high = min(high, low + int(limit) + 1)
        else:
            low = max(low, high - int(limit) - 1)
    return keys[low : max(low, high)]


def _first(pair: tuple[Any, Any]) -> Any:
    return pair[0]


def _comparable(table: dict[str, Any], attribute: Any) -> Any:
    return dynamodb._sort_key_value(attribute, dynamodb._get_attr_type(table, table["sk_name"]))


MEND = Mend(
    name="query cost",
    why="a stock Query looks at each row of the partition, so a bench of long conversations measures the emulator",
    check=_check,
    apply=_apply,
)
