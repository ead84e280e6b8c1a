"""The portal's own automation: our triggers and our robot registered there, and how that stands (product.md B3, W16).

Both are extras. A portal that refuses them — no administrator's token, an edition without automation, a right that was
not given — is set up all the same; what it said stands in the check-list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy.orm import Session

from integration.bitrix import calls, robots, triggers
from integration.bitrix.call import Call
from integration.bitrix.errors import BitrixError, Retryable
from integration.i18n import LANGUAGES, language_of, mark, portal_code, text
from integration.logs import log
from integration.services import policies
from integration.services.access import PortalRest
from integration.services.deps import Deps
from integration.store import checks
from integration.store import portals as rows
from integration.store.base import reading, transaction
from integration.store.portals import Portal

TOPIC = "automation"  # key of what was found, in the facts of a look at the portal
State = Literal["ok", "missing", "unknown"]
_STATES: Mapping[str, State] = {
    "ok": "ok", "off": "ok", "no_scope": "ok", "refused": "ok", "missing": "missing", "old": "missing",
}  # fmt: skip
TRIGGER_NAMES: Mapping[str, str] = {
    triggers.ANSWER: mark("Molva: a client has answered"),
    triggers.OF_GROUP["promoter"]: mark("Molva: a promoter has answered (9–10)"),
    triggers.OF_GROUP["passive"]: mark("Molva: a passive has answered (7–8)"),
    triggers.OF_GROUP["detractor"]: mark("Molva: a detractor has answered (0–6)"),
}
ROBOT_TEXTS: Mapping[str, str] = {
    "name": mark("Ask the client (Molva)"),
    "about": mark(
        "Sends the client of this deal one question about the project. If the rule waits, it goes on when the client "
        "has answered or will not answer any more."
    ),
    "days": mark("Ask this many days later"),
    "days.about": mark("0: as soon as letters may be sent"),
    "outcome": mark("What came of it"),
    "score": mark("Score"),
    "group": mark("Group"),
    "comment": mark("Comment"),
    "reason": mark("Why nobody was asked"),
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What one portal should hold: `names` of triggers by code, empty where they are switched off; `robot` fields,
    empty where it cannot be. `granted`: scopes as last known; `sent`: the mark of the robot as it was sent last."""

    names: Mapping[str, str]
    robot: Mapping[str, Any]
    granted: frozenset[str]
    sent: str = ""


def wish_of(deps: Deps, portal_id: int) -> Wish | None:
    """What this portal should hold; nothing for one without an application."""
    with reading(deps.sessions) as session:
        portal = rows.get(session, portal_id)
        if portal is None or portal.kind == "webhook":
            return None
        on = policies.load(session, portal_id)[0].triggers
        known = seen(session, portal_id)
    language = language_of(portal.language)
    names = {code: text(language, message) for code, message in TRIGGER_NAMES.items()} if on else {}
    texts = {
        key: {portal_code(one): text(one, message) for one in LANGUAGES}
        for key, message in ROBOT_TEXTS.items()
    }
    fields = robots.wanted(deps.settings.public_url, texts, portal.token_user_id)
    granted = frozenset(one for one in portal.scope.replace(" ", ",").split(",") if one)
    return Wish(names, fields, granted, str((known.get("robot") or {}).get("print") or ""))


def seen(session: Session, portal_id: int) -> dict[str, Any]:
    """What was found last: `triggers` with `how` and `there`, `robot` with `how` and `print`."""
    known = checks.get(session, portal_id)
    found = (known.found if known else None) or {}
    return dict(found.get(TOPIC) or {})


def standing(kind: str, found: Mapping[str, Any]) -> list[tuple[str, State, dict[str, Any]]]:
    """Lines of the check-list, `triggers` and `robot`: extras, so nothing is wrong where they cannot or need not be."""
    if kind == "webhook":
        return []
    seen = found.get(TOPIC) or {}
    return [
        (code, _STATES.get(one["how"], "unknown"), {"how": one["how"], "code": one["code"]})
        for code in ("triggers", "robot")
        for one in [seen.get(code) or {"how": "unknown", "code": ""}]
    ]


def missing(found: Mapping[str, Any]) -> list[str]:
    """What a repair would register, from the facts of a look: `trigger.all`, `robot.molva_ask`."""
    seen = found.get(TOPIC) or {}
    names = ["trigger.all"] if (seen.get("triggers") or {}).get("how") == "missing" else []
    how = (seen.get("robot") or {}).get("how")
    return [*names, f"robot.{robots.CODE}"] if how in ("missing", "old") else names


def reads(wish: Wish | None) -> dict[str, Call]:
    """What has to be asked of the portal, for a batch of the caller's."""
    if wish is None:
        return {}
    asked = {"scope": calls.scope(), "triggers": triggers.trigger_list()}
    return asked | ({"robots": robots.robot_list()} if robots.SCOPE in wish.granted else {})


def facts(
    wish: Wish, results: Mapping[str, Any], errors: Mapping[str, str], sent: str = ""
) -> dict[str, Any]:
    """How it stands, from what was answered, and the codes of what was refused.

    `how` of triggers: ok | missing | off | refused with `code` | unknown; of the robot: ok | missing | old | no_scope |
    refused | unknown. `sent`: the mark of what the robot was registered with just now.
    """
    return {
        TOPIC: {
            "triggers": _triggers(wish, results, errors),
            "robot": _robot(wish, results, errors, sent or wish.sent),
        }
    }


def _triggers(wish: Wish, results: Mapping[str, Any], errors: Mapping[str, str]) -> dict[str, Any]:
    if "triggers" not in results:
        refused = errors.get("triggers", "")
        return {"how": "refused" if refused else "unknown", "code": refused, "there": []}
    there = triggers.registered(results["triggers"])
    how = "off" if not wish.names else "missing" if triggers.plan(wish.names, there) else "ok"
    return {"how": how, "code": errors.get("trigger.add", ""), "there": sorted(there)}


def _robot(wish: Wish, results: Mapping[str, Any], errors: Mapping[str, str], sent: str) -> dict[str, Any]:
    scopes = results.get("scope")
    granted = {str(one) for one in scopes} if isinstance(scopes, list) else wish.granted
    if granted and robots.SCOPE not in granted:
        return {"how": "no_scope", "code": "", "print": ""}
    if "robots" not in results:
        refused = errors.get("robots", "")
        return {"how": "refused" if refused else "unknown", "code": refused, "print": sent}
    plan = robots.plan(wish.robot, results["robots"], sent)
    how = "ok" if not plan else "missing" if plan[0].method.endswith(".add") else "old"
    return {"how": how, "code": errors.get("robot.add", ""), "print": sent if how != "missing" else ""}


def complete(
    deps: Deps, portal_id: int, wish: Wish | None, results: dict[str, Any], errors: dict[str, str]
) -> list[str]:
    """Register what is missing, keep what was found; the names of what was added. `results`, `errors`: of `reads`.

    Never raises for what the portal says: the set-up has done its work before this.
    """
    if wish is None:
        return []
    try:
        added, sent = _complete(PortalRest(deps, portal_id), wish, results, errors)
    except BitrixError as error:
        log(__name__).warning("automation.not_set_up", portal=portal_id, code=str(error))
        return []
    if errors:
        log(__name__).info("automation.refused", portal=portal_id, codes=dict(errors))
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        portal = rows.locked(session, portal_id)
        if portal is None:
            return []
        keep(session, portal, facts(wish, results, errors, sent), results, now)
    return added


def keep(
    session: Session, portal: Portal, found: Mapping[str, Any], results: Mapping[str, Any], now: datetime
) -> None:
    """Store how it stands, and which rights the application has now."""
    row = checks.locked(session, portal.id)
    row.found = {**(row.found or {}), **found}
    if isinstance(results.get("scope"), list):
        portal.scope = ",".join(str(one) for one in results["scope"])[:500]


def _complete(
    rest: PortalRest, wish: Wish, results: dict[str, Any], errors: dict[str, str]
) -> tuple[list[str], str]:
    scopes = results.get("scope")
    if (
        isinstance(scopes, list)
        and robots.SCOPE in scopes
        and "robots" not in results
        and "robots" not in errors
    ):
        _ask(rest, {"robots": robots.robot_list()}, results, errors)  # the right has come since
    plan: dict[str, Call] = {}
    if "triggers" in results:
        for call in triggers.plan(wish.names, triggers.registered(results["triggers"])):
            plan[f"trigger.{call.params['CODE']}"] = call
    if "robots" in results:
        for call in robots.plan(wish.robot, results["robots"], wish.sent):
            plan[f"robot.{robots.CODE}"] = call
    if not plan:
        return [], wish.sent
    got = rest.batch(plan)
    for key, error in got.errors.items():
        errors[f"{key.partition('.')[0]}.add"] = code_of(error)
    added = [key for key in plan if key in got.answers]
    robot = f"robot.{robots.CODE}"
    again = {"triggers": triggers.trigger_list()} | ({"robots": robots.robot_list()} if robot in plan else {})
    _ask(rest, again, results, errors)
    return added, robots.print_of(wish.robot) if robot in added else wish.sent


def _ask(rest: PortalRest, many: Mapping[str, Call], results: dict[str, Any], errors: dict[str, str]) -> None:
    got = rest.batch(many)
    results |= {key: answer.result for key, answer in got.answers.items()}
    errors |= {key: code_of(error) for key, error in got.errors.items()}


def code_of(error: Exception) -> str:
    """The portal's code of a refusal, in lower case; `later` for what may work another time."""
    if isinstance(error, Retryable):
        return "later"
    return str(getattr(error, "code", "") or "refused").lower()
