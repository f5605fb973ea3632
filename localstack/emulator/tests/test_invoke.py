"""Lambda: latency, logs, environment, concurrency."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from conftest import start
from support import Emulator, undisturbed


def test_a_warm_invocation_takes_milliseconds(emulator: Emulator) -> None:
    function = emulator.function("def handle(event): return event")
    emulator.invoke(function)
    times_ms = []
    for _ in range(30):
        begun = time.perf_counter()
        emulator.invoke(function, {"n": 1})
        times_ms.append((time.perf_counter() - begun) * 1000)
    assert undisturbed(times_ms) <= 12, times_ms


def test_log_lines_belong_to_the_invocation_that_wrote_them(emulator: Emulator) -> None:
    function = emulator.function("def handle(event):\n    print('line', event['n'], flush=True)\n    return 1")
    for n in range(5):
        emulator.invoke(function, {"n": n})
    logs = emulator.client("logs")
    group = f"/aws/lambda/{function.name}"
    found = set()
    for stream in logs.describe_log_streams(logGroupName=group)["logStreams"]:
        events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
        lines = [event["message"] for event in events if event["message"].startswith("line")]
        assert len(lines) == 1
        found.update(lines)
    assert found == {f"line {n}" for n in range(5)}


def test_the_logs_of_the_last_thousand_invocations_are_kept(emulator: Emulator) -> None:
    function = emulator.function("def handle(event):\n    print('n', event['n'], flush=True)\n    return 1")
    for n in range(1020):
        emulator.invoke(function, {"n": n})
    logs = emulator.client("logs")
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=f"/aws/lambda/{function.name}", filterPattern="n"
    )
    lines = [event["message"] for page in pages for event in page["events"] if event["message"].startswith("n ")]
    assert len(lines) == 1000
    assert {"n 19", "n 20", "n 1019"} & set(lines) == {"n 20", "n 1019"}


def test_a_process_that_does_not_start_takes_no_other_along(emulator: Emulator, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    function = emulator.function(
        f"""
        if os.path.exists({str(flag)!r}):
            raise SystemExit(1)
        def handle(event):
            seen(1)
            time.sleep(2)
            return "done"
        """
    )
    answers = []
    working = threading.Thread(target=lambda: answers.append(emulator.invoke(function)))
    working.start()
    function.wait_seen(1)
    flag.touch()
    assert "exited" in emulator.invoke(function)["errorMessage"]
    working.join(10)
    assert answers == ["done"]


def test_a_slow_invocation_does_not_hold_up_others_of_the_function(emulator: Emulator) -> None:
    function = emulator.function(
        """
        def handle(event):
            time.sleep(event["seconds"])
            return os.getpid()
        """
    )
    pids: list[int] = []
    begun = time.monotonic()
    threads = [
        threading.Thread(target=lambda: pids.append(emulator.invoke(function, {"seconds": 0.5}))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - begun < 1.5
    assert len(set(pids)) == 4
    assert emulator.invoke(function, {"seconds": 0}) in pids, "a warm process is used again"


def test_a_function_sees_its_own_variables_only(tmp_path: Path) -> None:
    emulator = start(tmp_path, env={**os.environ, "LEAKED_FROM_THE_SHELL": "1", "AWS_PROFILE": "mine"})
    try:
        function = emulator.function("def handle(event): return dict(os.environ)", env={"LOG_TABLE": "t"})
        found = emulator.invoke(function)
    finally:
        emulator.stop()
    assert found["LOG_TABLE"] == "t"
    assert found["_HANDLER"] == "tests"
    assert found["AWS_ENDPOINT_URL"] == emulator.url
    assert found["AWS_REGION"] == "us-east-1"
    assert found["AWS_LAMBDA_FUNCTION_NAME"] == function.name
    assert found["TZ"] == ":UTC"
    assert "LEAKED_FROM_THE_SHELL" not in found
    assert "AWS_PROFILE" not in found
    assert "GATEWAY_PORT" not in found


def test_a_failure_answers_the_error_of_the_function(emulator: Emulator) -> None:
    function = emulator.function("def handle(event): raise ValueError('no')")
    assert emulator.invoke(function) == {"errorMessage": "no", "errorType": "ValueError"}
