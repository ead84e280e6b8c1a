"""The agency's own words: kept in versions, used by real letters, shown before they go, tested on staff only."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from integration.mail.outgoing import MailLater, MailRefused, MailUnknown
from integration.mail.render import standard
from integration.nps.wording import OwnText
from integration.services import health, letter_samples, letter_tests, letter_texts, letters, survey
from integration.services.letter_tests import Fate, NotSent
from integration.services.letter_texts import ChangedMeanwhile, Version
from integration.store import letter_texts as rows
from integration.store import letters as letter_rows
from integration.store import samples
from integration.store.base import Sessions, transaction
from integration.store.letter_texts import LetterText
from integration.store.portals import Portal, Staff
from integration.store.responses import Response
from integration.store.waves import Invitation
from tests.conftest import HandClock, a_portal
from tests.services.survey_world import BROWSER, TOUCH
from tests.services.wave_world import HEAD, MANAGER, World, make_world

MOSCOW = ZoneInfo("Europe/Moscow")
MINE = OwnText("Вопрос от {agency}", "{greeting}\n\nДорогая {client}!\n\n{judged}\n\n{question}\n\nСпасибо.")
OTHER = OwnText("Другая тема", "{judged}\n\n{question}")


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    made = make_world(sessions, clock)
    made.client(2, title="Ромашка")
    return made


@pytest.fixture
def stranger(world: World) -> int:
    """Another portal in the same database, with an employee of its own."""
    with transaction(world.deps.sessions) as session:
        portal = a_portal(member_id="m-stranger", language="ru")
        session.add(portal)
        session.flush()
        session.add(Staff(portal_id=portal.id, user_id=9, name="Чужой", email="other@stranger.example.com"))
        return portal.id


def save(
    world: World, text: OwnText | None, base: int, letter: str = "invitation", language: str = "ru"
) -> Any:
    return letter_texts.save(world.deps, world.portal_id, letter, language, text, HEAD, base)  # type: ignore[arg-type]


def past(world: World, portal_id: int | None = None) -> list[Version]:
    return letter_texts.history(world.deps, portal_id or world.portal_id, "invitation", "ru")


# --- versions


def test_before_anybody_changes_a_word_ours_count(world: World) -> None:
    (only,) = past(world)
    assert (only.number, only.standard, only.text) == (0, True, standard("invitation", "ru"))
    assert all(version.standard for version in letter_texts.newest(world.deps, world.portal_id).values())


def test_a_version_keeps_its_words_author_and_moment(world: World) -> None:
    assert save(world, MINE, 0) == 1
    newest = past(world)[0]
    assert (newest.number, newest.text, newest.standard) == (1, MINE, False)
    assert (newest.author, newest.saved_at) == ("Пётр Сом (1)", world.clock.now())
    assert letter_texts.newest(world.deps, world.portal_id)["invitation", "uk"].standard


def test_back_to_the_standard_and_to_an_earlier_version_are_versions_too(world: World) -> None:
    assert save(world, MINE, 0) == 1
    assert save(world, OTHER, 1) == 2
    assert save(world, None, 2) == 3
    assert letter_texts.restore(world.deps, world.portal_id, "invitation", "ru", 1, MANAGER, 3) == 4
    assert [(one.number, one.standard) for one in past(world)] == [
        (4, False),
        (3, True),
        (2, False),
        (1, False),
    ]
    assert past(world)[0].text == MINE
    assert letter_texts.restore(world.deps, world.portal_id, "invitation", "ru", 77, HEAD, 4) is None


def test_what_changes_nothing_makes_no_version(world: World) -> None:
    assert save(world, standard("invitation", "ru"), 0) == 0
    assert save(world, MINE, 0) == 1
    assert save(world, OwnText(f" {MINE.subject} ", MINE.body + "\n\n"), 1) == 1
    assert save(world, standard("invitation", "ru"), 1) == 2
    assert past(world)[0].standard


def test_words_that_cannot_be_sent_are_not_kept(world: World) -> None:
    found = save(world, OwnText("", "{question}"), 0)
    assert [(problem.field, problem.code) for problem in found] == [("subject", "empty"), ("body", "empty")]
    assert past(world)[0].number == 0


def test_of_two_administrators_the_second_learns_of_the_first(world: World) -> None:
    assert save(world, MINE, 0) == 1
    late = save(world, OTHER, 0)
    assert isinstance(late, ChangedMeanwhile)
    assert (late.version.number, late.version.text) == (1, MINE)
    assert save(world, OTHER, late.version.number) == 2


def test_two_at_the_very_same_moment_leave_one_version(world: World) -> None:
    with transaction(world.deps.sessions) as session:
        kept = {"subject": "a", "body": "b", "author": "x", "now": world.clock.now()}
        assert rows.add_version(session, world.portal_id, "invitation", "ru", 1, **kept)
        assert not rows.add_version(session, world.portal_id, "invitation", "ru", 1, **kept)
        assert not rows.add_version(session, world.portal_id, "invitation", "ru", 3, **kept)


def test_words_of_one_portal_are_nothing_to_another(world: World, stranger: int) -> None:
    save(world, MINE, 0)
    assert past(world, stranger)[0].number == 0
    assert letter_texts.restore(world.deps, stranger, "invitation", "ru", 1, HEAD, 0) is None
    with transaction(world.deps.sessions) as session:
        assert rows.version(session, stranger, "invitation", "ru", 1) is None
        assert rows.newest(session, stranger) == {}
        assert letter_texts.in_use(session, stranger) == {}
        assert samples.clients_like(session, stranger, "Ромашка", 9) == []
        assert len(samples.clients_like(session, world.portal_id, "ромаШКА", 9)) == 1
    assert letter_samples.find(world.deps, stranger, "") == []


# --- real letters


def msk(month: int, day: int, hour: int = 9) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=MOSCOW)


def test_a_real_letter_carries_the_words_and_names_their_version(world: World) -> None:
    save(world, MINE, 0)
    world.approved()
    world.until(msk(3, 2, 10))
    announcement, invitation = world.letters()
    assert announcement.wording == "molva/announcement/ru/1"
    assert (invitation.wording, invitation.subject) == ("agency/invitation/ru/1", "Вопрос от Северный ветер")
    assert "Дорогая Ромашка!" in invitation.body_text
    assert "Дорогая Ромашка!" in invitation.body_html
    assert invitation.body_html.count("?score=") == 11
    assert invitation.headers["List-Unsubscribe"].endswith(f"/u/{world.invitations()[200].token}>")


def test_words_saved_later_do_not_change_a_letter_that_is_written(world: World) -> None:
    save(world, MINE, 0)
    world.approved()
    world.until(msk(3, 2, 10))
    save(world, OTHER, 1)
    assert world.letters()[-1].subject == "Вопрос от Северный ветер"
    world.until(msk(3, 6, 10))
    assert world.letters()[-1].wording == "molva/reminder/ru/1"


def test_an_answer_knows_the_words_it_answered(world: World) -> None:
    save(world, MINE, 0)
    world.approved()
    world.until(msk(3, 2, 10))
    assert answered(world) == "nps_question/1/ru agency/invitation/ru/1"


def test_an_answer_to_our_own_words_names_the_question_alone(world: World) -> None:
    world.approved()
    world.until(msk(3, 2, 10))
    assert answered(world) == "nps_question/1/ru"


def answered(world: World) -> str:
    token = world.invitations()[200].token
    page = survey.page(world.deps, token)
    world.clock.advance(seconds=5)
    proof = survey.prove(world.deps, token, page.nonce, TOUCH, user_agent=BROWSER) or ""
    survey.answer(world.deps, token, {"score": "9", "comment": ""}, proof=proof, user_agent=BROWSER)
    (response,) = world.rows(Response)
    return str(response.wording)


def test_another_language_keeps_its_own_words(world: World) -> None:
    save(world, MINE, 0)
    world.approved()
    world.set(Invitation, world.invitations()[200].id, language="uk")
    world.until(msk(3, 2, 10))
    assert world.letters()[-1].wording == "molva/invitation/uk/1"


# --- samples


def test_a_sample_is_the_letter_the_client_would_get(world: World) -> None:
    save(world, MINE, 0)
    (client,) = letter_samples.find(world.deps, world.portal_id, "омаш")
    made = letter_samples.sample(world.deps, world.portal_id, "invitation", "ru", client.key)
    shown = letter_samples.written(world.deps, made)
    world.approved()
    world.until(msk(3, 2, 10))
    sent, token = world.letters()[-1], world.invitations()[200].token
    assert (shown.subject, made.sender.name) == (sent.subject, sent.sender_name)
    (line,) = re.findall(r"/d/([\w-]+)", sent.body_text)
    for was, real in ((shown.text, sent.body_text), (shown.html, sent.body_html)):
        assert was == real.replace(token, letter_samples.TOKEN).replace(line, letter_samples.TOKEN)


def test_words_nobody_saved_yet_can_be_shown(world: World) -> None:
    made = letter_samples.sample(world.deps, world.portal_id, "invitation", "ru", "company:2", OTHER)
    assert letter_samples.written(world.deps, made).subject == "Другая тема"
    html = letter_samples.shown(made)
    assert 'href="#?score=10"' in html
    assert "molva.example" not in html


@pytest.mark.parametrize(
    "key", ["", "company:777", "company:-1", f"contact:{2**70}", "lead:1", "company:x", "company:1"]
)
def test_without_a_client_an_invented_one_is_shown(world: World, key: str) -> None:
    """Number 1 is the agency's own company, which is no client."""
    made = letter_samples.sample(world.deps, world.portal_id, "invitation", "uk", key)
    assert made.client == letter_samples.SampleClient("", "Ромашка")
    assert "«Сопровождение»" in letter_samples.written(world.deps, made).text


def test_without_anybody_who_signs_a_stand_in_does_and_it_is_said(world: World) -> None:
    world.policy(senders=[], default_sender="", head_sender="")
    made = letter_samples.sample(world.deps, world.portal_id, "announcement", "ru")
    assert made.problem is not None
    assert made.problem.code == "no_sender"
    assert "Имя и фамилия" in letter_samples.written(world.deps, made).text


def test_a_portal_that_is_not_there_has_no_samples(world: World) -> None:
    with pytest.raises(LookupError):
        letter_samples.sample(world.deps, 999, "announcement", "ru")


# --- test letters


def order(world: World, address: str, **more: Any) -> int | NotSent:
    return letter_tests.order(world.deps, world.portal_id, "announcement", "ru", address, **more)


def fate(world: World, letter_id: int | NotSent) -> Fate:
    assert isinstance(letter_id, int)
    found = letter_tests.fate(world.deps, world.portal_id, letter_id)
    assert found is not None
    return found


def test_a_test_letter_is_the_real_one_to_an_employee_at_any_hour(world: World) -> None:
    words = OwnText("{mailing_day}: {service}", "{first_name}, привет! {mailing_day} спросим о {service}.")
    assert save(world, words, 0, "announcement") == 1
    world.clock.moment = msk(1, 18, 23)
    number = order(world, " USER6@agency.example.com ", client="company:2")
    world.tick()
    (sent,) = world.post.sent
    assert (sent.recipient_address, sent.recipient_name) == ("user6@agency.example.com", "Иван Петров")
    assert (sent.subject, sent.sender_name) == ("2 марта: Сопровождение", "Пётр Сом")
    assert "Иван, привет!" in sent.body_text
    found = fate(world, number)
    assert (found.state, found.moment, found.final) == ("sent", world.clock.now(), True)
    assert world.letters()[0].kind == "test"
    assert world.letters()[0].wave_id is None


def test_a_double_click_orders_one_test_letter(world: World) -> None:
    """The value of a form counts once for the same letter; other words, another page, no page: another letter."""
    mine, words = "user6@agency.example.com", OwnText("Другое", "{first_name}, привет!")
    first = order(world, mine, once="page-1")
    assert order(world, mine, once="page-1") == first
    others = [
        order(world, mine, once="page-2"), order(world, mine, once="page-1", own=words),
        order(world, "user1@agency.example.com", once="page-1"), order(world, mine), order(world, mine),
    ]  # fmt: skip
    assert len({first, *others}) == 6
    assert len(world.letters()) == 6


def test_a_test_letter_goes_to_nobody_but_staff(world: World, stranger: int) -> None:
    for address in (
        "p200@client.example.com",
        "other@stranger.example.com",
        "user6@agency.example.com, a@b.example",
    ):
        assert order(world, address) == NotSent("not_staff", address)
    assert order(world, " ") == NotSent("no_address")
    world_staff(world, MANAGER, active=False)
    assert order(world, "user6@agency.example.com") == NotSent("not_staff", "user6@agency.example.com")
    assert world.letters() == []


def world_staff(world: World, user: int, **changes: Any) -> None:
    with transaction(world.deps.sessions) as session:
        row = session.get_one(Staff, (world.portal_id, user))
        for name, value in changes.items():
            setattr(row, name, value)


def test_without_anybody_who_signs_no_test_leaves(world: World) -> None:
    world.policy(senders=[], default_sender="", head_sender="")
    assert order(world, "user1@agency.example.com") == NotSent("no_sender")


def test_test_letters_are_bounded_by_the_hour(world: World) -> None:
    for _ in range(letter_tests.PER_HOUR):
        assert isinstance(order(world, "user1@agency.example.com"), int)
    assert order(world, "user1@agency.example.com") == NotSent("too_many", str(letter_tests.PER_HOUR))
    world.clock.advance(minutes=61)
    assert isinstance(order(world, "user1@agency.example.com"), int)


def test_the_fate_says_what_keeps_a_letter(world: World) -> None:
    number = order(world, "user1@agency.example.com")
    assert fate(world, number).state == "no_worker"
    health.heartbeat(world.deps, "w1")
    assert fate(world, number).state == "waiting"
    world.post.ready = False
    assert fate(world, number).state == "no_server"
    world.post.ready = True
    world.post.answers = [MailLater("connection")]
    letters.drain(world.deps)
    found = fate(world, number)
    assert (found.state, found.told, found.final) == ("server_away", "connection", False)
    assert found.moment is not None
    assert found.moment > world.clock.now()


@pytest.mark.parametrize(
    ("answer", "state", "told"),
    [(MailRefused("550", "no such user"), "refused", "550 no such user"), (MailUnknown("connection"), "unknown", "")],
)  # fmt: skip
def test_the_fate_says_how_it_ended(world: World, answer: Any, state: str, told: str) -> None:
    number = order(world, "user1@agency.example.com")
    world.post.answers = [answer]
    letters.drain(world.deps)
    found = fate(world, number)
    assert (found.state, found.told, found.final) == (state, told, True)


def test_the_fate_of_other_letters_is_nobody_s_business(world: World, stranger: int) -> None:
    number = order(world, "user1@agency.example.com")
    assert isinstance(number, int)
    assert letter_tests.fate(world.deps, stranger, number) is None
    world.approved()
    world.until(msk(2, 16, 10))
    real = next(row.id for row in world.letters() if row.kind == "announcement")
    assert letter_tests.fate(world.deps, world.portal_id, real) is None
    for odd in (0, -1, 2**40):
        assert letter_tests.fate(world.deps, world.portal_id, odd) is None


def test_an_own_address_is_that_of_the_card(world: World) -> None:
    assert letter_tests.own_address(world.deps, world.portal_id, HEAD) == "user1@agency.example.com"
    assert letter_tests.own_address(world.deps, world.portal_id, 777) == ""


def test_counts_of_test_letters_belong_to_a_portal(world: World, stranger: int) -> None:
    order(world, "user1@agency.example.com")
    since = world.clock.now() - timedelta(hours=1)
    with transaction(world.deps.sessions) as session:
        assert letter_rows.tests_since(session, world.portal_id, since) == 1
        assert letter_rows.tests_since(session, stranger, since) == 0
        assert session.get(Portal, stranger) is not None
        assert session.query(LetterText).count() == 0
