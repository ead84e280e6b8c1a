"""A client with several years behind it, for the tests and pictures of a card's tab."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from integration.nps.plans import Plan
from integration.services import frames, referrals
from integration.services.frames import Viewer
from integration.store.base import Sessions, transaction
from integration.store.clients import Company, Deal, Lead, StageMove
from integration.store.followups import FollowUp
from integration.store.letters import LetterRow
from integration.store.portals import Portal
from integration.store.responses import Response
from integration.store.waves import Invitation, Wave, WaveClient
from tests.conftest import HandClock
from tests.services.survey_world import DIRECTOR, HEAD, MANAGER, World, make_world

OUTSIDER = 9  # an employee without any role for this client
CALLER = 10
MARKUP = '<img src=x onerror="alert(1)"> & "«»"'
PLAN = Plan(
    zone="Europe/Moscow", drafted=date(2025, 12, 1), owner_reminders=(), announce=date(2025, 12, 29),
    start=date(2026, 1, 9), calling=None, mailing=date(2026, 1, 9),
    reminders=(date(2026, 1, 13), date(2026, 1, 19)), closing=date(2026, 1, 26), frozen_on=date(2026, 2, 9),
)  # fmt: skip


def tab_world(sessions: Sessions, clock: HandClock, **more: Any) -> World:
    """Company 12 with contacts 7 (decides) and 8, deals 351 and 352 of the manager, a survey that runs."""
    more.setdefault("people", ((7, "decides"), (8, "daily")))
    world = make_world(sessions, clock, **more)
    pid = world.portal.id
    world.policy(callers=[CALLER], service_pipelines=[9], time_zone="Europe/Moscow")
    fields = {kind: dict(codes) for kind, codes in world.portal.fields.items()}
    for kind in ("company", "contact"):
        for code in ("UF_CRM_MOLVA_HOLD_UNTIL", "UF_CRM_MOLVA_OPT_OUT"):
            fields[kind][code] = {"id": 9000, "type": "string", "items": {}}
    with transaction(sessions) as session:
        session.get_one(Portal, pid).fields = fields
        wave = session.get_one(Wave, world.wave_id)
        wave.plan, wave.frozen_at = PLAN.to_json(), clock.now() - timedelta(days=20)
        if more.get("client_kind", "company") == "company":
            company = session.get_one(Company, (pid, 12))
            company.assigned_by, company.city = MANAGER, "Kazan"
        for deal in (351, 352):
            session.get_one(Deal, (pid, deal)).assigned_by = MANAGER
            session.add(StageMove(portal_id=pid, id=deal, deal_id=deal, category_id=9, stage_id="C9:NEW",
                                  moved_at=datetime(2024, 5, 1, 9, tzinfo=UTC)))  # fmt: skip
    world.portal.fields = fields
    return world


def viewer(
    world: World, user_id: int = HEAD, card: tuple[str, int] | None = ("company", 12), **more: Any
) -> Viewer:
    """Somebody who was seen to read a card just now."""
    values: dict[str, Any] = {
        "portal_id": world.portal.id, "user_id": user_id, "administrator": False, "language": "en",
        "origin": "https://portal.example", "proved_at": world.clock.now(), "card": card,
    }  # fmt: skip
    return Viewer(**(values | more))


def sealed(world: World, who: Viewer) -> str:
    return frames.seal(world.deps, who)


def history(world: World, *, comment: str = "The team answers within the hour.", name: str = "ACME") -> None:
    """Three years of answers, letters, a task, referrals in and out."""
    pid, now = world.portal.id, world.clock.now()
    with transaction(world.deps.sessions) as session:
        session.get_one(Company, (pid, 12)).title = name
        for year, score, origin in ((2023, 6, "import"), (2024, 7, "molva"), (2025, 8, "molva")):
            at = datetime(year, 10, 5, 9, tzinfo=UTC)
            plan = {} if origin == "import" else _plan(year)
            wave = Wave(portal_id=pid, name=str(year), origin=origin, stage="closed", policy_version=1, plan=plan,
                        planned_at=at, closed_at=at + timedelta(days=20), approved_by="Ada Head")  # fmt: skip
            session.add(wave)
            session.flush()
            line = WaveClient(portal_id=pid, wave_id=wave.id, client_kind="company", client_id=12, name=name,
                              eligible=True, deal_id=351, deal_ids=[352], manager_id=MANAGER)  # fmt: skip
            session.add(line)
            session.flush()
            asked = Invitation(portal_id=pid, wave_id=wave.id, wave_client_id=line.id, contact_id=7,
                               name="Person7 Example", address="p7@example.com", role="decides",
                               token=f"old-{year}-{pid}", outcome="answered", outcome_at=at,
                               touches={"invitation": (at - timedelta(days=300)).isoformat()})  # fmt: skip
            session.add(asked)
            session.flush()
            session.add(Response(portal_id=pid, wave_id=wave.id, invitation_id=asked.id, score=score,
                                 comment=f"Words of {year}", channel="email", answered_at=at))  # fmt: skip
        session.add(Company(portal_id=pid, id=57, title="Old Friends", assigned_by=MANAGER))
        session.add(
            Company(
                portal_id=pid,
                id=58,
                title="New Shop",
                assigned_by=MANAGER,
                referrer="CO_12",
                referral={"UF_CRM_MOLVA_REFERRER": "CO_12", "UF_CRM_MOLVA_REFERRAL_DATE": "2025-11-03"},
            )
        )
        session.add(
            Company(
                portal_id=pid,
                id=59,
                title="Secret Client",
                assigned_by=OUTSIDER,
                referrer="C_7",
                referral={"UF_CRM_MOLVA_REFERRER": "C_7"},
            )
        )
        session.add(
            Lead(
                portal_id=pid,
                id=5,
                title="A new lead",
                assigned_by=MANAGER,
                referrer="CO_12",
                referral={"UF_CRM_MOLVA_REFERRER": "CO_12"},
            )
        )
        items = world.portal.fields["company"]["UF_CRM_MOLVA_REFERRAL_SOURCE"]["items"]
        session.get_one(Company, (pid, 12)).referral = {
            "UF_CRM_MOLVA_REFERRAL_SOURCE": items["client"], "UF_CRM_MOLVA_REFERRER": "CO_57",
            "UF_CRM_MOLVA_REFERRAL_DATE": "2024-04-20",
        }  # fmt: skip
        first = session.scalars(_invitations(world)).first()
        assert first is not None
        for kind, days in (("announcement", 14), ("invitation", 3)):
            session.add(
                LetterRow(portal_id=pid, lane=first.address, status="done", due_at=now, created_at=now,
                          key=f"{kind}:{first.id}", kind=kind, wave_id=world.wave_id, invitation_id=first.id,
                          sender_name="Ada Head", sender_address="ada@example.com", subject="s", body_text="t",
                          recipient_address=first.address, body_html="h", message_id=f"{kind}-{first.id}@x",
                          sent_at=now - timedelta(days=days), handed_at=now - timedelta(days=days))
            )  # fmt: skip
        first.touches = {
            "announcement": (now - timedelta(days=14)).isoformat(), "invitation": (now - timedelta(days=3)).isoformat(),
        }  # fmt: skip
    world.human(3, comment)
    world.clock.advance(minutes=10)


def heard(world: World, *cards: tuple[str, int]) -> None:
    """What stands on these cards about who recommended is taken up, as after an event."""
    with transaction(world.deps.sessions) as session:
        portal = session.get_one(Portal, world.portal.id)
        for kind, number in cards:
            referrals.on_card_changed(world.deps, session, portal, kind, number)


def held(world: World, contact: int = 8) -> None:
    """An answer that no person was seen to give."""
    world.post(9, "Fine, thank you", token=world.tokens[contact])


def a_task(world: World, **more: Any) -> None:
    now = world.clock.now()
    values: dict[str, Any] = {
        "key": "k", "kind": "detractor_meeting", "client_kind": "company", "client_id": 12, "owner_id": DIRECTOR,
        "deadline": now + timedelta(days=1), "opened_at": now, "task_id": 77,
    }  # fmt: skip
    with transaction(world.deps.sessions) as session:
        session.add(FollowUp(portal_id=world.portal.id, **(values | more)))


def _plan(year: int) -> dict[str, Any]:
    return {
        **PLAN.to_json(), "start": f"{year}-10-01", "announce": f"{year}-09-17", "mailing": f"{year}-10-01",
        "reminders": [], "closing": f"{year}-10-20", "frozen_on": f"{year}-11-03", "drafted": f"{year}-08-20",
    }  # fmt: skip


def _invitations(world: World) -> Any:
    return select(Invitation).where(Invitation.wave_id == world.wave_id).order_by(Invitation.id)
