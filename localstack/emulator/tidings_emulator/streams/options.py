"""The options of a mapping, read anew for each batch because UpdateEventSourceMapping may change them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

BATCH_SIZE_DEFAULT = 100
UNLIMITED = -1


@dataclass(frozen=True)
class Options:
    """What CreateEventSourceMapping takes for streams; -1 is without limit."""

    batch_size: int
    window_s: float
    reports_failures: bool
    bisects: bool
    retries_max: int
    age_max_s: int
    parallelization: int
    failure_destination: str | None

    @classmethod
    def of(cls, mapping: dict[str, Any]) -> Options:
        """Reads the emulator's record of a mapping; a template may have left numbers and booleans as strings."""
        destination = ((mapping.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
        return cls(
            batch_size=max(1, _number(mapping.get("BatchSize"), BATCH_SIZE_DEFAULT)),
            window_s=float(mapping.get("MaximumBatchingWindowInSeconds") or 0),
            reports_failures="ReportBatchItemFailures" in (mapping.get("FunctionResponseTypes") or []),
            bisects=_truth(mapping.get("BisectBatchOnFunctionError")),
            retries_max=_number(mapping.get("MaximumRetryAttempts"), UNLIMITED),
            age_max_s=_number(mapping.get("MaximumRecordAgeInSeconds"), UNLIMITED),
            parallelization=min(10, max(1, _number(mapping.get("ParallelizationFactor"), 1))),
            failure_destination=destination,
        )


def is_enabled(mapping: dict[str, Any]) -> bool:
    """Whether the mapping reads now; a template may say it as a string."""
    return _truth(mapping.get("Enabled", True))


def _number(value: Any, default: int) -> int:
    return default if value is None else int(value)


def _truth(value: Any) -> bool:
    return value.lower() == "true" if isinstance(value, str) else bool(value)
