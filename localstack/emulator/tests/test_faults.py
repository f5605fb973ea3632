"""Faults on demand: functions that die, and connections that go without a word."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from support import Emulator, eventually
from websockets.exceptions import ConnectionClosedError


def inject(emulator: Emulator, request: Any) -> tuple[int, Any]:
    status, _, body = emulator.http("POST", "/_tidings/faults", json.dumps(request).encode())
    return status, json.loads(body)


def test_a_function_dies_in_its_invocation_and_the_next_one_finds_a_new_process(emulator: Emulator) -> None:
    function = emulator.function(
        """
        def handle(event):
            seen(os.getpid())
            time.sleep(event.get("seconds", 0))
            return os.getpid()
        """
    )
    answers = []
    calling = threading.Thread(target=lambda: answers.append(emulator.invoke(function, {"seconds": 20})))
    calling.start()
    first = function.wait_seen(1)[0]
    status, answer = inject(emulator, {"fault": "kill-functions"})
    assert (status, answer) == (200, {"hit": [{"function": function.name, "inInvocation": True}]})
    calling.join(5)
    assert "exited" in answers[0]["errorMessage"]
    assert emulator.invoke(function) != first


def test_a_cut_connection_ends_without_a_close_and_without_disconnect(emulator: Emulator) -> None:
    silent = emulator.function("def handle(event):\n    return {'statusCode': 200}")
    goodbye = emulator.function("def handle(event):\n    seen(event)\n    return {'statusCode': 200}")
    echo = emulator.function(
        "def handle(event): return {'statusCode': 200, 'body': event['requestContext']['connectionId']}"
    )
    api_id = emulator.web_socket_api({"$connect": silent, "$disconnect": goodbye, "$default": echo})
    management = emulator.management(api_id)
    with emulator.open(api_id) as cut:
        cut.send("{}")
        connection_id = cut.recv(5)
        assert inject(emulator, {"fault": "cut-sockets"})[1] == {"hit": [{"connectionId": connection_id}]}
        with pytest.raises(ConnectionClosedError) as closed:
            cut.recv(5)
        assert closed.value.rcvd is None
    with pytest.raises(management.exceptions.GoneException):
        management.post_to_connection(ConnectionId=connection_id, Data=b"anybody there?")
    # A connection that is closed later is told of, this one was not.
    with emulator.open(api_id):
        pass
    eventually(goodbye.seen)
    assert [event["requestContext"]["connectionId"] != connection_id for event in goodbye.seen()] == [True]


@pytest.mark.parametrize("request_", [{}, [], {"fault": "meteor"}, {"fault": "cut-sockets", "count": 0}])
def test_another_fault_is_refused(emulator: Emulator, request_: Any) -> None:
    assert inject(emulator, request_)[0] == 400


def test_where_nothing_is_nothing_is_hit(emulator: Emulator) -> None:
    assert inject(emulator, {"fault": "cut-sockets", "count": 3}) == (200, {"hit": []})
