"""The thread that follows the streams of all mappings."""

from __future__ import annotations

import logging
import threading
from typing import Any

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import request_scope
from ministack.services import lambda_svc

from tidings_emulator.streams.mapping import Mapping, position_of
from tidings_emulator.streams.options import is_enabled
from tidings_emulator.streams.sources import DynamoDbSource, KinesisSource, Source

logger = logging.getLogger("tidings.streams")

IDLE_SECONDS = 1.0


class Dispatcher:
    """Starts, feeds and ends the mappings. Writers to a stream set `wake`, so a record does not wait for a poll."""

    def __init__(self) -> None:
        self.wake = threading.Event()
        self._running: dict[str, Mapping] = {}
        self._ending: list[Mapping] = []

    def start(self) -> None:
        """Starts following."""
        threading.Thread(target=self._run, daemon=True, name="tidings-streams").start()

    def anchor(self, uuid: str, arn: str) -> None:
        """Fixes where a new mapping starts, at the time at which it is created."""
        record = lambda_svc._esms.get(uuid)
        source = source_of(arn)
        if record and source and source.is_there():
            position_of(record, source)
        self.wake.set()

    def _run(self) -> None:
        while True:
            self.wake.wait(IDLE_SECONDS)
            self.wake.clear()
            try:
                self._pass()
            except Exception:
                logger.exception("following the streams failed, it goes on")

    def _pass(self) -> None:
        for uuid, mapping in list(self._running.items()):
            if not mapping.is_current():
                mapping.stop()
                self._ending.append(self._running.pop(uuid))
        self._ending = [mapping for mapping in self._ending if mapping.is_running()]
        for account, region, record in lambda_svc._iter_all_esms():
            uuid = record["UUID"]
            if uuid not in self._running and not self._start(account, region, record):
                continue
            try:
                self._running[uuid].poll()
            except Exception:
                logger.exception("mapping %s could not be read", uuid)

    def _start(self, account: str, region: str, record: dict[str, Any]) -> bool:
        """Starts a mapping, unless it is off or its predecessor still works on a batch."""
        if not is_enabled(record) or any(ending.record is record for ending in self._ending):
            return False
        with request_scope(account, region):
            source = source_of(record.get("EventSourceArn", ""))
        if source is None:
            return False
        self._running[record["UUID"]] = Mapping(account, region, record, source)
        return True


def source_of(arn: str) -> Source | None:
    """The stream behind an ARN; `None` for queues and what is not an ARN."""
    try:
        parsed = parse_arn(arn)
    except ArnParseError:
        return None
    stream = lambda_svc._kinesis_stream_name_from_arn_spec(parsed)
    if stream:
        return KinesisSource(arn, parsed.account_id, parsed.region, stream)
    table = lambda_svc._dynamodb_stream_table_from_arn_spec(parsed)
    return DynamoDbSource(arn, table[0]) if table else None
