"""A rehearsal as work that may be left alone, and the plan it shows: who gets what and when (product.md W4, P4)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from integration.bitrix.errors import Retryable
from integration.nps.letter_source import Received
from integration.services import (
    chores,
    rehearsal_letters,
    rehearsal_page,
    rehearsal_plan,
    rehearsals,
    signatures,
    waves,
    waves_checks,
)  # fmt: skip
from integration.services.letter_drafts import scene
from integration.services.rehearsal_plan import Person, page_in
from integration.services.waves import WaveError
from integration.store import wave_queries
from integration.store.base import Sessions, make_sessions, reading, transaction
from integration.store.chores import ChoreRow
from integration.store.clients import Company, Contact
from integration.store.letters import LetterRow
from integration.store.mailboxes import SenderMailbox
from integration.store.waves import WaveClient
from tests.conftest import HandClock
from tests.services.dns_world import AGENCY
from tests.services.report_world import viewer
from tests.services.wave_world import HEAD, MANAGER, World, make_world


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    return make_world(sessions, clock)


@pytest.fixture
def one(one_engine: Engine, clock: HandClock) -> World:
    return make_world(make_sessions(one_engine), clock)


def work(world: World) -> None:
    """The worker takes every chore that is due, until none is."""
    for _ in range(100):
        if not chores.run_due(world.deps):
            return
        world.clock.advance(seconds=1)
    raise AssertionError("the chores do not end")


def making(world: World) -> rehearsals.Making | None:
    with reading(world.deps.sessions) as session:
        wave = wave_queries.wave(session, world.portal_id, world.wave().id)
        assert wave is not None
        return rehearsals.making(session, wave)


def lists(world: World) -> int:
    return sum(event.what == "frozen" for event in world.events())


def test_a_rehearsal_is_ordered_done_by_the_worker_and_shows_how_far_it_is(world: World) -> None:
    world.client(2, people=2)
    wave_id = world.planned()
    assert making(world) is None
    rehearsals.order(world.deps, world.portal_id, wave_id, "Пётр Сом")
    rehearsals.order(world.deps, world.portal_id, wave_id, "Пётр Сом")
    assert making(world) == rehearsals.Making(0.0, 0, False)
    work(world)
    assert making(world) is None
    assert lists(world) == 1
    wave = world.wave()
    found = waves_checks.summary(wave, world.clock.now())
    assert found is not None
    assert (found.errors, found.refusal, wave.stage) == (0, "", "rehearsed")
    assert wave.looked["by"] == "Пётр Сом"
    assert set(wave.looked["outside"]["senders"]) == {"head", "branch"}
    rehearsals.order(world.deps, world.portal_id, wave_id, "Ольга Лис", anew=False)
    looking = making(world)
    assert looking is not None
    assert (looking.looking, looking.lines) == (True, 1)
    work(world)
    assert (lists(world), world.wave().looked["by"]) == (1, "Ольга Лис")
    rehearsals.order(world.deps, world.portal_id, wave_id, "Ольга Лис")
    assert making(world) == rehearsals.Making(0.0, 0, False), "a new list was ordered and is not begun"
    work(world)
    assert lists(world) == 2
    waves.approve(world.deps, world.portal_id, wave_id, "Пётр Сом")
    with pytest.raises(WaveError, match="wrong_stage"):
        rehearsals.order(world.deps, world.portal_id, wave_id, "Пётр Сом")


@pytest.mark.parametrize("step", range(1, 8))
def test_killed_after_any_step_it_goes_on_and_makes_the_list_once(
    one: World, monkeypatch: Any, step: int
) -> None:
    """A worker dies after its n-th commit; the next one takes the chore up when its lease has run out."""
    one.client(2)
    one.client(3)
    wave_id = one.planned()
    monkeypatch.setattr(rehearsals, "SLICE", 1)
    rehearsals.order(one.deps, one.portal_id, wave_id, "Пётр Сом")
    steps = [0]
    for name in ("freeze", "_look"):
        monkeypatch.setattr(rehearsals, name, _deadly(getattr(rehearsals, name), steps, step))
    for _ in range(40):
        try:
            chores.run_due(one.deps)
        except KeyboardInterrupt:
            one.clock.advance(minutes=6)
        one.clock.advance(seconds=1)
    assert making(one) is None
    assert lists(one) == 1
    assert {row.reason for row in one.rows(WaveClient)} == {""}
    assert (one.wave().stage, len(one.invitations()), one.rows(LetterRow)) == ("rehearsed", 2, [])


def _deadly(real: Any, steps: list[int], last: int) -> Any:
    def act(*args: Any, **more: Any) -> Any:
        done = real(*args, **more)
        steps[0] += 1
        if steps[0] == last:
            raise KeyboardInterrupt
        return done

    return act


def test_a_portal_that_is_busy_is_asked_later_and_a_fault_of_ours_is_shown(
    one: World, monkeypatch: Any
) -> None:
    one.client(2)
    wave_id = one.planned()
    one.contacts.fail.append(Retryable("QUERY_LIMIT_EXCEEDED", "busy", effect="none"))
    rehearsals.order(one.deps, one.portal_id, wave_id, "Пётр Сом")
    work(one)
    one.clock.advance(hours=1)
    work(one)
    assert one.wave().stage == "rehearsed"
    with monkeypatch.context() as broken:
        broken.setattr(waves_checks, "look", lambda *_: 1 / 0)
        rehearsals.order(one.deps, one.portal_id, wave_id, "Пётр Сом", anew=False)
        for _ in range(12):
            work(one)
            one.clock.advance(hours=2)
    stopped = making(one)
    assert stopped is not None
    assert (stopped.failed, stopped.looking) == (True, True)
    rehearsals.order(one.deps, one.portal_id, wave_id, "Пётр Сом", anew=False)
    work(one)
    assert making(one) is None


def test_a_wave_cancelled_meanwhile_ends_its_rehearsal(one: World) -> None:
    one.client(2)
    wave_id = one.planned()
    rehearsals.order(one.deps, one.portal_id, wave_id, "Пётр Сом")
    waves.cancel(one.deps, one.portal_id, wave_id, "Пётр Сом", "не время")
    work(one)
    assert one.wave().looked == {}
    assert [row.status for row in one.rows(ChoreRow) if row.name == f"rehearse:{wave_id}"] == ["done"]
    with pytest.raises(WaveError, match="no_such_wave"):
        rehearsals.order(one.deps, one.portal_id, 999, "Пётр Сом")


def test_what_was_looked_at_a_day_ago_does_not_count_any_more(one: World) -> None:
    one.client(2)
    wave_id = one.planned()
    waves.rehearse(one.deps, one.portal_id, wave_id)
    one.set(type(one.wave()), wave_id, looked={})
    with pytest.raises(WaveError, match="look_missing"):
        waves.approve(one.deps, one.portal_id, wave_id, "Пётр Сом")
    waves.rehearse(one.deps, one.portal_id, wave_id)
    one.clock.advance(hours=24, seconds=1)
    with pytest.raises(WaveError, match="look_is_old"):
        waves.approve(one.deps, one.portal_id, wave_id, "Пётр Сом")
    assert waves_checks.refusal(one.wave(), one.clock.now()) == "look_is_old"
    waves.rehearse(one.deps, one.portal_id, wave_id)
    waves.approve(one.deps, one.portal_id, wave_id, "Пётр Сом")


def test_no_transaction_is_open_while_the_world_outside_is_asked(one: World, monkeypatch: Any) -> None:
    one.client(2)
    wave_id = one.planned()
    waves.freeze(one.deps, one.portal_id, wave_id)
    asked = []

    def writes(name: str) -> Any:
        asked.append(name)
        with transaction(one.deps.sessions) as session:  # waits for ever beside another writer
            session.get_one(Company, (one.portal_id, 2)).title = name
        return [] if name != "server" else None

    monkeypatch.setattr(one.deps.names, "texts", writes)
    monkeypatch.setattr(one.post, "check", lambda: writes("server"))
    waves.rehearse(one.deps, one.portal_id, wave_id)
    assert {"server", AGENCY} <= set(asked)


# --- who gets what and when


def plan(world: World, words: str = "", show: str = "", page: int = 1) -> rehearsal_plan.PlanPage:
    with reading(world.deps.sessions) as session:
        wave = wave_queries.wave(session, world.portal_id, world.wave().id)
        assert wave is not None
        now = world.clock.now()
        return page_in(session, scene(session, wave, now), now, words, show, page)


def listed(world: World) -> int:
    """Four clients whose letters differ: language, zone, a shared mailbox, a person alone."""
    world.client(2, people=2, title="Альфа")
    world.client(3, title="Бета", city="Владивосток")
    world.client(4, title="Гамма", email="info@gamma.example.com", city="")
    world.person(900)
    world.set(Contact, (world.portal_id, 201), role="daily", language="uk")
    world.set(Contact, (world.portal_id, 300), name="", last_name="")
    wave_id = world.planned()
    waves.rehearse(world.deps, world.portal_id, wave_id)
    return wave_id


def test_the_plan_names_each_person_with_language_signer_zone_and_local_hours(world: World) -> None:
    wave_id = listed(world)
    everybody = list(rehearsal_plan.everybody(world.deps, world.portal_id, wave_id))
    found = plan(world)
    assert (found.found, found.pages, tuple(everybody)) == (5, 1, found.people)
    people = {one.contact_id: one for one in everybody}
    assert [one.client for one in everybody] == ["Альфа", "Альфа", "Бета", "Гамма", "Один Одинокий-900"]
    assert hours(people[200]) == [
        ("announcement", "2026-02-16 09:00", "Пётр Сом"), ("invitation", "2026-03-02 09:00", "Ольга Лис"),
        ("reminder", "2026-03-06 09:00", "Ольга Лис"), ("last_reminder", "2026-03-11 09:00", "Ольга Лис"),
    ]  # fmt: skip
    assert (people[201].language, people[201].role, people[201].end) == ("uk", "daily", "no_answer")
    far = people[300]
    assert (far.zone, far.zone_source, hours(far)[0][1]) == (
        "Asia/Vladivostok",
        "address",
        "2026-02-16 09:00",
    )
    assert far.letters[0].at < people[200].letters[0].at
    assert (people[400].shared, people[400].zone_source, people[900].client_kind) == (
        True,
        "portal",
        "contact",
    )
    for words, show, who in (
        ("альфа", "", {200, 201}), ("коваль-201 аль", "", {201}), ("GAMMA.example", "", {400}), ("", "shared", {400}),
        ("", "nameless", {300}), ("", "zone", {400, 900}), ("100%", "", set()), ("'; drop", "", set()),
    ):  # fmt: skip
        assert {one.contact_id for one in plan(world, words, show).people} == who, (words, show)
    waves.exclude(
        world.deps, world.portal_id, wave_id, people[200].id and lines(world)["Альфа"], "Пётр Сом", "спор"
    )
    assert plan(world).found == 3


def lines(world: World) -> dict[str, int]:
    return {row.name: row.id for row in world.rows(WaveClient)}


def hours(one: Person) -> list[tuple[str, str, str]]:
    return [(letter.letter, letter.at.isoformat(" ")[:16], letter.signer) for letter in one.letters]


def test_a_long_plan_comes_in_pages_and_costs_the_same_however_long_it_is(
    one: World, monkeypatch: Any
) -> None:
    monkeypatch.setattr(rehearsal_plan, "PAGE", 2)
    monkeypatch.setattr(rehearsal_plan, "CHUNK", 2)
    wave_id = listed(one)
    pages = [plan(one, page=number) for number in (0, 1, 2, 3, 99)]
    assert [page.page for page in pages] == [1, 1, 2, 3, 3]
    assert [len(page.people) for page in pages[1:4]] == [2, 2, 1]
    everybody = list(rehearsal_plan.everybody(one.deps, one.portal_id, wave_id))
    assert [person for page in pages[1:4] for person in page.people] == everybody
    assert list(rehearsal_plan.everybody(one.deps, one.portal_id + 1, wave_id)) == []


def test_a_letter_is_shown_on_real_data_and_its_links_let_nobody_answer(one: World) -> None:
    wave_id = listed(one)
    people = one.invitations()
    for letter in (
        "announcement",
        "invitation",
        "reminder",
        "last_reminder",
        "thanks_promoter",
        "thanks_phone",
    ):
        shown = rehearsal_letters.shown(one.deps, one.portal_id, wave_id, people[201].id, letter)
        assert shown is not None
        assert (shown.language, shown.client, shown.client_key, shown.problem) == (
            "uk",
            "Альфа",
            "company:2",
            None,
        )
        assert shown.subject
        assert people[201].token not in shown.text + shown.html
    for portal_id, wave, person in (
        (one.portal_id + 1, wave_id, 1),
        (one.portal_id, 99, 1),
        (one.portal_id, wave_id, 999),
    ):
        assert rehearsal_letters.shown(one.deps, portal_id, wave, person, "invitation") is None
    one.policy(senders=[], default_sender="", head_sender="")
    waves.freeze(one.deps, one.portal_id, wave_id)
    nobody = rehearsal_letters.shown(
        one.deps, one.portal_id, wave_id, one.invitations()[201].id, "invitation"
    )
    assert nobody is not None
    assert nobody.problem is not None
    assert nobody.problem.code == "no_sender"


# --- signatures


def test_a_selector_and_a_received_letter_are_kept_with_the_sender(world: World) -> None:
    def kept() -> SenderMailbox:
        (row,) = world.rows(SenderMailbox)
        found: SenderMailbox = row
        return found

    def tell(selector: str) -> Any:
        return signatures.keep_selector(world.deps, world.portal_id, "head", selector, "Пётр Сом")

    assert (tell("two words"), tell("mail._domainkey"), kept().dkim_selector) == (
        "bad_selector",
        None,
        "mail",
    )
    letter = f"Authentication-Results: mx; dkim=pass header.d={AGENCY} header.s=k2\nFrom: som@{AGENCY}\n\n"
    seen = signatures.keep_letter(world.deps, world.portal_id, "head", letter, "Пётр Сом")
    assert isinstance(seen, Received)
    assert (kept().dkim_selector, kept().dkim["dkim"], kept().dkim["at"]) == (
        "k2",
        "pass",
        world.clock.now().isoformat(),
    )
    assert (kept().way, kept().changed_by) == ("operator", "Пётр Сом")
    assert tell("k2") is None
    assert kept().dkim["dkim"] == "pass", "the same selector says nothing against the letter"
    assert tell("") is None
    assert (kept().dkim, kept().dkim_selector) == ({}, "")
    for key, text, code in (
        ("head", "hello", "no_letter"),
        ("branch", letter, "other_sender"),
        ("x", letter, "no_sender"),
    ):
        assert signatures.keep_letter(world.deps, world.portal_id, key, text, "x") == code
    assert signatures.keep_selector(world.deps, world.portal_id, "x", "s", "x") == "no_sender"
    assert kept().dkim == {}


def test_an_own_mailbox_is_checked_against_its_own_server(one: World) -> None:
    one.client(2)
    zone: Any = one.deps.names
    zone.hosts["mail.own.example"] = ["93.184.216.99"]
    with transaction(one.deps.sessions) as session:
        session.add(
            SenderMailbox(portal_id=one.portal_id, sender_key="branch", way="own", checked_at=one.clock.now(),
                          shown="smtps://lis@mail.own.example:465", changed_at=one.clock.now())
        )  # fmt: skip
    report = waves.rehearse(one.deps, one.portal_id, one.planned())
    (found,) = [finding for finding in report["warnings"] if finding["code"] == "spf_lacks_server"]
    assert (found["params"]["server"], found["params"]["add"]) == ("mail.own.example", "ip4:93.184.216.99")
    assert [who["name"] for who in found["who"]] == ["Ольга Лис"]


def test_the_page_is_for_those_who_run_surveys_alone(one: World) -> None:
    wave_id = listed(one)
    page = rehearsal_page.read(one.deps, viewer(one, HEAD), wave_id)
    assert page is not None
    assert page.kept is not None
    assert (page.clients, page.eligible, page.people, page.kept.refusal) == (4, 4, 5, "")
    assert [mail.proven for mail in page.mail] == [True, True]
    with pytest.raises(PermissionError):
        rehearsal_page.read(one.deps, viewer(one, MANAGER), wave_id)
    with pytest.raises(LookupError):
        rehearsal_page.making(one.deps, viewer(one, HEAD), 999)
    assert rehearsal_page.read(one.deps, viewer(one, HEAD), 999) is None
    assert replace(viewer(one, HEAD), portal_id=one.portal_id)
    assert timedelta(0) <= one.clock.now() - page.kept.at < timedelta(minutes=1)
