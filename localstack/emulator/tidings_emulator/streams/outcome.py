"""What an invocation means for its batch, by the rules of AWS Lambda for streams."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any


class Verdict(Enum):
    """How an invocation ended for its batch."""

    DONE = auto()
    FAILED = auto()
    """The function failed, or reported something that cannot be trusted: nothing of the batch is done."""
    REPORTED = auto()
    """The function reported failures: all before the first of them is done."""
    THROTTLED = auto()
    """The batch did not reach the function."""


@dataclass(frozen=True)
class Outcome:
    """A verdict; `first_failed` is the index of the first record that was reported."""

    verdict: Verdict
    first_failed: int = 0
    function_error: str | None = None


def outcome_of(result: dict[str, Any], sequences: list[str], reports_failures: bool) -> Outcome:
    """Reads the result of one invocation of a batch with these sequence numbers.

    With ReportBatchItemFailures, AWS counts an absent or empty list as success, an item without a usable identifier
    as failure of the whole batch, and otherwise takes the lowest reported sequence number as the checkpoint.
    """
    if result.get("throttle"):
        return Outcome(Verdict.THROTTLED)
    if result.get("error"):
        return Outcome(Verdict.FAILED, function_error=result.get("function_error") or "Unhandled")
    if not reports_failures:
        return Outcome(Verdict.DONE)
    return _reported(result.get("body"), sequences)


def _reported(answer: Any, sequences: list[str]) -> Outcome:
    if answer is None or answer in ("", {}):
        return Outcome(Verdict.DONE)
    if not isinstance(answer, dict):
        return Outcome(Verdict.FAILED)
    items = answer.get("batchItemFailures")
    if not items:
        return Outcome(Verdict.DONE)
    if not isinstance(items, list):
        return Outcome(Verdict.FAILED)
    places = {sequence: index for index, sequence in enumerate(sequences)}
    failed = [places.get(item.get("itemIdentifier")) if isinstance(item, dict) else None for item in items]
    known = [index for index in failed if index is not None]
    if len(known) < len(failed):
        return Outcome(Verdict.FAILED)
    return Outcome(Verdict.REPORTED, first_failed=min(known))
