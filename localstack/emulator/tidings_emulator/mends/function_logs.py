"""The logs of functions do not fill the memory."""

from __future__ import annotations

from typing import Any

from ministack.services import cloudwatch_logs, lambda_svc

from tidings_emulator.mends.base import Mend, expect_attributes, expect_function, expect_source

STREAMS_MAX = 1000


def _check() -> None:
    parameters = ["func", "request_id", "log_text", "error", "duration_ms", "log_source"]
    expect_function(lambda_svc, "_emit_lambda_logs", parameters)
    expect_source(lambda_svc._emit_lambda_logs, '"/aws/lambda/{fn_name}"')
    expect_source(lambda_svc._emit_lambda_logs, 'group["streams"][stream_name]')
    expect_attributes(cloudwatch_logs, ["_log_groups"])


def _apply() -> None:
    emit = lambda_svc._emit_lambda_logs

    def emit_bounded(func: dict[str, Any], *rest: Any, **named: Any) -> None:
        """The emulator opens a stream for each invocation: the oldest ones of a function go."""
        emit(func, *rest, **named)
        config = func.get("config") or func
        name = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config.get('FunctionName')}"
        streams = (cloudwatch_logs._log_groups.get(name) or {}).get("streams") or {}
        if len(streams) > STREAMS_MAX:
            for oldest in list(streams)[: len(streams) - STREAMS_MAX]:
                streams.pop(oldest, None)

    lambda_svc._emit_lambda_logs = emit_bounded


MEND = Mend(
    name="function logs",
    why="the stock emulator keeps a log stream of each invocation, so a long bench fills the memory",
    check=_check,
    apply=_apply,
)
