"""What people decide about a wave on its page: make the list, approve, other days, pause, close, cancel, judge held
answers; what concerns single clients is in `wave_line_acts`.

Everything is recorded with the employee's name (product.md W2, E7, S1, W10).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from integration.nps.people import ClientKey
from integration.nps.wave_dates import DateProblem, Wished
from integration.services import corrections, rehearsals, rights, wave_dates, waves
from integration.services.deps import Deps
from integration.services.frames import Viewer
from integration.services.reports import plan_in
from integration.services.wave_line_acts import LINE_VERBS, not_by_its_own, reason_in, why_in
from integration.services.waves_errors import WaveError
from integration.store import todo, wave_queries
from integration.store.base import reading

Done = Literal[
    "ordered", "approved", "paused", "resumed", "cancelled", "closed", "moved", "excluded", "excluded_some",
    "included", "included_anew", "held", "held_some", "lifted", "refused", "refusal_undone", "confirmed", "rejected",
    "phone_changed", "nothing",
]  # fmt: skip
Form = Mapping[str, Any]


class DatesRefused(Exception):
    """The days cannot be these; `problems` say why, one for each day."""

    def __init__(self, problems: Sequence[DateProblem]) -> None:
        super().__init__("; ".join(f"{one.step} {one.code}" for one in problems))
        self.problems = tuple(problems)


def act(deps: Deps, who: Viewer, wave_id: int, verb: str, form: Form) -> Done:
    """Do what a person with the right to has decided. Raises `WaveError` with why it cannot be done,
    `LookupError` for a wave the portal does not have, `PermissionError` without the right.

    `form`: `why` (a reason), `lines` (ids of lines), `until` (the first day on which they may be asked again),
    `invitation`, `response` and `seen` (a held answer and its revision), `announce`, `start`, `reminders`, `closing`
    (days). Doing the same twice does it once or says so. Raises `DatesRefused` for days that cannot be.
    """
    with reading(deps.sessions) as session:
        mine = rights.of(session, who.portal_id, who)
        author = rights.name_of(session, who.portal_id, who.user_id)
        if wave_queries.yearly(session, who.portal_id, wave_id) is None:
            raise LookupError("no such wave")
    if not mine.may_run_waves:
        raise PermissionError(verb)
    doing = _VERBS.get(verb)
    return doing(deps, who, wave_id, author, form) if doing else "nothing"


def _rehearse(deps: Deps, who: Viewer, wave_id: int, author: str, form: Form) -> Done:
    """Have the worker make the list anew and look everything through."""
    rehearsals.order(deps, who.portal_id, wave_id, author)
    return "ordered"


def _approve(deps: Deps, who: Viewer, wave_id: int, author: str, form: Form) -> Done:
    """If the rehearsal found nothing wrong and still counts, let the wave begin."""
    waves.approve(deps, who.portal_id, wave_id, author, announced_on=form.get("announce"))
    return "approved"


def _pause(deps: Deps, who: Viewer, wave_id: int, author: str, form: Form) -> Done:
    waves.pause(deps, who.portal_id, wave_id, author, why_in(form))
    return "paused"


def _resume(deps: Deps, who: Viewer, wave_id: int, author: str, form: Form) -> Done:
    waves.resume(deps, who.portal_id, wave_id, author)
    return "resumed"


def _cancel(deps: Deps, who: Viewer, wave_id: int, author: str, form: Form) -> Done:
    waves.cancel(deps, who.portal_id, wave_id, author, reason_in(form))
    return "cancelled"


def _close(deps: Deps, who: Viewer, wave_id: int, author: str, form: Form) -> Done:
    waves.close(deps, who.portal_id, wave_id, author, reason_in(form))
    return "closed"


def _move(deps: Deps, who: Viewer, wave_id: int, author: str, form: Form) -> Done:
    """Days that the form does not name, since their steps have begun, stay."""
    with reading(deps.sessions) as session:
        wave = wave_queries.yearly(session, who.portal_id, wave_id)
        plan = plan_in(wave) if wave else None
    if plan is None:
        raise WaveError("no_dates")
    given = list(form.get("reminders", ()))
    late = [given[number] if number < len(given) else None for number in range(len(plan.reminders))]
    wished = Wished(
        form.get("announce") or plan.announce, form.get("start") or plan.start,
        tuple(new or old for new, old in zip(late, plan.reminders, strict=True)),
        form.get("closing") or plan.closing,
    )  # fmt: skip
    problems = wave_dates.move(deps, who.portal_id, wave_id, wished, author)
    if problems:
        raise DatesRefused(problems)
    return "moved"


def _confirm(deps: Deps, who: Viewer, wave_id: int, author: str, form: Form) -> Done:
    client, number = _held(deps, who, wave_id, form)
    seen = int(form.get("seen") or 0)
    _settled(corrections.confirm(deps, who.portal_id, client, number, seen=seen, who=author))
    return "confirmed"


def _reject(deps: Deps, who: Viewer, wave_id: int, author: str, form: Form) -> Done:
    client, number = _held(deps, who, wave_id, form)
    _settled(
        corrections.turn_down(
            deps, who.portal_id, client, number, seen=int(form.get("seen") or 0), who=author
        )
    )
    return "rejected"


def _held(deps: Deps, who: Viewer, wave_id: int, form: Form) -> tuple[ClientKey, int]:
    """The client and the id of a held answer of this wave that the viewer sees; nobody who serves the client,
    by its card, its deals or the list, judges what it said (product.md P2, W10)."""
    number = int(form.get("response") or 0)
    with reading(deps.sessions) as session:
        found = todo.held_one(session, who.portal_id, wave_id, number)
        if found is None:
            raise WaveError("not_held")
        client = ClientKey.parse(f"{found.client_kind}:{found.client_id}")
        not_by_its_own(session, who, client, found.manager_id, found.city)
    return client, number


def _settled(status: str) -> None:
    if status != "done":
        raise WaveError("changed_meanwhile")


_VERBS: dict[str, Callable[[Deps, Viewer, int, str, Form], Any]] = {
    "rehearse": _rehearse, "approve": _approve, "pause": _pause, "resume": _resume, "cancel": _cancel,
    "close": _close, "move": _move, "confirm": _confirm, "reject": _reject, **LINE_VERBS,
}  # fmt: skip
