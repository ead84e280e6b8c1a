"""What a chore answers: finished, or when and from where it goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from integration.services.deps import Deps


@dataclass(frozen=True, slots=True)
class Outcome:
    """`due_at` nothing: done (a periodic chore comes again). Else it goes on then, from `cursor`."""

    due_at: datetime | None = None
    cursor: dict[str, Any] | None = None


Chore = Callable[[Deps, int, dict[str, Any]], Outcome]
