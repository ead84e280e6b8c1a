"""Surveys after projects in the tab of a card, apart from the yearly ones (product.md W16)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from integration.nps.people import ClientKey
from integration.services import policies, rights
from integration.services.deps import Deps
from integration.services.frames import Viewer
from integration.services.projects.page import extra_of, may_start
from integration.services.questions import ExtraSaid
from integration.store import project_pages as rows
from integration.store import reports
from integration.store.base import reading
from integration.store.project_pages import Shown

MOST = 5


@dataclass(frozen=True, slots=True)
class ProjectsTab:
    """The last runs of a deal, or of a client's deals. `may_ask`: the viewer may ask about this deal now;
    `extra`: what was said in extra questions, by answer."""

    runs: tuple[Shown, ...]
    names: Mapping[int, str]
    stages: Mapping[str, str]
    may_ask: bool
    extra: Mapping[int, tuple[ExtraSaid, ...]]


def read(deps: Deps, who: Viewer, kind: str, card_id: int, client: ClientKey | None) -> ProjectsTab | None:
    """What the tab of a card shows; nothing where surveys after projects are off and there never was one here.

    The caller has made sure that the viewer may read the card.
    """
    if client is None or kind == "lead":
        return None
    with reading(deps.sessions) as session:
        on = policies.load(session, who.portal_id)[0].project_surveys
        found = (
            rows.of_deal(session, who.portal_id, card_id, MOST)
            if kind == "deal"
            else rows.of_client(session, who.portal_id, client, MOST)
        )
        if not found and not (on and kind == "deal"):
            return None
        managers = {one.manager_id for one in found if one.manager_id}
        mine = rights.of(session, who.portal_id, who)
        return ProjectsTab(
            tuple(found), reports.names(session, who.portal_id, managers),
            rows.stages(session, who.portal_id) if found else {}, on and kind == "deal" and may_start(mine),
            extra_of(session, who.portal_id, found),
        )  # fmt: skip
