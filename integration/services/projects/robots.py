"""What the portal's robots ask of us: stored at once, looked at afterwards (product.md W16; bitrix24.md 14.2)."""

from __future__ import annotations

from datetime import timedelta

from integration.bitrix import robots
from integration.bitrix.protocol import same_token
from integration.bitrix.robots import RobotCall
from integration.logs import log
from integration.services.deps import Deps
from integration.services.inbox import ACCEPTED, Verdict
from integration.services.projects import runs
from integration.services.reading import NEIGHBOUR
from integration.store import inbox as inbox_rows
from integration.store.base import transaction

STARTED_BY = "robot"
SETTLE = timedelta(
    minutes=1
)  # the deal is read before: a robot may run on one that was made this very second


def accept(deps: Deps, call: RobotCall) -> Verdict:
    """Check who sent it and keep it, in one commit; no request is made. The same step again is the same survey.

    A robot on something that is no deal asks nobody; one that waits there is told so. A code that is none of ours is
    genuine and of no use.
    """
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        found = inbox_rows.receivers(session, call.grant.member_id)
        receiver = next(
            (
                one for one in found
                if same_token(one.application_token, call.grant.application_token) and one.status != "uninstalled"
            ),
            None,
        )  # fmt: skip
        if receiver is None:
            return Verdict("rejected", "wrong_token" if found else "unknown_portal")
        if call.code != robots.CODE or (not call.deal_id and not call.waits):
            log(__name__).info("robot.ignored", portal=receiver.portal_id, code=call.code[:40])
            return Verdict("ignored", "no_use")
        if call.deal_id:
            inbox_rows.store(session, receiver.portal_id, now, NEIGHBOUR, "deal", call.deal_id)
        run = runs.start(
            session, receiver.portal_id, deal_id=call.deal_id, source="robot", key=call.key, started_by=STARTED_BY,
            event_token=call.token, waits=call.waits, due_at=now + max(timedelta(days=call.days), SETTLE), now=now,
        )  # fmt: skip
        if not call.deal_id and run.told_at is None:
            runs.skip(session, run, "deal_gone", now)
    return ACCEPTED
