"""What changes beside the form while people type, two administrators at once, and the history (product.md P7, P)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from html import unescape

import pytest

from integration.services import forecast, policies
from integration.store.base import Sessions, transaction
from integration.store.policies import PolicyRow
from integration.store.portals import Staff
from integration.store.waves import Wave
from tests.conftest import HandClock
from tests.services.wave_world import DIRECTOR, HEAD, SERVICE
from tests.web.settings_world import Desk, form_of, make_desk, problem_at, words_of


@pytest.fixture
def desk(sessions: Sessions, clock: HandClock) -> Desk:
    made = make_desk(sessions, clock)
    for number in range(2, 6):
        made.world.client(number)
    made.world.client(6, since=date(2026, 1, 2))
    return made


def typed(desk: Desk, section: str, **changes: object) -> str:
    return words_of(desk.post(f"{section}/live", {**form_of(desk.post(section)), **changes}))


def test_the_count_follows_what_is_typed(desk: Desk) -> None:
    shown = words_of(desk.post("clients"))
    assert "4 clients would be asked at most of 5 clients with deals" in shown
    assert "with us for too short a time 1" in shown
    assert "5 clients would be asked" in typed(desk, "clients", min_age_months="0")
    nobody = typed(desk, "clients", min_age_months="60")
    assert "0 clients would be asked" in nobody
    assert "Works with us for at least was 3 months → becomes 60 months" in nobody
    assert desk.policy()[1] == 1


def test_without_script_a_button_counts(desk: Desk) -> None:
    answer = desk.post("clients", {**form_of(desk.post("clients")), "min_age_months": "0"}, do="look")
    assert answer.status_code == 200
    assert "5 clients would be asked" in words_of(answer)
    assert form_of(answer)["min_age_months"] == "0"
    assert desk.policy()[1] == 1


def test_the_count_for_the_next_list_is_of_another_day(desk: Desk) -> None:
    """By then the newest client is still too new; with two months it is not."""
    assert "as of 19 January 2026" in words_of(desk.post("clients"))
    assert "4 clients" in typed(desk, "clients", as_of="next")
    desk.world.client(7, since=date(2025, 10, 19))
    assert "4 clients" in typed(desk, "clients")
    assert "5 clients" in typed(desk, "clients", as_of="next")


def test_a_long_count_goes_on_where_it_stopped(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast, "_CHUNK", 2)
    monkeypatch.setattr(forecast, "SECONDS", 0)
    form = {**form_of(desk.post("clients")), "min_gap_days": "290"}
    seen = []
    for _ in range(9):
        answer = desk.post("clients/live", form)
        seen.append(words_of(answer).split(" would be asked")[0].split()[-2:])
        if "so_far" not in answer.text:
            break
        assert "have been counted so far" in words_of(answer)
        form["so_far"] = form_of_part(answer.text)
    assert seen == [["2", "clients"], ["4", "clients"], ["4", "clients"]]
    form["min_gap_days"] = "280"
    assert "2 clients would be asked" in words_of(desk.post("clients/live", form))


def form_of_part(html: str) -> str:
    return unescape(html.split('name="so_far" value="')[1].split('"')[0])


@pytest.mark.parametrize("so_far", ["[]", "x", '["a",1]', "[" * 500, '["k","2026-01-01",1,1,{},"deal:1"]'])
def test_a_made_up_count_is_not_gone_on_with(desk: Desk, so_far: str) -> None:
    assert "4 clients would be asked" in typed(desk, "clients", so_far=so_far)


def test_the_days_of_the_next_survey_follow_what_is_typed(desk: Desk) -> None:
    """The eighth of March is a day off in this portal's calendar, and a Sunday."""
    shown = words_of(desk.post("wave"))
    assert "Letter with the question Mon, 2 March 2026" in shown
    assert "Days off come from the calendar of your Bitrix24." in shown
    moved = typed(desk, "wave", wave_day="8")
    assert "Letter with the question Mon, 9 March 2026 moved from 8 Mar 2026" in moved
    called = typed(desk, "wave", calling="1", max_attempts="5")
    assert "Calls begin Mon, 2 March 2026" in called
    assert "Letter with the question Thu, 12 March 2026" in called


def test_a_survey_that_cannot_be_announced_in_time_is_next_year_s(desk: Desk) -> None:
    assert "20 January 2027" in typed(desk, "wave", wave_month="1", wave_day="20", plan_days_before="14")
    assert "Somebody has to start one." in typed(desk, "wave", wave_month="0")


@pytest.mark.parametrize(
    ("section", "field", "value", "line"),
    [
        ("wave", "time_zone", "Mars/Olympus", "There is no time zone Mars/Olympus."),
        ("wave", "hours_to", "3", "The hours end before they begin"),
        ("wave", "wave_month", "", "Please fill this in."),
        ("clients", "current_months", "999", "Possible are 1 to 120."),
        ("clients", "min_gap_days", "400", "some clients are asked every other year"),
        ("senders", "senders-0-gone", "1", "Choose who signs the announcement"),
        ("followups", "head_user_id", "", "Without a head nobody is told"),
    ],
)
def test_what_does_not_go_together_is_told_before_saving(
    desk: Desk, section: str, field: str, value: str, line: str
) -> None:
    assert line in typed(desk, section, **{field: value})


def test_a_survey_under_way_keeps_its_rules_and_the_page_says_so(desk: Desk) -> None:
    desk.world.clock.moment = datetime(2026, 1, 19, 9, tzinfo=UTC)
    wave_id = desk.world.planned()
    assert "keeps its rules" not in words_of(desk.post("clients"))
    desk.world.set(Wave, wave_id, frozen_at=desk.world.clock.now(), policy_version=1)
    for section in ("clients", "wave", "senders"):
        assert "“2026” keeps its rules. Its list was made under version 1 of" in words_of(desk.post(section))
    assert "Owners and deadlines hold at once." in words_of(desk.post("followups"))


# --- two administrators at once


def test_two_who_change_different_things_both_get_their_way(desk: Desk) -> None:
    mine = form_of(desk.post("clients"))
    policies.save(desk.world.deps, desk.world.portal_id, {"min_gap_days": 200}, "Ольга Лис (5)", 1)
    answer = desk.post("clients", {**mine, "max_respondents": "2"}, do="save")
    assert answer.status_code == 200
    assert "Somebody has saved something else meanwhile." in words_of(answer)
    policy, version = desk.policy()
    assert (version, policy.min_gap_days, policy.max_respondents) == (3, 200, 2)


@pytest.mark.parametrize(("choice", "expected"), [("mine", 250), ("theirs", 200)])
def test_two_who_change_the_same_choose(desk: Desk, choice: str, expected: int) -> None:
    """Both values with the author; nothing is saved and nothing typed is lost until somebody has chosen."""
    mine = form_of(desk.post("clients"))
    policies.save(
        desk.world.deps, desk.world.portal_id, {"min_gap_days": 200, "current_months": 9}, "Ольга Лис (5)", 1
    )
    answer = desk.post("clients", {**mine, "min_gap_days": "250", "max_respondents": "2"}, do="save")
    assert answer.status_code == 409
    said = words_of(answer)
    assert "What I have typed 250 days" in said
    assert "Saved by Ольга Лис on" in said
    assert desk.policy()[1] == 2
    form = form_of(answer)
    assert (form["min_gap_days"], form["max_respondents"], form["current_months"]) == ("250", "2", "9")
    assert desk.post("clients", form, do="save").status_code == 409
    done = desk.post("clients", {**form, "keep.min_gap_days": choice}, do="save")
    assert done.status_code == 200
    policy, version = desk.policy()
    assert (version, policy.min_gap_days, policy.max_respondents, policy.current_months) == (
        3,
        expected,
        2,
        9,
    )


def test_the_same_form_sent_twice_is_saved_once(desk: Desk) -> None:
    form = {**form_of(desk.post("clients")), "min_gap_days": "250"}
    assert desk.post("clients", form, do="save").status_code == 200
    again = desk.post("clients", form, do="save")
    assert "Nothing was different." in words_of(again)
    assert desk.policy()[1] == 2


# --- history


@pytest.fixture
def told(desk: Desk) -> Desk:
    """Three versions, the second of which changed people, a table and a list."""
    body = {
        "head_user_id": DIRECTOR, "director_by_city": {"Казань": DIRECTOR}, "callers": [6], "silent_check": True,
        "service_pipelines": [0, SERVICE], "wave_month": 5, "hours_from": 10,
    }  # fmt: skip
    desk.world.policy(**body)
    desk.world.policy(min_gap_days=100)
    return desk


def test_the_history_tells_who_changed_what_in_words(told: Desk) -> None:
    said = words_of(told.post("history"))
    for line in (
        "Version 3 counts now", "Head of the agency was Пётр Сом → becomes Ольга Лис",
        "Account directors by city Казань: was — → becomes Ольга Лис", "Callers + added Иван Петров",
        "Check on silent clients was off → becomes on", "Pipelines of running work + added Продажи",
        "Month of the survey was March → becomes May", "Letters and calls from was 9:00 → becomes 10:00",
        "Not asked again for was 300 days → becomes 100 days", "The first version.",
    ):  # fmt: skip
        assert line in said


@pytest.mark.parametrize("language", ["ru", "uk"])
def test_the_history_speaks_the_reader_s_language(told: Desk, language: str) -> None:
    told.language = language
    said = words_of(told.post("history"))
    assert {"ru": "было 300 дней → станет 100 дней", "uk": "було 300 днів → стане 100 днів"}[language] in said


def test_a_version_is_looked_at_and_brought_back(told: Desk) -> None:
    look = told.post("history", {"do": "look", "number": "1"})
    assert "Bring version 1 back?" in words_of(look)
    assert "Not asked again for was 100 days → becomes 300 days" in words_of(look)
    assert told.policy()[1] == 3
    done = told.post("history", {"do": "restore", "number": "1", "version": "3"})
    assert "Version 1 counts again." in words_of(done)
    assert "as in version 1" in words_of(done)
    policy, version = told.policy()
    assert (version, policy.min_gap_days, policy.head_user_id) == (4, 300, HEAD)
    again = told.post("history", {"do": "restore", "number": "1", "version": "3"})
    assert again.status_code == 200
    assert told.policy()[1] == 4


def test_a_version_that_cannot_work_any_more_is_not_brought_back(told: Desk) -> None:
    told.world.set(Staff, (told.world.portal_id, HEAD), active=False)
    told.user = DIRECTOR
    answer = told.post("history", {"do": "restore", "number": "1", "version": "3"})
    assert answer.status_code == 422
    assert "Head of the agency: Пётр Сом does not work here any more." in words_of(answer)
    assert told.policy()[1] == 3


def test_who_decides_on_an_old_page_is_told(told: Desk) -> None:
    answer = told.post("history", {"do": "restore", "number": "1", "version": "2"})
    assert answer.status_code == 422
    assert "Somebody has saved other settings meanwhile." in words_of(answer)
    assert told.post("history", {"do": "restore", "number": "99", "version": "3"}).status_code == 422
    assert told.post("history", {"do": "restore", "number": "x"}).status_code == 400


def test_a_portal_that_never_saved_has_no_history(desk: Desk, sessions: Sessions) -> None:
    with transaction(sessions) as session:
        session.query(PolicyRow).delete()
    assert "Nobody has changed anything yet" in words_of(desk.post("history"))
    answer = desk.post("wave", form_of(desk.post("wave")), do="save")
    assert answer.status_code == 200
    assert desk.policy()[1] == 1
    assert problem_at(answer, "wave_day") == ""
