"""An HTTP API puts the name of its stage into the path that functions see, and heeds the CORS of a template."""

from __future__ import annotations

from typing import Any

from ministack.services import apigateway, lambda_svc

from tidings_emulator.mends.base import Mend, expect_function, expect_source

_PARAMETERS = [
    "integration",
    "api_id",
    "stage",
    "path",
    "method",
    "headers",
    "body",
    "query_params",
    "route_key",
    "path_params",
    "authorizer_claims",
    "authorizer_scopes",
    "authorizer_lambda_context",
    "authorizer_iam",
    "owner_account_id",
    "owner_region",
    "raw_query_string",
]


def _check() -> None:
    expect_function(apigateway, "_invoke_lambda_proxy", _PARAMETERS)
    expect_source(apigateway._invoke_lambda_proxy, '"rawPath": path')
    expect_source(apigateway._handle_execute_in_scope, "_extract_path_params(route_path, route_path_in)")
    expect_source(apigateway._handle_execute_in_scope, 'if method == "OPTIONS":')
    expect_function(apigateway, "_cors_preflight_response", ["cors_cfg", "origin"])
    expect_function(apigateway, "_cors_response_headers", ["cors_cfg", "origin"])
    expect_source(apigateway._cors_response_headers, 'cors_cfg.get("allowOrigins", [])')
    expect_function(lambda_svc, "lambda_execute_result_to_api_proxy_response", ["exec_result"])


def _apply() -> None:
    invoke = apigateway._invoke_lambda_proxy
    convert = lambda_svc.lambda_execute_result_to_api_proxy_response
    preflight, mark = apigateway._cors_preflight_response, apigateway._cors_response_headers

    async def invoke_with_stage(integration: Any, api_id: str, stage: str, path: str, *rest: Any, **named: Any) -> Any:
        """Route and path parameters are found without the stage; `rawPath` has it, unless it is $default."""
        seen = path if stage == "$default" else f"/{stage}{path}"
        return await invoke(integration, api_id, stage, seen, *rest, **named)

    def convert_quietly(exec_result: dict[str, Any]) -> tuple[dict[str, Any] | None, str | None]:
        """What a failed function says of its error stays inside: the client gets this, and status 500."""
        if exec_result.get("error") and not exec_result.get("throttle"):
            headers = {"Content-Type": "application/json"}
            return {"statusCode": 500, "headers": headers, "body": '{"message":"Internal Server Error"}'}, None
        return convert(exec_result)

    def preflight_of_template(cors_cfg: dict[str, Any], origin: str) -> Any:
        return preflight(_as_in_the_api(cors_cfg), origin)

    def mark_of_template(cors_cfg: dict[str, Any], origin: str) -> Any:
        return mark(_as_in_the_api(cors_cfg), origin)

    apigateway._cors_preflight_response = preflight_of_template
    apigateway._cors_response_headers = mark_of_template
    apigateway._invoke_lambda_proxy = invoke_with_stage
    lambda_svc.lambda_execute_result_to_api_proxy_response = convert_quietly


def _as_in_the_api(cors: dict[str, Any]) -> dict[str, Any]:
    """CloudFormation's `AllowOrigins` under the API's name for it, `allowOrigins`."""
    return {name[:1].lower() + name[1:]: value for name, value in (cors or {}).items()}


MEND = Mend(
    name="HTTP API",
    why="stock functions get a rawPath without the stage, clients the error texts of functions, web pages no CORS",
    check=_check,
    apply=_apply,
)
