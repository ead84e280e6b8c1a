"""The agency's own words of a call: in versions, at the desk, on the sheet, named by the answer (W8, W9, W13, W20)."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from integration.i18n import LANGUAGES
from integration.nps import call_wording as rules
from integration.services import letter_texts
from integration.services.calling import (
    script_samples,
    script_texts,
    sheet_apply,
    sheet_book,
    sheet_out,
    sheets,
    wording,
)
from integration.services.calling.script_texts import ChangedMeanwhile
from integration.services.calling.wording import OwnScript, Spoken
from integration.store.attempts import Attempt
from integration.store.base import make_sessions
from integration.store.responses import Response
from tests.conftest import HandClock
from tests.services.calling import desk_world
from tests.services.calling.desk_world import MONDAY, Desk
from tests.services.wave_world import HEAD

OWN = {
    **wording.standard("ru"), "hello": "{first_name}, добрый день! Это {agency}. Есть две минуты?",
    "about": "Мы про «{service}» и тех, кто им занимается: {team}.", "thanks": "Спасибо огромное!",
}  # fmt: skip


@pytest.fixture
def desk(one_engine: Engine, clock: HandClock) -> Desk:
    return desk_world.make(make_sessions(one_engine), clock, people={11: 1, 12: 1, 13: 1})


def save(desk: Desk, parts: dict[str, str] | None, version: int, language: str = "ru") -> script_texts.Kept:
    return script_texts.save(desk.deps, desk.world.portal_id, language, parts, HEAD, version)


def wordings(desk: Desk) -> list[str]:
    return [one.wording for one in desk.world.rows(Attempt)]


def test_the_standard_words_with_places_say_what_the_standard_says() -> None:
    """In each language and whatever is known: an agency that saves the standard changes nothing."""
    full = Spoken("Ветер", "Поддержка", ("Ира Нор",), "Анна", "Анна Горина", "Ольга", "Пётр Сом")
    for language in LANGUAGES:
        assert not rules.problems(wording.standard(language)), language
        assert rules.cleaned(wording.standard(language)) == wording.standard(language)
        own = OwnScript("own", wording.standard(language))
        names: list[dict[str, Any]] = [
            {}, {"service": ""}, {"people": ()}, {"service": "", "people": ()}, {"first_name": ""}, {"speaker": ""},
            {"head": ""}, {"person": ""}, {"service": "«Поддержка»"}, {"agency": "«Ветер»"},
        ]  # fmt: skip
        for unknown in names:
            said = replace(full, **unknown)
            made = wording.script(said, language, own)
            assert replace(made, version="") == replace(wording.script(said, language), version=""), unknown


def test_what_the_greeting_says_is_not_said_twice() -> None:
    """Service and people may stand in the greeting; their own sentence comes back only where the greeting fell out."""
    full = Spoken("Ветер", "Поддержка", ("Ира Нор",), "Анна", "Анна Горина", "Ольга", "Пётр Сом")
    words = {**OWN, "hello": "{speaker}, {agency}, звоню про «{service}» и {team}.", "about": ""}
    own = OwnScript("own", rules.cleaned(words))
    assert not rules.problems(own.parts)
    made = wording.script(full, "ru", own)
    assert (made.hello, made.about) == ("Ольга, «Ветер», звоню про «Поддержка» и Ира Нор.", "")
    for unknown in ({"speaker": ""}, {"service": ""}):
        said = replace(full, **unknown)  # type: ignore[arg-type]
        plain, made = wording.script(said, "ru"), wording.script(said, "ru", own)
        assert (made.hello, made.about) == (plain.hello, plain.about), unknown


def test_own_words_are_kept_in_versions_and_never_without_service_and_people(desk: Desk) -> None:
    """Refused with the part; somebody who was faster is not overwritten; back to the standard and back again; letters
    know nothing of them."""
    refused = save(desk, {**OWN, "about": "Ничего особенного."}, 0)
    assert isinstance(refused, list)
    assert [(one.part, one.code) for one in refused] == [("about", "unheard")]
    assert save(desk, wording.standard("ru"), 0) == 0, "the standard makes no version"
    assert save(desk, OWN, 0) == 1
    assert save(desk, OWN, 1) == 1
    late = save(desk, {**OWN, "later": "Когда?"}, 0)
    assert isinstance(late, ChangedMeanwhile)
    assert (late.version.number, late.version.parts["hello"]) == (1, OWN["hello"])
    assert save(desk, None, 1) == 2
    portal = desk.world.portal_id
    assert script_texts.restore(desk.deps, portal, "ru", 9, HEAD, 2) is None
    assert script_texts.restore(desk.deps, portal, "ru", 1, HEAD, 2) == 3
    assert [(one.number, one.standard) for one in script_texts.history(desk.deps, portal, "ru")] == [
        (3, False), (2, True), (1, False),
    ]  # fmt: skip
    assert script_texts.newest(desk.deps, portal)["uk"].number == 0
    assert all(one.standard for one in letter_texts.newest(desk.deps, portal).values())
    sample = script_samples.sample(desk.deps, portal, "ru", parts={**OWN, "later": "Когда {first_name}?"})
    assert sample.script.later == "Когда Анна?"
    assert script_samples.sample(desk.deps, portal, "ru", "company:11").client.name


def test_the_desk_says_them_and_the_answer_names_the_version_that_was_shown(desk: Desk) -> None:
    """Own caller and call centre alike; words changed while a client is in hand are those of the next one; a value that
    cannot be true is not believed."""
    assert save(desk, OWN, 0) == 1
    key = desk.taken()
    card = desk.page().card
    assert card is not None
    assert "добрый день! Это " in card.script.hello
    assert card.script.version == "agency/call/ru/1"
    assert card.wording.split()[0] == "agency/call/ru/1"
    assert save(desk, {**OWN, "thanks": "Спасибо!"}, 1) == 2
    assert desk.record(key, "answered", score="9", language="ru", wording=card.wording).status == "done"
    (answer,) = desk.world.rows(Response)
    assert (answer.wording, wordings(desk)) == ("agency/call/ru/1", ["agency/call/ru/1"])
    link = desk.link()
    key = desk.taken(link)
    shown = desk.page(link).card
    assert shown is not None
    assert shown.script.thanks == "Спасибо!"
    assert (
        desk.record(
            key, "no_answer", link, language="ru", wording="agency/call/ru/77 agency/call/uk/2"
        ).status
        == "done"
    )
    assert wordings(desk)[1] == "agency/call/ru/2", "that of today"
    key = desk.taken()
    assert desk.record(key, "busy", language="en", wording="call/1/en").status == "done"
    assert wordings(desk)[2] == "call/1/en"


def test_a_sheet_says_them_and_its_rows_name_the_words_that_stood_there(desk: Desk) -> None:
    """Also when the words were changed after it was taken out; standard ones where the agency has none."""
    assert save(desk, OWN, 0) == 1
    desk.set(1200, language="uk")
    taken = sheet_out.take_out(desk.deps, desk.world.portal_id, desk.wave_id, who="Boss (1)")
    sheet = {str(row[2]): " ".join(map(str, row)) for row in sheet_book.rows(taken, "en")}
    assert "добрый день" in sheet["Person 1100"]
    assert "Спасибо огромное!" in sheet["Person 1100"]
    assert "огромное" not in sheet["Person 1200"]
    desk.clock.moment = MONDAY + timedelta(minutes=30)
    assert save(desk, None, 1) == 2
    desk.clock.moment = MONDAY + timedelta(hours=1)
    out = io.StringIO()
    lines = [("Code", "Date", "Time", "Outcome")]
    lines += [(one.code, "2026-03-02", "10:45", "No answer") for one in taken.people[:2]]
    csv.writer(out).writerows(lines)
    portal = desk.world.portal_id
    number = sheets.begin(desk.deps, portal, desk.wave_id, "c.csv", out.getvalue().encode(), who="Boss (1)")
    assert sheets.start(desk.deps, portal, desk.wave_id, number, who="Boss (1)") == "done"
    while sheet_apply.step(desk.deps, portal, number):
        pass
    assert sorted(wordings(desk)) == ["agency/call/ru/1", wording.version("uk")]


def test_a_sheet_says_the_words_of_the_moment_it_was_taken_out(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when somebody changes them while a long one is being written: its rows will name the words it says."""
    assert save(desk, OWN, 0) == 1
    genuine = sheet_out.reading

    def late(sessions: Any) -> Any:
        desk.clock.moment = MONDAY + timedelta(seconds=5)
        save(desk, {**OWN, "thanks": "Благодарим!"}, 1)
        return genuine(sessions)

    monkeypatch.setattr(sheet_out, "reading", late)
    taken = sheet_out.take_out(desk.deps, desk.world.portal_id, desk.wave_id, who="Boss (1)")
    assert {one.script.version for one in taken.people} == {"agency/call/ru/1"}
    assert {one.script.thanks for one in taken.people} == {"Спасибо огромное!"}
    with genuine(desk.deps.sessions) as session:
        said = script_texts.followed_at(session, desk.world.portal_id, "ru", taken.at)
    assert (said, script_texts.newest(desk.deps, desk.world.portal_id)["ru"].number) == (
        "agency/call/ru/1",
        2,
    )
