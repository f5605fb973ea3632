"""The restore drill: the log and the conversations as they were, in tables of their own, and whether they agree."""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from rows import RecoveryError, Row, Tables, scan

# Restored to the same second: a member row may be behind its log, and never before it. The log last, for a local AWS
# that copies a table as it is when it is asked.
RESTORED = ("ConversationsTable", "LogTable")
POLL_S = 2


def restore(tables: Tables, at_s: float | None, say: Any) -> dict[str, str]:
    """Restores the tables beside those that serve, and answers what they are called."""
    suffix = datetime.now(UTC).strftime("drill-%Y%m%d%H%M%S")
    made = {}
    when = datetime.fromtimestamp(latest(tables) if at_s is None else at_s, UTC)
    say(f"to {when.isoformat(timespec='seconds')}")
    for name in RESTORED:
        source = tables.names[name]
        target = f"{source[: 255 - len(suffix) - 1]}-{suffix}"
        tables.client.restore_table_to_point_in_time(
            SourceTableName=source, TargetTableName=target, RestoreDateTime=when
        )
        made[name] = target
        say(f"{name}: restoring to {target}")
    for target in made.values():
        while (
            tables.client.describe_table(TableName=target)["Table"]["TableStatus"]
            != "ACTIVE"
        ):
            time.sleep(POLL_S)
    return made


def latest(tables: Tables) -> float:
    """The latest second that all of them can be restored to."""
    times = [time.time()]
    for name in RESTORED:
        answer = tables.client.describe_continuous_backups(TableName=tables.names[name])
        recovery = answer["ContinuousBackupsDescription"].get(
            "PointInTimeRecoveryDescription", {}
        )
        if recovery.get("PointInTimeRecoveryStatus") != "ENABLED":
            raise RecoveryError(f"{name} has no point-in-time recovery")
        if "LatestRestorableDateTime" in recovery:
            times.append(recovery["LatestRestorableDateTime"].timestamp())
    return min(times)


def check(log: Any, conversations: Any) -> tuple[dict[str, int], list[str]]:
    """What was restored, and where it does not agree: gaps, repeats, members who are ahead of their log."""
    entries: dict[str, list[int]] = defaultdict(list)
    rows = 0
    for row in scan(log):
        rows += 1
        conversation = row["pk"].rpartition("#")[0]
        first = int(row["seq"])
        entries[conversation] += range(first, first + 1 + len(row.get("more", [])))
    faults = []
    for conversation, sequences in entries.items():
        if sorted(sequences) != list(range(1, len(sequences) + 1)):
            faults.append(f"{_digest(conversation)}: sequences have a gap or a repeat")
    members = 0
    for row in scan(conversations):
        if not str(row["sk"]).startswith("m#"):
            continue
        members += 1
        faults += _ahead(row, len(entries[row["cid"]]))
    counts = {
        "rows": rows,
        "entries": sum(map(len, entries.values())),
        "conversations": len(entries),
    }
    return {**counts, "members": members}, faults


def _ahead(row: Row, end: int) -> list[str]:
    names = {"ls": "last sequence", "dl": "delivered mark", "rd": "read mark"}
    return [
        f"{_digest(row['cid'])}: a {what} of {row[name]} is beyond the log's end, {end}"
        for name, what in names.items()
        if int(row.get(name, 0)) > end
    ]


def _digest(conversation: str) -> str:
    # As the logs have it: reports are passed on.
    return "#" + hashlib.sha256(conversation.encode()).hexdigest()[:12]


def run(tables: Tables, at_s: float | None, keep: bool, say: Any) -> int:
    """Restores, checks, and removes what was restored."""
    missing = [name for name in RESTORED if name not in tables.names]
    if missing:
        raise RecoveryError(f"the stack has no {' and no '.join(missing)}")
    start = time.monotonic()
    made = restore(tables, at_s, say)
    restored_s = time.monotonic() - start
    try:
        counts, faults = check(
            tables.named(made["LogTable"]), tables.named(made["ConversationsTable"])
        )
    finally:
        if not keep:
            for target in made.values():
                tables.client.delete_table(TableName=target)
    said = ", ".join(f"{count} {what}" for what, count in counts.items())
    say(
        f"restored in {restored_s:.0f} s, checked in {time.monotonic() - start - restored_s:.0f} s: {said}"
    )
    for fault in faults:
        say(fault)
    say("they agree" if not faults else f"{len(faults)} faults")
    return 1 if faults else 0
