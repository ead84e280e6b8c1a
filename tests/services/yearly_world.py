"""Two years of surveys over the same clients, with letters and channels, for the tests of reports and files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta

from integration.services import waves_close
from integration.services.letter_drafts import scene
from integration.store.base import transaction
from integration.store.letters import LetterRow
from integration.store.responses import Response, ResponseRevision
from integration.store.waves import Invitation, Wave
from tests.services.report_world import LONG, MARKUP, REASONS, Client, Told, hire, tell
from tests.services.wave_world import MANAGER, World

CITIES = ("Казань", " казань", "Тверь", "Нижний Новгород и Нижегородская область")


def posted(
    world: World, told: Told, clients: Iterable[int], kind: str, at: datetime, status: str = "done"
) -> None:
    """A letter of this kind to everybody of these clients, as it stands after it has left or come to grief."""
    with transaction(world.deps.sessions) as session:
        for client in clients:
            for number in told.invitations.get(client, ()):
                person = session.get_one(Invitation, number)
                session.add(LetterRow(
                    portal_id=world.portal_id, lane=person.address, status=status, due_at=at, created_at=at,
                    key=f"{kind}:{number}", kind=kind, wave_id=told.wave, invitation_id=number,
                    sender_name="Ольга Лис", sender_address="lis@agency.example.com", subject="=Оцените нас 🙂",
                    body_text="t", body_html="h", recipient_address=person.address,
                    message_id=f"<{kind}-{number}@molva>", handed_at=at if status in ("done", "unknown") else None,
                    sent_at=at if status == "done" else None,
                ))  # fmt: skip


def answered(world: World, told: Told, when: Mapping[int, datetime]) -> None:
    """When the people of these clients answered."""
    with transaction(world.deps.sessions) as session:
        for client, at in when.items():
            for number in told.responses[client]:
                session.get_one(Response, number).answered_at = at


def closed(world: World, told: Told, at: datetime, *, frozen: bool = False) -> None:
    """The end of a wave as the machine writes it, and with `frozen` the result for good."""
    with transaction(world.deps.sessions) as session:
        stage = scene(session, session.get_one(Wave, told.wave), at)
        waves_close.closed(session, stage, at, who="molva")
        if frozen:
            waves_close.freeze_result(session, stage, at + timedelta(days=14))


def corrected(world: World, response: int, score: int, at: datetime, author: str = "Пётр Сом (1)") -> None:
    """An answer that was corrected, with the version it had before."""
    with transaction(world.deps.sessions) as session:
        row = session.get_one(Response, response)
        for number, value, by, why, when in (
            (1, row.score, "client", "", row.answered_at), (2, score, author, "Клиент перезвонил", at),
        ):  # fmt: skip
            session.add(ResponseRevision(
                portal_id=world.portal_id, response_id=response, revision=number, score=value, status="counted",
                author=by, reason=why, at=when,
            ))  # fmt: skip
        row.score, row.revision = score, 2


def two_years(world: World, *, frozen: bool = False, after: bool = False) -> tuple[Told, Told]:
    """60 clients of four managers in three cities: last year mostly by phone, this year mostly by e-mail.

    `frozen`: this year's result is final; `after`: and was corrected since.
    """
    hire(world, 87, 88, 89)
    managers = (MANAGER, 87, 88, 89)
    given = [(9, 10), (8, 9), (5, 9), (7, 7), (10, 4), (None, 8), (9, None), (6, 3), (8, 10), (10, 10)]
    clients = [
        Client(
            number, (("decides", None),), manager=managers[number % 4], city=CITIES[number % 4],
            name={1: MARKUP, 2: LONG}.get(number, ""), revenue=50_000 * (number % 5),
        )
        for number in range(1, 61)
    ]  # fmt: skip
    years = []
    for year in (0, 1):
        told = []
        for number, client in enumerate(clients):
            score = given[number % 10][year]
            other = ("daily", 10 if (score or 0) < 7 else 2)
            people = (("decides", score),) if number % 7 else (("decides", score), other)
            by = "phone" if (number % 3 if year == 0 else number % 3 == 0) else "email"
            words = "Отчёты приходят поздно" if year else ""
            told.append(replace(client, people=people, channel=by, comment=words))
        years.append(told)
    years[1] += [
        Client(60 + place, reason=reason, name=LONG if place == 2 else "")
        for place, reason in enumerate(REASONS, 1)
    ]
    years[1] += [
        Client(70, reason="excluded_by_hand", name="=cmd|' /C calc'!A0"), Client(71, reason="excluded_by_hand"),
    ]  # fmt: skip
    before = tell(world, "2025", years[0], stage="closed", start=date(2025, 1, 6))
    closed(world, before, world.clock.now() - timedelta(days=340), frozen=True)
    now = tell(world, "2026", years[1], stage="closing")
    begin = world.clock.now()
    posted(world, now, range(1, 61), "announcement", begin - timedelta(days=14))
    posted(world, now, range(1, 61), "invitation", begin)
    silent = [
        number for number in range(1, 61) if years[1][number - 1].people[0][1] is None or number % 5 == 0
    ]
    posted(world, now, silent, "reminder", begin + timedelta(days=4))
    late = {number: begin + timedelta(days=6 if number % 5 == 0 else 1) for number in now.responses}
    answered(world, now, late)
    with transaction(world.deps.sessions) as session:
        for number, outcome in ((now.invitations[7][0], "refused"), (now.invitations[17][0], "opted_out")):
            session.get_one(Invitation, number).outcome = outcome
        rest = [one for ones in now.invitations.values() for one in ones]
        for number in rest:
            person = session.get_one(Invitation, number)
            person.outcome = person.outcome or "no_answer"
    if frozen or after:
        closed(world, now, begin + timedelta(days=20), frozen=True)
    if after:
        world.clock.moment = begin + timedelta(days=50)
        corrected(world, now.responses[5][0], 9, begin + timedelta(days=40))
    return before, now
