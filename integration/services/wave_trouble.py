"""Rules that keep a client out for now: a deal in trouble, an overdue critical task, an open follow-up (product.md E5).

Deals and follow-ups are known here; tasks are asked of the portal when a list is frozen, and daily while a wave runs,
by the chore `critical:<wave>`. What it found is kept with the wave, so that nothing is asked when a letter is due.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.bitrix import calls
from integration.bitrix.call import rows_at
from integration.bitrix.errors import AccessLost, Refused
from integration.bitrix.paging import PAGE
from integration.bitrix.records import Task, read_all
from integration.logs import log
from integration.nps import projects
from integration.nps.people import ClientKey
from integration.nps.policy import Policy
from integration.nps.workdays import DAY
from integration.services.chore_types import Outcome
from integration.services.deps import Deps, Rest
from integration.services.portals import rest_for
from integration.store import chores, project_runs, wave_cards, wave_queries
from integration.store.base import reading, transaction
from integration.store.waves import Wave

KEPT = "critical"  # in a wave's plan: the clients found, and when
OURS = "molva:"  # begins the mark of every task that we have made
_HIGH, _COMPLETED = 2, 5  # of tasks (bitrix24.md 11.2)
_MOST = 40  # lists of 50 tasks; nobody has more overdue critical ones that matter


def held(session: Session, wave: Wave, policy: Policy, keys: Collection[ClientKey]) -> dict[ClientKey, str]:
    """Which of these clients a rule keeps out today, with its code; by what is known here, asking nobody."""
    if not keys:
        return {}
    found = dict.fromkeys(
        wave_cards.with_open_followups(session, wave.portal_id, wave.id, keys), "open_follow_up"
    )
    known = set(wave.plan.get(KEPT, {}).get("clients", ())) if policy.critical_tasks else set()
    found |= {key: "critical_task" for key in keys if str(key) in known}
    if wave.kind == projects.KIND:  # the yearly survey goes first (product.md W16)
        found |= dict.fromkeys(project_runs.in_waves(session, wave.portal_id, keys), "in_wave")
    in_trouble = wave_cards.in_stages(session, wave.portal_id, keys, policy.trouble_stages)
    return found | dict.fromkeys(in_trouble, "trouble_stage")


def with_critical_tasks(deps: Deps, portal_id: int, *, interactive: bool = False) -> set[ClientKey]:
    """Clients with a task of high priority that is overdue, not ours. Raises `BitrixError` when the portal cannot
    be asked now; where it does not let us read tasks, nobody has one."""
    rest = rest_for(deps, portal_id, interactive=interactive)
    try:
        links = _links(rest, deps.clock.now())
    except Refused as error:
        log(__name__).warning("critical_tasks.refused", portal=portal_id, code=error.code)
        return set()
    except AccessLost as error:
        if error.kind != "scope":
            raise
        return set()
    with reading(deps.sessions) as session:
        found: set[ClientKey] = set()
        for kind, ids in links.items():
            found |= wave_cards.clients_of(session, portal_id, kind, ids)
        return found


def _links(rest: Rest, now: datetime) -> dict[str, set[int]]:
    """Cards that overdue critical tasks are bound to, by kind."""
    wanted = {"PRIORITY": _HIGH, "<DEADLINE": now.isoformat(timespec="seconds"), "!REAL_STATUS": _COMPLETED}
    found: dict[str, set[int]] = {}
    after = 0
    for _ in range(_MOST):
        rows = rows_at(rest.call(calls.task_list(wanted, after_id=after)).result, "tasks")
        tasks, _unread = read_all(Task.read, rows)
        for task in tasks:
            for kind, number in task.links if not task.key.startswith(OURS) else ():
                found.setdefault(kind, set()).add(number)
        after = max((int(row["id"]) for row in rows), default=after)
        if len(rows) < PAGE:
            break
    return found


def order(session: Session, portal_id: int, wave_id: int, now: datetime) -> None:
    """Have the tasks looked at from now on, daily, for as long as a wave runs."""
    chores.schedule(session, portal_id, f"{KEPT}:{wave_id}", now, cursor={"wave": wave_id})


def run(deps: Deps, portal_id: int, cursor: dict[str, Any]) -> Outcome:
    """The chore `critical:<wave>`: note who has critical tasks today; the machine looks at whoever it concerns."""
    wave_id = int(cursor["wave"])
    with reading(deps.sessions) as session:
        if wave_id not in wave_cards.running(session, portal_id):
            return Outcome()
    found = with_critical_tasks(deps, portal_id)
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        wave = wave_queries.locked(session, portal_id, wave_id)
        if wave is None or wave.stage in wave_queries.DONE_STAGES:
            return Outcome()
        before = {ClientKey.parse(key) for key in wave.plan.get(KEPT, {}).get("clients", ())}
        clients = sorted(str(key) for key in found)
        wave.plan = {**wave.plan, KEPT: {"at": now.isoformat(), "clients": clients}}
        if before != found:
            wave_cards.look_again(session, portal_id, [wave_id], before ^ found, now, only_open=True)
    return Outcome(now + DAY, cursor)
