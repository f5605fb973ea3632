"""Capacity units of DynamoDB, computed from item sizes as its documentation says.

The sizes: a name and a string count their UTF-8 bytes, a binary its bytes, a number one byte per two significant digits
and one more (and one for a sign), a boolean and a null one byte; a set the sum of its members; a list or map 3 bytes,
and one more per element besides its contents.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

READ_UNIT_BYTES = 4096
WRITE_UNIT_BYTES = 1024
CONTAINER_BYTES = 3
ELEMENT_BYTES = 1

Item = Mapping[str, Mapping[str, Any]]


def item_bytes(item: Item | None) -> int:
    """The size of an item: its attribute names and values."""
    return sum(_text_bytes(name) + value_bytes(value) for name, value in (item or {}).items())


def value_bytes(value: Mapping[str, Any]) -> int:
    """The size of one attribute value in DynamoDB's JSON."""
    ((kind, content),) = value.items()
    return _SIZES[kind](content)


def _text_bytes(text: str) -> int:
    return len(text.encode())


def _number_bytes(text: str) -> int:
    mantissa = str(text).strip().lower().partition("e")[0]
    digits = mantissa.lstrip("+-").replace(".", "").strip("0")
    return 1 + math.ceil(len(digits) / 2) + (1 if mantissa.startswith("-") else 0)


def _binary_bytes(content: Any) -> int:
    return len(content) if isinstance(content, bytes) else len(base64.b64decode(content))


def _list_bytes(content: Iterable[Mapping[str, Any]]) -> int:
    return CONTAINER_BYTES + sum(ELEMENT_BYTES + value_bytes(element) for element in content)


def _map_bytes(content: Item) -> int:
    elements = (ELEMENT_BYTES + _text_bytes(name) + value_bytes(value) for name, value in content.items())
    return CONTAINER_BYTES + sum(elements)


_SIZES = {
    "S": _text_bytes,
    "N": _number_bytes,
    "B": _binary_bytes,
    "BOOL": lambda _: 1,
    "NULL": lambda _: 1,
    "SS": lambda members: sum(map(_text_bytes, members)),
    "NS": lambda members: sum(map(_number_bytes, members)),
    "BS": lambda members: sum(map(_binary_bytes, members)),
    "L": _list_bytes,
    "M": _map_bytes,
}


def read_units(size_bytes: int, consistent: bool, transactional: bool = False) -> float:
    """Units of reading this many bytes at once; nothing found costs as much as the smallest read."""
    steps = max(1, math.ceil(size_bytes / READ_UNIT_BYTES))
    if transactional:
        return 2.0 * steps
    return 1.0 * steps if consistent else 0.5 * steps


def write_units(before: Item | None, after: Item | None) -> float:
    """Units of one write to a table: the larger of the item before and after it, by KB."""
    return _kilobytes(max(item_bytes(before), item_bytes(after)))


def _kilobytes(size_bytes: int) -> float:
    return float(max(1, math.ceil(size_bytes / WRITE_UNIT_BYTES)))


@dataclass(frozen=True)
class Index:
    """A secondary index; `projected` is `None` when it carries all attributes."""

    keys: tuple[str, ...]
    projected: frozenset[str] | None

    @classmethod
    def of(cls, description: Mapping[str, Any], table_keys: Iterable[str]) -> Index:
        """Reads an index of a CreateTable request or a table description."""
        keys = tuple(part["AttributeName"] for part in description.get("KeySchema") or [])
        projection = description.get("Projection") or {}
        kind = projection.get("ProjectionType", "ALL")
        if kind == "ALL":
            return cls(keys, None)
        extra = projection.get("NonKeyAttributes") or [] if kind == "INCLUDE" else []
        return cls(keys, frozenset({*keys, *table_keys, *extra}))

    def entry(self, item: Item | None) -> Item | None:
        """What the index holds of an item: nothing if a key of the index is missing."""
        if not item or any(key not in item for key in self.keys):
            return None
        if self.projected is None:
            return item
        return {name: value for name, value in item.items() if name in self.projected}

    def write_units(self, before: Item | None, after: Item | None) -> float:
        """Units of keeping the index up to date.

        One write puts, removes or changes an entry; a changed key removes one and puts another; nothing is written
        when no projected attribute changed.
        """
        old, new = self.entry(before), self.entry(after)
        if old is None or new is None:
            present = old if new is None else new
            return _kilobytes(item_bytes(present)) if present is not None else 0.0
        if any(old[key] != new[key] for key in self.keys):
            return _kilobytes(item_bytes(old)) + _kilobytes(item_bytes(new))
        return 0.0 if old == new else _kilobytes(max(item_bytes(old), item_bytes(new)))
