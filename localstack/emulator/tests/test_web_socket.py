"""WebSocket APIs: handshake, routes, limits, and what $disconnect is told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from support import Emulator, Function, eventually
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

ECHO = "def handle(event):\n    return {'statusCode': 200, 'body': json.dumps(event)}"
SILENT = "def handle(event):\n    seen(event)\n    return {'statusCode': 200}"
AUTHORIZER = """
def handle(event):
    seen(event)
    token = event["headers"].get("Authorization", "")
    if token == "broken":
        raise ValueError("some other failure")
    if not token:
        raise Exception("Unauthorized")
    effect = "Deny" if token == "banned" else "Allow"
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    context = {"userId": token, "deviceId": "d1"}
    return {"principalId": token, "policyDocument": policy, "context": context}
"""


def ask(socket: ClientConnection, **message: Any) -> Any:
    socket.send(json.dumps(message))
    return json.loads(socket.recv(5))


def closed_with(socket: ClientConnection, seconds: float = 5.0) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as closed:
        socket.recv(seconds)
    assert closed.value.rcvd is not None, closed.value
    return closed.value.rcvd.code, closed.value.rcvd.reason


def refused(emulator: Emulator, api_id: str, **options: Any) -> tuple[int, dict[str, Any]]:
    with pytest.raises(InvalidStatus) as refusal:
        emulator.open(api_id, **options)
    response = refusal.value.response
    return response.status_code, json.loads(response.body)


@pytest.fixture
def echo(emulator: Emulator) -> Function:
    return emulator.function(ECHO)


@pytest.fixture
def silent(emulator: Emulator) -> Function:
    return emulator.function(SILENT)


class TestHandshake:
    @pytest.fixture
    def authorizer(self, emulator: Emulator) -> Function:
        return emulator.function(AUTHORIZER)

    def test_the_context_of_the_authorizer_comes_with_every_event(
        self, emulator: Emulator, authorizer: Function, silent: Function, echo: Function
    ) -> None:
        routes = {"$connect": silent, "$disconnect": silent, "$default": echo}
        api_id = emulator.web_socket_api(routes, authorizer=authorizer)
        with emulator.open(api_id, additional_headers={"Authorization": "alice"}) as socket:
            first, second = ask(socket, type="x"), ask(socket, type="y")
        connect, disconnect = silent.wait_seen(2)
        expected = {"userId": "alice", "deviceId": "d1", "principalId": "alice"}
        for event in (connect, first, second, disconnect):
            assert event["requestContext"]["authorizer"] == expected

    def test_unauthorized_is_401(self, emulator: Emulator, authorizer: Function, silent: Function) -> None:
        api_id = emulator.web_socket_api({"$connect": silent}, authorizer=authorizer)
        status, body = refused(emulator, api_id)
        assert (status, body["message"]) == (401, "Unauthorized")
        assert silent.seen() == []

    def test_a_deny_is_403(self, emulator: Emulator, authorizer: Function, silent: Function) -> None:
        api_id = emulator.web_socket_api({"$connect": silent}, authorizer=authorizer)
        status, body = refused(emulator, api_id, additional_headers={"Authorization": "banned"})
        assert status == 403
        assert body["message"].startswith("User is not authorized to access this resource")

    def test_any_other_failure_of_the_authorizer_is_500(
        self, emulator: Emulator, authorizer: Function, silent: Function
    ) -> None:
        api_id = emulator.web_socket_api({"$connect": silent}, authorizer=authorizer)
        status, body = refused(emulator, api_id, additional_headers={"Authorization": "broken"})
        assert (status, body["message"]) == (500, "Internal server error")

    def test_query_headers_and_arn_reach_authorizer_and_connect(
        self, emulator: Emulator, authorizer: Function, silent: Function
    ) -> None:
        api_id = emulator.web_socket_api({"$connect": silent}, authorizer=authorizer)
        options = {"additional_headers": {"Authorization": "alice"}}
        with emulator.open(api_id, "?device=d%201&ticket=t", **options):
            (asked,), (connect,) = authorizer.seen(), silent.seen()
        assert asked["type"] == "REQUEST"
        assert asked["methodArn"].endswith(f":{api_id}/v1/$connect")
        for event in (asked, connect):
            assert event["queryStringParameters"] == {"device": "d 1", "ticket": "t"}
            assert event["headers"]["Authorization"] == "alice"
            assert event["multiValueHeaders"]["Authorization"] == ["alice"]
            assert event["requestContext"]["connectionId"] == connect["requestContext"]["connectionId"]
        assert connect["requestContext"]["eventType"] == "CONNECT"
        assert "body" not in connect

    def test_the_answer_of_connect_refuses(self, emulator: Emulator) -> None:
        full = emulator.function("def handle(event): return {'statusCode': 429}")
        assert refused(emulator, emulator.web_socket_api({"$connect": full}))[0] == 429

    def test_a_failing_connect_is_502(self, emulator: Emulator) -> None:
        failing = emulator.function("def handle(event): raise ValueError('secret')")
        status, body = refused(emulator, emulator.web_socket_api({"$connect": failing}))
        assert (status, body["message"]) == (502, "Internal server error")

    def test_connect_and_disconnect_do_not_fall_back_to_default(self, emulator: Emulator, silent: Function) -> None:
        api_id = emulator.web_socket_api({"$default": silent})
        with emulator.open(api_id):
            pass
        time.sleep(0.2)
        assert silent.seen() == []

    def test_the_subprotocol_is_the_one_that_connect_answers(self, emulator: Emulator) -> None:
        choosing = emulator.function(
            "def handle(event): return {'statusCode': 200, 'headers': {'Sec-WebSocket-Protocol': 'tidings.v1'}}"
        )
        api_id = emulator.web_socket_api({"$connect": choosing})
        with emulator.open(api_id, subprotocols=["other", "tidings.v1"]) as socket:
            assert socket.subprotocol == "tidings.v1"
        with emulator.open(api_id) as socket:
            assert socket.subprotocol is None

    def test_without_an_answer_no_subprotocol_is_chosen(self, emulator: Emulator, silent: Function) -> None:
        with emulator.open(emulator.web_socket_api({"$connect": silent}), subprotocols=["tidings.v1"]) as socket:
            assert socket.subprotocol is None

    def test_messages_are_not_compressed(self, emulator: Emulator, silent: Function) -> None:
        with emulator.open(emulator.web_socket_api({"$connect": silent})) as socket:
            assert socket.protocol.extensions == []

    def test_an_unknown_stage_is_403(self, emulator: Emulator, silent: Function) -> None:
        api_id = emulator.web_socket_api({"$connect": silent})
        with pytest.raises(InvalidStatus) as refusal:
            emulator.open(f"{api_id}/other/..%2F")
        assert refusal.value.response.status_code == 403


class TestRoutes:
    def test_the_type_selects_the_route(self, emulator: Emulator, echo: Function) -> None:
        api_id = emulator.web_socket_api({"message.send": echo, "$default": echo})
        with emulator.open(api_id) as socket:
            assert ask(socket, type="message.send")["requestContext"]["routeKey"] == "message.send"
            assert ask(socket, type="unknown")["requestContext"]["routeKey"] == "$default"
            assert ask(socket, type="$disconnect")["requestContext"]["routeKey"] == "$default"
            socket.send("not json")
            assert json.loads(socket.recv(5))["body"] == "not json"

    def test_the_event_of_a_frame(self, emulator: Emulator, echo: Function) -> None:
        with emulator.open(emulator.web_socket_api({"$default": echo})) as socket:
            first = ask(socket, type="a", n=1)
            time.sleep(0.01)
            second = ask(socket, type="a", n=2)
        context = first["requestContext"]
        assert json.loads(first["body"]) == {"type": "a", "n": 1}
        assert first["isBase64Encoded"] is False
        assert context["eventType"] == "MESSAGE"
        assert context["messageDirection"] == "IN"
        assert context["stage"] == "v1"
        assert context["connectionId"].endswith("="), "ids of AWS must be encoded in a path"
        assert context["messageId"] != second["requestContext"]["messageId"]
        assert context["connectedAt"] == second["requestContext"]["connectedAt"], "connectedAt is of the connection"
        assert context["connectedAt"] <= context["requestTimeEpoch"] < second["requestContext"]["requestTimeEpoch"]
        assert "headers" not in first

    def test_an_answer_without_body_sends_nothing(self, emulator: Emulator, silent: Function, echo: Function) -> None:
        api_id = emulator.web_socket_api({"quiet": silent, "$default": echo})
        with emulator.open(api_id) as socket:
            socket.send('{"type":"quiet"}')
            silent.wait_seen(1)
            assert ask(socket, type="next")["requestContext"]["routeKey"] == "$default"

    def test_a_route_without_route_response_is_one_way(self, emulator: Emulator, echo: Function) -> None:
        api_id = emulator.web_socket_api({"ack": echo}, one_way=("ack",))
        with emulator.open(api_id) as socket:
            socket.send('{"type":"ack"}')
            with pytest.raises(TimeoutError):
                socket.recv(0.4)

    def test_no_route_is_forbidden(self, emulator: Emulator, echo: Function) -> None:
        with emulator.open(emulator.web_socket_api({"known": echo})) as socket:
            answer = ask(socket, type="unknown")
        assert answer["message"] == "Forbidden"
        assert set(answer) == {"message", "connectionId", "requestId"}

    @pytest.mark.parametrize("code", ["raise ValueError('secret')", "return {}", "return {'statusCode':200,'body':{}}"])
    def test_a_failure_or_a_malformed_answer_is_told_without_its_reason(self, emulator: Emulator, code: str) -> None:
        failing = emulator.function(f"def handle(event): {code}")
        with emulator.open(emulator.web_socket_api({"$default": failing}, one_way=("$default",))) as socket:
            answer = ask(socket, type="x")
        assert answer["message"] == "Internal server error"
        assert set(answer) == {"message", "connectionId", "requestId"}

    def test_frames_of_one_socket_run_side_by_side(self, emulator: Emulator) -> None:
        waiting = emulator.function(
            """
            def handle(event):
                wanted = json.loads(event["body"])
                time.sleep(wanted["seconds"])
                return {"statusCode": 200, "body": wanted["name"]}
            """
        )
        with emulator.open(emulator.web_socket_api({"$default": waiting})) as socket:
            socket.send('{"type":"x","name":"slow","seconds":0.8}')
            socket.send('{"type":"x","name":"fast","seconds":0}')
            assert [socket.recv(5), socket.recv(5)] == ["fast", "slow"]

    def test_messages_of_one_writer_stay_in_order(self, emulator: Emulator, echo: Function) -> None:
        api_id = emulator.web_socket_api({"$default": echo})
        with emulator.open(api_id) as socket:
            connection_id = ask(socket, type="x")["requestContext"]["connectionId"]
            management = emulator.management(api_id)
            for n in range(50):
                management.post_to_connection(ConnectionId=connection_id, Data=str(n).encode())
            assert [socket.recv(5) for _ in range(50)] == [str(n) for n in range(50)]


class TestLimits:
    @pytest.fixture
    def api_id(self, emulator: Emulator, silent: Function) -> str:
        counting = emulator.function("def handle(event): return {'statusCode': 200, 'body': str(len(event['body']))}")
        return emulator.web_socket_api({"$default": counting, "$disconnect": silent})

    def test_a_frame_of_32_kib_passes_and_a_larger_one_closes_with_1009(
        self, emulator: Emulator, api_id: str, silent: Function
    ) -> None:
        with emulator.open(api_id) as socket:
            socket.send("x" * 32 * 1024)
            assert socket.recv(5) == str(32 * 1024)
            socket.send("x" * (32 * 1024 + 1))
            assert closed_with(socket)[0] == 1009
        assert silent.wait_seen(1)[0]["requestContext"]["disconnectStatusCode"] == 1009

    def test_a_frame_is_measured_in_bytes(self, emulator: Emulator, api_id: str) -> None:
        with emulator.open(api_id) as socket:
            socket.send("é" * (16 * 1024 + 1))
            assert closed_with(socket)[0] == 1009

    def test_a_very_large_frame_closes_with_1009_too(self, emulator: Emulator, api_id: str) -> None:
        with emulator.open(api_id) as socket:
            with suppress(ConnectionClosed):
                socket.send("x" * 3_000_000)
            assert closed_with(socket)[0] == 1009

    def test_a_message_of_128_kib_in_frames_passes_and_a_larger_one_closes_with_1009(
        self, emulator: Emulator, api_id: str
    ) -> None:
        part = "x" * 32 * 1024
        with emulator.open(api_id) as socket:
            socket.send([part] * 4)
            assert socket.recv(5) == str(128 * 1024)
            with suppress(ConnectionClosed):
                socket.send([part] * 4 + ["x"])
            assert closed_with(socket)[0] == 1009

    def test_binary_frames_close_with_1003(self, emulator: Emulator, api_id: str) -> None:
        with emulator.open(api_id) as socket:
            socket.send(b"\x00\x01")
            assert closed_with(socket)[0] == 1003

    def test_an_idle_connection_is_closed_and_messages_keep_it(
        self, emulator: Emulator, api_id: str, silent: Function
    ) -> None:
        emulator.settings(wsIdleSeconds=0.6)
        with emulator.open(api_id) as socket:
            for _ in range(3):
                time.sleep(0.4)
                socket.send("x")
                assert socket.recv(5) == "1"
            begun = time.monotonic()
            assert closed_with(socket) == (1001, "Going away")
            assert 0.3 < time.monotonic() - begun < 1.5
        context = silent.wait_seen(1)[0]["requestContext"]
        assert (context["disconnectStatusCode"], context["disconnectReason"]) == (1001, "Going away")

    def test_pings_do_not_keep_an_idle_connection(self, emulator: Emulator, api_id: str) -> None:
        emulator.settings(wsIdleSeconds=0.6)
        with emulator.open(api_id) as socket:
            for _ in range(2):
                time.sleep(0.25)
                assert socket.ping().wait(2), "pings are answered"
            assert closed_with(socket, 0.6)[0] == 1001

    def test_a_connection_ends_after_its_longest_time_and_settings_reach_open_ones(
        self, emulator: Emulator, api_id: str
    ) -> None:
        with emulator.open(api_id) as socket:
            emulator.settings(wsMaxSeconds=0.5)
            stop = threading.Event()

            def chat() -> None:
                with suppress(ConnectionClosed):
                    while not stop.wait(0.1):
                        socket.send("x")

            chatting = threading.Thread(target=chat, daemon=True)
            chatting.start()
            with pytest.raises(ConnectionClosed) as closed:
                for _ in range(30):
                    socket.recv(3)
            stop.set()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001

    def test_the_close_of_the_client_is_told(self, emulator: Emulator, api_id: str, silent: Function) -> None:
        with emulator.open(api_id) as socket:
            socket.close(4001, "bye")
        context = silent.wait_seen(1)[0]["requestContext"]
        assert (context["disconnectStatusCode"], context["disconnectReason"]) == (4001, "bye")
        assert context["eventType"] == "DISCONNECT"

    def test_a_lost_client_is_told_as_1006(self, emulator: Emulator, api_id: str, silent: Function) -> None:
        with emulator.open(api_id) as socket:
            socket.socket.shutdown(2)
        assert silent.wait_seen(1)[0]["requestContext"]["disconnectStatusCode"] == 1006

    def test_settings_are_validated(self, emulator: Emulator) -> None:
        for bad in (
            b'{"wsIdleSeconds":0}',
            b'{"wsRest":-1}',
            b'{"other":1}',
            b'{"wsIdleSeconds":"soon"}',
            b"[]",
            b"no",
        ):
            assert emulator.http("POST", "/_tidings/settings", bad)[0] == 400


class TestConnections:
    """The @connections API."""

    @contextmanager
    def opened(self, emulator: Emulator, echo: Function) -> Iterator[tuple[ClientConnection, str, Any]]:
        api_id = emulator.web_socket_api({"$default": echo})
        with emulator.open(api_id) as socket:
            yield socket, ask(socket, type="x")["requestContext"]["connectionId"], emulator.management(api_id)

    def test_post_reaches_the_client(self, emulator: Emulator, echo: Function) -> None:
        with self.opened(emulator, echo) as (socket, connection_id, management):
            management.post_to_connection(ConnectionId=connection_id, Data='{"ü":1}'.encode())
            assert socket.recv(5) == '{"ü":1}'

    def test_post_takes_128_kib(self, emulator: Emulator, echo: Function) -> None:
        with self.opened(emulator, echo) as (socket, connection_id, management):
            management.post_to_connection(ConnectionId=connection_id, Data=b"x" * 131072)
            assert len(socket.recv(5)) == 131072
            path = f"/_aws/execute-api/{management.meta.endpoint_url.split('/')[-2]}/v1/@connections/{connection_id}"
            status, headers, _ = emulator.http("POST", path.replace("=", "%3D"), b"x" * 131073)
            assert (status, headers["x-amzn-ErrorType"]) == (413, "PayloadTooLargeException")

    def test_a_closed_connection_is_gone(self, emulator: Emulator, echo: Function) -> None:
        with self.opened(emulator, echo) as (_, connection_id, management):
            pass

        def gone() -> bool:
            try:
                management.post_to_connection(ConnectionId=connection_id, Data=b"x")
            except management.exceptions.GoneException as error:
                return error.response["ResponseMetadata"]["HTTPStatusCode"] == 410
            return False

        assert eventually(gone)
        with pytest.raises(management.exceptions.GoneException):
            management.get_connection(ConnectionId="unknown=")

    def test_the_connection_of_another_api_is_gone(self, emulator: Emulator, echo: Function) -> None:
        other = emulator.management(emulator.web_socket_api({"$default": echo}))
        opened = self.opened(emulator, echo)
        with opened as (_, connection_id, _), pytest.raises(other.exceptions.GoneException):
            other.post_to_connection(ConnectionId=connection_id, Data=b"x")

    def test_nothing_can_be_posted_before_connect_has_returned(self, emulator: Emulator) -> None:
        slow = emulator.function(
            "def handle(event):\n    seen(event)\n    time.sleep(0.6)\n    return {'statusCode': 200}"
        )
        api_id = emulator.web_socket_api({"$connect": slow})

        def open_and_close() -> None:
            with emulator.open(api_id):
                pass

        opening = threading.Thread(target=open_and_close, daemon=True)
        opening.start()
        connection_id = slow.wait_seen(1)[0]["requestContext"]["connectionId"]
        management = emulator.management(api_id)
        with pytest.raises(management.exceptions.GoneException):
            management.post_to_connection(ConnectionId=connection_id, Data=b"x")
        opening.join()

    def test_get_describes_the_connection(self, emulator: Emulator, echo: Function) -> None:
        with self.opened(emulator, echo) as (socket, connection_id, management):
            found = management.get_connection(ConnectionId=connection_id)
            assert found["Identity"]["SourceIp"] == "127.0.0.1"
            assert found["Identity"]["UserAgent"].startswith("Python")
            connected, active = found["ConnectedAt"], found["LastActiveAt"]
            assert connected <= active
            time.sleep(0.05)
            at_ms = ask(socket, type="x")["requestContext"]["connectedAt"]
            later = management.get_connection(ConnectionId=connection_id)
            assert later["ConnectedAt"] == connected
            assert round(connected.timestamp() * 1000) == at_ms
            assert later["LastActiveAt"] > active

    def test_delete_closes(self, emulator: Emulator, echo: Function) -> None:
        with self.opened(emulator, echo) as (socket, connection_id, management):
            management.delete_connection(ConnectionId=connection_id)
            assert closed_with(socket)[0] == 1000
        with pytest.raises(management.exceptions.GoneException):
            management.get_connection(ConnectionId=connection_id)
