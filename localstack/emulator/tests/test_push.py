"""The push services of our own, and the roles of batches."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError
from ministack.core import iam_actions
from support import Emulator

from tidings_emulator.mends import queue_batches

APPLICATION = "arn:aws:sns:us-east-1:000000000000:app/APNS/tidings"


@pytest.fixture
def sns(emulator: Emulator) -> Any:
    return emulator.client("sns", endpoint_url=f"{emulator.url}/_tidings/sns")


def publish(sns: Any, arn: str) -> None:
    message = json.dumps({"default": "", "APNS": json.dumps({"aps": {"badge": 1}})})
    sns.publish(TargetArn=arn, MessageStructure="json", Message=message)


def refusal(call: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call()
    return refused.value.response["Error"]["Code"]


def test_a_token_is_one_endpoint_until_it_is_deleted(sns: Any) -> None:
    token = uuid.uuid4().hex
    first = sns.create_platform_endpoint(PlatformApplicationArn=APPLICATION, Token=token)["EndpointArn"]
    again = sns.create_platform_endpoint(PlatformApplicationArn=APPLICATION, Token=token)["EndpointArn"]
    assert first == again
    sns.delete_endpoint(EndpointArn=first)
    sns.delete_endpoint(EndpointArn=first)
    assert refusal(lambda: publish(sns, first)) == "NotFound"
    assert sns.create_platform_endpoint(PlatformApplicationArn=APPLICATION, Token=token)["EndpointArn"] != first


def test_a_disabled_endpoint_takes_nothing_until_it_is_enabled(sns: Any) -> None:
    token = uuid.uuid4().hex
    arn = sns.create_platform_endpoint(PlatformApplicationArn=APPLICATION, Token=token)["EndpointArn"]
    sns.set_endpoint_attributes(EndpointArn=arn, Attributes={"Enabled": "false"})
    assert refusal(lambda: publish(sns, arn)) == "EndpointDisabled"
    sns.set_endpoint_attributes(EndpointArn=arn, Attributes={"Enabled": "true", "Token": token})
    publish(sns, arn)
    assert sns.get_endpoint_attributes(EndpointArn=arn)["Attributes"] == {"Token": token, "Enabled": "true"}


def test_a_token_of_another_endpoint_is_refused(sns: Any) -> None:
    one, other = uuid.uuid4().hex, uuid.uuid4().hex
    arn = sns.create_platform_endpoint(PlatformApplicationArn=APPLICATION, Token=one)["EndpointArn"]
    sns.create_platform_endpoint(PlatformApplicationArn=APPLICATION, Token=other)
    taken = {"Token": other}
    assert refusal(lambda: sns.set_endpoint_attributes(EndpointArn=arn, Attributes=taken)) == "InvalidParameter"
    message = json.dumps({"default": "", "GCM": "{}"})
    wrong = lambda: sns.publish(TargetArn=arn, MessageStructure="json", Message=message)  # noqa: E731
    assert refusal(wrong) == "InvalidParameter"


def test_a_batch_is_allowed_by_the_action_of_its_parts() -> None:
    queue_batches.MEND.check()
    queue_batches.MEND.apply()
    of = iam_actions._action_from_target
    assert of({"x-amz-target": "AmazonSQS.SendMessageBatch"}) == "SendMessage"
    assert of({"x-amz-target": "AmazonSQS.ReceiveMessage"}) == "ReceiveMessage"
    assert of({"x-amz-target": "Kinesis_20131202.PutRecords"}) == "PutRecords"
