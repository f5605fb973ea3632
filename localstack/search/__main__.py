"""The index for search of a stack: what it holds, and conversations that are indexed again from their log."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

MANIFESTS = "manifests/"
# The form of a manifest, as shared/index/src/manifest.rs has it.
FORM = 2
# The curator works for 40 s, and then says where to go on.
CALL_S = 120
CONVERSATIONS_BETWEEN_REPORTS = 100


class SearchError(Exception):
    """Something that the operator has to mend."""


def say(text: str) -> None:
    """Tells how it goes on, beside what is asked for."""
    print(text, file=sys.stderr)


class Stack:
    """What of a stack the index is made of."""

    def __init__(self, name: str, endpoint: str | None, region: str | None) -> None:
        session = boto3.Session(region_name=region)
        config = Config(
            retries={"max_attempts": 4, "mode": "standard"}, read_timeout=CALL_S
        )

        def client(service: str) -> Any:
            return session.client(service, endpoint_url=endpoint, config=config)

        pages = (
            client("cloudformation")
            .get_paginator("list_stack_resources")
            .paginate(StackName=name)
        )
        self._names = {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for page in pages
            for resource in page["StackResourceSummaries"]
        }
        self._lambda = client("lambda")
        self._dynamodb = client("dynamodb")
        self._s3 = client("s3")

    def _name(self, logical: str) -> str:
        if logical not in self._names:
            raise SearchError(f"the stack has no {logical}")
        return self._names[logical]

    def conversations(self) -> Iterator[str]:
        """Every conversation that has a row, page by page. The rows of one follow each other."""
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._name("ConversationsTable"), ProjectionExpression="cid"
        )
        last = None
        for page in pages:
            for row in page["Items"]:
                if (conversation := row["cid"]["S"]) != last:
                    yield conversation
                    last = conversation

    def has(self, conversation: str) -> bool:
        """Whether there is such a conversation."""
        found = self._dynamodb.query(
            TableName=self._name("ConversationsTable"),
            KeyConditionExpression="cid = :cid",
            ExpressionAttributeValues={":cid": {"S": conversation}},
            ProjectionExpression="cid",
            Limit=1,
        )
        return bool(found["Items"])

    def rebuild(self, conversation: str) -> int:
        """Indexes a conversation again, to the end of its log; answers with how many calls that took."""
        after, calls = 0, 0
        while after is not None:
            asked = {"rebuild": {"conversationId": conversation, "after": after}}
            answer = self._lambda.invoke(
                FunctionName=self._name("CuratorFunction"), Payload=json.dumps(asked)
            )
            told = json.loads(answer["Payload"].read())
            if "FunctionError" in answer:
                raise SearchError(f"{conversation}: {told.get('errorMessage', told)}")
            after, calls = told["next"], calls + 1
        return calls

    def manifests(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The shards of the index, and what each is made of."""
        bucket = self._name("SearchBucket")
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=MANIFESTS
        )
        for page in pages:
            for found in page.get("Contents", []):
                content = self._s3.get_object(Bucket=bucket, Key=found["Key"])["Body"]
                manifest = json.load(content)
                if (form := manifest.get("v")) != FORM:
                    raise SearchError(f"{found['Key']}: form {form} is not known")
                yield found["Key"].removeprefix(MANIFESTS), manifest


def rebuild(stack: Stack, arguments: argparse.Namespace) -> int:
    """Indexes one conversation again, or all of them; one that fails does not keep the others from it."""
    if not arguments.all:
        if not stack.has(arguments.conversation):
            raise SearchError(f"conversation: there is no {arguments.conversation}")
        calls = stack.rebuild(arguments.conversation)
        say(
            f"{arguments.conversation} is indexed again, in {calls} call{'' if calls == 1 else 's'}"
        )
        return 0
    done, failed = 0, 0
    for conversation in stack.conversations():
        try:
            stack.rebuild(conversation)
            done += 1
        except SearchError as error:
            say(f"error: {error}")
            failed += 1
        if (done + failed) % CONVERSATIONS_BETWEEN_REPORTS == 0:
            say(f"{done} conversations are indexed again, {failed} are not")
    say(f"{done} conversations are indexed again, {failed} are not: that is all")
    return 1 if failed else 0


def status(stack: Stack, arguments: argparse.Namespace) -> int:
    """How much is in each shard, and what waits for the curator."""
    rows = []
    for shard, manifest in stack.manifests():
        segments = manifest["segments"]
        rows.append(
            {
                "shard": shard,
                "segments": len(segments),
                "documents": sum(segment["documents"] for segment in segments),
                "bytes": sum(segment["bytes"] for segment in segments),
                "gone": len(manifest["gone"]) + len(manifest["forgotten"]),
                "hasText": any(segment["has_text"] for segment in segments),
            }
        )
    if arguments.json:
        print(json.dumps(rows))
        return 0
    line = "{:<12} {:>8} {:>10} {:>13} {:>6}  {}"
    print(line.format("shard", "segments", "documents", "bytes", "gone", "text"))
    for row in rows:
        counts = [row[name] for name in ("segments", "documents", "bytes", "gone")]
        print(line.format(row["shard"], *counts, "yes" if row["hasText"] else "no"))
    return 0


def main() -> int:
    """Runs one command."""
    parser = argparse.ArgumentParser(prog="cargo dev search", description=__doc__)
    parser.add_argument("--stack", default="tidings", help="name of the stack")
    parser.add_argument("--region")
    parser.add_argument("--endpoint-url")
    commands = parser.add_subparsers(dest="command", required=True)
    again = commands.add_parser("rebuild", help=rebuild.__doc__)
    which = again.add_mutually_exclusive_group(required=True)
    which.add_argument("conversation", nargs="?")
    which.add_argument("--all", action="store_true")
    shown = commands.add_parser("status", help=status.__doc__)
    shown.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    try:
        stack = Stack(arguments.stack, arguments.endpoint_url, arguments.region)
        return (rebuild if arguments.command == "rebuild" else status)(stack, arguments)
    except (SearchError, BotoCoreError, ClientError) as error:
        say(f"error: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
