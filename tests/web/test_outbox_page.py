"""The outbox: what got stuck and why in words, sent again or left with an author, what waits, 10,000 rows (B4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from time import process_time
from unittest.mock import Mock

import pytest
from axe_playwright_python.sync_playwright import Axe
from sqlalchemy import Engine, event

from integration.services import outbox, stuck_work
from integration.store import stuck as stuck_rows
from integration.store.base import Sessions, make_sessions, transaction
from integration.store.clients import Company, Deal
from integration.store.letters import LetterRow
from integration.store.outbox import OutboxRow
from integration.store.stuck import Decision
from tests.conftest import a_portal
from tests.web.conftest import Eyes, served
from tests.web.setup_world import MARKUP, Desk, desk, rename, stuck

PATH = "/app/settings/outbox"


@pytest.fixture
def inside(sessions: Sessions) -> Iterator[Desk]:
    with desk(sessions) as made:
        yield made


@pytest.fixture
def one(one_engine: Engine) -> Iterator[Desk]:
    with desk(make_sessions(one_engine)) as made:
        yield made


def calls_of(inside: Desk) -> dict[str, OutboxRow]:
    """The calls of the stuck world by lane."""
    return {row.lane: row for row in inside.place.all(OutboxRow) if row.key.startswith("s")}


def letters_of(inside: Desk) -> dict[str, LetterRow]:
    return {row.lane[:2]: row for row in inside.place.all(LetterRow)}


def decided(inside: Desk) -> list[tuple[str, str, int]]:
    return [(one.verb, one.what, one.count) for one in inside.place.all(Decision)]


def test_where_nothing_is_stuck_the_page_says_so(inside: Desk) -> None:
    """Each view has its own words."""
    assert "Everything has reached Bitrix24" in inside.html(PATH)
    assert "No letter needs a decision" in inside.html(PATH, view="letters")
    assert "Nothing waits" in inside.html(PATH, view="waiting")
    assert "No letter waits" in inside.html(PATH, view="letters_waiting")
    assert "Everything has reached Bitrix24" in inside.html(PATH, view="<x>", page="-1", kind="' or 1=1")


def test_what_could_not_be_written_is_named_with_its_card_and_the_reason(inside: Desk) -> None:
    """Names and the portal's words are shown as text, whatever is in them."""
    stuck(inside.place)
    with transaction(inside.place.deps.sessions) as session:
        rename(session, inside.place.portal_id, Company, 1, MARKUP)
    answer = inside.post(PATH)
    raw = answer.get_data(as_text=True)
    assert "<script>alert" not in raw
    assert "&lt;script&gt;alert(1)" in raw
    html = inside.html(PATH)
    assert "/crm/deal/details/1/" in html
    assert "Bitrix24 does not let the application do this" in html
    assert "Сумма  не число" in html
    assert "This field is missing in Bitrix24: Recommended by." in html
    assert "The card does not exist" in html
    assert "tried 3 times" in html
    assert "contact 99" in html, "a card we do not know has its kind and number"


def test_a_call_sent_again_reaches_the_card_and_has_an_author(inside: Desk) -> None:
    """Once: pressed twice, or by two, it says that nothing is left to be done."""
    stuck(inside.place)
    row = calls_of(inside)["deal:1"]
    html = inside.html(PATH, do="resend", view="failed", id=str(row.id))
    assert "1 entry is on its way again." in html
    assert "sent again" in html
    assert "There was nothing to be done." in inside.html(PATH, do="resend", view="failed", id=str(row.id))
    outbox.drain(inside.place.deps)
    assert calls_of(inside)["deal:1"].status == "done"
    item = inside.place.act(1, "crm.item.get", entityTypeId=2, id=1, useOriginalUfNames="Y")["item"]
    assert item["UF_CRM_MOLVA_NPS_SCORE"] == 4
    assert decided(inside) == [("resend", "call", 1)]
    assert inside.place.all(Decision)[0].who.endswith("(1)")


def test_what_is_left_is_out_of_sight_and_not_sent(inside: Desk) -> None:
    stuck(inside.place)
    row = calls_of(inside)["contact:99"]
    assert "1 entry is set aside." in inside.html(PATH, do="leave", view="failed", id=str(row.id))
    inside.place.clock.advance(3600)
    inside.place.work()
    assert calls_of(inside)["contact:99"].status == "cancelled"
    assert "contact 99" not in inside.html(PATH)


def test_an_old_value_is_not_written_over_a_newer_one(inside: Desk) -> None:
    """Order per card holds for what people send again, too (product.md B4)."""
    stuck(inside.place)
    row = calls_of(inside)["deal:1"]
    now = inside.place.clock.now()
    with transaction(inside.place.deps.sessions) as session:
        session.add(
            OutboxRow(
                portal_id=inside.place.portal_id, lane="deal:1", status="done", key="newer", purpose="score",
                method=row.method, call=row.call, attempts=1, created_at=now, due_at=now, finished_at=now,
            )
        )  # fmt: skip
    html = inside.html(PATH)
    assert "A newer value stands in the card" in html
    assert "There was nothing to be done." in inside.html(PATH, do="resend", view="failed", id=str(row.id))
    inside.html(PATH, do="resend", view="failed", of="score")
    assert {lane: one.status for lane, one in calls_of(inside).items() if lane in ("deal:1", "deal:2")} == {
        "deal:1": "buried", "deal:2": "waiting",
    }  # fmt: skip


def test_a_comment_whose_fate_nobody_can_look_up_goes_when_a_person_says_so(inside: Desk) -> None:
    """It is written once."""
    stuck(inside.place)
    row = calls_of(inside)["company:1"]
    inside.html(PATH, do="resend", view="failed", id=str(row.id))
    outbox.drain(inside.place.deps)
    assert calls_of(inside)["company:1"].status == "done"
    assert len(inside.place.dump()["comments"]) == 1


def test_a_missing_field_points_to_the_set_up_and_goes_when_it_is_there(inside: Desk) -> None:
    stuck(inside.place)
    row = calls_of(inside)["lead:1"]
    assert "To the set-up" in inside.html(PATH)
    assert "There was nothing to be done." in inside.html(PATH, do="resend", view="failed", id=str(row.id))
    call = {
        **row.call,
        "params": {**row.call["params"], "fields": {"UF_CRM_MOLVA_REFERRAL_DATE": "2026-01-01"}},
    }
    with transaction(inside.place.deps.sessions) as session:
        session.get_one(OutboxRow, row.id).call = call
    assert "1 entry is on its way again." in inside.html(PATH, do="resend", view="failed", id=str(row.id))


def test_letters_in_doubt_are_decided_by_people(inside: Desk) -> None:
    """It was sent, or again; refused ones are sent again or left, all of a kind at once, but never those in doubt."""
    stuck(inside.place)
    html = inside.html(PATH, view="letters")
    assert "it may have gone" in html
    assert "550 нет такого ящика" in html
    assert "1 entry is on its way again." in inside.html(PATH, view="letters", do="resend", of="invitation")
    states = {lane: row.status for lane, row in letters_of(inside).items()}
    assert states == {"a0": "unknown", "a1": "waiting", "a2": "waiting"}
    doubt = str(letters_of(inside)["a0"].id)
    assert "There was nothing" in inside.html(PATH, view="letters", do="leave", id=doubt)
    assert "There was nothing" in inside.html(PATH, view="letters", pick="leave:x")
    assert "1 letter is noted as sent." in inside.html(PATH, view="letters", pick=f"was_sent:{doubt}")
    row = letters_of(inside)["a0"]
    assert (row.status, row.sent_at) == ("done", row.handed_at)
    assert decided(inside) == [("resend", "letter", 1), ("was_sent", "letter", 1)]


def test_the_page_opens_where_somebody_has_to_decide(inside: Desk) -> None:
    """The main page leads here for letters too: not to a view that says all is well."""
    stuck(inside.place)
    for row in calls_of(inside).values():
        inside.html(PATH, do="leave", view="failed", id=str(row.id))
    html = inside.html(PATH)
    assert "550 нет такого ящика" in html
    assert "Everything has reached Bitrix24" in inside.html(PATH, view="failed")


def test_a_refused_letter_can_be_left(inside: Desk) -> None:
    stuck(inside.place)
    refused = str(letters_of(inside)["a1"].id)
    assert "1 entry is set aside." in inside.html(PATH, view="letters", do="leave", id=refused)
    assert letters_of(inside)["a1"].status == "cancelled"


def test_what_waits_says_when_it_goes_and_why(inside: Desk) -> None:
    stuck(inside.place)
    html = inside.html(PATH, view="waiting")
    assert "goes on" in html
    assert "Bitrix24 has too much to do" in html
    assert "Send again" not in html
    assert "the hours in which letters may be sent" in inside.html(PATH, view="letters_waiting")


def test_ten_thousand_rows_are_shown_in_pages_at_the_same_cost(inside: Desk) -> None:
    """Queries do not grow; all of a kind go with one press."""

    def queries(**fields: str) -> int:
        seen: list[str] = []
        engine = inside.place.deps.sessions.kw["bind"]
        listen = lambda *given: seen.append(given[2])  # noqa: E731
        event.listen(engine, "before_cursor_execute", listen)
        inside.html(PATH, **fields)
        event.remove(engine, "before_cursor_execute", listen)
        return len(seen)

    stuck(inside.place)
    few = queries()
    with transaction(inside.place.deps.sessions) as session:
        for row in session.query(OutboxRow):
            session.delete(row)
        for letter in session.query(LetterRow):
            session.delete(letter)
    stuck(inside.place, many=10_000)
    assert queries() <= few <= 26
    assert queries(page="150") <= few
    html = inside.html(PATH, view="failed", page="2")
    assert "Page 2 of 201" in html
    assert html.count('class="about"') == stuck_work.PAGE
    html = inside.html(PATH, view="failed", kind="score")
    assert "Send all 10,002 again" in html
    started = process_time()
    assert "10,002 entries are on their way again." in inside.html(
        PATH, view="failed", do="resend", of="score"
    )
    assert process_time() - started < 10
    assert "Page 201 of 201" in inside.html(PATH, view="waiting", page="999")


def test_nobody_but_administrators_of_this_portal_decide(inside: Desk) -> None:
    """A manager is refused; another portal's administrator sees and changes nothing (architecture.md 2)."""
    stuck(inside.place)
    row = calls_of(inside)["deal:1"]
    fields = {"do": "resend", "view": "failed", "id": str(row.id)}
    manager = replace(inside.who(), user_id=6, administrator=False)
    assert inside.post(PATH, viewer=manager, **fields).status_code == 403
    with transaction(inside.place.deps.sessions) as session:
        other = a_portal(member_id="other", domain="other.example")
        session.add(other)
        session.flush()
        number = other.id
    stranger = replace(inside.who(), portal_id=number, origin="https://other.example")
    letter = str(letters_of(inside)["a0"].id)
    for more in (fields, {**fields, "do": "leave"}, {"do": "resend", "view": "failed", "of": "score"},
                 {"do": "was_sent", "view": "letters", "id": letter},
                 {"do": "leave", "view": "letters", "of": "invitation"}):  # fmt: skip
        html = inside.post(PATH, viewer=stranger, **more).get_data(as_text=True)
        assert "There was nothing to be done." in html
    assert calls_of(inside)["deal:1"].status == "buried"
    assert {one.status for one in letters_of(inside).values()} == {"unknown", "buried", "waiting"}
    assert decided(inside) == []


@pytest.mark.parametrize(
    ("language", "words"),
    [("ru", "Этой карточки в Битрикс24 больше нет."), ("uk", "Цієї картки в Бітрікс24 більше немає."),
     ("en", "The card does not exist in Bitrix24 any more.")],
)  # fmt: skip
def test_reasons_are_told_in_three_languages(inside: Desk, language: str, words: str) -> None:
    stuck(inside.place)
    assert words in inside.html(PATH, language=language)


@pytest.mark.browser
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (375, False), (1280, True)])
def test_the_outbox_in_a_browser(one: Desk, eyes: Callable[..., Eyes], width: int, dark: bool) -> None:
    """Long names, markup, every view; all of a kind is sent again after a question."""
    stuck(one.place, many=120)
    with transaction(one.place.deps.sessions) as session:
        rename(session, one.place.portal_id, Deal, 2, "Очень-длинное-название-без-единого-пробела-" * 4)
        rename(session, one.place.portal_id, Company, 1, MARKUP)
    for site in served(one.app):
        seen = eyes(width, dark=dark)
        page = seen.page
        one.show(page, site, PATH, page="3")
        _well(seen, width)
        page.get_by_label("Что показать").last.select_option("score")
        page.get_by_role("button", name="Показать", exact=True).click()
        page.get_by_role("button", name="Отправить все 122 ещё раз").click()
        page.get_by_role("dialog").get_by_role("button", name="Да").click()
        page.get_by_text("122 записи снова в пути.").wait_for()
        for name in ("Письма под вопросом", "Ждут отправки в Битрикс24", "Письма в пути"):
            with page.expect_navigation():
                page.get_by_role("button", name=name).click()
            _well(seen, width)


def _well(seen: Eyes, width: int) -> None:
    found = Axe().run(seen.page)
    assert found.violations_count == 0, found.generate_report()
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    assert seen.errors == []


def test_waiting_rows_of_the_future_are_counted(inside: Desk) -> None:
    """The numbers on the buttons are those of the lists."""
    stuck(inside.place)
    found = stuck_work.listing(inside.place.deps, inside.place.portal_id, "failed")
    assert (found.counts.failed, found.counts.letters) == (5, 2)
    assert (found.counts.waiting, found.counts.letters_waiting) == (1, 1)
    (waiting,) = stuck_work.listing(inside.place.deps, inside.place.portal_id, "waiting").entries
    assert waiting.at is not None
    assert waiting.at - waiting.since == timedelta(minutes=5)


def test_a_decision_about_a_letter_and_its_author_are_kept_together_or_not_at_all(
    inside: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that dies between the two leaves the letter undecided."""
    stuck(inside.place)
    before = {row.id: row.status for row in inside.place.all(LetterRow)}
    doubtful = next(number for number, status in before.items() if status == "unknown")
    monkeypatch.setattr(stuck_rows, "note", Mock(side_effect=KeyboardInterrupt))
    for do in (
        lambda: stuck_work.decide_letter(
            inside.place.deps, inside.place.portal_id, doubtful, "resend", "A (1)"
        ),
        lambda: stuck_work.decide_all(
            inside.place.deps, inside.place.portal_id, "letters", "invitation", "resend", "A (1)"
        ),
    ):
        with suppress(KeyboardInterrupt):
            do()
    assert {row.id: row.status for row in inside.place.all(LetterRow)} == before
