"""What a test or the demo may switch in a running sandbox."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any


@dataclass
class RateLimit:
    """The leaky bucket (bitrix24.md 5.1); ``None`` = by the portal's licence family."""

    on: bool = True
    per_second: float | None = None
    burst: float | None = None


@dataclass
class Operating:
    """Accumulated execution time per method and application (5.2), seconds in ten minutes."""

    on: bool = True
    limit: float = 480.0


@dataclass
class Slow:
    """A portal whose updates wait for automation: each takes ``min`` … ``max`` seconds of virtual time;
    with ``advance_clock`` the clock file is moved by as much."""

    on: bool = False
    min: float = 2.0
    max: float = 3.0
    advance_clock: bool = False
    methods: list[str] = field(
        default_factory=lambda: [
            f"crm.{name}.{verb}"
            for name in ("item", "deal", "lead", "company", "contact")
            for verb in ("update", "add")
        ]
    )


@dataclass
class Delivery:
    """Faults of event delivery: every n-th event is lost or sent twice, all wait ``delay`` virtual seconds,
    ``reorder`` swaps neighbours that wait together; ``timeout``: real seconds until an answer is given up."""

    delay: float = 0.0
    lose_every: int = 0
    duplicate_every: int = 0
    reorder: bool = False
    paused: bool = False
    timeout: float = 60.0


@dataclass
class Settings:
    """All switches; the names are those of the control endpoint ``/settings``.

    ``rights`` gives a user's CRM rights ("all", "own", "none"), "all" when not named. ``moved_to`` renames
    the portal: the old address answers 302. ``crm_bare_ids`` stores a ``crm`` field with one target kind as
    ``3`` instead of ``CO_3`` (bitrix24.md 8.4). ``close_date_on_final`` writes the day into ``closedate``
    when a deal reaches a final stage. ``trigger_moves`` maps a trigger's code to the stage a customer hung
    it on; ``automation`` lists the robots of applications on stages (``sandbox.robots``). ``layout_default`` is
    what the common card view answers before anybody customised it.
    ``mailboxes`` are the addresses the portal sends from (not named: those of its employees), ``mail_fails`` lets every
    e-mail fail after its activity was made, ``smtp`` ("host:port") is where e-mails are handed to.
    """

    rate_limit: RateLimit = field(default_factory=RateLimit)
    operating: Operating = field(default_factory=Operating)
    slow: Slow = field(default_factory=Slow)
    events: Delivery = field(default_factory=Delivery)
    request_seconds: float = 60.0
    moved_to: str | None = None
    rights: dict[str, str] = field(default_factory=dict)
    crm_bare_ids: bool = False
    date_style: str = "offset"
    close_date_on_final: bool = True
    layout_default: bool = False
    missing_methods: list[str] = field(default_factory=list)
    mailboxes: list[str] | None = None
    mail_fails: bool = False
    smtp: str = ""
    trigger_moves: dict[str, str] = field(default_factory=dict)
    automation: list[dict[str, Any]] = field(default_factory=list)
    down: bool = False
    suspended: bool = False
    seed: int = 1

    def plain(self) -> dict[str, Any]:
        """As JSON data."""
        return dataclasses.asdict(self)

    def update(self, data: dict[str, Any]) -> None:
        """Writes a partial document in; raises ``ValueError`` for a name or a shape that does not exist."""
        for name, value in data.items():
            _write(self, name, value)


def _write(target: Any, name: str, value: Any) -> None:
    if name not in {f.name for f in dataclasses.fields(target)}:
        raise ValueError(f"no setting {name!r}")
    present = getattr(target, name)
    if dataclasses.is_dataclass(present):
        if not isinstance(value, dict):
            raise ValueError(f"setting {name!r} is an object")
        for key, item in value.items():
            _write(present, key, item)
        return
    setattr(target, name, value)
