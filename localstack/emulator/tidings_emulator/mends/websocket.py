"""WebSocket APIs behave as on AWS; see the package `sockets`."""

from __future__ import annotations

from ministack.core import arn, concurrency
from ministack.services import apigateway, apigateway_v1, lambda_svc

from tidings_emulator.mends.base import Mend, expect_attributes, expect_function
from tidings_emulator.settings import SETTINGS
from tidings_emulator.sockets import connection, connections_api


def _check() -> None:
    expect_function(apigateway, "handle_websocket", ["scope", "receive", "send", "api_id", "path_override"])
    expect_function(
        apigateway, "handle_connections_api", ["method", "api_id", "stage", "connection_id", "body", "headers"]
    )
    stores = ["_apis", "_routes", "_integrations", "_stages", "_authorizers", "_ws_connections"]
    expect_attributes(apigateway, [*stores, "_HOST", "_WS_DENY_REASONS"])
    expect_function(apigateway, "_api_owner", ["api_id"])
    expect_function(apigateway, "_evaluate_route_selection", ["expr", "payload_text"])
    expect_function(apigateway, "_get_stage_variables", ["api_id", "stage"])
    expect_function(apigateway, "_evaluate_authorizer_policy", ["policy_doc", "route_arn"])
    expect_function(apigateway, "_extract_lambda_ref_from_integration_uri", ["uri"])
    expect_function(apigateway, "_post_to_connection_text", ["data"])
    refusal = ["scope", "send", "status", "message", "connection_id", "request_id"]
    expect_function(apigateway, "_refuse_ws_handshake", refusal)
    sources = ["identity_source", "headers", "query_params", "stage_vars", "context"]
    expect_function(apigateway, "_request_authorizer_identity_sources", sources)
    expect_function(apigateway, "_authorize_ws_iam", ["scope", "connect_arn", "headers", "query_params", "region"])
    expect_function(apigateway_v1, "_stringify_context", ["context"])
    expect_function(lambda_svc, "_get_func_record_for_ref_in_scope", ["function_ref", "account_id", "region"])
    expect_function(lambda_svc, "_execution_record_for_config", ["func", "config"])
    expect_function(lambda_svc, "_execute_function_with_config_scope", ["func", "event"])
    expect_function(concurrency, "run_reentrant", ["fn", "args", "thread_name"])
    expect_attributes(arn, ["execute_api_route_arn"])


def _apply() -> None:
    apigateway.handle_websocket = connection.open_connection
    apigateway.handle_connections_api = connections_api.handle
    SETTINGS.listeners.append(connection.rearm_all)


MEND = Mend(
    name="WebSocket API",
    why="stock sockets have no limits, serve one frame at a time, and answer where AWS stays silent or refuses",
    check=_check,
    apply=_apply,
)
