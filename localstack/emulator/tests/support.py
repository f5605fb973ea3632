"""Clients, functions and APIs for the tests."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from websockets.sync.client import ClientConnection, connect

REGION = "us-east-1"
ROLE = "arn:aws:iam::000000000000:role/functions"

# A custom runtime in Python, as small as the Lambda runtime API allows. `seen` keeps what a test wants to look at.
BOOTSTRAP = """\
#!{python} -SE
import http.client, json, os, time
OUT = os.environ["OUT"]
def seen(what):
    with open(OUT, "a") as out:
        out.write(json.dumps(what) + "\\n")
{code}
host = os.environ["AWS_LAMBDA_RUNTIME_API"]
api = http.client.HTTPConnection(host)
while True:
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    asked = api.getresponse()
    event = json.loads(asked.read())
    request_id = asked.headers["Lambda-Runtime-Aws-Request-Id"]
    try:
        kind, answer = "response", handle(event)
    except Exception as error:
        kind, answer = "error", {{"errorMessage": str(error), "errorType": type(error).__name__}}
    path = "/2018-06-01/runtime/invocation/" + request_id + "/" + kind
    api.request("POST", path, json.dumps(answer), {{"Content-Type": "application/json"}})
    api.getresponse().read()
"""


class Function:
    """A deployed function and what it saw."""

    def __init__(self, name: str, arn: str, out: Path) -> None:
        self.name, self.arn, self._out = name, arn, out

    def seen(self) -> list[Any]:
        if not self._out.exists():
            return []
        # The last line may be in the making.
        lines = self._out.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def wait_seen(self, count: int, seconds: float = 5.0) -> list[Any]:
        return eventually(lambda: seen if len(seen := self.seen()) >= count else None, seconds)


def eventually(look: Callable[[], Any], seconds: float = 5.0) -> Any:
    """What `look` finds, as soon as it finds something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.005)
    raise AssertionError("it did not happen in time")


def undisturbed(times: list[float]) -> float:
    """What a step takes when the machine does nothing else: three of four times may be disturbed."""
    return sorted(times)[len(times) // 4]


class Emulator:
    """A running launcher."""

    def __init__(self, port: int, process: subprocess.Popen[bytes], data_dir: Path) -> None:
        self.port, self.process, self.data_dir = port, process, data_dir
        self.url = f"http://127.0.0.1:{port}"
        self._clients: dict[str, Any] = {}

    def stop(self) -> float:
        """Stops it as the dev runner does; answers the seconds that it took."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        return time.monotonic() - begun

    def client(self, service: str, **options: Any) -> Any:
        key = service + repr(options)
        if key not in self._clients:
            options.setdefault("endpoint_url", self.url)
            self._clients[key] = boto3.client(
                service,
                region_name=REGION,
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(retries={"total_max_attempts": 1}, user_agent_appid="tests", max_pool_connections=50),
                **options,
            )
        return self._clients[key]

    def http(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        request = urllib.request.Request(self.url + path, data=body, method=method, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return response.status, dict(response.headers), response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers), error.read()

    def reset(self) -> None:
        assert self.http("POST", "/_ministack/reset")[0] == 200
        self.settings(wsIdleSeconds=600, wsMaxSeconds=7200, wsRest=0)
        self.http("DELETE", "/_tidings/calls")
        self.http("DELETE", "/_tidings/frames")

    def settings(self, **changes: float) -> None:
        assert self.http("POST", "/_tidings/settings", json.dumps(changes).encode())[0] == 200

    def journal(self, name: str, contains: str = "") -> list[dict[str, Any]]:
        _, _, lines = self.http("GET", f"/_tidings/{name}?contains={contains}")
        return [json.loads(line) for line in lines.splitlines()]

    # Functions

    def function(self, code: str, *, timeout: int = 30, env: dict[str, str] | None = None) -> Function:
        """Deploys a function whose code defines `handle(event)`."""
        name = f"f-{uuid.uuid4().hex[:8]}"
        out = self.data_dir / f"{name}.jsonl"
        created = self.client("lambda").create_function(
            FunctionName=name,
            Runtime="provided.al2023",
            Handler="tests",
            Role=ROLE,
            Timeout=timeout,
            Code={"ZipFile": _bundle(code)},
            Environment={"Variables": {"OUT": str(out), **(env or {})}},
        )
        return Function(name, created["FunctionArn"], out)

    def invoke(self, function: Function, payload: Any = None) -> Any:
        answer = self.client("lambda").invoke(FunctionName=function.name, Payload=json.dumps(payload or {}))
        return json.loads(answer["Payload"].read())

    # APIs

    def _integration(self, api_id: str, function: Function) -> str:
        uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function.arn}/invocations"
        return self.client("apigatewayv2").create_integration(
            ApiId=api_id, IntegrationType="AWS_PROXY", IntegrationUri=uri, PayloadFormatVersion="2.0"
        )["IntegrationId"]

    def web_socket_api(
        self, routes: dict[str, Function], *, authorizer: Function | None = None, one_way: tuple[str, ...] = ()
    ) -> str:
        """Creates a WebSocket API with the stage `v1`; answers its id. All routes but the one-way ones answer."""
        gateway = self.client("apigatewayv2")
        api_id = gateway.create_api(
            Name="sockets", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.type"
        )["ApiId"]
        authorization: dict[str, str] = {}
        if authorizer:
            uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{authorizer.arn}/invocations"
            created = gateway.create_authorizer(
                ApiId=api_id, Name="auth", AuthorizerType="REQUEST", AuthorizerUri=uri, IdentitySource=[]
            )
            authorization = {"AuthorizationType": "CUSTOM", "AuthorizerId": created["AuthorizerId"]}
        for key, function in routes.items():
            options: dict[str, str] = authorization if key == "$connect" else {}
            if key not in one_way and key not in ("$connect", "$disconnect"):
                options = {"RouteResponseSelectionExpression": "$default"}
            target = f"integrations/{self._integration(api_id, function)}"
            gateway.create_route(ApiId=api_id, RouteKey=key, Target=target, **options)
        gateway.create_stage(ApiId=api_id, StageName="v1", AutoDeploy=True)
        return api_id

    def http_api(self, routes: dict[str, Function], **options: Any) -> str:
        """Creates an HTTP API with the stage `v1`; answers the path of the stage."""
        gateway = self.client("apigatewayv2")
        api_id = gateway.create_api(Name="http", ProtocolType="HTTP", **options)["ApiId"]
        for key, function in routes.items():
            target = f"integrations/{self._integration(api_id, function)}"
            gateway.create_route(ApiId=api_id, RouteKey=key, Target=target)
        gateway.create_stage(ApiId=api_id, StageName="v1", AutoDeploy=True)
        return f"/_aws/execute-api/{api_id}/v1"

    def open(self, api_id: str, query: str = "", **options: Any) -> ClientConnection:
        url = f"ws://127.0.0.1:{self.port}/_aws/execute-api/{api_id}/v1{query}"
        return connect(url, open_timeout=10, close_timeout=2, ping_interval=None, **options)

    def management(self, api_id: str) -> Any:
        return self.client("apigatewaymanagementapi", endpoint_url=f"{self.url}/_aws/execute-api/{api_id}/v1")


def _bundle(code: str) -> bytes:
    script = BOOTSTRAP.format(python=sys.executable, code=textwrap.dedent(code))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as bundle:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        bundle.writestr(entry, script)
    return packed.getvalue()
