"""A deal enters one of the stages after which the agency asks: each entry is noted once (product.md W16).

Told by the portal's own stage history as it is put into the mirror, by whoever reads it: an event, reconciliation,
the nightly walk. So no entry is missed, and the history read once more starts nothing anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from integration.services import policies
from integration.services.projects import runs
from integration.services.projects.switch import turned_on


def entered(session: Session, portal_id: int, moves: Iterable[Mapping[str, Any]]) -> int:
    """Look at rows of the stage history that were just mirrored; how many entries count.

    Only those since surveys after a project were turned on and the stage was chosen: what had happened before is not
    asked about.
    """
    policy, _ = policies.load(session, portal_id)
    if not policy.project_surveys or not policy.project_stages:
        return 0
    wanted = [move for move in moves if move["stage_id"] in policy.project_stages]
    since = turned_on(session, portal_id) if wanted else None
    stages = since.stages if since is not None else {}
    found = [
        move
        for move in wanted
        if (chosen := stages.get(move["stage_id"])) is not None and move["moved_at"] >= chosen
    ]
    for move in sorted(found, key=lambda one: int(one["id"])):
        runs.start(
            session,
            portal_id,
            deal_id=move["deal_id"],
            source="stage",
            key=f"stage:{move['deal_id']}:{move['id']}",
            started_by=str(move["stage_id"]),
            due_at=move["moved_at"] + timedelta(days=policy.project_delay_days),
            now=move["moved_at"],
        )
    return len(found)
