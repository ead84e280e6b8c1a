"""Merges and tasks of a real portal during a survey: what its events, lists and answers look like (E5, E7, T2)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from integration.services import wave_merges, wave_trouble
from integration.services.letter_drafts import scene
from integration.store.base import transaction
from integration.store.portals import Portal
from integration.store.waves import Invitation, Wave, WaveClient
from tests.services.portal_world import World, agency, on_sqlite, world


@pytest.fixture
def there(sqlite_url: str, tmp_path: Path):  # type: ignore[no-untyped-def]
    """A small agency whose companies 1 and 3 are the same client."""
    data = agency()
    data.companies = [*data.companies, {"id": 3, "title": "Vega LLC"}]
    data.contacts = [*data.contacts, {"id": 4, "name": "Max", "lastName": "Fox", "companyIds": [3]}]
    data.deals = [*data.deals, {"id": 5, "title": "Ads", "companyId": 3, "contactIds": [4], "stageId": "WON"}]
    with on_sqlite(sqlite_url) as sessions, world(sessions, data) as made:
        yield made.ready()


def a_wave(there: World) -> int:
    """A wave under way with both companies and one person of each."""
    now = there.clock.now()
    with transaction(there.deps.sessions) as session:
        portal = session.get_one(Portal, there.portal_id)
        day = now.date()
        plan = {
            "zone": "UTC", "owner_reminders": [], "reminders": [], "calling": None,
            **{name: (day + timedelta(days=n)).isoformat() for name, n in (
                ("drafted", -9), ("announce", 5), ("start", 10), ("mailing", 10), ("closing", 30), ("frozen_on", 44),
            )},
        }  # fmt: skip
        wave = Wave(portal_id=portal.id, name="2026", stage="announced", policy_version=0, plan=plan, planned_at=now,
                    approved_by="Head", approved_at=now, frozen_at=now)  # fmt: skip
        session.add(wave)
        session.flush()
        for client, contact, deal in ((1, 1, 1), (3, 4, 5)):
            line = WaveClient(portal_id=portal.id, wave_id=wave.id, client_kind="company", client_id=client,
                              name=f"{client}", eligible=True, deal_id=deal)  # fmt: skip
            session.add(line)
            session.flush()
            session.add(
                Invitation(portal_id=portal.id, wave_id=wave.id, wave_client_id=line.id, contact_id=contact,
                           address=f"p{contact}@client.example.com", token=f"t{contact}")
            )  # fmt: skip
        return wave.id


def test_a_merge_in_the_portal_makes_two_lines_one(there: World) -> None:
    wave_id = a_wave(there)
    there.act(1, "crm.entity.mergeBatch", params={"entityTypeId": 4, "entityIds": [1, 3]})
    there.settle()
    now = there.clock.now()
    with transaction(there.deps.sessions) as session:
        due = list(
            session.scalars(select(Invitation).where(Invitation.due_at <= now).order_by(Invitation.id))
        )
        assert due, "the events let the machine look at the people of both"
        stage = scene(session, session.get_one(Wave, wave_id), now)
        assert wave_merges.settle(there.deps, session, stage, due, now)
    with transaction(there.deps.sessions) as session:
        lines = list(session.scalars(select(WaveClient).order_by(WaveClient.client_id)))
        people = list(session.scalars(select(Invitation).order_by(Invitation.id)))
    living = next(line for line in lines if line.eligible)
    gone = next(line for line in lines if not line.eligible)
    assert gone.reason_detail == f"molva: merged:company:{living.client_id}"
    assert {one.wave_client_id for one in people} == {living.id}


def test_overdue_critical_tasks_of_a_portal_are_found_by_what_they_are_bound_to(there: World) -> None:
    """Priority, deadline and state are the portal's to compare; a task of ours and a finished one hold nobody."""
    a_wave(there)
    late = (there.clock.now() - timedelta(hours=2)).isoformat()
    soon = (there.clock.now() + timedelta(hours=2)).isoformat()
    for title, priority, deadline, bound, more in (
        ("urgent", 2, late, ["D_5"], {}), ("later", 2, soon, ["CO_1"], {}), ("usual", 1, late, ["CO_1"], {}),
        ("ours", 2, late, ["CO_1"], {"XML_ID": "molva:2026:x"}), ("done", 2, late, ["CO_1"], {"STATUS": 5}),
    ):  # fmt: skip
        fields = {
            "TITLE": title,
            "RESPONSIBLE_ID": 1,
            "PRIORITY": priority,
            "DEADLINE": deadline,
            "UF_CRM_TASK": bound,
        }
        made = there.act(
            1, "tasks.task.add", fields={**fields, **{k: v for k, v in more.items() if k != "STATUS"}}
        )
        if "STATUS" in more:
            there.act(1, "tasks.task.complete", taskId=made["task"]["id"])
    found = wave_trouble.with_critical_tasks(there.deps, there.portal_id)
    assert {str(key) for key in found} == {"company:3"}
