"""What people decide about clients of a wave on its page: off the list and back, on hold and back, refused and back.

Who may is decided in `wave_acts`; everything is recorded with the employee's name (product.md E5, E7, W14).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from integration.nps.people import ClientKey
from integration.services import holds, rights, wave_refusals, wave_returns, waves
from integration.services.calling import phones
from integration.services.deps import Deps
from integration.services.frames import Viewer
from integration.services.waves_errors import WaveError
from integration.store import answers, cards_view, wave_queries
from integration.store.base import reading, transaction
from integration.store.wave_cards import key_of

MOST = 50  # lines that are acted upon at once
LONGEST_REASON = 400
_STAYS = ("has_answered", "is_out")  # why one client of several is left where it is
Form = Mapping[str, Any]


def why_in(form: Form) -> str:
    """The reason somebody gave, which may be none."""
    return str(form.get("why") or "").strip()[:LONGEST_REASON]


def reason_in(form: Form) -> str:
    """The reason somebody gave; raises `WaveError` (`no_reason`) without one."""
    why = why_in(form)
    if not why:
        raise WaveError("no_reason")
    return why


def not_by_its_own(session: Session, who: Viewer, client: ClientKey, manager: int | None, city: str) -> None:
    """Nobody who serves a client, by its card, its deals or the list, says what it said (product.md W10). Raises
    `WaveError` (`own_client`), and `PermissionError` for who does not see the client."""
    owners = {manager, *cards_view.responsibles(session, who.portal_id, client)}
    card = cards_view.titles(session, who.portal_id, client)
    if not rights.of(session, who.portal_id, who).sees(manager, city):
        raise PermissionError("not_yours")
    if who.user_id in owners or (card is not None and card[1] == who.user_id):
        raise WaveError("own_client")


def _exclude(deps: Deps, who: Viewer, wave_id: int, author: str, form: Form) -> str:
    why = reason_in(form)
    done, kept = 0, None
    for line in _lines(form):
        try:
            done += waves.exclude(deps, who.portal_id, wave_id, line, author, why)
        except WaveError as error:
            if error.code not in _STAYS:
                raise
            kept = error
    if kept is not None and not done:
        raise kept
    if kept is not None:
        return "excluded_some"
    return "excluded" if done else "nothing"


def _include(deps: Deps, who: Viewer, wave_id: int, author: str, form: Form) -> str:
    said = {wave_returns.include(deps, who.portal_id, wave_id, line, author) for line in _lines(form)}
    if "anew" in said:
        return "included_anew"
    return "included" if "included" in said else "nothing"


def _hold(deps: Deps, who: Viewer, wave_id: int, author: str, form: Form) -> str:
    why, until = why_in(form), form.get("until")
    said = [
        (line, holds.put(deps, who.portal_id, key, until=until, reason=why, who=author))
        for line, key in _clients(deps, who, wave_id, _lines(form))
    ]
    problem = next((one.problem for _, one in said if one.status == "problem"), None)
    if problem is not None:
        raise WaveError("no_reason" if problem == "no_reason" else f"hold_{problem}")
    told = f"{until.isoformat() if isinstance(until, date) else ''} {why}"
    _note(deps, who, wave_id, "held", author, told, [line for line, one in said if one.status == "done"])
    if any(one.status == "no_client" for _, one in said):
        if all(one.status == "no_client" for _, one in said):
            raise WaveError("card_gone")
        return "held_some"
    return "held"


def _lift(deps: Deps, who: Viewer, wave_id: int, author: str, form: Form) -> str:
    said = [
        (line, holds.lift(deps, who.portal_id, key, who=author))
        for line, key in _clients(deps, who, wave_id, _lines(form))
    ]
    if said and all(one.status == "no_client" for _, one in said):
        raise WaveError("card_gone")
    _note(deps, who, wave_id, "lifted", author, "", [line for line, one in said if one.status == "done"])
    return "lifted"


def _refuse(deps: Deps, who: Viewer, wave_id: int, author: str, form: Form) -> str:
    why = reason_in(form)
    number = _invitation(deps, who, wave_id, form)
    if not wave_refusals.refuse(deps, who.portal_id, wave_id, number, author, why):
        raise WaveError("cannot_refuse")
    return "refused"


def _take_back(deps: Deps, who: Viewer, wave_id: int, author: str, form: Form) -> str:
    number = _invitation(deps, who, wave_id, form)
    if not wave_refusals.take_back(deps, who.portal_id, wave_id, number, author):
        raise WaveError("nothing_to_undo")
    return "refusal_undone"


def _phone(deps: Deps, who: Viewer, wave_id: int, author: str, form: Form) -> str:
    """Another number of a person: nothing the client said, so the own manager may know it best."""
    number = int(form.get("invitation") or 0)
    with reading(deps.sessions) as session:
        found = answers.asked(session, who.portal_id, number)
        if found is None or found.wave.id != wave_id:
            raise WaveError("nobody_chosen")
    phones.change(deps, who.portal_id, wave_id, number, str(form.get("phone") or ""), author)
    return "phone_changed"


LINE_VERBS: dict[str, Callable[[Deps, Viewer, int, str, Form], str]] = {
    "exclude": _exclude, "include": _include, "hold": _hold, "lift": _lift, "refuse": _refuse,
    "take_back": _take_back, "phone": _phone,
}  # fmt: skip


def _lines(form: Form) -> list[int]:
    """The clients somebody has ticked; raises `WaveError` (`nobody_chosen`) for none."""
    lines = [int(line) for line in dict.fromkeys(form.get("lines", ()))][:MOST]
    if not lines:
        raise WaveError("nobody_chosen")
    return lines


def _clients(deps: Deps, who: Viewer, wave_id: int, lines: Iterable[int]) -> list[tuple[int, ClientKey]]:
    """Lines of this wave with their clients; raises `WaveError`: `is_over`, `nobody_chosen`."""
    with reading(deps.sessions) as session:
        wave = wave_queries.wave(session, who.portal_id, wave_id)
        if wave is None or wave.stage in wave_queries.DONE_STAGES:
            raise WaveError("is_over", wave.name if wave else "")
        found = wave_queries.clients_by_id(session, who.portal_id, wave_id, list(lines))
        if not found:
            raise WaveError("nobody_chosen")
        return [(number, key_of(line)) for number, line in sorted(found.items())]


def _note(
    deps: Deps, who: Viewer, wave_id: int, what: str, author: str, told: str, lines: Iterable[int]
) -> None:
    """A line of the trail for each client; the hold itself is kept with the client already."""
    now: datetime = deps.clock.now()
    with transaction(deps.sessions) as session:
        wave = wave_queries.wave(session, who.portal_id, wave_id)
        if wave is None:
            return
        found = wave_queries.clients_by_id(session, who.portal_id, wave_id, list(lines))
        for _, line in sorted(found.items()):
            detail = f"{line.client_kind}:{line.client_id}"
            wave_queries.note(session, wave, now, what, author, f"{detail}: {told}" if told else detail)


def _invitation(deps: Deps, who: Viewer, wave_id: int, form: Form) -> int:
    """A respondent of this wave whom the viewer sees and does not serve (product.md P2, W10)."""
    number = int(form.get("invitation") or 0)
    with reading(deps.sessions) as session:
        found = answers.asked(session, who.portal_id, number)
        if found is None or found.wave.id != wave_id:
            raise WaveError("nobody_chosen")
        not_by_its_own(session, who, key_of(found.client), found.client.manager_id, found.client.city)
    return number
