"""A put to a Kinesis stream takes the same time whatever the stream holds."""

from __future__ import annotations

import time
from typing import Any

from ministack.services import kinesis

from tidings_emulator.mends.base import Mend, expect_function


def _check() -> None:
    expect_function(kinesis, "_expire_records", ["stream"])


def _apply() -> None:
    kinesis._expire_records = _expire_records


def _expire_records(stream: dict[str, Any]) -> None:
    """Records are in order of arrival, so one look at the oldest is enough unless it expired."""
    cutoff = time.time() - stream["RetentionPeriodHours"] * 3600
    for shard in stream["shards"].values():
        records = shard["records"]
        if records and records[0]["ApproximateArrivalTimestamp"] < cutoff:
            shard["records"] = [r for r in records if r["ApproximateArrivalTimestamp"] >= cutoff]


MEND = Mend(
    name="Kinesis retention",
    why="the stock emulator copies the whole stream on each put, so a bench measures the copy",
    check=_check,
    apply=_apply,
)
