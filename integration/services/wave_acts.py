"""What people decide about a wave on its page: make the list, approve, pause, cancel, exclude, judge held answers.

Everything is recorded with the employee's name (product.md W2, E7, S1, W10).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from integration.nps.people import ClientKey
from integration.services import corrections, rights, waves
from integration.services.deps import Deps
from integration.services.frames import Viewer
from integration.services.waves_errors import WaveError
from integration.store import cards_view, todo, wave_queries
from integration.store.base import reading

MOST = 50  # lines excluded at once
LONGEST_REASON = 400
Done = Literal[
    "ordered",
    "approved",
    "paused",
    "resumed",
    "cancelled",
    "excluded",
    "excluded_some",
    "confirmed",
    "rejected",
    "nothing",
]
_STAYS = ("has_answered", "is_out")  # why one client of several is left where it is
Form = Mapping[str, Any]


def act(deps: Deps, who: Viewer, wave_id: int, verb: str, form: Form) -> Done:
    """Do what a person with the right to has decided. Raises `WaveError` with why it cannot be done,
    `LookupError` for a wave the portal does not have, `PermissionError` without the right.

    `form`: `why` (a reason), `lines` (ids of lines), `response` and `seen` (a held answer and its revision).
    Doing the same twice does it once or says so.
    """
    with reading(deps.sessions) as session:
        mine = rights.of(session, who.portal_id, who)
        author = rights.name_of(session, who.portal_id, who.user_id)
        if wave_queries.wave(session, who.portal_id, wave_id) is None:
            raise LookupError("no such wave")
    if not mine.may_run_waves:
        raise PermissionError(verb)
    doing = _VERBS.get(verb)
    return doing(deps, who, wave_id, author, form) if doing else "nothing"


def _rehearse(deps: Deps, who: Viewer, wave_id: int, author: str, form: Form) -> Done:
    """Have the list made anew by the worker; the rehearsal follows when the page is looked at."""
    with reading(deps.sessions) as session:
        wave = wave_queries.wave(session, who.portal_id, wave_id)
    if wave is None or wave.approved_by or wave.stage not in ("draft", "rehearsed"):
        raise WaveError("wrong_stage", wave.stage if wave else "")
    waves.order_freeze(deps, who.portal_id, wave_id)
    return "ordered"


def _approve(deps: Deps, who: Viewer, wave_id: int, author: str, form: Form) -> Done:
    """Rehearse what is on the page and, if nothing is wrong, let the wave begin."""
    with reading(deps.sessions) as session:
        wave = wave_queries.wave(session, who.portal_id, wave_id)
    if wave is None or wave.frozen_at is None:
        raise WaveError("not_frozen", str(wave_id))
    if not wave.approved_by:
        waves.rehearse(deps, who.portal_id, wave_id, author)
    waves.approve(deps, who.portal_id, wave_id, author)
    return "approved"


def _pause(deps: Deps, who: Viewer, wave_id: int, author: str, form: Form) -> Done:
    waves.pause(deps, who.portal_id, wave_id, author, _why(form))
    return "paused"


def _resume(deps: Deps, who: Viewer, wave_id: int, author: str, form: Form) -> Done:
    waves.resume(deps, who.portal_id, wave_id, author)
    return "resumed"


def _cancel(deps: Deps, who: Viewer, wave_id: int, author: str, form: Form) -> Done:
    waves.cancel(deps, who.portal_id, wave_id, author, _reason(form))
    return "cancelled"


def _exclude(deps: Deps, who: Viewer, wave_id: int, author: str, form: Form) -> Done:
    why = _reason(form)
    lines = list(dict.fromkeys(form.get("lines", ())))[:MOST]
    if not lines:
        raise WaveError("nobody_chosen")
    done, kept = 0, None
    for line in lines:
        try:
            done += waves.exclude(deps, who.portal_id, wave_id, int(line), author, why)
        except WaveError as error:
            if error.code not in _STAYS:
                raise
            kept = error
    if kept is not None and not done:
        raise kept
    if kept is not None:
        return "excluded_some"
    return "excluded" if done else "nothing"


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
        owners = {found.manager_id, *cards_view.responsibles(session, who.portal_id, client)}
        card = cards_view.titles(session, who.portal_id, client)
        if not rights.of(session, who.portal_id, who).sees(found.manager_id, found.city):
            raise PermissionError("not_yours")
    if who.user_id in owners or (card is not None and card[1] == who.user_id):
        raise WaveError("own_client")
    return client, number


def _settled(status: str) -> None:
    if status != "done":
        raise WaveError("changed_meanwhile")


def _why(form: Form) -> str:
    return str(form.get("why") or "").strip()[:LONGEST_REASON]


def _reason(form: Form) -> str:
    why = _why(form)
    if not why:
        raise WaveError("no_reason")
    return why


_VERBS: dict[str, Callable[[Deps, Viewer, int, str, Form], Done]] = {
    "rehearse": _rehearse, "approve": _approve, "pause": _pause, "resume": _resume, "cancel": _cancel,
    "exclude": _exclude, "confirm": _confirm, "reject": _reject,
}  # fmt: skip
