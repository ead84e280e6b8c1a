"""Chains fifty deep and attempted circles among thirty thousand referrals: few queries (product.md R4)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

from sqlalchemy import event, insert

from integration.nps.people import CardKey, ClientKey
from integration.services import referrals
from integration.services.calls_queue import Cause
from integration.store import referrals as rows
from integration.store.base import Sessions, transaction
from integration.store.clients import Company
from integration.store.portals import Portal
from integration.store.referral_rows import Referral
from tests.conftest import HandClock
from tests.services.survey_world import field_map, make_world

SOURCE, REFERRER, DATE = "UF_CRM_MOLVA_REFERRAL_SOURCE", "UF_CRM_MOLVA_REFERRER", "UF_CRM_MOLVA_REFERRAL_DATE"
MANY, DEEP = 30_000, 50
DAY = date(2025, 1, 1)


@contextmanager
def counted(sessions: Sessions) -> Iterator[list[str]]:
    """The statements that run meanwhile."""
    engine = sessions.kw["bind"]
    seen: list[str] = []

    def note(_c: Any, _u: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_chains_are_followed_and_circles_refused_by_a_bounded_number_of_queries(
    sessions: Sessions, clock: HandClock
) -> None:
    """600 chains of fifty; the first of a chain cannot have been brought by its last, whatever lies between."""
    world = make_world(sessions, clock)
    pid, now = world.portal.id, clock.now()
    chains = [
        {"portal_id": pid, "newcomer_kind": "company", "newcomer_id": 1000 + n, "source": "client",
         "named_kind": "company", "named_id": 999 + n, "referrer_kind": "company", "referrer_id": 999 + n,
         "claimed_on": DAY + timedelta(days=n % DEEP), "via_kind": "company", "via_id": 1000 + n, "found_at": now,
         "changed_at": now}
        for n in range(MANY)
        if n % DEEP
    ]  # fmt: skip
    items = field_map()["company"][SOURCE]["items"]
    with transaction(sessions) as session:
        session.execute(insert(Referral), chains)
        session.execute(
            insert(Company),
            [{"portal_id": pid, "id": 1000 + n, "title": f"Client {n}"} for n in (0, DEEP - 1, 2 * DEEP - 1)],
        )
        said = {SOURCE: items["client"], REFERRER: f"CO_{1000 + DEEP - 1}", DATE: "2026-01-05"}
        session.get_one(Company, (pid, 1000)).referral = said
    with counted(sessions) as seen, transaction(sessions) as session:
        links = rows.chain(session, pid, ClientKey("company", 1000 + DEEP - 1))
        assert len(links) == DEEP - 1
        assert links[-1].referrer == ClientKey("company", 1000)
        assert (
            len([one for one in seen if "walk" in one]) == len([one for one in seen if "SELECT" in one]) == 1
        )
    with counted(sessions) as seen, transaction(sessions) as session:
        portal = session.get_one(Portal, pid)
        work = referrals.Work.of(world.deps, session, portal, Cause("card", 1000))
        found = referrals.derive(work, CardKey("company", 1000))
        assert found is not None
        assert (found.problem, len(found.chain), found.chain[0]) == (
            "cycle",
            DEEP,
            f"company:{1000 + DEEP - 1}",
        )
        assert len(seen) <= 40, len(seen)
    with transaction(
        sessions
    ) as session:  # an old circle elsewhere is followed as far as the limit, and no further
        session.add(
            Referral(portal_id=pid, newcomer_kind="company", newcomer_id=1000 + DEEP, referrer_kind="company",
                     referrer_id=1000 + 2 * DEEP - 1, named_kind="company", named_id=1, source="client", found_at=now,
                     changed_at=now)
        )  # fmt: skip
        session.flush()
        links = rows.chain(session, pid, ClientKey("company", 1000 + 2 * DEEP - 1), limit=120)
        assert len(links) == 120


def test_of_two_claims_that_make_a_circle_the_later_is_refused_whichever_is_heard_first(
    sessions: Sessions, clock: HandClock
) -> None:
    """And when the earlier one is taken back, the later one stands."""
    world = make_world(sessions, clock)
    pid = world.portal.id
    items = field_map()["company"][SOURCE]["items"]

    def claim(number: int, by: int, day: str) -> None:
        said = {SOURCE: items["client"] if by else "", REFERRER: f"CO_{by}" if by else "", DATE: day}
        world.set(Company, (pid, number), referral=said)

    def heard(number: int) -> None:
        with transaction(sessions) as session:
            portal = session.get_one(Portal, pid)
            referrals.on_card_changed(world.deps, session, portal, "company", number)

    def problems(*numbers: int) -> list[str]:
        with transaction(sessions) as session:
            found = [rows.of_newcomer(session, pid, ClientKey("company", one)) for one in numbers]
            return [one.problem if one else "no row" for one in found]

    with transaction(sessions) as session:
        for number in (60, 61, 62, 70, 71, 72):
            session.add(Company(portal_id=pid, id=number, title=f"Client {number}"))
    for first, order in ((60, (60, 61, 62)), (70, (72, 71, 70))):
        claim(first, first + 1, "2026-01-03")
        claim(first + 1, first + 2, "2026-01-01")
        claim(first + 2, first, "2026-01-02")
        for number in order:
            heard(number)
        assert problems(first, first + 1, first + 2) == ["cycle", "", ""]
        claim(first + 2, 0, "")
        heard(first + 2)
        assert problems(first, first + 1, first + 2) == ["", "", "no row"]
