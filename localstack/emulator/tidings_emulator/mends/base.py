"""What a mend is, and how it makes sure that it still fits what it patches."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


class MendMismatch(Exception):
    """A patched place no longer looks as the mend expects."""


@dataclass(frozen=True)
class Mend:
    """One repair: `check` looks only, `apply` patches; `why` says what tests would otherwise believe."""

    name: str
    why: str
    check: Callable[[], None]
    apply: Callable[[], None]


def expect_function(owner: Any, name: str, parameters: Sequence[str]) -> None:
    """Fails unless `owner.name` is a function that takes exactly these parameters."""
    target = getattr(owner, name, None)
    if not callable(target):
        raise MendMismatch(f"{_label(owner)}.{name} is gone")
    found = list(inspect.signature(target).parameters)
    if found != list(parameters):
        raise MendMismatch(f"{_label(owner)}.{name} takes ({', '.join(found)}), not ({', '.join(parameters)})")


def expect_attributes(owner: Any, names: Sequence[str]) -> None:
    """Fails unless `owner` has all these attributes."""
    for name in names:
        if not hasattr(owner, name):
            raise MendMismatch(f"{_label(owner)}.{name} is gone")


def expect_source(function: Any, fragment: str) -> None:
    """Fails unless the source of a function still contains the fragment that a mend relies on."""
    if fragment not in inspect.getsource(function):
        raise MendMismatch(f"{_label(function)} no longer contains {fragment!r}")


def _label(owner: Any) -> str:
    return getattr(owner, "__qualname__", None) or getattr(owner, "__name__", repr(owner))
