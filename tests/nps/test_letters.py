"""Which letter, to whom, in which language, signed by whom (product.md W4 to W6, W20, S4)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from integration.nps.intents import LetterKind
from integration.nps.letters import (
    PLACEHOLDERS,
    Judged,
    LetterProblem,
    earliest_letter,
    language_for,
    letter_facts,
    missing_placeholders,
    pick_sender,
    sender_problems,
    thanks_for,
)
from integration.nps.people import GROUPS, ClientFacts, ClientKey, Person, Staff, Team
from integration.nps.plans import calendar_of, plan
from integration.nps.policy import Policy, Sender

HEAD = Sender("head", 1, "Ivan", "Head of the agency", "ivan@example.com", "+7 495 1112233")
MOSCOW = Sender("msk", 2, "Olga", "Account director", "olga@example.com", "+7 495 1234567")
KYIV = Sender("kyiv", 3, "Taras", "Head of sales", "taras@example.com", "+380 44 1234567")
POLICY = Policy(
    senders=(HEAD, MOSCOW, KYIV),
    head_sender="head",
    default_sender="msk",
    sender_by_city={"Москва": "msk", "Київ": "kyiv"},
    language="ru",
)
TEAM = Team.of([Staff(1), Staff(2), Staff(3), Staff(9)])


@pytest.mark.parametrize(
    ("letter", "city", "manager", "sender"),
    [
        ("announcement", "Київ", 9, "head"),
        ("invitation", "Київ", 9, "kyiv"),
        ("reminder", " київ ", 9, "kyiv"),
        ("invitation", "Lviv", 9, "msk"),
        ("invitation", "", None, "msk"),
        ("invitation", "Київ", 3, "msk"),  # the branch's sender serves this client
        ("invitation", "Москва", 2, "head"),
        ("announcement", "Київ", 1, "kyiv"),
        ("thanks_phone", "Київ", 9, "head"),
        ("thanks_promoter", "Київ", 9, "kyiv"),
    ],
)
def test_who_signs(letter: LetterKind, city: str, manager: int | None, sender: str) -> None:
    """The head announces; the branch's sender asks; never the client's own manager (W5, W6)."""
    found = pick_sender(letter, city, {manager} if manager else (), POLICY, TEAM)
    assert isinstance(found, Sender)
    assert found.key == sender


def test_a_sender_is_known_by_the_address_too() -> None:
    """Typed in without an employee, but with the manager's own address; an employee without one is nobody (W5)."""
    team = Team.of([Staff(9, email="Kyiv@agency.example.com "), Staff(8)])
    typed = replace(POLICY.senders[0], key="typed", user_id=None, email="kyiv@Agency.example.com")
    policy = replace(POLICY, senders=(*POLICY.senders, typed), sender_by_city={"Київ": "typed"})
    for managers, signs in (({9}, "msk"), ({8}, "typed"), ({8, 9}, "msk"), ((), "typed"), ({77}, "typed")):
        found = pick_sender("invitation", "Київ", managers, policy, team)
        assert isinstance(found, Sender)
        assert found.key == signs, managers


def test_a_dismissed_sender_is_passed_over() -> None:
    """The next one signs."""
    team = Team.of([Staff(1), Staff(2), Staff(3, active=False)])
    found = pick_sender("invitation", "Київ", {9}, POLICY, team)
    assert isinstance(found, Sender)
    assert found.key == "msk"


@pytest.mark.parametrize(
    ("policy", "manager", "code"),
    [
        (Policy(), None, "no_sender"),
        (replace(POLICY, senders=(MOSCOW,), head_sender="", sender_by_city={}), 2, "sender_serves_client"),
        (
            replace(POLICY, senders=(replace(MOSCOW, phone=""),), head_sender="", sender_by_city={}),
            9,
            "sender_unfit",
        ),
        (replace(POLICY, senders=(), sender_by_city={}, head_sender=""), 9, "no_such_sender"),
    ],
)
def test_without_a_fit_sender_there_is_a_problem_not_a_letter(
    policy: Policy, manager: int | None, code: str
) -> None:
    """The rehearsal shows it (W4)."""
    found = pick_sender("invitation", "Lviv", {manager} if manager else (), policy, TEAM)
    assert isinstance(found, LetterProblem)
    assert found.code == code


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({}, []),
        ({"name": ""}, ["lacks_name"]),
        ({"position": " "}, ["lacks_position"]),
        ({"email": "", "phone": ""}, ["lacks_email", "lacks_phone"]),
        ({"email": "noreply@example.com"}, ["no_reply"]),
        ({"email": "DoNotReply@example.com"}, ["no_reply"]),
        ({"email": "olga at example"}, ["bad_address"]),
        ({"user_id": 7}, ["dismissed"]),
        ({"user_id": None}, []),
    ],
)
def test_a_sender_is_a_living_person(changes: dict[str, object], codes: list[str]) -> None:
    """With name, position, reply address and phone; never no-reply (W5)."""
    team = Team.of([Staff(2), Staff(7, active=False)])
    assert sender_problems(replace(MOSCOW, **changes), team) == codes  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("language", "expected"),
    [("uk", "uk"), ("EN", "en"), ("ru-RU", "ru"), ("uk_UA", "uk"), ("de", "ru"), ("", "ru"), (None, "ru")],
)
def test_the_language_is_the_persons_else_the_portals(language: str | None, expected: str) -> None:
    """If there are texts in it (S4)."""
    assert language_for(Person(1, language=language), POLICY) == expected


def test_facts_fill_every_placeholder() -> None:
    """A complete client needs nothing more; a nameless one is told by name of what is missing (W4, W20)."""
    days = plan(date(2026, 11, 10), POLICY, calendar_of(POLICY))
    person, client = Person(1, "Anna", "Petrenko"), ClientFacts(ClientKey("company", 1), name="Firm")
    facts = letter_facts(person, client, MOSCOW, Judged("SEO", ("Olena", "Petro")), "2026", days)
    assert (facts["person"], facts["service"], facts["team"]) == ("Anna Petrenko", "SEO", ["Olena", "Petro"])
    assert (facts["mailing_day"], facts["closing_day"]) == ("2026-11-10", "2026-11-26")
    for letter in PLACEHOLDERS:
        assert missing_placeholders(letter, facts) == []
    poor = letter_facts(Person(1, " "), client, MOSCOW, Judged(), "2026", days)
    assert missing_placeholders("invitation", poor) == ["person", "service"]


def test_thanks_are_worded_for_the_group_and_by_the_head_after_a_call() -> None:
    """Three groups, three letters; by phone one for all (S3, F1)."""
    assert [thanks_for(group, by_phone=False) for group in GROUPS] == [
        "thanks_detractor",
        "thanks_passive",
        "thanks_promoter",
    ]
    assert {thanks_for(group, by_phone=True) for group in GROUPS} == {"thanks_phone"}


def test_letters_outside_the_plan_keep_the_gap_and_the_hours() -> None:
    """A thank-you two days after the invitation waits; on a Saturday it waits for Monday (W2)."""
    zone, calendar = ZoneInfo("Europe/Moscow"), calendar_of(POLICY)
    tuesday, thursday = datetime(2026, 11, 10, 6, tzinfo=UTC), datetime(2026, 11, 12, 6, tzinfo=UTC)
    assert earliest_letter(thursday, tuesday, POLICY, zone, calendar) == datetime(2026, 11, 13, 6, tzinfo=UTC)
    assert earliest_letter(thursday, thursday, POLICY, zone, calendar) == datetime(
        2026, 11, 16, 6, tzinfo=UTC
    )
    assert earliest_letter(thursday, None, POLICY, zone, calendar) == thursday
