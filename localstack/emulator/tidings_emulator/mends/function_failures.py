"""A process that cannot be started, or dies in its start, fails its invocation and no other."""

from __future__ import annotations

import logging
from typing import Any

from ministack.core.lambda_runtime import ProvidedWorker
from ministack.services import lambda_svc

from tidings_emulator.mends.base import Mend, expect_function, expect_source

logger = logging.getLogger("tidings.functions")


def _check() -> None:
    expect_function(ProvidedWorker, "invoke", ["self", "event", "request_id", "trace_id", "invoked_function_arn"])
    expect_source(ProvidedWorker._spawn, "self._teardown()")
    expect_source(lambda_svc._execute_function_provided_warm, "invalidate_worker(func_name")


def _apply() -> None:
    invoke = ProvidedWorker.invoke

    def invoke_alone(self: ProvidedWorker, event: Any, request_id: str, **options: Any) -> dict[str, Any]:
        """Answers a failed start as a failed invocation; raised, it would take all processes of the function along."""
        try:
            return invoke(self, event, request_id, **options)
        except Exception as error:
            logger.warning("%s did not start: %s", self.func_name, error)
            kind = getattr(error, "error_type", "") or "Runtime.ExitError"
            payload = {"errorMessage": str(error), "errorType": kind}
            return {"status": "error", "error": str(error), "error_payload": payload, "cold_start": True, "log": ""}

    ProvidedWorker.invoke = invoke_alone


MEND = Mend(
    name="function failures",
    why="where one process dies in its start, the stock emulator kills all others of the function in their work",
    check=_check,
    apply=_apply,
)
