"""Looks into the on-failure queues of a stack, and gives what is in them to its consumer once more."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from records import Poison, Position, Push, Record, reason
from stack import HIDDEN_S, MESSAGES_MAX, CannotRedrive, DlqError, Message, Queue, Stack

RECORDS_SHOWN_MAX = 20


def list_queues(stack: Stack, arguments: argparse.Namespace) -> int:
    """How much is in each queue, since when, and why."""
    rows = [_row(stack, queue) for queue in stack.queues()]
    if arguments.json:
        print(json.dumps(rows))
        return 0
    print(f"{'queue':<20} {'consumer':<12} {'messages':>8} {'hidden':>6}  oldest")
    for row in rows:
        counts = f"{row['messages']:>8} {row['hidden']:>6}"
        oldest = _age(row["oldestSeconds"])
        print(f"{row['queue']:<20} {row['consumer']:<12} {counts}  {oldest}")
        for why, count in row["reasons"].items():
            print(f"{count:>8} x  {why}")
    return 0


def _row(stack: Stack, queue: Queue) -> dict[str, Any]:
    messages = stack.messages(queue)
    stack.give_back(queue, messages)
    reasons = Counter(reason(message.content) for message in messages)
    oldest = _seconds_since(messages[0].sent_at_s) if messages else None
    return {
        "queue": queue.name,
        "consumer": queue.consumer(),
        # What SQS counts is some seconds behind; what was seen is not.
        "messages": max(len(messages), queue.visible),
        "hidden": queue.hidden,
        "oldestSeconds": oldest,
        "reasons": dict(reasons.most_common()),
    }


def show(stack: Stack, arguments: argparse.Namespace) -> int:
    """What the messages of a queue say."""
    queue = stack.queue(arguments.queue)
    every = stack.messages(queue)
    try:
        shown = [
            _described(stack, queue, message, arguments.payload)
            for message in _chosen(every, arguments.id)
        ]
    finally:
        stack.give_back(queue, every)
    if arguments.json:
        print(json.dumps(shown))
        return 0
    for message in shown:
        print(f"{message['id']}  {message['what']}, {_age(message['ageSeconds'])} old")
        for name in ("reason", "consumer", "place", "records", "cannotRedrive"):
            for line in _lines(message.get(name)):
                print(f"  {name:<14} {line}")
    print(f"{len(shown)} of {len(every)} messages of {queue.name}")
    return 0


def _described(
    stack: Stack, queue: Queue, message: Message, payload: bool
) -> dict[str, Any]:
    content = message.content
    told: dict[str, Any] = {
        "id": message.id,
        "ageSeconds": _seconds_since(message.sent_at_s),
        "reason": reason(content),
        "consumer": queue.consumer(),
    }
    if isinstance(content, Poison):
        told["what"] = "poison record"
        told["place"] = f"sequence number {content.record.sequence_number}"
    elif isinstance(content, Position):
        told["what"] = "batch given up"
        told["place"] = (
            f"{content.size} records in {content.shard}, "
            f"{content.first} to {content.last}, from {content.arrived} on; "
            f"{content.function} was called {content.invocations} times"
        )
    elif isinstance(content, Push):
        told["what"] = "push given up"
    else:
        told["what"] = "a message of somebody else"
    try:
        records = stack.records(queue, message)
        told["records"] = [_record(record, payload) for record in records]
    except CannotRedrive as why:
        told["cannotRedrive"] = str(why)
        if isinstance(content, Poison):
            told["records"] = [_record(content.record, payload)]
    return told


def _record(record: Record, payload: bool) -> str:
    return f"{record.summary()}: {record.text()}" if payload else record.summary()


def redrive(stack: Stack, arguments: argparse.Namespace) -> int:
    """Gives records to their consumer once more. What is still bad comes back to the queue by itself."""
    queue = stack.queue(arguments.queue)
    # Read once: what comes back meanwhile is not taken a second time.
    every = stack.messages(queue)
    kept = list(every)
    stuck = 0
    try:
        for message in _chosen(every, arguments.id):
            try:
                records = stack.records(queue, message)
                if arguments.dry_run:
                    print(f"{message.id}  would redrive {_counted(records)}")
                    continue
                how = stack.put_back(queue, records)
            except CannotRedrive as why:
                stuck += 1
                print(f"{message.id}  stays: {why}")
                continue
            # Only now: what was not put back is still here.
            stack.delete(queue, message)
            kept.remove(message)
            print(f"{message.id}  {_counted(records)} {how}")
    finally:
        stack.give_back(queue, kept)
    return 1 if stuck else 0


def _counted(records: list[Record]) -> str:
    return "1 record" if len(records) == 1 else f"{len(records)} records"


def _chosen(messages: list[Message], ids: list[str]) -> list[Message]:
    """The messages whose ids begin so; all where none is named."""
    if not ids:
        return messages
    chosen = []
    for wanted in ids:
        found = [message for message in messages if message.id.startswith(wanted)]
        if len(found) != 1:
            count = "no message" if not found else f"{len(found)} messages"
            hint = f"; another reader may hide it for {HIDDEN_S} s" if not found else ""
            raise DlqError(f"{count} with an id that begins with {wanted}{hint}")
        chosen += found
    return chosen


def _seconds_since(moment_s: float) -> float:
    return round(max(0.0, time.time() - moment_s), 1)


def _age(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _lines(value: Any) -> list[str]:
    if not isinstance(value, list):
        return [] if value is None else [str(value)]
    more = len(value) - RECORDS_SHOWN_MAX
    return value[:RECORDS_SHOWN_MAX] + ([f"and {more} more"] if more > 0 else [])


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="dlq", description=__doc__, epilog=f"Looks at {MESSAGES_MAX} at a time."
    )
    parser.add_argument("--endpoint-url")
    parser.add_argument("--region")
    parser.add_argument("--stack", default="tidings")
    commands = parser.add_subparsers(required=True)
    listing = commands.add_parser("list")
    listing.set_defaults(run=list_queues)
    showing = commands.add_parser("show")
    showing.set_defaults(run=show)
    showing.add_argument("--payload", action="store_true")
    redriving = commands.add_parser("redrive")
    redriving.set_defaults(run=redrive)
    redriving.add_argument("--dry-run", action="store_true")
    for command in (listing, showing):
        command.add_argument("--json", action="store_true")
    for command in (showing, redriving):
        command.add_argument("queue")
        command.add_argument("--id", action="append", default=[])
    return parser.parse_args()


def main() -> int:
    """The command line; one line `error: …` on stderr where something has to be mended."""
    arguments = _parsed()
    try:
        stack = Stack(arguments.stack, arguments.endpoint_url, arguments.region)
        return arguments.run(stack, arguments)
    except (DlqError, BotoCoreError, ClientError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
