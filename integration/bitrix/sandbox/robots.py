"""The customer's automation: robots of applications on stages, called through the queue server (bitrix24.md 14.2).

``settings.automation`` is what an administrator has built: one row for each robot on a stage, with the values of its
fields, whether it waits for the application, and what the next robot does with the returned values:
``{"stage": "C2:WON", "code": "molva_ask", "properties": {…}, "wait": true, "then": [{"when": {"group": "detractor"},
"stage": "C2:PAUSE"}]}``. Everything that ran is kept for tests and for the page "Automation".
"""

from __future__ import annotations

import secrets
from typing import Any

from .agency import DEAL, LEAD, Json
from .errors import RestError
from .events import Queue
from .forms import as_map
from .schema import KINDS
from .state import App, State

_DOCUMENTS = {LEAD: ("CCrmDocumentLead", "LEAD"), DEAL: ("CCrmDocumentDeal", "DEAL")}


def entered(state: State, queue: Queue, kind_id: int, row: Json) -> None:
    """A card has come to a stage: what still waits from the one before ends, and the robots here begin, in order.

    That robots end with their stage is how the platform's automation works; its REST documentation does not say so.
    """
    for run in state.robot_runs:
        if (run["kind"], run["card"], run["status"]) == (kind_id, row["id"], "waiting"):
            run["status"] = "over"
    for rule in state.settings.automation:
        if rule.get("stage") == row.get("stageId") and kind_id in _DOCUMENTS:
            start(state, queue, kind_id, int(row["id"]), rule)


def start(state: State, queue: Queue, kind_id: int, card: int, rule: Json) -> Json:
    """One robot begins: its handler is called, and it waits unless it was told not to."""
    app = _app_of(state, rule)
    robot = app.robots.get(str(rule["code"])) if app else None
    run: Json = {
        "id": state.serial(),
        "code": str(rule["code"]),
        "kind": kind_id,
        "card": card,
        "at": state.now(),
        "properties": _values(robot or {}, as_map(rule.get("properties"))),
        "token": _token(),
        "status": "failed",
        "returned": {},
        "message": "",
        "then": list(rule.get("then") or []),
        "client_id": app.client_id if app else "",
    }
    state.robot_runs.append(run)
    if app is None or robot is None or app.state != "installed":
        return run  # a robot whose application is gone stays on its stage and does nothing
    waits = robot.get("USE_SUBSCRIPTION") or ("N" if rule.get("wait") is False else "Y")
    run["status"] = "waiting" if waits == "Y" else "called"
    name, prefix = _DOCUMENTS[kind_id]
    message = {
        "workflow_id": f"{run['id']:x}.{secrets.randbelow(10**8):08d}",
        "code": run["code"],
        "document_id": ["crm", name, f"{prefix}_{card}"],
        "document_type": ["crm", name, prefix],
        "event_token": run["token"],
        "properties": run["properties"],
        "use_subscription": waits,
        "timeout_duration": int(rule.get("timeout") or 0),
    }
    queue.put(app, ROBOT, str(robot["HANDLER"]), message, int(robot.get("AUTH_USER_ID") or 0), 0)
    return run


ROBOT = "ROBOT"  # the name under which the queue keeps these calls; not sent


def _app_of(state: State, rule: Json) -> App | None:
    """The application whose robot it is: the one named, else the first that registered the code."""
    wanted = str(rule.get("client_id") or "")
    if wanted:
        return state.apps.get(wanted)
    return next((app for app in state.apps.values() if str(rule["code"]) in app.robots), None)


def _values(robot: Json, given: Json) -> Json:
    """What the fields of the robot hold: as filled in, else the default."""
    found = {key: as_map(about).get("Default", "") for key, about in as_map(robot.get("PROPERTIES")).items()}
    return found | {key: value for key, value in given.items() if key in found or not robot}


def _token() -> str:
    """In the shape of the documentation's example (bizproc-event-send.md)."""
    head = f"{secrets.token_hex(7)}.{secrets.randbelow(10**8):08d}"
    steps = "_".join(f"A{secrets.randbelow(10**5):05d}" for _ in range(2))
    return f"{head}|{steps}|{secrets.token_urlsafe(24)}.{secrets.token_hex(32)}"


def answered(state: State, queue: Queue, app: App, token: str, values: Json, message: str) -> None:
    """The application's values for a waiting robot; then the next robot of the stage does its work.

    Raises ``ACCESS_DENIED`` for a token that is none, is over, or belongs to another application.
    """
    run = next((one for one in state.robot_runs if one["token"] == token), None)
    if run is None or run["status"] != "waiting" or run["client_id"] != app.client_id:
        raise RestError("ACCESS_DENIED", "Access denied!", 403)
    robot = app.robots.get(run["code"]) or {}
    known = as_map(robot.get("RETURN_PROPERTIES"))
    run["returned"] = {key: values[key] for key in known if key in values}
    run |= {"status": "done", "message": message, "answered_at": state.now()}
    for step in run["then"]:
        wanted = as_map(step.get("when"))
        if all(str(run["returned"].get(key, "")) == str(value) for key, value in wanted.items()):
            _move(state, queue, run, str(step.get("stage") or ""))
            return


def _move(state: State, queue: Queue, run: Json, stage: str) -> None:
    from .items import update

    row = state.items[run["kind"]].get(run["card"])
    if stage and row:
        run["moved_to"] = stage
        update(state, queue, KINDS[run["kind"]], row, {"stageId": stage}, 0)


def shown(state: State) -> list[Json]:
    """All runs without their tokens."""
    hidden: Any = {"token", "then"}
    return [{key: value for key, value in run.items() if key not in hidden} for run in state.robot_runs]
