"""Compares what the roles of the functions grant with what the tests made the functions use of it.

What is granted is asked of the local AWS: there the conditions of template.yaml are decided, and its references names.
A grant is one action of one role on one resource; an action that a statement has for two resources is two of them.
Each that allowed no call is named, unless grants-unused.yaml says why. So is one that was used and is listed as unused,
a line of the list that is for nothing, a grant that is there twice, and a call that was refused and is not meant to be.

    .tidings/venv-emulator/bin/python localstack/grants.py --endpoint http://127.0.0.1:4566

It tells the truth after `cargo dev test` on a stack that was started for it, and exits with 1 where something differs;
with `on_difference: warn`, not for what was used in one run and not in another.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import yaml
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

LISTED = Path(__file__).with_name("grants-unused.yaml")
# What the ARNs of a service name.
KINDS = {
    "dynamodb": "AWS::DynamoDB::Table",
    "execute-api": "AWS::ApiGatewayV2::Api",
    "kinesis": "AWS::Kinesis::Stream",
    "logs": "AWS::Logs::LogGroup",
    "s3": "AWS::S3::Bucket",
    "sqs": "AWS::SQS::Queue",
}


class GrantsError(Exception):
    """Something that keeps the comparison from being made."""


class Grant(NamedTuple):
    """One action of one role on one resource, by the names that template.yaml has for them."""

    role: str
    action: str
    resource: str

    def __str__(self) -> str:
        return f"{self.role} {self.action} {self.resource}"


# ---- The comparison ----


@dataclass(frozen=True)
class Listed:
    """What the list says; a `*` in a line stands for anything."""

    unused: tuple[str, ...] = ()
    by_chance: tuple[str, ...] = ()
    # What tests see refused.
    refused: tuple[str, ...] = ()
    # False: that something was used or not is told, and fails nothing.
    fails: bool = True

    @classmethod
    def read(cls, text: str) -> Listed:
        """Parses the list."""
        read = yaml.safe_load(text)
        if read["on_difference"] not in ("fail", "warn"):
            raise GrantsError("on_difference is `fail` or `warn`")
        return cls(
            _lines(read["unused"]),
            _lines(read["by_chance"]),
            _lines(read["refused"]),
            read["on_difference"] == "fail",
        )


def _lines(entries: list[dict[str, Any]] | None) -> tuple[str, ...]:
    for entry in entries or []:
        if not str(entry.get("reason") or "").strip():
            raise GrantsError(f"no reason is given for {entry['grants']}")
    return tuple(line for entry in entries or [] for line in entry["grants"])


SURPLUS = (
    "Granted, and used by no test: take it out of template.yaml, add the test that "
    "needs it, or list it with a reason"
)
UNTRUE = "Listed as unused, and used: take it off the list"
# Chance has a part in them.
OF_A_RUN = {SURPLUS, UNTRUE}


def compare(
    granted: Sequence[Grant],
    used: Iterable[Grant],
    denied: Iterable[Grant],
    listed: Listed,
) -> dict[str, list[str]]:
    """What differs, by what is to be done about it."""
    used = set(used)
    patterns = {line: _pattern(line) for line in (*listed.unused, *listed.by_chance)}
    hits: Counter[str] = Counter()
    surplus, untrue = [], []
    for grant in sorted(set(granted)):
        lines = [line for line, matches in patterns.items() if matches(str(grant))]
        hits.update(lines)
        if grant not in used:
            surplus += [] if lines else [str(grant)]
        elif any(line in listed.unused for line in lines):
            untrue.append(str(grant))
    found = {
        SURPLUS: surplus,
        UNTRUE: untrue,
        "Listed, and granted to nobody: take it off the list": [
            line for line in patterns if not hits[line]
        ],
        "Granted twice: take one out of template.yaml": [
            str(grant) for grant, times in sorted(Counter(granted).items()) if times > 1
        ],
        "Wanted by a function, and refused: grant it, or do not ask for it": [
            str(grant)
            for grant in sorted(set(denied))
            if not any(_pattern(line)(str(grant)) for line in listed.refused)
        ],
    }
    return {what: grants for what, grants in found.items() if grants}


def _pattern(line: str) -> Callable[[str], object]:
    return re.compile(".*".join(map(re.escape, line.split("*")))).fullmatch


def told(differences: Mapping[str, list[str]]) -> str:
    """The differences as lines of the list, so that they can be pasted there."""
    parts = []
    for what, grants in differences.items():
        parts.append(f"{what}:")
        parts += [f"      - {json.dumps(grant)}" for grant in grants]
    return "\n".join(parts)


# ---- The local AWS ----


class Names:
    """The names of template.yaml for what is deployed."""

    def __init__(self, resources: Iterable[tuple[str, str, str]]) -> None:
        self._by_kind: dict[str, dict[str, str]] = {}
        for logical_id, kind, physical_id in resources:
            # A queue is known by its URL, and named in ARNs by the last part of it.
            name = (
                physical_id.rsplit("/", 1)[-1]
                if kind == "AWS::SQS::Queue"
                else physical_id
            )
            self._by_kind.setdefault(kind, {})[name] = logical_id

    @property
    def roles(self) -> dict[str, str]:
        """By physical name."""
        return self._by_kind.get("AWS::IAM::Role", {})

    def of(self, arn: str) -> str:
        """An ARN, or a pattern of ARNs, with the name of its resource and without the account."""
        parts = arn.split(":", 5)
        if len(parts) < 6:
            return arn
        names = self._by_kind.get(KINDS.get(parts[2], ""), {})
        for physical, logical in names.items():
            found = re.search(rf"(^|[/:]){re.escape(physical)}(?=$|[/:])", parts[5])
            if found:
                # The last part of a stream's ARN is the time at which it was switched on.
                rest = re.sub(r"^/stream/.*", "/stream", parts[5][found.end() :])
                return logical + rest
        return parts[5]

    def grants(self, noted: Iterable[Mapping[str, str]]) -> set[Grant]:
        """What was noted of the roles of the stack; tests make others for themselves."""
        return {
            Grant(self.roles[note["role"]], note["action"], self.of(note["resource"]))
            for note in noted
            if note["role"] in self.roles
        }


def _several(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def granted_by(document: Mapping[str, Any], role: str, names: Names) -> list[Grant]:
    """What a policy allows."""
    return [
        Grant(role, action, names.of(resource))
        for statement in document["Statement"]
        if statement["Effect"] == "Allow"
        for action in _several(statement["Action"])
        for resource in _several(statement["Resource"])
    ]


class LocalAws:
    """What is asked of it."""

    def __init__(self, endpoint: str, region: str, stack: str) -> None:
        self.endpoint = endpoint
        self.stack = stack

        def client(service: str) -> Any:
            return boto3.client(
                service,
                endpoint_url=endpoint,
                region_name=region,
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(retries={"max_attempts": 2}),
            )

        self.cloudformation = client("cloudformation")
        self.iam = client("iam")

    def names(self) -> Names:
        """What the stack consists of."""
        pages = self.cloudformation.get_paginator("list_stack_resources").paginate(
            StackName=self.stack
        )
        return Names(
            (
                resource["LogicalResourceId"],
                resource["ResourceType"],
                resource["PhysicalResourceId"],
            )
            for page in pages
            for resource in page["StackResourceSummaries"]
        )

    def granted(self, names: Names) -> list[Grant]:
        """What the roles allow that functions take; others are taken by AWS alone."""
        found = []
        for physical, logical in names.roles.items():
            role = self.iam.get_role(RoleName=physical)["Role"]
            if "lambda.amazonaws.com" not in json.dumps(
                role["AssumeRolePolicyDocument"]
            ):
                continue
            attached = self.iam.list_attached_role_policies(RoleName=physical)
            if attached["AttachedPolicies"]:
                raise GrantsError(
                    f"{logical} has attached policies, and only its own are compared"
                )
            for policy in self.iam.list_role_policies(RoleName=physical)["PolicyNames"]:
                document = self.iam.get_role_policy(
                    RoleName=physical, PolicyName=policy
                )["PolicyDocument"]
                found += granted_by(document, logical, names)
        return found

    def noted(self) -> dict[str, list[dict[str, str]]]:
        """What was used and refused since the start."""
        with urllib.request.urlopen(
            f"{self.endpoint}/_tidings/grants", timeout=10
        ) as answer:
            return json.load(answer)


def run(arguments: argparse.Namespace) -> int:
    """Compares, tells, and answers the exit code."""
    listed = Listed.read(arguments.listed.read_text(encoding="utf-8"))
    aws = LocalAws(arguments.endpoint, arguments.region, arguments.stack)
    names = aws.names()
    granted = aws.granted(names)
    noted = aws.noted()
    used, denied = names.grants(noted["used"]), names.grants(noted["denied"])
    if not granted:
        raise GrantsError(f"the stack {arguments.stack} grants nothing")
    differences = compare(granted, used, denied, listed)
    count = len(used.intersection(granted))
    summary = f"{count} of {len(set(granted))} grants of the functions' roles were used"
    if not differences:
        print(f"{summary}; {LISTED.name} says why the others are there.")
        return 0
    fails = listed.fails or not differences.keys() <= OF_A_RUN
    kind = "error" if fails else "warning"
    print(f"{kind}: {summary}.\n{told(differences)}", file=sys.stderr, flush=True)
    return 1 if fails else 0


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--stack", default="tidings")
    parser.add_argument("--listed", type=Path, default=LISTED)
    try:
        return run(parser.parse_args())
    except (
        GrantsError,
        BotoCoreError,
        ClientError,
        OSError,
        yaml.YAMLError,
        KeyError,
    ) as error:
        print(f"error: cannot compare the grants: {error!r}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
