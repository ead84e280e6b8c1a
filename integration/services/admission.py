"""Who may come in: a proven person of a portal that works, with the rights of this moment (product.md P2)."""

from __future__ import annotations

from dataclasses import dataclass

from integration.nps.rights import Rights
from integration.services import rights
from integration.services.deps import Deps
from integration.services.frames import NEEDS_ADMINISTRATOR, FrameRefused, Viewer
from integration.store import overviews
from integration.store import portals as rows
from integration.store.base import reading


@dataclass(frozen=True, slots=True)
class Admitted:
    """A person who was let in. `time_zone` is the portal's, for moments; `wave_id` the survey people ask about."""

    viewer: Viewer
    rights: Rights
    domain: str
    time_zone: str
    wave_id: int | None


def admit(deps: Deps, who: Viewer) -> Admitted:
    """Let a proven person in, or raise `FrameRefused`; nothing is asked of the portal.

    Codes: `not_installed` (the portal has lost its access or is gone), `suspended`, `undecided`, `dismissed`. Somebody
    whom the portal has not named to us yet is let in with an employee's rights: the portal itself has proven them.
    """
    with reading(deps.sessions) as session:
        portal = rows.get(session, who.portal_id)
        if portal is None or portal.status in NEEDS_ADMINISTRATOR:
            raise FrameRefused("not_installed")
        if portal.status in ("suspended", "undecided"):
            raise FrameRefused(portal.status)
        person = rows.employee(session, who.portal_id, who.user_id)
        if person is not None and not person.active:
            raise FrameRefused("dismissed")
        return Admitted(
            viewer=who, rights=rights.of(session, who.portal_id, who), domain=portal.domain,
            time_zone=portal.time_zone, wave_id=overviews.current_wave_id(session, who.portal_id),
        )  # fmt: skip
