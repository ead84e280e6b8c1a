"""The set-up page: opens from what is known, asks when told to, repairs, shows a card before it is changed (B1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from axe_playwright_python.sync_playwright import Axe
from sqlalchemy import Engine, event

from integration.bitrix import layouts as pure
from integration.services import automation, checklist, frames
from integration.store import checks
from integration.store.base import Sessions, make_sessions, transaction
from integration.store.layouts import CardLayout
from integration.store.portals import Limits, Stage
from tests.conftest import a_portal
from tests.web.conftest import Eyes, served
from tests.web.setup_world import LAYOUT, Desk, arrange, desk

PATH = "/app/settings/setup"


@pytest.fixture
def inside(sessions: Sessions) -> Iterator[Desk]:
    with desk(sessions) as made:
        arrange(made.place, 2, 2, LAYOUT)
        yield made


@pytest.fixture
def one(one_sessions: Sessions) -> Iterator[Desk]:
    with desk(one_sessions) as made:
        arrange(made.place, 2, 2, LAYOUT)
        yield made


@pytest.fixture
def one_sessions(one_engine: Engine) -> Sessions:
    return make_sessions(one_engine)


def field(html: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found, name
    return found.group(1)


def test_the_page_opens_without_asking_the_portal(inside: Desk) -> None:
    """What is known since the set-up, and when it was looked at."""
    inside.place.fresh_counters()
    html = inside.html(PATH)
    assert "What could be checked is in place" in html
    assert "Everything is in place" not in html
    assert "Not looked at yet. Press “Check now”." in html
    assert "has not told us how the card" not in html
    assert "Last looked at" in html
    assert inside.place.counters()["http"] == 0


def test_check_and_repair_say_what_they_found_and_did(inside: Desk) -> None:
    """Pressing twice does nothing twice."""
    inside.place.box.portal.state.placements[:] = []
    html = inside.html(PATH, do="check")
    assert "Checked just now." in html
    assert "The card has no Molva tab." in html
    assert "points need attention" in html
    assert "What “Repair” will add" in html
    assert "Leads, Deals, Contacts, Companies: the Molva tab" in html
    html = inside.html(PATH, do="repair")
    assert "What “Repair” will add" not in html
    assert "The tab was put right: Leads, Deals, Contacts, Companies." in html
    assert "Nothing was missing." in inside.html(PATH, do="repair")
    assert len(inside.place.box.portal.state.placements) == 4
    assert "Last repair" in inside.html(PATH)


def test_everything_a_repair_would_add_is_named_before(one: Desk) -> None:
    """Fields by their names, lists, notices, the source; and the same is said to have been done."""
    state = one.place.box.portal.state
    for row in list(state.user_fields.rows.values()):
        if row["FIELD_NAME"] == "UF_CRM_MOLVA_NPS_DATE" and row["ENTITY_ID"] == "CRM_DEAL":
            state.user_fields.remove(row["ID"])
        elif row["FIELD_NAME"] == "UF_CRM_MOLVA_ROLE":
            row["LIST"] = row["LIST"][1:]
    state.bindings[:] = [row for row in state.bindings if row["event"] != "ONTASKUPDATE"]
    for row in list(state.statuses.rows.values()):
        if row["STATUS_ID"] == "RECOMMENDATION":
            state.statuses.remove(row["ID"])
            del state.stages[("SOURCE", "RECOMMENDATION")]
    html = one.html(PATH, do="check")
    for line in (
        "Deals: fields NPS: date of answer", "Contacts: missing values of lists", "1 notice of changes",
        "The source “By recommendation” in the list of sources", "There is no source “By recommendation”.",
    ):  # fmt: skip
        assert line in html, line
    html = one.html(PATH, do="repair")
    for line in ("1 field was added.", "1 list was completed.", "The source “By recommendation” was added."):
        assert line in html, line
    assert "The source that means “by recommendation” is there." in html


def test_a_click_for_which_the_portal_has_no_room_is_told_so(one: Desk) -> None:
    """Not "does not answer": more was asked than it takes at once, and a minute helps (product.md T4)."""
    with transaction(one.place.deps.sessions) as session:
        row = session.get_one(Limits, one.place.portal_id)
        row.level, row.level_at = 80.0, one.place.clock.now()
    html = one.html(PATH, do="check")
    assert "The check did not work." in html
    assert "Bitrix24 is busy" in html
    assert "does not answer" not in html


def test_repair_is_the_main_button_only_where_something_can_be_repaired(inside: Desk) -> None:
    """A built-in layout is called so, as its page does; nothing about it can be repaired."""

    def repair(html: str) -> str:
        found = re.search(r'value="repair".*?<button[^>]*class="([^"]*)"', html, re.S)
        assert found
        return found[1]

    html = inside.html(PATH, do="check")
    assert "primary" not in repair(html)
    assert "This card still has its built-in layout" in html
    inside.place.box.portal.state.placements[:] = []
    assert "primary" in repair(inside.html(PATH, do="check"))


def test_fields_go_into_a_card_after_a_look_and_come_out_again(inside: Desk) -> None:
    """Preview, consent, undo; the author is kept."""
    html = inside.html(PATH, do="preview", kind="deal", part="2")
    assert "Nothing has been changed yet" in html
    assert "NPS: score" in html
    assert pure.same(inside.place.box.portal.state.layouts[(2, "C", 0, 2)], LAYOUT)
    html = inside.html(PATH, do="apply", kind="deal", part="2", digest=field(html, "digest"))
    assert "The fields are in the card now." in html
    (change,) = inside.place.all(CardLayout)
    assert "(1)" in change.author
    assert "Everybody sees our fields in the card." in html
    html = inside.html(PATH, do="undo", change=str(change.id))
    assert "exactly as before" in html
    assert pure.same(inside.place.box.portal.state.layouts[(2, "C", 0, 2)], LAYOUT)
    assert "nothing of ours" in inside.html(PATH, 409, do="undo", change=str(change.id))


def test_without_consent_or_after_somebody_elses_change_nothing_is_written(inside: Desk) -> None:
    """The preview is shown again."""
    html = inside.html(PATH, do="apply", kind="deal", part="2", digest="old")
    assert "Somebody has changed the card since you looked" in html
    assert "Nothing has been changed yet" in html
    assert inside.place.all(CardLayout) == []


def test_a_card_with_its_built_in_layout_gets_instructions(inside: Desk) -> None:
    """Writing would lose the portal's own arrangement (bitrix24.md 8.5)."""
    html = inside.html(PATH, do="preview", kind="company", part="0")
    assert "How to add the fields by hand" in html
    assert "NPS: do not ask before" in html
    html = inside.html(PATH, do="apply", kind="company", part="0", digest="x")
    assert "How to add the fields by hand" in html
    assert inside.place.box.portal.state.layouts.get((4, "C", 0, 0)) is None


def test_undo_over_somebody_elses_work_shows_it_and_offers_our_section_alone(inside: Desk) -> None:
    html = inside.html(PATH, do="preview", kind="deal", part="2")
    inside.html(PATH, do="apply", kind="deal", part="2", digest=field(html, "digest"))
    now = inside.place.box.portal.state.layouts[(2, "C", 0, 2)]
    arrange(inside.place, 2, 2, [{**now[0], "title": "Новое <b>имя</b>"}, now[2]])
    answer = inside.post(PATH, do="undo", change="1")
    assert answer.status_code == 409
    raw = answer.get_data(as_text=True)
    assert "<b>имя</b>" not in raw
    assert "&lt;b&gt;имя&lt;/b&gt;" in raw
    html = inside.html(PATH, 409, do="undo", change="1")
    assert "Section removed: Дополнительно" in html
    html = inside.html(PATH, do="remove", change="1", digest=field(html, "digest"))
    assert "All else stands as it was." in html
    assert [one["name"] for one in inside.place.box.portal.state.layouts[(2, "C", 0, 2)]] == ["main"]


def test_a_portal_that_is_away_is_said_and_nothing_is_lost(inside: Desk) -> None:
    inside.place.box.control("/settings", {"down": True})
    assert "Bitrix24 does not answer" in inside.html(PATH, do="check")
    assert "Nothing has been changed." in inside.html(PATH, do="repair")
    assert "has not told us how the card is laid out" in inside.html(
        PATH, 409, do="preview", kind="deal", part="2"
    )


@pytest.mark.parametrize("changes", [{"kind": "deal", "part": "77"}, {"kind": "x", "part": "-1"}, {}])
def test_what_no_form_of_ours_sends_is_refused_with_words(inside: Desk, changes: dict[str, str]) -> None:
    assert "There is no such card" in inside.html(PATH, 409, do="preview", **changes)


def test_only_administrators_see_and_change_the_set_up(inside: Desk) -> None:
    """A manager, and the administrator of another portal, who sees only their own (product.md P2)."""
    manager = replace(inside.who(), user_id=6, administrator=False)
    for do in ("", "check", "repair", "preview", "apply", "undo"):
        assert inside.post(PATH, viewer=manager, do=do, kind="deal", part="2").status_code == 403
    with transaction(inside.place.deps.sessions) as session:
        other = a_portal(member_id="other", domain="other.example")
        session.add(other)
        session.flush()
        number = other.id
    stranger = replace(inside.who(), portal_id=number, origin="https://other.example")
    html = inside.post(PATH, viewer=stranger).get_data(as_text=True)
    assert "Not looked at yet" in html
    inside.post(PATH, viewer=stranger, do="undo", change="1")
    assert inside.client.post(PATH, data={"session": "forged"}).status_code in (400, 401, 403)
    assert inside.client.get(PATH).status_code == 200


def test_an_expired_session_changes_nothing(inside: Desk) -> None:
    """The page asks to be renewed, with what was posted."""
    session = frames.seal(inside.place.deps, inside.who())
    inside.place.clock.advance(frames.SESSION_SECONDS + 1)
    inside.place.box.portal.state.placements[:] = []
    answer = inside.client.post(PATH, data={"session": session, "do": "repair"})
    assert answer.status_code == 401
    assert inside.place.box.portal.state.placements == []


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("ru", "Что удалось проверить — на месте"),
        ("uk", "Що вдалося перевірити — на місці"),
        ("en", "What could be checked is in place"),
    ],
)
def test_the_page_speaks_three_languages(inside: Desk, language: str, words: str) -> None:
    assert words in inside.html(PATH, language=language)


def test_the_page_costs_the_same_queries_whatever_there_is(inside: Desk) -> None:
    """A dozen pipelines with previews cost no more than one."""

    def queries() -> int:
        seen: list[str] = []
        engine = inside.place.deps.sessions.kw["bind"]
        listen = lambda *given: seen.append(given[2])  # noqa: E731
        event.listen(engine, "before_cursor_execute", listen)
        inside.html(PATH)
        event.remove(engine, "before_cursor_execute", listen)
        return len(seen)

    before = queries()
    with transaction(inside.place.deps.sessions) as session:
        for number in range(12):
            stage = Stage(
                portal_id=inside.place.portal_id, stage_id=f"C{50 + number}:NEW", category_id=50 + number
            )
            session.add(stage)
    for number in range(12):
        arrange(inside.place, 2, 50 + number, LAYOUT)
    inside.html(PATH, do="check")
    assert queries() == before <= 26


@pytest.mark.browser
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (375, False), (1280, True)])
def test_the_set_up_in_a_browser(one: Desk, eyes: Callable[..., Eyes], width: int, dark: bool) -> None:
    """From the missing tab to the repaired one and a card with our fields, by clicking; axe and console are quiet."""
    one.place.box.portal.state.placements[:] = one.place.box.portal.state.placements[1:]
    for site in served(one.app):
        seen = eyes(width, dark=dark)
        page = seen.page
        one.show(page, site, PATH)
        page.get_by_role("button", name="Проверить", exact=True).click()
        page.get_by_text("В карточке нет вкладки Molva.").wait_for()
        _well(seen, width)
        page.get_by_role("button", name="Исправить", exact=True).click()
        page.get_by_text("Исправлено. Вкладка исправлена: Лиды").wait_for()
        page.get_by_role("button", name="Показать карточку с нашими полями").click()
        page.get_by_text("Пока ничего не изменилось").wait_for()
        _well(seen, width)
        page.get_by_role("button", name="Добавить в карточку для всех").click()
        page.get_by_role("dialog").get_by_role("button", name="Да").click()
        page.get_by_text("Поля теперь в карточке.").wait_for()
        page.get_by_role("button", name="Убрать поля обратно").click()
        page.get_by_text("точно такая, как была").wait_for()
        page.get_by_role("button", name="Как добавить их вручную").first.click()
        page.get_by_role("heading", name="Как добавить поля вручную").wait_for()
        _well(seen, width)
    assert pure.same(one.place.box.portal.state.layouts[(2, "C", 0, 2)], LAYOUT)


def _well(seen: Eyes, width: int) -> None:
    found = Axe().run(seen.page)
    assert found.violations_count == 0, found.generate_report()
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    assert seen.errors == []


def test_triggers_and_the_rule_are_told_however_they_stand(one: Desk) -> None:
    """Extras of the automation: what to do in words, nothing red where they cannot be, "Repair" where it helps."""
    portal_id, sessions = one.place.portal_id, one.place.deps.sessions
    assert "switch it on under “Follow-ups”" in one.html(PATH)
    expected = {
        ("ok", "ok"): ("stand in the list of your deals’ stages", "can be put on the stages of deals", 0),
        ("missing", "missing"): ("triggers for your deals’ automation are not registered", "is not registered yet", 2),
        ("off", "old"): ("switched off", "in an older form", 1),
        ("refused", "no_scope"): ("does not let us register triggers (access_denied)", "add “Workflows” (bizproc)", 0),
        ("unknown", "refused"): ("Not looked at yet", "does not let us register the rule (access_denied)", 0),
    }  # fmt: skip
    for (trigger, robot), (said, told, faults) in expected.items():
        with transaction(sessions) as session:
            row = checks.locked(session, portal_id)
            found = {"triggers": {"how": trigger, "code": "access_denied", "there": []},
                     "robot": {"how": robot, "code": "access_denied", "print": ""}}  # fmt: skip
            row.found = {**row.found, automation.TOPIC: found}
        html = one.html(PATH)
        assert said in html, trigger
        assert told in html, robot
        known = checklist.read(one.place.deps, portal_id)
        assert known is not None
        assert len([item for item in known.open if item.code in ("triggers", "robot")]) == faults
        assert html.count("in the automation of deals") + html.count("for the automation of deals") == faults
    for language in ("ru", "uk"):
        assert one.post(PATH, language=language).status_code == 200
    done = one.html(PATH, do="repair")
    assert "Bitrix24 refused" not in done
