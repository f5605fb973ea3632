"""The rows that a user has left in the tables of a stack: read, to be handed out, and removed.

docs/architecture.md has the attributes. What is written here is little, and nothing of the log: its content is taken out
by the service itself, which is told so by timers, so that media, previews and everything that refers to it goes as well.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import boto3
from boto3.dynamodb.conditions import Key
from botocore.config import Config

PARTITION_SEQUENCES = 4096
MINUTE_MS = 60_000
# Events that hold a conversation together, and nothing that anybody wrote.
STRUCTURE = ("membership", "commit")
# What a device's row keeps: that it is, and that it may not come back.
KEPT_OF_DEVICES = ("uid", "dev", "since", "rv")

Row = dict[str, Any]


class RecoveryError(Exception):
    """Something that the operator has to mend."""


class Tables:
    """The tables of a stack, by their names in the template."""

    def __init__(self, stack: str, endpoint: str | None, region: str | None) -> None:
        session = boto3.Session(region_name=region)
        config = Config(retries={"max_attempts": 8, "mode": "standard"})
        cloudformation = session.client(
            "cloudformation", endpoint_url=endpoint, config=config
        )
        pages = cloudformation.get_paginator("list_stack_resources").paginate(
            StackName=stack
        )
        self.names = {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for page in pages
            for resource in page["StackResourceSummaries"]
            if resource["ResourceType"] == "AWS::DynamoDB::Table"
        }
        self.client = session.client("dynamodb", endpoint_url=endpoint, config=config)
        self._resource = session.resource(
            "dynamodb", endpoint_url=endpoint, config=config
        )

    def table(self, name: str) -> Any:
        """A table by its name in the template."""
        if name not in self.names:
            raise RecoveryError(f"the stack has no {name}")
        return self._resource.Table(self.names[name])

    def named(self, physical: str) -> Any:
        """A table by its own name."""
        return self._resource.Table(physical)


def query(table: Any, condition: Any, **more: Any) -> Iterator[Row]:
    """All rows of a partition, page by page."""
    while True:
        answer = table.query(KeyConditionExpression=condition, **more)
        yield from answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        more["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def scan(table: Any, **more: Any) -> Iterator[Row]:
    """All rows of a table: for drills, on tables that serve nobody."""
    while True:
        answer = table.scan(**more)
        yield from answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        more["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def conversations_of(tables: Tables, user: str) -> list[str]:
    """Every conversation that the user has a row in."""
    index = query(
        tables.table("ConversationsTable"), Key("uid").eq(user), IndexName="byUser"
    )
    return sorted({row["cid"] for row in index})


def log_of(log: Any, conversation: str) -> Iterator[Row]:
    """The entries of a conversation in order, those of a row of several one by one."""
    partition = 0
    while True:
        rows = query(
            log, Key("pk").eq(f"{conversation}#{partition}"), ConsistentRead=True
        )
        is_empty = True
        for row in rows:
            is_empty = False
            more = row.pop("more", [])
            yield row
            yield from more
        if is_empty:
            return
        partition += 1


def entries_of(tables: Tables, conversation: str, user: str) -> Iterator[Row]:
    """What a user has said in a conversation."""
    log = tables.table("LogTable")
    return (entry for entry in log_of(log, conversation) if entry.get("u") == user)


def own_rows(tables: Tables, user: str) -> dict[str, list[Row]]:
    """All that stands under the user's own name, beside what they wrote."""
    devices = list(query(tables.table("DevicesTable"), Key("uid").eq(user)))
    keys = [f"s#{user}", f"l#{user}"]
    keys += [f"{sort}#{user}#{device['dev']}" for device in devices for sort in "fg"]
    by_user = [f"p#{user}"]
    table = tables.table("DevicesTable")
    mailboxes = tables.table("MailboxesTable")
    return {
        "personal": list(query(tables.table("PersonalTable"), Key("uid").eq(user))),
        "devices": devices,
        "deviceKeys": [row for key in keys for row in query(table, Key("uid").eq(key))],
        "pushMarks": [
            row for key in by_user for row in query(table, Key("uid").eq(key))
        ],
        "mail": [
            row
            for d in devices
            for row in query(mailboxes, Key("own").eq(f"{user}#{d['dev']}"))
        ],
        "sessions": list(query(tables.table("SessionsTable"), Key("uid").eq(user))),
        "scheduled": list(
            query(tables.table("TimersTable"), Key("min").eq(f"u#{user}"))
        ),
    }


def exported(tables: Tables, user: str) -> dict[str, Any]:
    """What there is of a user, to be handed out to that user."""
    conversations = []
    members = tables.table("ConversationsTable")
    for conversation in conversations_of(tables, user):
        member = members.get_item(Key={"cid": conversation, "sk": f"m#{user}"}).get(
            "Item"
        )
        said = list(entries_of(tables, conversation, user))
        conversations.append(
            {"conversation": conversation, "member": member, "said": said}
        )
    return {
        "user": user,
        "exportedAt": int(time.time() * 1000),
        "conversations": conversations,
        **own_rows(tables, user),
    }


def erase(tables: Tables, user: str, say: Any) -> None:
    """Removes what there is of a user; may be repeated, and is to be where it stopped half way."""
    due = (int(time.time() * 1000) // MINUTE_MS) * MINUTE_MS
    timers = tables.table("TimersTable")
    count = 0
    for conversation in conversations_of(tables, user):
        with timers.batch_writer() as batch:
            for entry in entries_of(tables, conversation, user):
                if "x" in entry or entry.get("e") in STRUCTURE:
                    continue
                timer = {
                    "tid": f"{conversation}#{entry['seq']}",
                    "due": due,
                    "why": "deleted",
                }
                batch.put_item(Item={"min": str(due // MINUTE_MS), **timer})
                count += 1
    say(f"{count} messages: the sweeper takes their content away within two minutes")
    rows = own_rows(tables, user)
    forget_tokens(tables, rows["devices"])
    devices = tables.table("DevicesTable")
    for device in rows["devices"]:
        kept = {
            name: value for name, value in device.items() if name in KEPT_OF_DEVICES
        }
        devices.put_item(Item={**kept, "rv": True})
    say(
        f"{len(rows['devices'])} devices are revoked, and nothing is known of them but that"
    )
    removed = {
        "PersonalTable": ("uid", "sk", rows["personal"]),
        "DevicesTable": ("uid", "dev", rows["deviceKeys"] + rows["pushMarks"]),
        "MailboxesTable": ("own", "mail", rows["mail"]),
        "SessionsTable": ("uid", "dev", rows["sessions"]),
        "TimersTable": ("min", "tid", rows["scheduled"]),
    }
    for name, (hash_key, range_key, found) in removed.items():
        with tables.table(name).batch_writer() as batch:
            for row in found:
                batch.delete_item(
                    Key={hash_key: row[hash_key], range_key: row[range_key]}
                )
        say(f"{len(found)} rows of {name} are removed")


def forget_tokens(tables: Tables, devices: Iterable[Row]) -> None:
    """Removes who holds the push tokens of these devices."""
    table = tables.table("DevicesTable")
    for device in devices:
        if "ps" in device and "pt" in device:
            digest = hashlib.sha256(
                f"{device['ps']}\0{device['pt']}".encode()
            ).hexdigest()
            table.delete_item(Key={"uid": f"t#{digest}", "dev": "holder"})


def as_json(value: Any) -> str:
    """JSON, with the types of DynamoDB as what they mean."""

    def plain(found: Any) -> Any:
        if isinstance(found, Decimal):
            return int(found) if found == found.to_integral_value() else float(found)
        if isinstance(found, (bytes, bytearray)):
            return found.hex()
        if isinstance(found, (set, frozenset)):
            return sorted(plain(item) for item in found)
        return found.value.hex() if hasattr(found, "value") else str(found)

    return json.dumps(value, default=plain, indent=1, ensure_ascii=False)
