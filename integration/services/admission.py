"""Who may come in: a proven person of a portal that works, with the rights of this moment (product.md P2)."""

from __future__ import annotations

from dataclasses import dataclass

from integration.nps.rights import Rights
from integration.services import rights
from integration.services.deps import Deps
from integration.services.frames import NEEDS_ADMINISTRATOR, FrameRefused, Viewer
from integration.services.policies import full_name
from integration.services.projects import page as projects
from integration.store import overviews
from integration.store import portals as rows
from integration.store.base import reading


@dataclass(frozen=True, slots=True)
class Admitted:
    """A person who was let in. `time_zone` is the portal's, for moments; `wave_id` the survey people ask about;
    `calls`: this person may call, and there are calls in it (product.md W8); `recorded_as`: how own acts are recorded
    (`rights.name_of`)."""

    viewer: Viewer
    rights: Rights
    domain: str
    time_zone: str
    wave_id: int | None
    calls: bool = False
    projects: bool = False
    recorded_as: str = ""


def admit(deps: Deps, who: Viewer) -> Admitted:
    """Let a proven person in, or raise `FrameRefused`; nothing is asked of the portal.

    Codes: `not_installed` (the portal has lost its access or is gone), `suspended`, `undecided`, `dismissed`. Somebody
    whom the portal has not named to us yet is let in with an employee's rights: the portal itself has proven them.
    """
    with reading(deps.sessions) as session:
        found = rows.get_and_employee(session, who.portal_id, who.user_id)
        if found is None or found[0].status in NEEDS_ADMINISTRATOR:
            raise FrameRefused("not_installed")
        portal, person = found
        if portal.status in ("suspended", "undecided"):
            raise FrameRefused(portal.status)
        if person is not None and not person.active:
            raise FrameRefused("dismissed")
        may = rights.of(session, who.portal_id, who)
        wave_id, called = overviews.current_wave_and_calls(session, who.portal_id)
        return Admitted(
            viewer=who, rights=may, domain=portal.domain, time_zone=portal.time_zone, wave_id=wave_id,
            calls=may.may_call and called, projects=may.sees_clients and projects.shown(session, who.portal_id),
            recorded_as=rights.in_records(full_name(person) if person is not None else "", who.user_id),
        )  # fmt: skip
