"""How the routes and the authorizer of a WebSocket API run their functions."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

from ministack.core.arn import execute_api_route_arn
from ministack.core.concurrency import run_reentrant
from ministack.services import apigateway, lambda_svc
from ministack.services.apigateway_v1 import _stringify_context

from tidings_emulator.sockets.events import Identity

INTEGRATION_SECONDS_MAX = 29.0
INTERNAL_ERROR = "Internal server error"
TIMED_OUT = "Endpoint request timed out"


class IntegrationFailed(Exception):
    """A route could not answer; the message is what API Gateway tells the client."""


class Refusal(Exception):
    """The handshake is answered with this status instead of the upgrade."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status} {message}")
        self.status = status
        self.message = message


async def run_lambda(uri: str, event: dict[str, Any], account: str, region: str) -> dict[str, Any] | None:
    """The emulator's result of an invocation, or `None` if the function does not exist."""
    reference = apigateway._extract_lambda_ref_from_integration_uri(uri)
    function, config, _ = lambda_svc._get_func_record_for_ref_in_scope(reference, account_id=account, region=region)
    if function is None or config is None:
        return None
    record = lambda_svc._execution_record_for_config(function, config)
    return await run_reentrant(
        lambda_svc._execute_function_with_config_scope, record, event, thread_name="tidings-socket"
    )


async def run_route(
    api_id: str, route: dict[str, Any], event: dict[str, Any], account: str, region: str
) -> dict[str, Any]:
    """The answer of the route's function: a dictionary with `statusCode`."""
    integration_id = (route.get("target") or "").split("/")[-1]
    integration = apigateway._integrations.get(api_id, {}).get(integration_id)
    if not integration:
        raise IntegrationFailed(INTERNAL_ERROR)
    kind = integration.get("integrationType")
    if kind == "MOCK":
        return {"statusCode": 200}
    if kind not in ("AWS_PROXY", "AWS"):
        raise IntegrationFailed(INTERNAL_ERROR)
    invocation = asyncio.ensure_future(run_lambda(integration.get("integrationUri", ""), event, account, region))
    try:
        # The function goes on after the limit, as it does on AWS; only its answer is lost.
        result = await asyncio.wait_for(asyncio.shield(invocation), INTEGRATION_SECONDS_MAX)
    except TimeoutError:
        raise IntegrationFailed(TIMED_OUT) from None
    if not result or result.get("error"):
        raise IntegrationFailed(INTERNAL_ERROR)
    answer = _as_json(result.get("body"))
    if not isinstance(answer, dict) or not isinstance(answer.get("statusCode"), int):
        raise IntegrationFailed(INTERNAL_ERROR)
    return answer


def text_of(answer: dict[str, Any]) -> str:
    """The body of an answer; without one, nothing is sent to the client."""
    body = answer.get("body")
    if body is None or body == "":
        return ""
    if not isinstance(body, str):
        raise IntegrationFailed(INTERNAL_ERROR)
    if answer.get("isBase64Encoded"):
        return base64.b64decode(body).decode("utf-8", errors="replace")
    return body


async def authorize(identity: Identity, route: dict[str, Any], request_id: str, account: str, region: str) -> None:
    """Runs the REQUEST authorizer of $connect and keeps its context for all later events.

    401: an identity source is missing, or the function failed with exactly `Unauthorized`. 500: it failed otherwise or
    answered no policy. 403: the policy does not allow the call.
    """
    authorizer = apigateway._authorizers.get(identity.api_id, {}).get(route.get("authorizerId") or "")
    if not authorizer:
        raise Refusal(500, INTERNAL_ERROR)
    stage_variables = apigateway._get_stage_variables(identity.api_id, identity.stage)
    present, _ = apigateway._request_authorizer_identity_sources(
        authorizer.get("identitySource"), identity.handshake.headers, identity.handshake.query, stage_variables
    )
    if not present:
        raise Refusal(401, "Unauthorized")
    method_arn = execute_api_route_arn(region, account, identity.api_id, identity.stage, "$connect")
    event = {
        "type": "REQUEST",
        "methodArn": method_arn,
        **identity.handshake.fields(),
        "stageVariables": stage_variables,
        "requestContext": identity.request_context("$connect", "CONNECT", request_id),
    }
    result = await run_lambda(authorizer.get("authorizerUri", ""), event, account, region)
    identity.authorizer = _context_of(result, method_arn)


def _context_of(result: dict[str, Any] | None, method_arn: str) -> dict[str, str]:
    if not result:
        raise Refusal(500, INTERNAL_ERROR)
    answer = _as_json(result.get("body"))
    if result.get("error"):
        unauthorized = isinstance(answer, dict) and answer.get("errorMessage") == "Unauthorized"
        raise Refusal(401, "Unauthorized") if unauthorized else Refusal(500, INTERNAL_ERROR)
    policy = answer.get("policyDocument") if isinstance(answer, dict) else None
    if not isinstance(policy, dict) or not isinstance(answer.get("context") or {}, dict):
        raise Refusal(500, INTERNAL_ERROR)
    decision = apigateway._evaluate_authorizer_policy(policy, method_arn)
    if decision != "Allow":
        reason = apigateway._WS_DENY_REASONS[decision]
        raise Refusal(403, f"User is not authorized to access this resource {reason}")
    context = _stringify_context(answer.get("context"))
    if answer.get("principalId") is not None:
        context["principalId"] = str(answer["principalId"])
    return context


def _as_json(body: Any) -> Any:
    if isinstance(body, bytes):
        body = body.decode("utf-8", errors="replace")
    if isinstance(body, str):
        try:
            return json.loads(body)
        except ValueError:
            return body
    return body
