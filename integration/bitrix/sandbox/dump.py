"""The portal's data as JSON, for comparisons and for looking at it."""

from __future__ import annotations

from .agency import Json
from .robots import shown
from .schema import KINDS
from .state import State
from .views import plain_rows


def dump(state: State) -> Json:
    """Cards by kind (original user-field names), timeline, tasks, history, bindings. No tokens."""
    return {
        "items": {kind.name: plain_rows(state, kind_id) for kind_id, kind in KINDS.items()},
        "comments": _rows(state.comments.rows),
        "log_messages": _rows(state.log_messages.rows),
        "activities": _rows(state.activities.rows),
        "mails": list(state.mails),
        "tasks": _rows(state.tasks.rows),
        "checklists": _rows(state.checklists.rows),
        "task_results": _rows(state.task_results.rows),
        "user_fields": _rows(state.user_fields.rows),
        "stage_history": {KINDS[kind].name: _rows(table.rows) for kind, table in state.history.items()},
        "statuses": _rows(state.statuses.rows),
        "notifications": list(state.notifications),
        "triggers": list(state.trigger_log),
        "robots": shown(state),
        "bindings": list(state.bindings),
        "placements": list(state.placements),
        "layouts": [{"key": list(key), "data": data} for key, data in state.layouts.items()],
        "users": list(state.users.values()),
    }


def _rows(rows: dict[int, Json]) -> list[Json]:
    return [rows[key] for key in sorted(rows)]
