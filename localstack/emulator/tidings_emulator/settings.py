"""What tests may change while the emulator runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


class InvalidSetting(ValueError):
    """A setting that is unknown or out of range."""


def _positive(name: str, value: object) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise InvalidSetting(f"{name} must be a number of seconds") from None
    if not 0 < number < float("inf"):
        raise InvalidSetting(f"{name} must be above zero")
    return number


def _not_negative(name: str, value: object) -> float:
    if value == 0 and not isinstance(value, bool):
        return 0.0
    try:
        return _positive(name, value)
    except InvalidSetting:
        raise InvalidSetting(f"{name} must be a number that is not negative") from None


@dataclass
class Settings:
    """The limits of a WebSocket connection, with the values of AWS as defaults."""

    ws_idle_seconds: float = 600.0
    ws_max_seconds: float = 7200.0
    # For how many times as long as a frame took, the place rests that it had among those of clients that flood, while
    # others send. On AWS none takes from another; here a flood would take two cores from all.
    ws_rest: float = 0.0
    listeners: list[Callable[[], None]] = field(default_factory=list, repr=False)

    def read_environment(self, environment: Mapping[str, str]) -> None:
        """Takes the overrides that a test run may have set."""
        for attribute, name in (
            ("ws_idle_seconds", "TIDINGS_WS_IDLE_SECONDS"),
            ("ws_max_seconds", "TIDINGS_WS_MAX_SECONDS"),
        ):
            if name in environment:
                setattr(self, attribute, _positive(name, environment[name]))

    def update(self, changes: object) -> None:
        """Applies `{"wsIdleSeconds": 2}` and tells the open connections, all or nothing."""
        if not isinstance(changes, dict):
            raise InvalidSetting("settings are a JSON object")
        names = {"wsIdleSeconds": "ws_idle_seconds", "wsMaxSeconds": "ws_max_seconds", "wsRest": "ws_rest"}
        unknown = sorted(set(changes) - set(names))
        if unknown:
            raise InvalidSetting(f"unknown setting {unknown[0]}; known are {', '.join(names)}")
        checks = {"wsRest": _not_negative}
        values = {names[name]: checks.get(name, _positive)(name, value) for name, value in changes.items()}
        for attribute, value in values.items():
            setattr(self, attribute, value)
        for listener in self.listeners:
            listener()

    def as_json(self) -> dict[str, float]:
        """The settings under the names that `update` takes."""
        return {
            "wsIdleSeconds": self.ws_idle_seconds,
            "wsMaxSeconds": self.ws_max_seconds,
            "wsRest": self.ws_rest,
        }


SETTINGS = Settings()
