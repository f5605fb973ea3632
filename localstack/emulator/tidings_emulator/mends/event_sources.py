"""Kinesis and DynamoDB stream mappings follow the rules of AWS; see the package `streams`."""

from __future__ import annotations

from typing import Any

from ministack.services import dynamodb, kinesis, lambda_svc, sns, sqs

from tidings_emulator.mends.base import Mend, expect_attributes, expect_function, expect_source
from tidings_emulator.streams.dispatcher import Dispatcher


def _check() -> None:
    expect_function(lambda_svc, "_poll_kinesis", [])
    expect_function(lambda_svc, "_poll_dynamodb_streams", [])
    expect_source(lambda_svc._poll_loop, "_poll_kinesis()")
    expect_source(lambda_svc._poll_loop, "_poll_dynamodb_streams()")
    expect_function(lambda_svc, "_init_stream_position", ["esm_id", "source_arn", "starting"])
    expect_function(lambda_svc, "_iter_all_esms", [])
    expect_function(lambda_svc, "_apply_filter_criteria", ["records", "esm"])
    expect_function(lambda_svc, "_get_func_record_for_qualifier", ["name", "qualifier"])
    expect_function(lambda_svc, "_execute_function", ["func", "event"])
    expect_function(lambda_svc, "_create_esm", ["data"])
    expect_attributes(lambda_svc, ["_esms", "_kinesis_positions", "_dynamodb_stream_positions"])
    for service in (kinesis, dynamodb):
        expect_attributes(service, ["esm_wake"])
    expect_attributes(kinesis, ["_streams"])
    expect_source(kinesis._put_record, "esm_wake.set()")
    expect_source(dynamodb._emit_stream_event, "esm_wake.set()")
    for name in ("stream_start_position", "stream_end_position"):
        expect_function(dynamodb, name, ["table_name", "account_id", "region"])
    expect_function(sqs, "_act_send_message", ["data", "qurl"])
    expect_attributes(sns, ["_fanout"])


def _apply() -> None:
    dispatcher = Dispatcher()
    lambda_svc._poll_kinesis = _nothing_to_poll
    lambda_svc._poll_dynamodb_streams = _nothing_to_poll
    kinesis.esm_wake = dispatcher.wake
    dynamodb.esm_wake = dispatcher.wake
    create = lambda_svc._create_esm

    def anchor(esm_id: str, source_arn: str, starting: str) -> None:
        dispatcher.anchor(esm_id, source_arn)

    def create_anchored(data: dict[str, Any]) -> Any:
        """CreateEventSourceMapping stores the mapping after it fixed the position, CloudFormation before."""
        known = set(lambda_svc._esms.keys())
        response = create(data)
        for uuid in set(lambda_svc._esms.keys()) - known:
            dispatcher.anchor(uuid, lambda_svc._esms[uuid]["EventSourceArn"])
        return response

    lambda_svc._init_stream_position = anchor
    lambda_svc._create_esm = create_anchored
    dispatcher.start()


def _nothing_to_poll() -> bool:
    return False


MEND = Mend(
    name="event sources",
    why="stock mappings lose reported records, retry for ever and let one slow function hold up all streams",
    check=_check,
    apply=_apply,
)
