"""HTTP APIs with payload format 2.0 on a named stage."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from support import Emulator, Function

ECHO = "def handle(event): return {'statusCode': 201, 'headers': {'x-own': 'yes'}, 'body': json.dumps(event)}"


@pytest.fixture
def echo(emulator: Emulator) -> Function:
    return emulator.function(ECHO)


def asked(emulator: Emulator, method: str, path: str, body: bytes | None = None, **headers: str) -> Any:
    status, answered, content = emulator.http(method, path, body, headers)
    assert status == 201, content
    assert answered["x-own"] == "yes"
    return json.loads(content)


def test_the_raw_path_has_the_stage_and_the_route_has_not(emulator: Emulator, echo: Function) -> None:
    api = emulator.http_api({"GET /conversations/{id}/messages": echo})
    event = asked(emulator, "GET", f"{api}/conversations/c1/messages?after=5&limit=10")
    assert event["version"] == "2.0"
    assert event["routeKey"] == event["requestContext"]["routeKey"] == "GET /conversations/{id}/messages"
    assert event["rawPath"] == event["requestContext"]["http"]["path"] == "/v1/conversations/c1/messages"
    assert event["rawQueryString"] == "after=5&limit=10"
    assert event["queryStringParameters"] == {"after": "5", "limit": "10"}
    assert event["requestContext"]["stage"] == "v1"
    assert event["requestContext"]["http"]["method"] == "GET"
    assert "body" not in event


def test_path_parameters_are_decoded(emulator: Emulator, echo: Function) -> None:
    api = emulator.http_api({"GET /conversations/{id}/messages": echo})
    event = asked(emulator, "GET", f"{api}/conversations/u%3Aalice%7Cu%3Abob/messages")
    assert event["pathParameters"] == {"id": "u:alice|u:bob"}
    assert event["rawPath"] == "/v1/conversations/u:alice|u:bob/messages"


def test_a_text_body_and_lower_case_headers(emulator: Emulator, echo: Function) -> None:
    api = emulator.http_api({"POST /messages": echo})
    headers = {"Content-Type": "application/json", "Authorization": "Bearer t"}
    event = asked(emulator, "POST", f"{api}/messages", b'{"a":1}', **headers)
    assert event["body"] == '{"a":1}'
    assert event["isBase64Encoded"] is False
    assert event["headers"]["authorization"] == "Bearer t"


def test_another_body_is_base64(emulator: Emulator, echo: Function) -> None:
    api = emulator.http_api({"POST /messages": echo})
    event = asked(emulator, "POST", f"{api}/messages", b"\x00\xff", **{"Content-Type": "application/octet-stream"})
    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == b"\x00\xff"


def test_what_no_route_has_is_404(emulator: Emulator, echo: Function) -> None:
    api = emulator.http_api({"POST /tickets": echo})
    for method, path in (("GET", f"{api}/tickets"), ("POST", f"{api}/other"), ("POST", api[:-1] + "9/tickets")):
        status, _, body = emulator.http(method, path)
        assert (status, json.loads(body)) == (404, {"message": "Not Found"})


def test_a_failed_function_is_500_without_its_reason(emulator: Emulator) -> None:
    failing = emulator.function("def handle(event): raise ValueError('secret')")
    status, _, body = emulator.http("GET", emulator.http_api({"GET /sync": failing}) + "/sync")
    assert (status, json.loads(body)) == (500, {"message": "Internal Server Error"})


def test_cors_answers_the_preflight_and_marks_answers(emulator: Emulator, echo: Function) -> None:
    cors = {
        "AllowOrigins": ["https://app.example"],
        "AllowMethods": ["GET", "POST"],
        "AllowHeaders": ["authorization", "content-type"],
        "ExposeHeaders": ["retry-after"],
        "MaxAge": 600,
    }
    api = emulator.http_api({"POST /tickets": echo}, CorsConfiguration=cors)
    asking = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    status, headers, _ = emulator.http("OPTIONS", f"{api}/tickets", headers=asking)
    assert status == 204
    assert headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert headers["Access-Control-Allow-Methods"] == "GET,POST"
    assert headers["Access-Control-Allow-Headers"] == "authorization,content-type"
    assert headers["Access-Control-Max-Age"] == "600"
    _, headers, _ = emulator.http("POST", f"{api}/tickets", headers={"Origin": "https://app.example"})
    assert headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert headers["Access-Control-Expose-Headers"] == "retry-after"
    _, headers, _ = emulator.http("POST", f"{api}/tickets", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in headers


def test_the_cors_of_a_template_counts(emulator: Emulator) -> None:
    resources = {
        "Api": {
            "Type": "AWS::ApiGatewayV2::Api",
            "Properties": {
                "Name": "cors",
                "ProtocolType": "HTTP",
                "CorsConfiguration": {"AllowOrigins": ["*"], "AllowMethods": ["GET"], "MaxAge": 600},
            },
        },
        "Stage": {
            "Type": "AWS::ApiGatewayV2::Stage",
            "Properties": {"ApiId": {"Ref": "Api"}, "StageName": "v1", "AutoDeploy": True},
        },
    }
    outputs = {"ApiId": {"Value": {"Ref": "Api"}}}
    formation = emulator.client("cloudformation")
    formation.create_stack(StackName="cors", TemplateBody=json.dumps({"Resources": resources, "Outputs": outputs}))
    formation.get_waiter("stack_create_complete").wait(StackName="cors", WaiterConfig={"Delay": 1})
    (stack,) = formation.describe_stacks(StackName="cors")["Stacks"]
    api = f"/_aws/execute-api/{stack['Outputs'][0]['OutputValue']}/v1"
    asking = {"Origin": "https://any.example", "Access-Control-Request-Method": "GET"}
    status, headers, _ = emulator.http("OPTIONS", f"{api}/sync", headers=asking)
    assert (status, headers["Access-Control-Allow-Origin"]) == (204, "*")
    assert (headers["Access-Control-Allow-Methods"], headers["Access-Control-Max-Age"]) == ("GET", "600")


def test_the_cookies_and_binary_bodies_of_an_answer(emulator: Emulator) -> None:
    code = "def handle(event): return {'statusCode': 200, 'cookies': ['a=1'], 'isBase64Encoded': True, 'body': 'AP8='}"
    status, headers, body = emulator.http("GET", emulator.http_api({"GET /x": emulator.function(code)}) + "/x")
    assert (status, headers["Set-Cookie"], body) == (200, "a=1", b"\x00\xff")
