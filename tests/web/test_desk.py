"""The call desk's page: one client at a time, by one form, with and without script (product.md W7, W8, W10, P2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, event, insert, select
from werkzeug.test import TestResponse

from integration.nps import questions
from integration.nps.questions import Question
from integration.services import frames
from integration.services.frames import Viewer
from integration.store.base import Sessions, make_sessions, transaction
from integration.store.outbox import OutboxRow
from integration.store.questions import ExtraAnswer
from integration.store.responses import Response
from integration.store.waves import Invitation, Wave, WaveClient
from tests.conftest import HandClock
from tests.services import wave_world
from tests.services.calling import desk_world
from tests.services.calling.desk_world import ADA, BEN, Desk
from tests.services.wave_world import MANAGER
from tests.web.conftest import make_app

SCRIPT = {"X-Requested-With": "molva"}


def person(desk: Desk, user: int = ADA, **changes: Any) -> Viewer:
    """Somebody of the desk's portal, no administrator, proven this moment."""
    values: dict[str, Any] = {
        "portal_id": desk.world.portal_id, "user_id": user, "administrator": False, "language": "en",
        "origin": "https://portal.example", "proved_at": desk.clock.now().replace(microsecond=0),
    }  # fmt: skip
    return Viewer(**(values | changes))


def make(sessions: Sessions, clock: HandClock, **more: Any) -> Desk:
    """The world of the desk, whose two callers the settings name."""
    desk = desk_world.make(sessions, clock, **more)
    named(desk, ADA, BEN)
    return desk


def named(desk: Desk, *users: int, **more: Any) -> None:
    """The settings name these callers."""
    desk.world.policy(**{**wave_world.POLICY, **desk_world.POLICY, "callers": list(users), **more})


class Hand:
    """A caller who posts the desk's forms as a browser without script does: every field of the page goes along."""

    def __init__(self, desk: Desk, user: int = ADA, **viewer: Any) -> None:
        self.desk, self.who = desk, person(desk, user, **viewer)
        self.client: FlaskClient = make_app(desk.deps).test_client()
        self.fields: dict[str, str] = {}
        self.page = self.client.get("/bitrix/app")

    def post(self, do: str = "", headers: dict[str, str] | None = None, /, **fields: str) -> TestResponse:
        sent = {**self.fields, "session": frames.seal(self.desk.deps, self.who), "do": do, **fields}
        self.page = self.client.post("/app/desk", data=sent, headers=headers)
        self.fields = dict(
            re.findall(r'<input type="hidden" name="(key|language|skip)" value="([^"]*)">', self.page.text)
        )
        return self.page

    @property
    def words(self) -> str:
        text = re.sub(r"<(script|style)[\s\S]*?</\1>|<[^>]+>", " ", self.page.text)
        return re.sub(r"\s+", " ", unescape(text))


@pytest.fixture
def desk(one_engine: Engine, clock: HandClock) -> Desk:
    return make(make_sessions(one_engine), clock, people={11: 1, 12: 1, 13: 1})


def test_a_day_by_plain_forms_leaves_what_was_said_and_nothing_twice(
    sessions: Sessions, clock: HandClock
) -> None:
    """Next, an answer, nobody there, a call-back by one click, undo: without script, each by one post."""
    desk = make(sessions, clock, people={11: 1, 12: 1, 13: 1})
    hand = Hand(desk)
    assert hand.post().status_code == 200
    assert "3 people wait" in hand.words
    hand.post("take")
    assert ("Client 11" in hand.words, "Person 1100" in hand.words, "1 of 12" in hand.words) == (True,) * 3
    assert 'href="tel:+74951001100"' in hand.page.text
    first = dict(hand.fields)
    hand.post("save:answered", score="9", comment="Всегда на связи", auto="1")
    assert ("Saved." in hand.words, "Client 12" in hand.words) == (True, True), "the next one comes at once"
    hand.fields = first
    hand.post("save:answered", score="3", comment="Again")
    assert "This was saved before; nothing has changed." in hand.words
    assert [(one.outcome, one.number) for one in desk.attempts()] == [("answered", 1)]
    hand.post("save:no_answer", note="Secretary", auto="0")
    assert "Next client" in hand.words, "the switch is off: nobody is given out unasked"
    hand.post("take")
    later = re.search(r'value="(later:[^"]+)"', hand.page.text)
    assert later is not None
    hand.post(later[1], auto="0")
    made = desk.attempts()
    assert [one.outcome for one in made] == ["answered", "no_answer", "call_back"]
    assert (made[1].note, made[2].call_back_at) == ("Secretary", clock.now() + timedelta(hours=1))
    hand.post(f"undo:{made[2].id}")
    assert "Taken back." in hand.words
    assert desk.attempts()[2].undone_at is not None
    assert desk.leases() == [] or desk.leases()[0].holder == f"user:{ADA}"


def test_what_cannot_be_saved_is_told_at_its_place_and_stays_typed(desk: Desk) -> None:
    """422 with the words as typed and a link to the field; nothing is recorded."""
    hand = Hand(desk)
    hand.post("take")
    key = hand.fields["key"]
    cases: tuple[tuple[str, dict[str, str], str, str], ...] = (
        ("save:answered", {"comment": "<b>sloppy</b>"}, "score", "Choose a score from 0 to 10."),
        ("save:busy", {"score": "4"}, "score", "A score is chosen"),
        ("save:call_back", {}, "call_back_at", "Say when the client wants to be called."),
        ("save:call_back", {"call_back_at": "2026-03-01T10:00"}, "call_back_at", "This time is over."),
        ("save:call_back", {"call_back_at": "2026-03-08T10:00"}, "call_back_at", "Nobody is called at that hour"),
        ("save:call_back", {"call_back_at": "tomorrow"}, "call_back_at", "This day or time is not complete."),
        ("save:call_back", {"call_back_at": "2027-03-08T10:00"}, "call_back_at", "The survey is over by then."),
        ("save:nonsense", {}, "outcome", "Choose a score or what came of the call."),
        ("save", {"note": "x" * 1001, "outcome": "busy"}, "note", "The note is too long."),
    )  # fmt: skip
    for do, fields, name, words in cases:
        answer = hand.post(do, **fields)
        assert answer.status_code == 422, (do, fields)
        assert f'href="#desk-{name}"' in answer.text, (do, hand.words)
        assert f'id="desk-{name}"' in answer.text
        assert words in hand.words, (do, fields, hand.words)
        assert hand.fields["key"] == key
        for typed in fields.values():
            assert typed.replace("<", "&lt;").replace(">", "&gt;") in answer.text or typed == "busy"
    desk.set(1100, address="")
    hand.post("save:asks_email")
    assert "There is no e-mail in the card" in hand.words
    assert desk.attempts() == []


def test_a_client_who_went_elsewhere_takes_nothing_typed_along(desk: Desk) -> None:
    """409 with the reason and every word to be copied; a late answer that nobody has overtaken is kept."""
    hand = Hand(desk)
    hand.post("take")
    answer = hand.post("save:answered", key="forged", score="9", comment="Good team", note="Ask Anna")
    assert (answer.status_code, "not in your hands" in hand.words) == (409, True)
    assert ("Good team" in hand.words, "Ask Anna" in hand.words) == (True, True)
    hand.post("take")
    late = dict(hand.fields)
    desk.clock.advance(minutes=6)
    other = Hand(desk, BEN)
    other.post("take")
    hand.who = person(desk)
    hand.fields = late
    assert hand.post("save:no_answer", note="Rang twice").status_code == 409
    assert ("A colleague has this client now." in hand.words, "Rang twice" in hand.words) == (True, True)
    other.post("give")
    hand.fields = late
    assert hand.post("save:answered", score="10", comment="Said it", auto="0").status_code == 200
    assert "had been given back meanwhile" in hand.words
    assert [one.outcome for one in desk.attempts()] == ["answered"]


def test_what_cannot_be_saved_after_the_time_is_put_right_in_the_form(desk: Desk) -> None:
    """Back on the list: reserved again. With a colleague: shown all the same, and what was said is kept. Never in
    place of another client: that one stays in hand."""
    hand, other = Hand(desk), Hand(desk, BEN)
    hand.post("take")
    late = dict(hand.fields)
    hand.post("give")
    hand.fields = late
    assert hand.post("save:answered", comment="Said <it>").status_code == 422
    assert ("Client 11" in hand.words, "Said &lt;it&gt;" in hand.page.text) == (True, True)
    assert "Copy what you need" not in hand.words
    assert [row.holder for row in desk.leases()] == [f"user:{ADA}"]
    assert hand.fields["key"] == late["key"]
    hand.post("give")
    other.post("take")
    assert "Client 11" in other.words
    hand.fields = late
    assert hand.post("save:answered", comment="Said it").status_code == 422
    assert ("Client 11" in hand.words, "Said it" in hand.page.text) == (True, True)
    assert [row.holder for row in desk.leases()] == [f"user:{BEN}"]
    hand.fields = {}
    hand.post("take")
    assert "Client 12" in hand.words
    hand.fields = late
    assert hand.post("save:answered", comment="Said it").status_code == 422
    assert "Client 11" in hand.words
    assert hand.post("save:answered", score="9", comment="Said it").status_code == 200
    assert ("Saved." in hand.words, "Client 12" in hand.words) == (True, True)
    assert [(one.outcome, one.caller) for one in desk.attempts()] == [("answered", f"user:{ADA}")]


def test_an_answer_that_is_in_the_card_is_corrected_in_its_notice(desk: Desk) -> None:
    """Undo says why not and brings the fields, filled; what is wrong is told at its place; ten minutes, one's own."""
    hand = Hand(desk)
    hand.post("take")
    hand.post("save:answered", score="2", comment="<i>So so</i>")
    number = desk.attempts()[0].id
    desk.clock.advance(minutes=1)
    desk.world.set(OutboxRow, desk.world.outbox()[0].id, status="done", sent_at=desk.clock.now())
    hand.post(f"undo:{number}")
    assert "so it cannot be taken back" in hand.words
    assert "&lt;i&gt;So so&lt;/i&gt;" in hand.page.text
    assert '<option value="2" selected>' in hand.page.text
    sent = {"amend_comment": "So so, but kind", "comment": "being typed"}
    assert hand.post(f"amend:{number}", amend_score="", **sent).status_code == 422
    assert 'aria-describedby="desk-amend-score-problem"' in hand.page.text
    assert ("So so, but kind" in hand.page.text, "being typed" in hand.page.text) == (True, True)
    for _ in range(2):
        assert hand.post(f"amend:{number}", amend_score="8", **sent).status_code == 200
        assert "Corrected. Client 11 · Person 1100 · 8 of 10" in hand.words
    assert ("being typed" in hand.page.text, "Client 12" in hand.words) == (True, True)
    assert [(row.score, row.comment, row.revision) for row in desk.world.rows(Response)] == [
        (8, "So so, but kind", 2)
    ]
    assert Hand(desk, BEN).post(f"amend:{number}", amend_score="0").status_code == 409
    desk.clock.advance(minutes=10)
    assert hand.post(f"amend:{number}", amend_score="1", amend_comment="Late words").status_code == 409
    assert ("too late" in hand.words, "Late words" in hand.words) == (True, True)
    assert [row.score for row in desk.world.rows(Response)] == [8]


def test_saving_and_the_next_client_take_few_statements(desk: Desk, one_engine: Engine) -> None:
    """Measured, and a tenth more: nobody was there 52, an answer with all that follows 86; with three hundred more
    clients on the list not one more, and none for each of those whose slot is over."""
    hand = Hand(desk)
    hand.post("take")
    saves: tuple[tuple[str, dict[str, str], int], ...] = (
        ("save:no_answer", {}, 57),
        ("save:answered", {"score": "9"}, 95),
    )
    with counted(one_engine) as said:
        few = []
        for do, fields, most in saves:
            said.clear()
            assert hand.post(do, SCRIPT, **fields).status_code == 200
            few.append(len(said))
            assert 20 < len(said) <= most, (do, len(said))
    crowd(desk, 300)
    with counted(one_engine) as said:
        for (do, fields, _), before in zip(saves, few, strict=True):
            said.clear()
            assert hand.post(do, SCRIPT, **fields).status_code == 200
            assert len(said) <= before, do
        assert [one.outcome for one in desk.attempts()] == ["no_answer", "answered"] * 2
        hand.post("give")
        desk.clock.advance(hours=3)
        later = Hand(desk)
        said.clear()
        assert later.post().status_code == 200
        assert len(said) <= 60


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """The statements of a while."""
    said: list[str] = []

    def note(_c: Any, _u: Any, statement: str, *_more: Any) -> None:
        said.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield said
    event.remove(engine, "before_cursor_execute", note)


def crowd(desk: Desk, many: int) -> None:
    """So many more clients with one person each, all of them to be called now."""
    values = {"portal_id": desk.world.portal_id, "wave_id": desk.wave_id}
    now, numbers = desk.clock.now(), range(100, 100 + many)
    with transaction(desk.deps.sessions) as session:
        lines = [{**values, "client_kind": "company", "client_id": n, "name": f"Client {n}"} for n in numbers]
        session.execute(insert(WaveClient), lines)
        known = select(WaveClient.client_id, WaveClient.id).where(WaveClient.client_id.in_(numbers))
        people = [
            {
                **values, "wave_client_id": line, "contact_id": n * 100, "name": f"Person {n}", "role": "decides",
                "address": f"p{n}@client.example.com", "phone": f"+7495{2000000 + n}", "token": f"crowd{n}",
                "language": "ru", "time_zone": "Europe/Moscow", "due_at": now + timedelta(days=9),
                "call_due_at": now - timedelta(hours=1), "call_until": now + timedelta(hours=2),
            }
            for n, line in session.execute(known)
        ]  # fmt: skip
        session.execute(insert(Invitation), people)


def test_words_without_a_score_are_kept_with_the_call(desk: Desk) -> None:
    """Whoever refuses says why: that stands in the note; the head opens the card from here, a caller does not."""
    hand = Hand(desk)
    hand.post("take")
    assert "/crm/company/details/11/" not in hand.page.text
    hand.post("save:refused", comment="Нет времени на опросы", note="Просил не звонить утром", auto="0")
    assert [(one.outcome, one.note) for one in desk.attempts()] == [
        ("refused", "Нет времени на опросы\nПросил не звонить утром")
    ]
    assert "/crm/company/details/12/" in Hand(desk, 1).post("take").text


def test_extra_questions_are_asked_beside_the_score_and_never_instead(desk: Desk) -> None:
    """Their fields come with the client; a wrong one is told at its place with the rest as typed; none is required."""
    asked = (
        Question("speed", "scale_5", {"en": "Speed?", "ru": "Скорость?"}),
        Question("more", "text", {"ru": "Ещё?"}),
    )
    named(desk, ADA, extra_questions=[questions.to_json(one) for one in asked])
    hand = Hand(desk)
    hand.post("take")
    versions = dict(re.findall(r'name="(v-[a-z]+)" value="(\d+)"', hand.page.text))
    answer = hand.post(
        "save:answered", score="9", **versions, **{"q-speed": "7", "q-more": "Отчёты"}, auto="0"
    )
    assert (answer.status_code, 'href="#desk-q-speed"' in answer.text, "Отчёты" in answer.text) == (
        422,
        True,
        True,
    )
    assert "Please choose one of the answers." in hand.words
    assert (
        hand.post(
            "save:answered", score="9", **versions, **{"q-speed": "4", "q-more": ""}, auto="0"
        ).status_code
        == 200
    )
    assert [(one.question, one.value) for one in desk.world.rows(ExtraAnswer)] == [("speed", "4")]
    hand.post("take")
    assert hand.post("save:answered", score="10", auto="0").status_code == 200


def test_a_client_is_kept_given_back_and_passed_over(desk: Desk) -> None:
    """`keep` says whether the client is still one's own; who was given back is not the next one."""
    hand = Hand(desk)
    hand.post("take")
    key = hand.fields["key"]
    lease = desk.leases()[0]
    desk.clock.advance(minutes=4)
    assert hand.post("keep", SCRIPT, key=key).get_json() == {"mine": True}
    assert desk.leases()[0].until > lease.until
    hand.fields = {"key": key}
    assert "Client 11" in Hand(desk).post("").text, "a reload shows the client in hand"
    hand.post("give")
    assert ("back on the list" in hand.words, desk.leases()) == (True, [])
    assert hand.client.post("/app/desk", data={"session": frames.seal(desk.deps, hand.who), "do": "keep", "key": key},
                            headers=SCRIPT).get_json() == {"mine": False}  # fmt: skip
    hand.post("take")
    assert ("Client 12" in hand.words, "Client 11" in hand.words) == (True, False)


def test_the_desk_says_why_there_is_nobody(desk: Desk) -> None:
    """Not begun, paused, over, waiting for the hour, own clients only, with colleagues, all done: in plain words."""
    hand = Hand(desk)
    for stage, words in (
        ("announced", "The calls have not begun They begin on 2 March 2026."), ("paused", "The survey is paused"),
        ("closing", "The calls are over"), ("cancelled", "Nobody is called at the moment"),
    ):  # fmt: skip
        desk.set_wave(stage=stage, paused_from="calling" if stage == "paused" else "")
        hand.post()
        assert words in hand.words, (stage, hand.words)
        assert "Look again" in hand.words
    desk.set_wave(stage="calling", paused_from="")
    for contact in (1100, 1200):
        desk.set(contact, outcome="answered")
    Hand(desk, BEN).post("take")
    hand.post("take")
    assert "All clients are with colleagues" in hand.words
    desk.set(1300, outcome="answered")
    hand.post()
    assert "Everybody has been called" in hand.words
    named(desk, ADA, BEN, MANAGER)
    desk.set(1100, outcome="", call_due_at=desk.clock.now())
    own = Hand(desk, MANAGER)
    own.post()
    assert ("Only your own clients are left" in own.words, "colleagues call them" in own.words) == (
        True,
        True,
    )
    at = desk.clock.now() + timedelta(hours=3)
    desk.set(1100, call_due_at=at, call_until=at + timedelta(hours=2), time_zone="Asia/Yekaterinburg")
    hand.post("take")
    assert "Nobody to call right now The next one can be called today at 13:" in hand.words
    assert "(15:00 there), in Kazan." in hand.words


def test_only_those_who_may_call_see_the_desk(desk: Desk) -> None:
    """Callers, director, head and administrators; a manager is told whom to ask; a dismissed session is renewed."""
    manager = Hand(desk, MANAGER)
    assert manager.post("take").status_code == 403
    assert "You do not call clients" in manager.words
    for user, more in ((ADA, {}), (1, {}), (5, {}), (77, {"administrator": True})):
        assert Hand(desk, user, **more).post().status_code == 200, user
    callers = Hand(desk)
    assert 'class="tabs"' not in callers.post().text, "a caller has this page alone"
    director = Hand(desk, 5).post().text
    assert re.search(r'formaction="/app/desk" aria-current="page"', director)
    desk.set_wave(plan={})
    assert 'formaction="/app/desk"' not in Hand(desk, 5).post().text
    callers.client.post("/app/desk", data={"session": "forged", "do": "take"})
    assert desk.leases() == []


def test_the_application_opens_at_the_desk_for_a_caller(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The left menu leads a caller to the desk, with the client they have in hand; others to the overview."""
    hand = Hand(desk)
    hand.post("take")
    monkeypatch.setattr(frames, "open_frame", lambda deps, opened: hand.who)
    form = {
        "AUTH_ID": "t" * 32, "REFRESH_ID": "r" * 32, "AUTH_EXPIRES": "3600", "member_id": "m" * 32, "status": "L",
        "PLACEMENT": "DEFAULT", "SERVER_ENDPOINT": "https://oauth.bitrix24.tech/rest/",
    }  # fmt: skip
    address = "/bitrix/app?DOMAIN=portal.example&PROTOCOL=1&LANG=en&APP_SID=x"
    opened = hand.client.post(address, data=form)
    assert (opened.status_code, "Person 1100" in opened.text, 'action="/app/desk"' in opened.text) == (
        200,
        True,
        True,
    )
    hand.who = person(desk, 5)
    assert 'id="desk"' not in hand.client.post(address, data=form).text


def test_an_old_session_carries_the_answer_on_and_only_renewal_sends_it(desk: Desk) -> None:
    """A caller's quarter of an hour ends mid-answer: the page that renews holds every word; nothing is recorded yet."""
    hand = Hand(desk)
    hand.post("take")
    desk.clock.advance(minutes=16)
    answer = hand.post("save:answered", score="9", comment="Не бросают", note="Анна", auto="1")
    assert (answer.status_code, desk.attempts()) == (401, [])
    carried = dict(
        re.findall(r'<textarea name="([^"]+)" hidden aria-hidden="true">\n([^<]*)</textarea>', answer.text)
    )
    assert (carried["comment"], carried["do"], carried["score"]) == ("Не бросают", "save:answered", "9")
    hand.who = person(desk)
    answer = hand.client.post("/app/desk", data={**carried, "session": frames.seal(desk.deps, hand.who)})
    assert answer.status_code == 200
    assert [(one.outcome, one.note) for one in desk.attempts()] == [("answered", "Анна")]


def test_the_part_for_the_script_is_small_and_says_what_changed(desk: Desk) -> None:
    """One request for each client; the changing part without the page around it; the words in three languages."""
    hand = Hand(desk)
    part = hand.post("take", SCRIPT)
    assert part.text.lstrip().startswith('<div class="desk-part"')
    assert "<html" not in part.text
    assert len(part.data) < 24_000
    assert 'data-say="Your next client: Client 11, Person 1100."' in part.text
    assert len(hand.post("", None).data) < 40_000
    for language, word in (("ru", "Сохранить ответ"), ("uk", "Зберегти відповідь")):
        hand.who = person(desk, language=language)
        assert word in hand.post().text
    assert desk.world.rows(Wave)[0].stage == "calling"
