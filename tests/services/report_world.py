"""Surveys with answers, written straight into the tables, for the tests of numbers and of the pages that show them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from integration.nps.plans import calendar_of, plan
from integration.nps.policy import Policy
from integration.services.frames import Viewer
from integration.store.base import transaction
from integration.store.chores import Heartbeat
from integration.store.followups import FollowUp
from integration.store.letters import LetterRow
from integration.store.outbox import OutboxRow
from integration.store.portals import Staff
from integration.store.responses import Response
from integration.store.waves import Invitation, Wave, WaveClient, WaveEvent
from tests.services.wave_world import DIRECTOR, HEAD, MANAGER, World

MARKUP = '<b>Рога & Копыта</b> "O\'Нил" <script>alert(1)</script>'
LONG = "Общество с ограниченной ответственностью «Межрегиональная торгово-промышленная компания Северо-Запад»"
REASONS = ("not_current", "too_new", "asked_recently", "opted_out", "on_hold", "no_respondent", "no_channel")


@dataclass(frozen=True)
class Client:
    """A client on a list: its people as (role, score); a score of None is silence; a reason: it is not asked."""

    id: int
    people: Sequence[tuple[str, int | None]] = (("", None),)
    manager: int = MANAGER
    city: str = "Казань"
    reason: str = ""
    name: str = ""
    revenue: int = 100_000
    comment: str = ""
    held: bool = False
    channel: str = "email"


@dataclass
class Told:
    """Ids of what was written: the wave, and its lines, invitations and answers by client."""

    wave: int
    lines: dict[int, int] = field(default_factory=dict)
    invitations: dict[int, list[int]] = field(default_factory=dict)
    responses: dict[int, list[int]] = field(default_factory=dict)


def scores(values: Iterable[int | None], first: int = 1, **same: Any) -> list[Client]:
    """One client for each score, numbered on."""
    return [Client(number, ((("", score),)), **same) for number, score in enumerate(values, first)]


def tell(
    world: World, name: str, clients: Iterable[Client], *, stage: str = "reminders", start: date | None = None,
    origin: str = "molva", **columns: Any,
) -> Told:  # fmt: skip
    """A wave with its list, invitations and answers."""
    begins = start or date(int(name), 1, 5)
    days = plan(begins, Policy(time_zone="Europe/Moscow"), calendar_of(Policy())).to_json()
    planned = datetime(begins.year, begins.month, begins.day, tzinfo=UTC) - timedelta(days=42)
    running = stage not in ("draft", "rehearsed")
    values: dict[str, Any] = {
        "portal_id": world.portal_id, "name": name, "stage": stage, "origin": origin, "policy_version": 0,
        "plan": days if origin == "molva" else {}, "planned_at": planned, "frozen_at": planned,
        "approved_by": "Пётр Сом" if running else "", "approved_at": planned if running else None,
    }  # fmt: skip
    with transaction(world.deps.sessions) as session:
        wave = Wave(**values | columns)
        session.add(wave)
        session.flush()
        told = Told(wave.id)
        for client in clients:
            _client(session, world, told, client, stage)
    return told


def _client(session: Any, world: World, told: Told, client: Client, stage: str) -> None:
    line = WaveClient(
        portal_id=world.portal_id, wave_id=told.wave, client_kind="company", client_id=client.id,
        name=client.name or f"Клиент {client.id}", city=client.city, eligible=not client.reason, reason=client.reason,
        manager_id=client.manager, yearly_revenue=client.revenue,
        reason_detail="Пётр Сом (1): просил не звонить" if client.reason == "excluded_by_hand" else "",
    )  # fmt: skip
    session.add(line)
    session.flush()
    told.lines[client.id] = line.id
    asked = stage not in ("draft", "rehearsed", "announced")
    touches = {} if stage in ("draft", "rehearsed") else {"announcement": "2026-01-02T09:00:00+00:00"}
    touches |= {"invitation": "2026-01-05T09:00:00+00:00"} if asked else {}
    for place, (role, score) in enumerate(client.people if not client.reason else ()):
        counted = score is not None and not client.held
        open_as = "no_answer" if stage == "closed" else ""
        invitation = Invitation(
            portal_id=world.portal_id, wave_id=told.wave, wave_client_id=line.id, contact_id=client.id * 100 + place,
            name=f"Анна Коваль-{client.id}", address=f"p{client.id}-{place}@client.example.com", role=role,
            token=f"{told.wave}-{client.id}-{place}", outcome="answered" if counted else open_as, touches=touches,
            last_letter_at=world.clock.now() if touches else None,
        )  # fmt: skip
        session.add(invitation)
        session.flush()
        told.invitations.setdefault(client.id, []).append(invitation.id)
        if score is not None:
            given = Response(
                portal_id=world.portal_id, wave_id=told.wave, invitation_id=invitation.id, score=score,
                comment=client.comment, channel=client.channel, status="held" if client.held else "counted",
                held_reason="no_script" if client.held else "", answered_at=world.clock.now(),
            )  # fmt: skip
            session.add(given)
            session.flush()
            told.responses.setdefault(client.id, []).append(given.id)


def follow_up(
    world: World, told: Told, client: int, *, days: float, score: int = 3, owner: int = DIRECTOR,
    comment: str = "Три недели ждали отчёт, а потом оказалось, что он за прошлый квартал.",
    name: str = "", task: int | None = 900, status: str = "open", kind: str = "detractor_meeting",
) -> int:  # fmt: skip
    """A follow-up of a client, due in so many days from now."""
    with transaction(world.deps.sessions) as session:
        row = FollowUp(
            portal_id=world.portal_id, key=f"test:{client}:{kind}", kind=kind, wave_id=told.wave,
            client_kind="company", client_id=client, owner_id=owner, status=status,
            deadline=world.clock.now() + timedelta(days=days), task_id=task and task + client,
            facts={"client": name or f"Клиент {client}", "person": f"Анна Коваль-{client}", "score": score,
                   "comment": comment}, opened_at=world.clock.now(),
        )  # fmt: skip
        session.add(row)
        session.flush()
        return row.id


def stuck(world: World, *, letters: Sequence[str] = (), calls: int = 0) -> None:
    """Letters in these states, and calls to the portal that were given up."""
    now = world.clock.now()
    with transaction(world.deps.sessions) as session:
        for number, status in enumerate(letters):
            session.add(LetterRow(
                portal_id=world.portal_id, lane=f"x{number}", due_at=now, created_at=now, status=status,
                key=f"stuck:{number}", kind="invitation", sender_name="Пётр Сом", sender_address="som@agency.example",
                recipient_address=f"x{number}@client.example.com", subject="s", body_text="t", body_html="h",
                message_id=f"<stuck-{number}>",
            ))  # fmt: skip
        for number in range(calls):
            session.add(OutboxRow(
                portal_id=world.portal_id, lane=f"deal:{number}", due_at=now, created_at=now, status="buried",
                key=f"stuck:{number}", purpose="score", method="crm.item.update", call={},
            ))  # fmt: skip


def hire(world: World, *user_ids: int) -> None:
    """People of the portal without a department."""
    with transaction(world.deps.sessions) as session:
        for user in user_ids:
            session.add(
                Staff(portal_id=world.portal_id, user_id=user, name="Новый", last_name=f"Человек-{user}")
            )


def beat(world: World) -> None:
    """A worker is alive."""
    with transaction(world.deps.sessions) as session:
        session.merge(Heartbeat(worker="w", seen_at=world.clock.now()))


def rehearsed(world: World, told: Told, detail: str) -> None:
    """The trace of a rehearsal that found these mistakes."""
    with transaction(world.deps.sessions) as session:
        session.add(WaveEvent(
            portal_id=world.portal_id, wave_id=told.wave, at=world.clock.now(), what="rehearsed", who="Пётр Сом",
            detail=detail,
        ))  # fmt: skip


def viewer(world: World, user_id: int = HEAD, *, administrator: bool = False, language: str = "ru") -> Viewer:
    """A person of the portal, proven just now."""
    return Viewer(
        portal_id=world.portal_id, user_id=user_id, administrator=administrator, language=language,
        origin="https://portal.example", proved_at=world.clock.now(),
    )  # fmt: skip


def busy(world: World) -> tuple[Told, Told]:
    """A year full of life: last year's survey, this year's under way with everything that can need a decision."""
    before = tell(
        world, "2025", scores([0, 3, 5, 6, 7, 7, 8, 8, 8, 9, 9, 9, 10, 10, None, None] * 3), stage="closed",
        start=date(2025, 1, 6),
    )  # fmt: skip
    earlier = scores([2, 4, 6, 6, 7, 7, 8, 9, 9, 10] * 3, 1)
    tell(world, "2024", earlier, stage="closed", start=date(2024, 1, 8), origin="import")
    given = [3, 5, 7, 8, 8, 9, 9, 9, 10, 10, 10, None, None, None, 6, 9] * 3
    clients = [
        Client(number, (("decides", score),), name={1: MARKUP, 2: LONG}.get(number, ""),
               comment="Отличная команда, но отчёты приходят поздно" if number % 2 else "")
        for number, score in enumerate(given, 1)
    ]  # fmt: skip
    clients += [Client(60 + place, reason=reason) for place, reason in enumerate(REASONS)]
    clients += [
        Client(70, reason="excluded_by_hand"),
        Client(71, (("", 10),), held=True, comment="Всё хорошо", name=LONG),
    ]
    now = tell(world, "2026", clients)
    follow_up(world, now, 1, days=-4, name=MARKUP, comment=f"{MARKUP} — и это всё, что я могу сказать. " * 4)
    follow_up(world, now, 2, days=-1, name=LONG, score=5, owner=MANAGER)
    follow_up(world, now, 17, days=0.1, task=None)
    follow_up(world, now, 19, days=4, score=7, kind="passive_call", comment="")
    follow_up(world, now, 23, days=40, kind="promoter_thanks", score=10)
    stuck(world, letters=["unknown", "buried", "buried"], calls=3)
    beat(world)
    return before, now
