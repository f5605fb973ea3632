"""What the roles of functions were used for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from conftest import start
from support import REGION, Emulator

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}
TABLES = f"arn:aws:dynamodb:{REGION}:000000000000:table"
KEY = {"id": {"S": "1"}}


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """One that enforces roles, with two tables and a role that may do something with the first."""
    running = start(tmp_path_factory.mktemp("data"), "--enforce-roles")
    for name in ("first", "second"):
        running.client("dynamodb").create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    iam = running.client("iam")
    iam.create_role(RoleName="worker", AssumeRolePolicyDocument=json.dumps(TRUST))
    statements = [
        {"Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:PutItem"], "Resource": f"{TABLES}/first"},
        {
            "Effect": "Allow",
            "Action": "dynamodb:DeleteItem",
            "Resource": [f"{TABLES}/first", f"{TABLES}/*"],
        },
        {"Effect": "Deny", "Action": "dynamodb:DeleteItem", "Resource": f"{TABLES}/second"},
    ]
    policy = {"Version": "2012-10-17", "Statement": statements}
    iam.put_role_policy(RoleName="worker", PolicyName="work", PolicyDocument=json.dumps(policy))
    yield running
    running.stop()


@pytest.fixture
def worker(strict: Emulator) -> Any:
    """DynamoDB as the role sees it, with nothing noted yet."""
    session = strict.client("sts").assume_role(
        RoleArn="arn:aws:iam::000000000000:role/worker", RoleSessionName="function"
    )["Credentials"]
    assert strict.http("DELETE", "/_tidings/grants")[0] == 204
    return boto3.client(
        "dynamodb",
        endpoint_url=strict.url,
        region_name=REGION,
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
        config=Config(retries={"total_max_attempts": 1}),
    )


def noted(emulator: Emulator) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    status, _, body = emulator.http("GET", "/_tidings/grants")
    assert status == 200
    answer = json.loads(body)
    assert {grant["role"] for grants in answer.values() for grant in grants} <= {"worker"}
    used, denied = (
        [(grant["action"].removeprefix("dynamodb:"), grant["resource"].removeprefix(TABLES)) for grant in answer[name]]
        for name in ("used", "denied")
    )
    return used, denied


def test_a_grant_that_allowed_a_call_is_noted_once(strict: Emulator, worker: Any) -> None:
    for _ in range(2):
        worker.get_item(TableName="first", Key=KEY)
    assert noted(strict) == ([("GetItem", "/first")], [])
    assert strict.http("DELETE", "/_tidings/grants")[0] == 204
    assert noted(strict) == ([], [])


def test_each_part_of_a_transaction_is_noted_as_what_it_does(strict: Emulator, worker: Any) -> None:
    put = {"Put": {"TableName": "first", "Item": KEY}}
    delete = {"Delete": {"TableName": "first", "Key": {"id": {"S": "2"}}}}
    worker.transact_write_items(TransactItems=[put, delete])
    assert noted(strict) == ([("DeleteItem", "/first"), ("PutItem", "/first")], [])


def test_a_refused_call_is_noted_with_what_it_wanted(strict: Emulator, worker: Any) -> None:
    for call in (worker.get_item, worker.delete_item):
        with pytest.raises(ClientError, match="AccessDenied"):
            call(TableName="second", Key=KEY)
    assert noted(strict) == ([], [("DeleteItem", "/second"), ("GetItem", "/second")])


def test_the_pattern_is_noted_and_not_what_it_was_used_for(strict: Emulator, worker: Any) -> None:
    with pytest.raises(ClientError, match="ResourceNotFound"):
        worker.delete_item(TableName="third", Key=KEY)
    assert noted(strict) == ([("DeleteItem", "/*")], [])


def test_who_owns_the_account_uses_no_grant(strict: Emulator, worker: Any) -> None:
    strict.client("dynamodb").get_item(TableName="first", Key=KEY)
    assert noted(strict) == ([], [])


def test_nothing_else_can_be_done_with_them(strict: Emulator) -> None:
    assert strict.http("POST", "/_tidings/grants")[0] == 405


def test_where_roles_are_not_enforced_there_is_nothing_to_note(tmp_path: Path) -> None:
    emulator = start(tmp_path)
    try:
        emulator.client("dynamodb").list_tables()
        assert noted(emulator) == ([], [])
    finally:
        emulator.stop()
