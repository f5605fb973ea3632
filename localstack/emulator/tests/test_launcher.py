"""Start, refusal to start, stop, and state over a restart."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import LAUNCHER, free_port, start
from support import Emulator, eventually
from websockets.exceptions import ConnectionClosed


def refusal(*arguments: str, **env: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, str(LAUNCHER), *arguments],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=15,
        check=False,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


def patched(tmp_path: Path, code: str) -> dict[str, str]:
    """An environment in which this runs when Python starts: it makes the emulator look like another version."""
    (tmp_path / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": str(tmp_path)}


def test_it_starts_within_seconds_and_says_what_it_is(tmp_path: Path) -> None:
    begun = time.monotonic()
    emulator = start(tmp_path)
    try:
        assert time.monotonic() - begun < 3
        health = json.loads(emulator.http("GET", "/_tidings/health")[2])
    finally:
        emulator.stop()
    assert (health["emulator"], health["emulatorVersion"], health["persists"]) == ("ministack", "1.5.33", False)
    names = [mend["name"] for mend in health["mends"]]
    assert "event sources" in names
    assert len(names) == len(set(names)) == 13


def test_it_refuses_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, said = refusal("--port", str(port), "--data-dir", str(tmp_path))
    assert code == 3
    assert said == f"emulator: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_it_refuses_a_data_directory_that_cannot_be_written(tmp_path: Path) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("")
    code, said = refusal("--port", str(free_port()), "--data-dir", str(occupied))
    assert code == 4
    assert said == f"emulator: data directory {occupied} is not writable: File exists\n"


def test_it_refuses_another_version(tmp_path: Path) -> None:
    env = patched(tmp_path, "import importlib.metadata as m\nm.version = lambda name: '1.6.0'")
    code, said = refusal("--port", str(free_port()), "--data-dir", str(tmp_path / "data"), **env)
    assert (code, said) == (5, "emulator: ministack 1.6.0 is installed, the mends are for 1.5.33\n")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "from ministack.services import lambda_svc\ndef _poll_kinesis(now): pass\n"
            "lambda_svc._poll_kinesis = _poll_kinesis",
            "the mend 'event sources' no longer fits: ministack.services.lambda_svc._poll_kinesis takes (now), not ()",
        ),
        (
            "from ministack.services import apigateway\ndel apigateway._api_owner",
            "the mend 'WebSocket API' no longer fits: ministack.services.apigateway._api_owner is gone",
        ),
        (
            "from ministack.core.lambda_runtime import ProvidedWorker\ndef _spawn(self): pass\n"
            "ProvidedWorker._spawn = _spawn",
            "the mend 'invoke latency' no longer fits: _spawn no longer contains 'stdout=subprocess.PIPE'",
        ),
    ],
)
def test_it_refuses_when_a_mend_no_longer_fits(tmp_path: Path, change: str, message: str) -> None:
    env = patched(tmp_path, change)
    code, said = refusal("--port", str(free_port()), "--data-dir", str(tmp_path / "data"), **env)
    assert (code, said.splitlines()[-1]) == (6, f"emulator: {message}")


def test_it_refuses_a_bad_setting(tmp_path: Path) -> None:
    code, said = refusal("--port", str(free_port()), "--data-dir", str(tmp_path), TIDINGS_WS_IDLE_SECONDS="soon")
    assert (code, said) == (7, "emulator: TIDINGS_WS_IDLE_SECONDS must be a number of seconds\n")


def test_settings_come_from_the_environment(tmp_path: Path) -> None:
    emulator = start(tmp_path, env={**os.environ, "TIDINGS_WS_IDLE_SECONDS": "5", "TIDINGS_WS_MAX_SECONDS": "60"})
    try:
        found = json.loads(emulator.http("GET", "/_tidings/settings")[2])
    finally:
        emulator.stop()
    assert found == {"wsIdleSeconds": 5.0, "wsMaxSeconds": 60.0, "wsRest": 0.0}


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_stops_within_two_seconds_and_takes_its_functions_along(tmp_path: Path) -> None:
    emulator = start(tmp_path)
    busy = emulator.function("def handle(event):\n    seen(os.getpid())\n    time.sleep(60)")
    threading.Thread(target=emulator.invoke, args=(busy,), daemon=True).start()
    (pid,) = busy.wait_seen(1)
    echo = emulator.function("def handle(event): return {'statusCode': 200, 'body': str(os.getpid())}")
    with emulator.open(emulator.web_socket_api({"$default": echo})) as socket:
        socket.send("x")
        other = int(socket.recv(5))
        assert emulator.stop() < 2
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(2)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001
    assert emulator.process.returncode == 0
    eventually(lambda: not alive(pid) and not alive(other), 1)
    assert emulator.port == _bindable(emulator.port)


def _bindable(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return port


def table(emulator: Emulator) -> Any:
    client = emulator.client("dynamodb")
    client.create_table(
        TableName="table",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return client


def test_the_state_is_kept_over_a_clean_stop(tmp_path: Path) -> None:
    first = start(tmp_path, "--persist")
    table(first).put_item(TableName="table", Item={"k": {"S": "a"}, "b": {"B": b"\x00\xff"}})
    function = first.function(
        "def handle(event):\n    seen([r['kinesis']['partitionKey'] for r in event['Records']])\n    return {}"
    )
    kinesis = first.client("kinesis")
    kinesis.create_stream(StreamName="events", ShardCount=1)
    arn = kinesis.describe_stream_summary(StreamName="events")["StreamDescriptionSummary"]["StreamARN"]
    mapping = first.client("lambda").create_event_source_mapping(
        EventSourceArn=arn, FunctionName=function.name, StartingPosition="TRIM_HORIZON"
    )
    kinesis.put_record(StreamName="events", PartitionKey="one", Data=b"x")
    function.wait_seen(1)
    first.client("lambda").update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    time.sleep(1.2)
    kinesis.put_record(StreamName="events", PartitionKey="two", Data=b"x")
    assert first.stop() < 3

    second = start(tmp_path, "--persist", port=first.port)
    try:
        found = second.client("dynamodb").get_item(TableName="table", Key={"k": {"S": "a"}})["Item"]
        assert found["b"] == {"B": b"\x00\xff"}
        second.client("lambda").update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
        assert function.wait_seen(2) == [["one"], ["two"]], "the mapping goes on behind its checkpoint"
    finally:
        second.stop()


def test_without_persist_nothing_is_kept(tmp_path: Path) -> None:
    first = start(tmp_path)
    table(first)
    first.stop()
    second = start(tmp_path)
    try:
        assert second.client("dynamodb").list_tables()["TableNames"] == []
    finally:
        second.stop()


def test_functions_call_where_they_are_told_to(tmp_path: Path) -> None:
    emulator = start(tmp_path, "--callback-url", "http://127.0.0.1:9")
    try:
        function = emulator.function("def handle(event): return os.environ['AWS_ENDPOINT_URL']")
        assert emulator.invoke(function) == "http://127.0.0.1:9"
    finally:
        emulator.stop()
