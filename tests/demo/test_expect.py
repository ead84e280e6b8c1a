"""What the demo expects, on values worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from integration.bitrix.sandbox.agency import default_calendar, default_currencies
from integration.demo.actual import Actual, CardScore, Task
from integration.demo.browser import read_forms
from integration.demo.callers import Call
from integration.demo.compare import differences, of_calls, of_wave
from integration.demo.days import ZONE, Office, months_later
from integration.demo.eligible import Asked, Verdict, assess
from integration.demo.expect import Expected, expect, letters_for, net, outcome_of, wave_days
from integration.demo.ground import Ground
from integration.demo.money import of_money, rates_of
from integration.demo.people import QUOTA, Deed, town
from integration.demo.phone import MANNERS, lines

OFFICE = Office.of(default_calendar(), (9, 18))
DAYS = wave_days(OFFICE, 2026, date(2026, 8, 20))


def moment(month: int, day: int, hour: int = 12) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=ZONE).astimezone(UTC)


def test_the_wave_of_2026_has_these_days() -> None:
    assert (DAYS.announced, DAYS.called) == (date(2026, 9, 17), date(2026, 10, 1))
    assert (DAYS.mailed, *DAYS.reminders) == (date(2026, 10, 5), date(2026, 10, 9), date(2026, 10, 14))
    assert DAYS.closing == date(2026, 10, 21)


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2025, 11, 30), 3, date(2026, 2, 28)),
        (date(2027, 11, 30), 3, date(2028, 2, 29)),
        (date(2026, 5, 20), 3, date(2026, 8, 20)),
        (date(2026, 10, 31), 12, date(2027, 10, 31)),
    ],
)
def test_calendar_months(day: date, months: int, expected: date) -> None:
    assert months_later(day, months) == expected


@pytest.mark.parametrize(
    ("said", "days", "due"),
    [
        (moment(10, 1), 2, date(2026, 10, 5)),  # Thursday → Monday
        (moment(10, 2, 19), 2, date(2026, 10, 7)),  # Friday evening counts as Monday
        (moment(11, 2), 2, date(2026, 11, 5)),  # 4 November is a holiday
    ],
)
def test_deadlines_count_working_days(said: datetime, days: int, due: date) -> None:
    assert OFFICE.due_day(said, days) == due


def deed(kind: str, at: datetime, score: int = -1, comment: str = "", who: str = "a@x.example.com") -> Deed:
    return Deed(who, kind, at, score, comment)  # type: ignore[arg-type]


def days_of(letters: list[tuple[str, datetime]]) -> list[tuple[str, date]]:
    return [(kind, at.astimezone(ZONE).date()) for kind, at in letters]


def test_the_silent_get_every_letter() -> None:
    days = [date(2026, 10, 5), date(2026, 10, 9), date(2026, 10, 14)]
    expected = [("announcement", date(2026, 9, 17)), *(("question", day) for day in days)]
    assert days_of(letters_for([], DAYS, OFFICE)) == expected


def test_an_answer_ends_the_letters_and_so_does_a_refusal() -> None:
    for kind in ("answered", "opted_out"):
        found = letters_for([deed(kind, moment(10, 7), 9)], DAYS, OFFICE, thanked=False)
        assert days_of(found) == [("announcement", date(2026, 9, 17)), ("question", date(2026, 10, 5))]


def question_days(*deeds: Deed) -> list[date]:
    return [day for kind, day in days_of(letters_for(list(deeds), DAYS, OFFICE)) if kind == "question"]


def test_what_was_said_on_the_phone_moves_the_letters() -> None:
    for kind in ("answered", "refused", "opted_out"):
        assert question_days(deed(kind, moment(10, 1), 9)) == []
    assert question_days(deed("called", moment(10, 1), comment="busy")) == question_days()
    wanted = [date(2026, 10, 1), date(2026, 10, 5), date(2026, 10, 12)]  # the Saturday becomes a Monday
    assert question_days(deed("asked_mail", moment(10, 1))) == wanted
    later = [date(2026, 10, 8), date(2026, 10, 12), date(2026, 10, 19)]
    assert question_days(deed("not_now", moment(10, 1))) == later


def test_who_answered_on_the_phone_is_thanked_for_the_talk() -> None:
    said = Deed("a@x.example.com", "answered", moment(10, 1, 11), 3, "", "phone")
    assert letters_for([said], DAYS, OFFICE)[-1] == ("thanks_phone", moment(10, 1, 13))


@pytest.mark.parametrize(
    ("deeds", "thanks"),
    [
        # three days after the reminder, which is a Saturday; the gap goes before the two hours
        ([deed("answered", moment(10, 14, 11), 9)], ("thanks_promoter", moment(10, 19, 9))),
        # long after the last letter two hours are enough; in the evening it is the next morning
        ([deed("answered", moment(10, 28, 11), 7)], ("thanks_passive", moment(10, 28, 13))),
        ([deed("answered", moment(10, 28, 17), 7)], ("thanks_passive", moment(10, 29, 9))),
        # the words are those of the answer that stands when the letter leaves, and once it left there is no second
        (
            [deed("answered", moment(10, 14, 11), 9), deed("corrected", moment(10, 15, 11), 2)],
            ("thanks_detractor", moment(10, 19, 9)),
        ),
        (
            [deed("answered", moment(10, 14, 11), 9), deed("corrected", moment(10, 19, 11), 2)],
            ("thanks_promoter", moment(10, 19, 9)),
        ),
    ],
)
def test_thanks_come_once_in_the_words_of_the_group(deeds: list[Deed], thanks: tuple[str, datetime]) -> None:
    found = letters_for(deeds, DAYS, OFFICE)
    assert [one for one in found if one[0].startswith("thanks")] == [thanks]
    assert not any(kind.startswith("thanks") for kind, _ in letters_for(deeds, DAYS, OFFICE, thanked=False))


def test_who_postpones_is_asked_once_more_two_weeks_later() -> None:
    found = letters_for([deed("postponed", moment(10, 5, 14))], DAYS, OFFICE)
    assert days_of(found)[-1] == ("question", date(2026, 10, 19))
    assert len(found) == 3


def test_who_postpones_past_the_end_is_not_asked_again() -> None:
    assert len(letters_for([deed("postponed", moment(10, 8, 11))], DAYS, OFFICE)) == 2


def a_ground() -> Ground:
    users = {n: {"ID": str(n), "ACTIVE": n != 8, "UF_DEPARTMENT": [2]} for n in range(1, 10)}
    departments = {
        1: {"ID": "1", "PARENT": None, "UF_HEAD": "2"},
        2: {"ID": "2", "PARENT": "1", "UF_HEAD": "3"},
    }
    return Ground({}, {}, {}, [], {}, users, departments, default_calendar(), {})


def a_verdict(*asked: Asked) -> Verdict:
    return Verdict(("company", 5), "Лиса", "", "Казань", 6, (11, 12), asked)


def test_two_people_of_one_client_make_one_score_by_the_worst_who_decides() -> None:
    verdict = a_verdict(Asked(1, "a@x.example.com", "daily"), Asked(2, "b@x.example.com", "decides"))
    deeds = [
        deed("answered", moment(10, 1), 2, "плохо"),
        deed("answered", moment(10, 2), 9, "хорошо", "b@x.example.com"),
    ]
    expected = expect(a_ground(), [verdict], deeds, DAYS, OFFICE)
    assert {card: score.score for card, score in expected.scores.items()} == {
        ("deal", 11): 9, ("deal", 12): 9, ("company", 5): 9, ("contact", 1): 2, ("contact", 2): 9,
    }  # fmt: skip
    assert expected.scores["company", 5].answers == 2
    assert [duty.kind for duty in expected.duties] == ["detractor", "promoter", "disagreement"]
    assert len(expected.notes) == 4
    assert net(expected.clients.values()) == 100.0


def test_a_correction_into_another_group_makes_another_task_and_keeps_the_day() -> None:
    deeds = [deed("answered", moment(10, 1), 3), deed("corrected", moment(10, 4), 8)]
    expected = expect(a_ground(), [a_verdict(Asked(1, "a@x.example.com", ""))], deeds, DAYS, OFFICE)
    assert expected.scores["contact", 1].score == 8
    assert expected.scores["contact", 1].day == date(2026, 10, 1)
    assert [(duty.kind, duty.day) for duty in expected.duties] == [
        ("detractor", date(2026, 10, 5)),
        ("passive", date(2026, 10, 12)),
    ]


def test_the_same_answer_once_more_changes_nothing() -> None:
    deeds = [deed("answered", moment(10, 1), 9, "ясно"), deed("corrected", moment(10, 3), 9, "ясно ")]
    expected = expect(a_ground(), [a_verdict(Asked(1, "a@x.example.com", ""))], deeds, DAYS, OFFICE)
    assert len(expected.notes) == 2
    assert len(expected.duties) == 1


def a_full_portal() -> tuple[Expected, Actual]:
    verdict = a_verdict(Asked(1, "a@x.example.com", ""))
    expected = expect(a_ground(), [verdict], [deed("answered", moment(10, 1), 4, "долго")], DAYS, OFFICE)
    expected.letters = {}
    card = CardScore(4, "detractor", date(2026, 10, 1), "долго", "2026", "email")
    task = Task(
        7, "Встреча: оценка 4 из 10", "", 3, 2, date(2026, 10, 5), (2,),
        frozenset({("company", 5), ("deal", 11), ("contact", 1)}), 5,
    )  # fmt: skip
    actual = Actual(
        scores=dict.fromkeys([("deal", 11), ("deal", 12), ("company", 5), ("contact", 1)], card),
        comments={
            ("deal", 11): ["Опрос 2026: 4 из 10\nдолго"],
            ("company", 5): ["Опрос 2026: 4 из 10\nдолго"],
        },
        tasks=[task],
    )
    return expected, actual


def test_a_portal_that_holds_everything_has_no_difference() -> None:
    assert differences(*a_full_portal(), [], "2026", []) == []


def test_every_loss_and_every_excess_is_seen() -> None:
    for spoil in (
        lambda a: a.scores.pop(("deal", 12)),
        lambda a: a.scores.update({("deal", 99): a.scores["deal", 11]}),
        lambda a: a.scores.update(
            {("deal", 12): CardScore(5, "detractor", date(2026, 10, 1), "долго", "2026", "email")}
        ),
        lambda a: a.scores.update(
            {("deal", 12): CardScore(4, "detractor", date(2026, 10, 2), "долго", "2026", "email")}
        ),
        lambda a: a.scores.update(
            {("deal", 12): CardScore(4, "detractor", date(2026, 10, 1), "", "2026", "email")}
        ),
        lambda a: a.comments["deal", 11].append("Опрос 2026: 4 из 10\nдолго"),
        lambda a: a.comments["company", 5].clear(),
        lambda a: a.tasks.clear(),
        lambda a: a.tasks.append(a.tasks[0]),
    ):
        expected, actual = a_full_portal()
        spoil(actual)
        assert len(differences(expected, actual, [], "2026", [])) == 1


def test_the_wave_itself_is_compared() -> None:
    expected, _ = a_full_portal()
    told = {
        "stage": "closed", "reasons": {"": 1}, "outcomes": {"answered": 1}, "result_frozen_at": "2026-11-02",
        "result": {"clients": {"n": 1, "nps": -100.0}},
    }  # fmt: skip
    assert of_wave(expected, told) == []
    for name, wrong in (
        ("stage", "closing"),
        ("reasons", {}),
        ("outcomes", {"no_answer": 1}),
        ("result", {}),
    ):
        assert of_wave(expected, told | {name: wrong})


def test_money_is_compared_in_the_base_currency() -> None:
    def client(number: int, reason: str, *bought: tuple[str, str]) -> Verdict:
        amounts = tuple((Decimal(amount), currency) for amount, currency in bought)
        return Verdict(("company", number), "Лиса", reason, "Казань", 6, bought=amounts)

    expected = Expected([
        client(1, "", ("100000", "RUB"), ("50.5", "USD")), client(2, "", ("7", "")), client(3, "on_hold", ("1", "RUB")),
    ])  # fmt: skip
    expected.clients[("company", 1)] = 9
    rates = rates_of(default_currencies())
    right = {"revenue": "104679.25", "eligible_revenue": "104678.25", "answered_revenue": "104671.25"}
    assert of_money(expected, {"result": {"coverage": right}}, rates) == []
    for name in right:
        assert len(of_money(expected, {"result": {"coverage": right | {name: "0"}}}, rates)) == 1
    assert len(of_money(expected, {}, rates)) == 3


def test_what_was_won_in_a_year_counts_by_the_day_it_was_won() -> None:
    closed = {1: "2025-08-20", 2: "2025-08-21", 3: "2026-08-20", 4: "2026-08-21", 5: "2026-08-01"}
    deals = {
        number: {"id": number, "companyId": 5, "contactIds": [], "stageId": "WON", "categoryId": 0, "currencyId": "RUB",
                 "opportunity": 10**number, "closedate": close, "begindate": close}
        for number, close in closed.items()
    }  # fmt: skip
    history = [
        {
            "OWNER_ID": 5,
            "STAGE_SEMANTIC_ID": "S",
            "CATEGORY_ID": 0,
            "CREATED_TIME": "2025-08-01T12:00:00+03:00",
        }
    ]
    company = {"id": 5, "assignedById": 6, "title": "Лиса"}
    ground = replace(a_ground(), companies={5: company}, deals=deals, history=history)
    (found,) = assess(ground, date(2026, 8, 20))
    assert found.bought == ((Decimal(100), "RUB"), (Decimal(1000), "RUB"))


def test_the_calls_are_compared() -> None:
    made = [
        Call("a", moment(10, 1, 10), "busy"),
        Call("a", moment(10, 1, 14), "answered"),
        Call("b", moment(10, 1), "never"),
    ]
    told = {
        "calls": 3, "outcomes": {"busy": 1, "answered": 1, "never": 1}, "yield": [{"tried": 2}, {"tried": 1}],
    }  # fmt: skip
    assert of_calls(made, {"result": {"calls": told}}) == []
    for name, wrong in (("calls", 4), ("outcomes", {}), ("yield", [{"tried": 2}])):
        assert of_calls(made, {"result": {"calls": told | {name: wrong}}})
    thrice = [*made, Call("a", moment(10, 1, 16), "busy")]
    assert any("3 times on 2026-10-01" in line for line in of_calls(thrice, {}))


def test_people_on_the_phone_are_of_every_kind_and_the_same_seed_makes_the_same() -> None:
    asked = [Asked(n, f"p{n}@x.example.com", "", phone=f"790000000{n:02d}") for n in range(1, 90)]
    verdicts = [a_verdict(one) for one in asked]
    people = town(4, {one.address: "ru" for one in asked})
    known = lines(4, verdicts, people)
    assert {line.manner for line in known.values()} == set(MANNERS)
    assert lines(4, verdicts[::-1], people) == known
    later = next(line for line in known.values() if line.manner == "later")
    assert later.says(moment(10, 1, 10), OFFICE).back == moment(10, 1, 12) + timedelta(minutes=10)
    assert later.says(moment(10, 1, 13), OFFICE).outcome == "answered"
    later.rung = 0
    assert later.says(moment(10, 2, 16), OFFICE).back == moment(10, 5, 9) + timedelta(minutes=17)


def test_outcomes_of_silence_refusal_and_delay() -> None:
    late, soon = [deed("postponed", moment(10, 8))], [deed("postponed", moment(10, 2))]
    assert outcome_of([], DAYS, OFFICE) == "no_answer"
    assert (
        outcome_of([deed("called", moment(10, 1)), deed("refused", moment(10, 1))], DAYS, OFFICE) == "refused"
    )
    assert outcome_of([deed("opted_out", moment(10, 2))], DAYS, OFFICE) == "opted_out"
    assert outcome_of(late, DAYS, OFFICE) == "postponed"
    assert outcome_of(soon, DAYS, OFFICE) == "no_answer"
    assert outcome_of([*soon, deed("answered", moment(10, 17), 9)], DAYS, OFFICE) == "answered"


def test_a_town_lives_every_habit_and_the_same_seed_the_same() -> None:
    languages = {f"p{n}@x.example.com": "ru" for n in range(30)}
    people = town(4, languages)
    assert people == town(4, languages)
    assert {person.habit for person in people.values()} == set(QUOTA)
    assert town(4, dict(reversed(languages.items()))) == people


def test_a_form_is_read_as_a_browser_reads_it() -> None:
    page = """<form id="answer" method="post" action="/s/x" data-prove="/s/x/proof" data-purpose="answer">
    <input type="hidden" name="nonce" value="a&amp;b"><label><input type="radio" name="score" value="3"></label>
    <label><input type="radio" name="score" value="4" checked></label><input type="checkbox" name="sure" value="v">
    <textarea name="comment">\n two\nlines &lt;3</textarea><button type="submit">go</button></form>"""
    (form,) = read_forms(page)
    assert form.fields == {"nonce": "a&b", "score": "4", "comment": " two\nlines <3"}
    assert form.choices == {"score": ["3", "4"]}
    assert form.boxes == {"sure": "v"}
    assert (form.action, form.method, form.prove) == ("/s/x", "post", "/s/x/proof")


def test_the_office_opens_on_working_days_only() -> None:
    assert OFFICE.opening(date(2026, 10, 10)) == moment(10, 12, 9)
    assert OFFICE.allowed(moment(10, 9, 18)) == moment(10, 12, 9)
    assert OFFICE.allowed(moment(10, 9, 17)) == moment(10, 9, 17)
    assert OFFICE.allowed(moment(10, 8, 8)) - moment(10, 8, 8) == timedelta(hours=1)
