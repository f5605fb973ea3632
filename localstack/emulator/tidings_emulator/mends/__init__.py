"""The mends, one in each module. The order counts: the meter wraps what the others put in place."""

from tidings_emulator.mends import (
    call_meter,
    event_sources,
    function_environment,
    function_failures,
    function_logs,
    http_api,
    invoke_latency,
    kinesis_retention,
    query_cost,
    queue_batches,
    role_grants,
    websocket,
    websocket_frames,
)
from tidings_emulator.mends.base import Mend

MENDS: tuple[Mend, ...] = (
    event_sources.MEND,
    invoke_latency.MEND,
    function_environment.MEND,
    function_failures.MEND,
    function_logs.MEND,
    http_api.MEND,
    kinesis_retention.MEND,
    query_cost.MEND,
    queue_batches.MEND,
    role_grants.MEND,
    websocket_frames.MEND,
    websocket.MEND,
    call_meter.MEND,
)
