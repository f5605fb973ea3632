"""One mapping at work: its shards, their lanes and its checkpoint."""

from __future__ import annotations

import hashlib
import logging
from contextlib import AbstractContextManager
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import lambda_svc

from tidings_emulator.shutdown import STOPPING
from tidings_emulator.streams import failure_record
from tidings_emulator.streams.lane import Lane
from tidings_emulator.streams.options import Options, is_enabled
from tidings_emulator.streams.outcome import Outcome, Verdict, outcome_of
from tidings_emulator.streams.record import Batch, StreamRecord
from tidings_emulator.streams.sources import Source

logger = logging.getLogger("tidings.streams")

LANE_BACKLOG_MAX = 10_000


class Shard:
    """The lanes of one shard; it is what a lane knows of its mapping."""

    def __init__(self, mapping: Mapping, shard_id: str, cursor: Any) -> None:
        self._mapping = mapping
        self._id = shard_id
        self._cursor = cursor
        self._ordinal = 0
        self._lanes = [
            Lane(f"lane-{mapping.function_name}-{shard_id[-4:]}-{slot}", self) for slot in range(mapping.lanes)
        ]

    def poll(self) -> None:
        """Deals new records out to the lanes, unless one of them is far behind."""
        while max(lane.backlog() for lane in self._lanes) < LANE_BACKLOG_MAX:
            found, cursor = self._mapping.source.read(self._id, self._cursor, self._ordinal, self._mapping.role())
            if not found:
                return
            chosen = self._mapping.filtered(found)
            dealt: dict[int, list[StreamRecord]] = {}
            for record in chosen:
                dealt.setdefault(_slot(record.order_key, len(self._lanes)), []).append(record)
            for slot, records in dealt.items():
                self._lanes[slot].add(records)
            self._ordinal += len(found)
            self._cursor = cursor
            if not chosen:
                self.progressed()

    def checkpoint(self) -> Any:
        """Where to read on after a stop: nothing before it is unfinished."""
        cursor = self._cursor
        unfinished = [record for lane in self._lanes if (record := lane.oldest_unfinished())]
        return min(unfinished, key=lambda record: record.ordinal).resume if unfinished else cursor

    def stop(self) -> None:
        """Ends the lanes after what they do now."""
        for lane in self._lanes:
            lane.stop()

    def is_running(self) -> bool:
        """Whether any lane still works."""
        return any(lane.is_running() for lane in self._lanes)

    def options(self) -> Options:
        """The options of the mapping as they are now."""
        return Options.of(self._mapping.record)

    def scope(self) -> AbstractContextManager[None]:
        """The account and region of the mapping."""
        return self._mapping.scope()

    def invoke(self, records: list[StreamRecord]) -> Outcome | None:
        """Runs the function on these records; `None` if the mapping or the function is gone."""
        return self._mapping.invoke(records)

    def discard(self, batch: Batch, condition: str) -> None:
        """Gives up a batch: tells the on-failure destination."""
        self._mapping.discard(batch, condition, self._id)

    def progressed(self) -> None:
        """Keeps the checkpoint for a restart."""
        self._mapping.save_checkpoint(self._id, self.checkpoint())


class Mapping:
    """An enabled mapping. A change of its parallelisation, or disabling it, ends it; another one takes over."""

    def __init__(self, account: str, region: str, record: dict[str, Any], source: Source) -> None:
        self.account, self.region = account, region
        self.record = record
        self.source = source
        self.function_name = record["FunctionName"]
        self.lanes = Options.of(record).parallelization
        self._shards: dict[str, Shard] = {}
        self._stopped = False

    def scope(self) -> AbstractContextManager[None]:
        """The account and region of the mapping."""
        return request_scope(self.account, self.region)

    def is_current(self) -> bool:
        """Whether the emulator still has this mapping, enabled and with the same number of lanes."""
        return self._exists() and is_enabled(self.record) and Options.of(self.record).parallelization == self.lanes

    def _exists(self) -> bool:
        return lambda_svc._esms.get_scoped(self.account, self.region, self.record["UUID"]) is self.record

    def poll(self) -> None:
        """Reads what is new in every shard."""
        with self.scope():
            if not self.source.is_there():
                return
            cursors = position_of(self.record, self.source)
            for shard_id in self.source.shards():
                if shard_id not in self._shards:
                    cursor = cursors.get(shard_id, self.source.horizon(shard_id))
                    self._shards[shard_id] = Shard(self, shard_id, cursor)
                self._shards[shard_id].poll()

    def stop(self) -> None:
        """Ends all lanes after what they do now."""
        self._stopped = True
        for shard in self._shards.values():
            shard.stop()

    def is_running(self) -> bool:
        """Whether any lane still works."""
        return any(shard.is_running() for shard in self._shards.values())

    def filtered(self, records: list[StreamRecord]) -> list[StreamRecord]:
        """The records that match FilterCriteria; the others count as done."""
        kept = {id(event) for event in lambda_svc._apply_filter_criteria([r.event for r in records], self.record)}
        return [record for record in records if id(record.event) in kept]

    def _function(self) -> tuple[dict[str, Any] | None, dict[str, Any]]:
        function, config = lambda_svc._get_func_record_for_qualifier(
            self.record["FunctionName"], self.record.get("Qualifier")
        )
        return function, config or {}

    def role(self) -> str:
        """The role of the function, which AWS names in each Kinesis record."""
        return self._function()[1].get("Role", "")

    def invoke(self, records: list[StreamRecord]) -> Outcome | None:
        """Runs the function on these records; `None` if the mapping or the function is gone."""
        function, _ = self._function()
        if function is None or self._stopped or not self._exists():
            return None
        result = lambda_svc._execute_function(function, {"Records": [record.event for record in records]})
        if STOPPING.is_set():
            return None
        reports = Options.of(self.record).reports_failures
        outcome = outcome_of(result, [record.sequence for record in records], reports)
        done = outcome.verdict is Verdict.DONE
        self.record["LastProcessingResult"] = "OK" if done else "PROBLEM: Function call failed"
        if not done:
            logger.info("%s: %s of %d records", self.function_name, outcome.verdict.name, len(records))
        return outcome

    def discard(self, batch: Batch, condition: str, shard_id: str) -> None:
        """Gives up a batch: tells the on-failure destination."""
        logger.warning("%s: %d records given up, %s", self.function_name, len(batch.records), condition)
        destination = Options.of(self.record).failure_destination
        if not destination or not self._exists():
            return
        config = self._function()[1]
        message = failure_record.failure_record(
            batch,
            condition,
            function_arn=self.record["FunctionArn"],
            version=config.get("Version", "$LATEST"),
            info_name=self.source.info_name,
            shard=shard_id,
            stream_arn=self.source.arn,
        )
        failure_record.send(message, destination)

    def save_checkpoint(self, shard_id: str, cursor: Any) -> None:
        """Keeps the checkpoint where the emulator persists its state."""
        if self._exists():
            store_position(self.record["UUID"], self.source, shard_id, cursor)


def position_of(record: dict[str, Any], source: Source) -> dict[str, Any]:
    """The cursors of a mapping; the first time they are set by its StartingPosition."""
    uuid = record["UUID"]
    positions = _positions(source)
    if uuid not in positions:
        from_start = record.get("StartingPosition", "LATEST") == "TRIM_HORIZON"
        for shard_id in source.shards():
            store_position(uuid, source, shard_id, source.horizon(shard_id) if from_start else source.tip(shard_id))
    stored = positions.get(uuid, {})
    return stored if isinstance(stored, dict) else {source.shards()[0]: stored}


def store_position(uuid: str, source: Source, shard_id: str, cursor: Any) -> None:
    """Stores a cursor in the emulator's form: by shard for Kinesis, a number for DynamoDB."""
    positions = _positions(source)
    if isinstance(cursor, int):
        positions[uuid] = cursor
    else:
        positions[uuid] = {**positions.get(uuid, {}), shard_id: cursor}


def _positions(source: Source) -> Any:
    kinesis = source.info_name == "KinesisBatchInfo"
    return lambda_svc._kinesis_positions if kinesis else lambda_svc._dynamodb_stream_positions


def _slot(order_key: str, lanes: int) -> int:
    """The lane of a key: always the same one, so that the records of the key stay in order."""
    return int.from_bytes(hashlib.md5(order_key.encode()).digest()[:4], "big") % lanes
