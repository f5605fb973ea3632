"""The comparison of what roles grant with what was used: `localstack/grants.py`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support import Emulator

LOCALSTACK = Path(__file__).parents[2]
sys.path.append(str(LOCALSTACK))

from grants import Grant, GrantsError, Listed, Names, compare, granted_by, told  # noqa: E402

GET = Grant("SendRole", "dynamodb:GetItem", "LogTable")
PUT = Grant("SendRole", "dynamodb:PutItem", "LogTable")
LOGS = Grant("SendRole", "logs:PutLogEvents", "SendLogs:*")
SURPLUS, UNTRUE, STALE, TWICE, REFUSED = (
    "Granted, and used by no test",
    "Listed as unused, and used",
    "Listed, and granted to nobody",
    "Granted twice",
    "Wanted by a function, and refused",
)


def differences(
    granted: list[Grant], used: list[Grant], denied: list[Grant] | None = None, **listed: Any
) -> dict[str, list[str]]:
    """By what each begins with."""
    found = compare(granted, used, denied or [], Listed(**listed))
    return {what.split(":")[0]: grants for what, grants in found.items()}


def test_what_is_used_is_granted_and_the_other_way_round() -> None:
    assert differences([GET, PUT], [PUT, GET]) == {}


def test_an_action_too_many_is_named() -> None:
    assert differences([GET, PUT], [GET]) == {SURPLUS: ["SendRole dynamodb:PutItem LogTable"]}


def test_an_action_that_was_taken_out_is_missed_by_whoever_wants_it() -> None:
    found = differences([GET], [GET], [PUT])
    assert found == {REFUSED: ["SendRole dynamodb:PutItem LogTable"]}


def test_what_a_test_has_refused_on_purpose_is_not_named() -> None:
    assert differences([GET], [GET], [PUT], refused=("SendRole dynamodb:Put* LogTable",)) == {}


def test_what_is_listed_may_be_unused() -> None:
    assert differences([GET, LOGS], [GET], unused=("*Role logs:* *Logs:*",)) == {}


def test_what_is_listed_and_used_is_named() -> None:
    found = differences([GET, PUT], [GET, PUT], unused=("SendRole dynamodb:P* LogTable",))
    assert found == {UNTRUE: ["SendRole dynamodb:PutItem LogTable"]}


def test_what_is_used_by_chance_may_be_either() -> None:
    by_chance = (str(PUT),)
    assert differences([GET, PUT], [GET], by_chance=by_chance) == {}
    assert differences([GET, PUT], [GET, PUT], by_chance=by_chance) == {}


def test_a_line_for_nothing_is_named() -> None:
    found = differences([GET], [GET], unused=("SendRole dynamodb:Get LogTable",), by_chance=("A b c",))
    assert found == {STALE: ["SendRole dynamodb:Get LogTable", "A b c"]}


def test_what_is_granted_twice_is_named() -> None:
    assert differences([GET, PUT, GET], [GET, PUT]) == {TWICE: ["SendRole dynamodb:GetItem LogTable"]}


def test_what_differs_can_be_pasted_into_the_list() -> None:
    text = told(compare([LOGS, GET], [], [], Listed()))
    lines = "\n".join(line for line in text.splitlines() if line.startswith(" "))
    read = Listed.read(f"on_difference: warn\nby_chance:\nrefused:\nunused:\n  - reason: so\n    grants:\n{lines}\n")
    assert read == Listed(unused=(str(GET), str(LOGS)), fails=False)
    assert compare([LOGS, GET], [], [], read) == {}


def test_the_list_gives_reasons() -> None:
    with pytest.raises(GrantsError, match="no reason"):
        Listed.read("on_difference: fail\nby_chance:\nrefused:\nunused:\n  - reason: ''\n    grants: [A b c]\n")
    with pytest.raises(GrantsError, match="on_difference"):
        Listed.read("on_difference: never\nby_chance:\nrefused:\nunused:\n")
    listed = Listed.read((LOCALSTACK / "grants-unused.yaml").read_text())
    lines = [*listed.unused, *listed.by_chance]
    assert len(lines) == len(set(lines)) > 50


NAMES = Names(
    [
        ("SendRole", "AWS::IAM::Role", "stack-SendRole-1"),
        ("LogTable", "AWS::DynamoDB::Table", "stack-LogTable-1"),
        ("PushQueue", "AWS::SQS::Queue", "http://127.0.0.1:4566/000000000000/stack-PushQueue-1"),
        ("SendLogs", "AWS::Logs::LogGroup", "/aws/lambda/stack-send"),
        ("SendFunction", "AWS::Lambda::Function", "stack-send"),
        ("Sockets", "AWS::ApiGatewayV2::Api", "0a1b2c3d"),
        ("Media", "AWS::S3::Bucket", "stack-media-1"),
    ]
)


@pytest.mark.parametrize(
    ("arn", "name"),
    [
        ("arn:aws:dynamodb:us-east-1:000000000000:table/stack-LogTable-1", "LogTable"),
        ("arn:aws:dynamodb:us-east-1:000000000000:table/stack-LogTable-1/index/byUser", "LogTable/index/byUser"),
        (
            "arn:aws:dynamodb:us-east-1:000000000000:table/stack-LogTable-1/stream/2026-01-01T00:00:00",
            "LogTable/stream",
        ),
        ("arn:aws:dynamodb:us-east-1:000000000000:table/stack-LogTable-12", "table/stack-LogTable-12"),
        ("arn:aws:sqs:us-east-1:000000000000:stack-PushQueue-1", "PushQueue"),
        ("arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/stack-send:*", "SendLogs:*"),
        (
            "arn:aws:execute-api:us-east-1:000000000000:0a1b2c3d/v1/POST/@connections/*",
            "Sockets/v1/POST/@connections/*",
        ),
        ("arn:aws:s3:::stack-media-1/media/*", "Media/media/*"),
        ("arn:aws:sns:us-east-1:000000000000:endpoint/GCM/tidings/*", "endpoint/GCM/tidings/*"),
        ("*", "*"),
    ],
)
def test_resources_have_the_names_of_the_template(arn: str, name: str) -> None:
    assert NAMES.of(arn) == name


def test_a_policy_is_taken_apart() -> None:
    table = "arn:aws:dynamodb:us-east-1:000000000000:table/stack-LogTable-1"
    document = {
        "Statement": [
            {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": table},
            {"Effect": "Allow", "Action": ["dynamodb:PutItem", "dynamodb:GetItem"], "Resource": ["*", table]},
            {"Effect": "Deny", "Action": "dynamodb:Scan", "Resource": table},
        ]
    }
    found = granted_by(document, "SendRole", NAMES)
    assert found == [GET, PUT._replace(resource="*"), PUT, GET._replace(resource="*"), GET]


def test_roles_that_are_not_of_the_stack_count_for_nothing() -> None:
    note = {"action": "dynamodb:GetItem", "resource": "*"}
    notes = [{"role": "stack-SendRole-1", **note}, {"role": "another", **note}]
    assert NAMES.grants(notes) == {Grant("SendRole", "dynamodb:GetItem", "*")}


TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
TEMPLATE = {
    "Resources": {
        "LogTable": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
                "BillingMode": "PAY_PER_REQUEST",
            },
        },
        "SendRole": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": TRUST,
                "Policies": [
                    {
                        "PolicyName": "send",
                        "PolicyDocument": {
                            "Version": "2012-10-17",
                            "Statement": [
                                {
                                    "Effect": "Allow",
                                    "Action": ["dynamodb:GetItem", "dynamodb:PutItem"],
                                    "Resource": {"Fn::GetAtt": ["LogTable", "Arn"]},
                                }
                            ],
                        },
                    }
                ],
            },
        },
    }
}


@pytest.mark.parametrize(("mode", "code", "word"), [("fail", 1, "error"), ("warn", 0, "warning")])
def test_a_deployed_stack_is_compared(emulator: Emulator, tmp_path: Path, mode: str, code: int, word: str) -> None:
    emulator.client("cloudformation").create_stack(
        StackName="tidings", TemplateBody=json.dumps(TEMPLATE), Capabilities=["CAPABILITY_IAM"]
    )
    emulator.client("cloudformation").get_waiter("stack_create_complete").wait(
        StackName="tidings", WaiterConfig={"Delay": 0.1, "MaxAttempts": 100}
    )
    listed = tmp_path / "listed.yaml"

    def run(lines: list[str]) -> subprocess.CompletedProcess[str]:
        entry = [{"reason": "it is so", "grants": lines}]
        listed.write_text(json.dumps({"on_difference": mode, "unused": entry, "by_chance": [], "refused": []}))
        command = [sys.executable, str(LOCALSTACK / "grants.py"), "--endpoint", emulator.url, "--listed", str(listed)]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    done = run([str(GET)])
    assert (done.returncode, done.stdout) == (code, "")
    first, *_, last = done.stderr.splitlines()
    assert first == f"{word}: 0 of 2 grants of the functions' roles were used."
    assert last == f'      - "{PUT}"'
    done = run([str(GET), str(PUT)])
    assert (done.returncode, done.stderr) == (0, "")
    done = run([str(GET), str(PUT), "SendRole dynamodb:Scan LogTable"])
    assert done.returncode == 1, "a line for nothing is no matter of chance"
