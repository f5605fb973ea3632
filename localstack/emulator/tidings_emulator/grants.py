"""What the roles of functions were used for: which grant allowed each of their calls, and what was refused."""

from __future__ import annotations

import json
from typing import NamedTuple


class Grant(NamedTuple):
    """An action on a resource, as the statement that allows it writes them."""

    role: str
    action: str
    resource: str


class Grants:
    """Sets, so that a million calls take the room of a few hundred grants."""

    def __init__(self) -> None:
        self._used: set[Grant] = set()
        self._denied: set[Grant] = set()

    def use(self, grant: Grant) -> None:
        """One that allowed a call."""
        self._used.add(grant)

    def deny(self, wanted: Grant) -> None:
        """One that a call would have needed."""
        self._denied.add(wanted)

    def clear(self) -> None:
        """Forgets all, as if nothing had been called yet."""
        self._used.clear()
        self._denied.clear()

    def as_json(self) -> bytes:
        """Both sets, sorted."""
        # Calls go on meanwhile, in other threads.
        sets = {"used": self._used.copy(), "denied": self._denied.copy()}
        return json.dumps(
            {name: [grant._asdict() for grant in sorted(grants)] for name, grants in sets.items()}
        ).encode()


GRANTS = Grants()
