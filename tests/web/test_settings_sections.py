"""Each section of the settings: what it shows, saves and refuses at the field, and for whom (product.md P1, P2)."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from integration.nps.policy_changes import names
from integration.store.base import Sessions, reading, transaction
from integration.store.chores import ChoreRow
from integration.store.clients import Company
from integration.store.policies import PolicyRow
from integration.store.portals import Portal, Staff
from integration.web.settings import clients, followups, projects, questions, referrals, senders, wave, words
from tests.conftest import HandClock, a_portal
from tests.services.wave_world import DIRECTOR, HEAD, MANAGER, SERVICE
from tests.web.settings_world import Desk, form_of, make_desk, problem_at, words_of

SHEETS = ("senders", "clients", "wave", "questions", "followups", "referrals")


SECOND = {"director-1-person": "6", "director-1-cities": "тверь"}
UNOFFERED = (
    "tlh",
    "maybe",
    "Nobody Known",
)  # a list to choose from has no such entry; only a program posts it


@pytest.fixture
def desk(sessions: Sessions, clock: HandClock) -> Desk:
    made = make_desk(sessions, clock)
    for number in range(2, 6):
        made.world.client(number)
    made.world.client(6, since=date(2026, 1, 2))
    return made


def saved(desk: Desk, section: str, **changes: Any) -> Any:
    """Post the form as it is shown, with changes; the answer."""
    form = form_of(desk.post(section))
    return desk.post(section, {**form, **changes}, do="save")


def test_every_setting_has_a_section_and_words() -> None:
    """Nothing that can be set is left without a place and a name."""
    sheets = [module.SHEET for module in (senders, clients, wave, questions, projects, followups, referrals)]
    placed = [name for sheet in sheets for name in sheet.fields]
    assert len(placed) == len(set(placed))
    assert set(placed) | {"retention_months"} == set(names())
    assert set(words.LABELS) == set(names())


@pytest.mark.parametrize("language", ["ru", "uk", "en"])
@pytest.mark.parametrize("section", [*SHEETS, "history"])
def test_an_administrator_sees_every_section(desk: Desk, section: str, language: str) -> None:
    desk.language = language
    answer = desk.post(section)
    assert answer.status_code == 200
    assert f'lang="{language}"' in answer.text
    assert "frame-ancestors 'self' https://portal.example" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("section", [*SHEETS, "history", "senders/live", "clients/live", "wave/live"])
def test_others_are_refused(desk: Desk, section: str) -> None:
    """A director, a manager; whatever they post, nothing is saved."""
    desk.administrator = False
    for user in (HEAD, DIRECTOR, MANAGER):
        desk.user = user
        assert desk.post(section, {"do": "save", "version": "1"}).status_code == 403
    assert desk.policy()[1] == 1


@pytest.mark.parametrize("section", [*SHEETS, "history"])
def test_without_a_session_nothing_is_shown(desk: Desk, section: str) -> None:
    """Neither by a link nor by a forged value."""
    assert "version" not in desk.client.get(f"/app/settings/{section}").text
    assert desk.client.post(f"/app/settings/{section}", data={"session": "x.y.z"}).status_code in (400, 401)


def test_an_administrator_of_another_portal_sees_and_changes_only_their_own(desk: Desk) -> None:
    with transaction(desk.world.deps.sessions) as session:
        other = a_portal(member_id="m-other", domain="other.example")
        session.add(other)
        session.flush()
        desk.portal_id = other.id
    assert "som@agency.example.com" not in desk.post("senders").text
    assert "Сопровождение" not in desk.post("clients").text
    assert desk.post("wave", {**form_of(desk.post("wave")), "do": "save", "wave_day": "9"}).status_code == 200
    assert (desk.policy()[0].wave_day, desk.policy()[1]) == (2, 1)


@pytest.mark.parametrize("section", SHEETS)
def test_saving_what_is_shown_changes_nothing(desk: Desk, section: str) -> None:
    """The form says exactly what is stored, whatever is stored."""
    before, version = desk.policy()
    answer = saved(desk, section)
    assert answer.status_code == 200
    assert "Nothing was different." in words_of(answer)
    assert desk.policy() == (before, version)


RICH: dict[str, Any] = {
    "service_pipelines": [0, SERVICE],
    "service_stages": ["NEW", f"C{SERVICE}:NEW"],
    "trouble_stages": [f"C{SERVICE}:TROUBLE"],
    "since_field": "UF_CRM_SINCE",
    "since_field_on": "company",
    "end_field": "UF_CRM_GONE",
    "city_field": "UF_CRM_CITY",
    "sender_by_city": {"Казань": "branch", "Нижний Новгород": "head"},
    "director_by_city": {"Казань": DIRECTOR, "Тверь": DIRECTOR},
    "callers": [MANAGER, DIRECTOR],
    "calling": True,
    "reminder_days": [],
    "languages": ["ru", "en"],
    "country": "UA",
    "time_zone": "Europe/Kyiv",
    "readiness": "refuse",
    "account_rule": "weighted",
    "silent_check": True,
    "referral_sources": [
        "client",
        "former_client",
        "partner",
        "employee",
        "publication",
        "event",
        "other",
        "unknown",
        "own_1",
    ],
    "referral_source_names": {"own_1": "Выставка <b>"},
    "recommending_sources": ["client", "own_1"],
    "shared_mailboxes": ["info", "привет"],
    "recommendation_id": "UC_1",
    "introduced_stages": ["C9:NEW"],
    "paid_stages": ["C9:NEW", "C77:GONE"],
    "thanked_steps": ["introduced", "paid"],
    "thanks_days": 3,
    "wave_owner": None,
    "default_owner": None,
}


@pytest.mark.parametrize("section", SHEETS)
def test_saving_rich_settings_as_shown_changes_nothing_either(desk: Desk, section: str) -> None:
    desk.world.policy(**RICH)
    before = desk.policy()
    answer = saved(desk, section)
    assert answer.status_code == 200
    assert "Nothing was different." in words_of(answer)
    assert desk.policy() == before
    assert "Выставка <b>" not in answer.text


@pytest.mark.parametrize(
    ("section", "changes", "field", "value"),
    [
        ("clients", {"current_months": "6"}, "current_months", 6),
        ("clients", {"trouble": [f"C{SERVICE}:TROUBLE"]}, "trouble_stages", (f"C{SERVICE}:TROUBLE",)),
        ("clients", {"stages": [f"C{SERVICE}:NEW"]}, "service_stages", (f"C{SERVICE}:NEW",)),
        ("clients", {"pipelines": ["0"]}, "service_pipelines", (0,)),
        ("clients", {"since": "company:UF_CRM_SINCE"}, "since_field", "UF_CRM_SINCE"),
        ("clients", {"city_field": "UF_CRM_CITY"}, "city_field", "UF_CRM_CITY"),
        (
            "clients",
            {"shared_mailboxes": "info, sales;\nhello,info"},
            "shared_mailboxes",
            ("info", "sales", "hello"),
        ),
        ("wave", {"wave_month": "9"}, "wave_month", 9),
        ("wave", {"reminder_days": " 5 ,12 "}, "reminder_days", (5, 12)),
        ("wave", {"reminder_days": ""}, "reminder_days", ()),
        ("wave", {"calling": "1"}, "calling", True),
        (
            "wave",
            {"wait_no_answer": "5", "wait_not_now": "3", "wait_busy": "20"},
            "call_waits",
            {"no_answer": 300, "busy": 20, "not_now": 4320, "out_of_service": 1440},
        ),
        ("wave", {"languages": ["ru", "uk"]}, "languages", ("ru", "uk")),
        ("wave", {"country": "UA"}, "country", "UA"),
        ("wave", {"wave_owner": ""}, "wave_owner", None),
        ("wave", {"wave_owner": str(DIRECTOR)}, "wave_owner", DIRECTOR),
        ("wave", {"wave_owner": "ольга лис"}, "wave_owner", DIRECTOR),
        (
            "followups",
            {"detractor_days": "1"},
            "deadline_days",
            {"detractor": 1, "passive": 5, "promoter": 10},
        ),
        ("followups", {"account_rule": "equal"}, "account_rule", "equal"),
        ("followups", {"weight_decides": "5"}, "role_weights", {"decides": 5, "daily": 2, "other": 1}),
        ("followups", {"caller-0": str(MANAGER)}, "callers", (MANAGER,)),
        (
            "followups",
            {"director-0-person": str(DIRECTOR), "director-0-cities": "Казань, Тверь"},
            "director_by_city",
            {"Казань": DIRECTOR, "Тверь": DIRECTOR},
        ),
        ("referrals", {"recommending": ["client", "event"]}, "recommending_sources", ("client", "event")),
        ("referrals", {"recommendation_id": "WEB"}, "recommendation_id", "WEB"),
        ("referrals", {"talks": ["C9:NEW"]}, "talks_stages", ("C9:NEW",)),
        ("referrals", {"thanked": ["paid"]}, "thanked_steps", ("paid",)),
        ("referrals", {"thanks_days": "2"}, "thanks_days", 2),
        (
            "senders",
            {"senders-0-cities": "Казань,  Нижний   Новгород"},
            "sender_by_city",
            {"Казань": "head", "Нижний Новгород": "head"},
        ),
        ("senders", {"default": "0"}, "default_sender", "head"),
        ("senders", {"head": "1"}, "head_sender", "branch"),
    ],
)
def test_a_change_is_saved_and_told_in_words(
    desk: Desk, section: str, changes: dict[str, Any], field: str, value: Any
) -> None:
    answer = saved(desk, section, **changes)
    assert answer.status_code == 200
    policy, version = desk.policy()
    assert (version, getattr(policy, field)) == (2, value)
    assert "Saved." in words_of(answer)
    assert words.LABELS[field] in answer.text
    with reading(desk.world.deps.sessions) as session:
        assert session.get_one(PolicyRow, (desk.world.portal_id, 2)).author == f"Пётр Сом ({HEAD})"


@pytest.mark.parametrize(
    ("section", "changes", "field", "text"),
    [
        ("clients", {"current_months": "0"}, "current_months", "1 to 120"),
        ("clients", {"current_months": ""}, "current_months", "fill this in"),
        ("clients", {"min_gap_days": "a lot"}, "min_gap_days", "whole number"),
        ("clients", {"min_gap_days": "9" * 40}, "min_gap_days", "whole number"),
        ("clients", {"max_respondents": "²"}, "max_respondents", "whole number"),
        ("clients", {"since": "deal:UF_CRM_START", "end_field": "UF_CRM_START"}, "end_field", "both"),
        ("clients", {"pipelines": ["0", str(SERVICE)], "stages": [f"C{SERVICE}:NEW"]}, "stages", "Продажи"),
        ("wave", {"hours_from": "18", "hours_to": "9"}, "hours_to", "18:00 to 9:00"),
        ("wave", {"wave_month": "2", "wave_day": "30"}, "wave_day", "no day 30"),
        ("wave", {"reminder_days": "4, x"}, "reminder_days", "parted by commas"),
        ("wave", {"reminder_days": "9, 4"}, "reminder_days", "follow each other"),
        ("wave", {"reminder_days": "4, 5"}, "reminder_days", "at least 3 days"),
        ("wave", {"announce_days": "2"}, "announce_days", "at least 3 days"),
        ("wave", {"plan_days_before": "7"}, "plan_days_before", "14 days"),
        ("wave", {"calling": "1", "calling_days": "3"}, "calling_days", "12 calls"),
        ("wave", {"wait_busy": "0"}, "wait_busy", "1 to 600"),
        ("wave", {"wait_not_now": "61"}, "wait_not_now", "1 to 60"),
        ("wave", {"time_zone": "Mars/Olympus"}, "time_zone", "Mars/Olympus"),
        ("wave", {"languages": ["uk"]}, "languages", "main language"),
        ("wave", {"language": "tlh"}, "language", "does not speak"),
        ("wave", {"readiness": "maybe"}, "readiness", "cannot be used"),
        ("wave", {"wave_owner": "Nobody Known"}, "wave_owner", "no employee"),
        ("wave", {"wave_owner": "99"}, "wave_owner", "no. 99"),
        ("wave", {"plan_days_before": "180", "reminder_days": "95", "closing_days": "90"}, "closing_days", "longer"),
        ("followups", {"detractor_days": "61"}, "detractor_days", "0 to 60"),
        ("followups", {"weight_daily": "0"}, "weight_daily", "at least 1"),
        ("followups", {"head_user_id": "7"}, "head_user_id", "Яна"),
        ("followups", {"caller-0": "7"}, "caller-0", "Яна"),
        ("followups", {"director-0-person": "5"}, "director-0-cities", "fill this in"),
        ("followups", {"director-0-cities": "Тверь"}, "director-0-person", "fill this in"),
        (
            "followups",
            {"director-0-person": "5", "director-0-cities": "Тверь", **SECOND},
            "director-1-cities",
            "тверь",
        ),
        ("senders", {"senders-0-position": ""}, "senders-0-position", "Position is missing"),
        ("senders", {"senders-1-email": "lis@"}, "senders-1-email", "no e-mail"),
        ("senders", {"senders-1-email": "no-reply@agency.example.com"}, "senders-1-email", "Nobody reads"),
        ("senders", {"senders-0-cities": "Казань", "senders-1-cities": "казань"}, "senders-1-cities", "казань"),
        ("senders", {"senders-0-person": "99"}, "senders-0-person", "no. 99"),
        ("senders", {"senders-0-name": "x" * 201}, "senders-0-name", "200"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_told_at_its_field_and_nothing_typed_is_lost(
    desk: Desk, section: str, changes: dict[str, Any], field: str, text: str
) -> None:
    with transaction(desk.world.deps.sessions) as session:
        session.add(Staff(portal_id=desk.world.portal_id, user_id=7, name="Яна", active=False))
    answer = saved(desk, section, **changes)
    assert answer.status_code == 422
    assert text in problem_at(answer, field)
    assert f'href="#f-{field}"' in answer.text
    form = form_of(answer)
    for name, value in changes.items():
        if value not in UNOFFERED:
            assert form.get(name) == (value if not isinstance(value, list) or len(value) > 1 else value[0])
    assert desk.policy()[1] == 1


def test_a_person_just_chosen_brings_the_card(desk: Desk) -> None:
    """Without script the fields stay empty, and the server fills them in."""
    form = form_of(desk.post("senders", {**form_of(desk.post("senders")), "do": "add"}))
    assert form["senders-2-name"] == ""
    answer = desk.post("senders", {**form, "senders-2-person": str(MANAGER), "do": "save"})
    assert answer.status_code == 200
    added = desk.policy()[0].senders[2]
    assert (added.key, added.name, added.email) == ("user-6", "Иван Петров", "user6@agency.example.com")


def test_somebody_who_is_no_employee_may_sign(desk: Desk) -> None:
    form = form_of(desk.post("senders"))
    new = {
        "name": "Ева Рей",
        "position": "партнёр",
        "email": "eva@agency.example.com",
        "phone": "+7495",
        "person": "",
        "key": "",
        "cities": "",
    }
    answer = desk.post(
        "senders", {**form, **{f"senders-2-{n}": v for n, v in new.items()}, "default": "2", "do": "save"}
    )
    assert answer.status_code == 200
    policy, _ = desk.policy()
    assert (policy.senders[2].key, policy.senders[2].user_id, policy.default_sender) == (
        "own-1",
        None,
        "own-1",
    )


def test_cities_of_the_clients_are_proposed_and_added_by_a_button(desk: Desk) -> None:
    """The most frequent first; a city that somebody signs is offered to nobody; nothing is saved before "save"."""
    with transaction(desk.world.deps.sessions) as session:
        rows = session.scalars(select(Company).where(~Company.own).order_by(Company.id)).all()
        for place, row in enumerate(rows):
            row.city = "Тверь" if place == 0 else "Казань"
    page = desk.post("senders")
    offers = re.findall(r'value="(city:0:[^"]+)"', page.text)
    assert offers == ["city:0:Казань", "city:0:Тверь"]
    before = desk.policy()[1]
    chosen = desk.post("senders", {**form_of(page), "do": "city:0:Тверь"})
    assert form_of(chosen)["senders-0-cities"] == "Тверь"
    both = form_of(desk.post("senders", {**form_of(chosen), "do": "city:0:Казань"}))
    assert both["senders-0-cities"] == "Тверь, Казань"
    assert set(re.findall(r'data-city="Тверь"[^>]*?( hidden)?>', chosen.text)) == {" hidden"}
    for odd in ("city:", "city:9:Тверь", "city:x:Тверь", "city:0: "):
        assert form_of(desk.post("senders", {**form_of(page), "do": odd}))["senders-0-cities"] == ""
    assert desk.policy()[1] == before


def test_somebody_taken_off_signs_nowhere(desk: Desk) -> None:
    desk.world.policy(sender_by_city={"Казань": "branch"})
    answer = saved(desk, "senders", **{"senders-1-gone": "1"})
    assert answer.status_code == 200
    policy, _ = desk.policy()
    assert ([s.key for s in policy.senders], policy.default_sender, policy.sender_by_city) == (
        ["head"],
        "",
        {},
    )
    assert "Choose who signs where no city is named." in words_of(answer)


def test_rows_are_added_without_losing_what_was_typed(desk: Desk) -> None:
    form = form_of(desk.post("followups"))
    added = form_of(desk.post("followups", {**form, "caller-0": str(MANAGER), "do": "add-caller"}))
    assert (added["caller-0"], added["caller-1"]) == (str(MANAGER), "")
    more = form_of(desk.post("followups", {**added, "do": "add-director"}))
    assert {"director-0-person", "director-1-person"} <= more.keys()
    assert desk.policy()[1] == 1


def test_an_own_source_gets_a_code_keeps_it_and_goes_to_the_portal_s_lists(desk: Desk) -> None:
    form = form_of(desk.post("referrals"))
    answer = desk.post(
        "referrals",
        {**form, "own-0-code": "", "own-0-name": " Выставка ", "own-0-recommends": "1", "do": "save"},
    )
    assert answer.status_code == 200
    policy, _ = desk.policy()
    (code,) = policy.own_sources
    assert (policy.referral_source_names[code], code in policy.recommending_sources) == ("Выставка", True)
    with reading(desk.world.deps.sessions) as session:
        assert "setup" in [row.name for row in session.query(ChoreRow)]
    renamed = saved(desk, "referrals", **{"own-0-name": "Выставки"})
    assert renamed.status_code == 200
    assert desk.policy()[0].referral_source_names == {code: "Выставки"}


@pytest.mark.parametrize("name", ["Client", "выставка", ""])
def test_a_source_needs_a_name_of_its_own(desk: Desk, name: str) -> None:
    desk.world.policy(referral_sources=RICH["referral_sources"] + ["own_2"],
                      referral_source_names={"own_1": "Выставка", "own_2": "Ярмарка"})  # fmt: skip
    answer = saved(desk, "referrals", **{"own-1-name": name})
    assert answer.status_code == 422
    assert problem_at(answer, "own-1-name")


def test_a_source_that_stands_on_cards_is_not_dropped_silently(desk: Desk) -> None:
    field = "UF_CRM_MOLVA_REFERRAL_SOURCE"
    desk.world.policy(
        referral_sources=RICH["referral_sources"],
        referral_source_names={"own_1": "Выставка"},
        recommending_sources=["client"],
    )
    with transaction(desk.world.deps.sessions) as session:
        portal = session.get_one(Portal, desk.world.portal_id)
        portal.fields = {
            "company": {field: {"id": 9, "type": "enumeration", "items": {"own_1": 77, "client": 70}}}
        }
        session.get_one(Company, (desk.world.portal_id, 2)).referral = {field: "77"}
        session.get_one(Company, (desk.world.portal_id, 3)).referral = {field: 77}
        session.get_one(Company, (desk.world.portal_id, 4)).referral = {field: 70}
    assert "on 2 cards" in words_of(desk.post("referrals"))
    answer = saved(desk, "referrals", **{"own-0-gone": "1"})
    assert answer.status_code == 422
    assert "“Выставка” stands on 2 cards" in problem_at(answer, "own-0-name")
    assert desk.policy()[0].own_sources == ("own_1",)
    answer = desk.post("referrals", {**form_of(answer), "sure": "own_1", "do": "save"})
    assert answer.status_code == 200
    assert desk.policy()[0].own_sources == ()


def test_fields_of_the_cards_are_offered_by_kind(desk: Desk) -> None:
    """Single dates of deals and companies, texts of companies; ours and those of several values are left out."""
    text = desk.post("clients").text
    assert 'value="deal:UF_CRM_START"' in text
    assert 'value="deal:UF_CRM_END"' in text
    assert 'value="company:UF_CRM_SINCE"' in text
    for code, title in (
        ("CITY", "Город"), ("MANAGER", "Аккаунт"), ("REVENUE", "Выручка"), ("ZONE", "Часовой пояс"),
    ):  # fmt: skip
        assert f'<option value="UF_CRM_{code}">{title}</option>' in text
    assert "UF_CRM_MANY" not in text
    assert "UF_CRM_BRANCH" not in text
    assert "UF_CRM_MOLVA" not in text
    assert desk.rest.requests == 1


def test_a_silent_portal_keeps_nobody_from_saving(desk: Desk) -> None:
    desk.world.policy(since_field="UF_CRM_START", since_field_on="deal")
    desk.rest.silent = True
    shown = desk.post("clients")
    assert "Bitrix24 did not answer just now." in words_of(shown)
    answer = desk.post("clients", {**form_of(shown), "min_gap_days": "250", "do": "save"})
    assert answer.status_code == 200
    policy, _ = desk.policy()
    assert (policy.since_field, policy.min_gap_days) == ("UF_CRM_START", 250)


def test_stages_and_pipelines_that_are_gone_can_be_unticked(desk: Desk) -> None:
    desk.world.policy(service_pipelines=[SERVICE, 44], service_stages=[f"C{SERVICE}:NEW", "C44:OLD"])
    shown = desk.post("clients")
    assert "Pipeline no. 44" in words_of(shown)
    form = {**form_of(shown), "pipelines": [str(SERVICE)], "stages": [f"C{SERVICE}:NEW"]}
    assert desk.post("clients", form, do="save").status_code == 200
    assert desk.policy()[0].service_pipelines == (SERVICE,)


def test_other_fields_of_the_cards_are_said_to_be_read_again(desk: Desk) -> None:
    answer = saved(desk, "clients", since="deal:UF_CRM_START")
    assert "The cards are being read again." in words_of(answer)


def test_a_large_agency_types_names(desk: Desk) -> None:
    """A list of hundreds of people is no list to choose from."""
    with transaction(desk.world.deps.sessions) as session:
        for number in range(100, 190):
            session.add(
                Staff(portal_id=desk.world.portal_id, user_id=number, name="Анна", last_name=f"Ли-{number}")
            )
    shown = desk.post("wave")
    assert form_of(shown)["wave_owner"] == f"Пётр Сом ({HEAD})"
    assert '<datalist id="people-list">' in shown.text
    assert saved(desk, "wave", wave_owner="Анна Ли-150 (150)").status_code == 200
    assert desk.policy()[0].wave_owner == 150


@pytest.mark.parametrize(
    ("section", "changes"),
    [
        ("clients", {"shared_mailboxes": "x" * 30_000}),
        ("clients", {"stages": [f"C{n}:X" for n in range(600)]}),
        ("followups", {f"caller-{n}": str(MANAGER) for n in range(400)}),
        ("senders", {"senders-0-cities": ", ".join(f"Город {n}" for n in range(400))}),
        ("wave", {"reminder_days": "1 " * 500}),
    ],
)
def test_lists_have_an_end(desk: Desk, section: str, changes: dict[str, Any]) -> None:
    """Whatever is posted is refused or cut, never stored at any length."""
    answer = saved(desk, section, **changes)
    policy, _ = desk.policy()
    assert answer.status_code == 422 or len(policy.callers) <= 300
    assert len(str(policy)) < 20_000


def test_a_body_too_long_is_refused(desk: Desk) -> None:
    assert desk.post("senders", {"senders-0-name": "x" * 600_000}, do="save").status_code == 413


def test_all_mistakes_are_told_at_once(desk: Desk) -> None:
    """What cannot be read, what is out of range and what does not go together, each at its field."""
    answer = saved(desk, "wave", wave_owner="", snooze_days="soon", edit_days="900", announce_days="2")
    assert answer.status_code == 422
    assert [bool(problem_at(answer, name)) for name in ("snooze_days", "edit_days", "announce_days")] == [
        True
    ] * 3


def test_without_a_pipeline_nothing_is_saved_unless_that_is_meant(desk: Desk) -> None:
    """Ticked on purpose it is another rule: only deals won lately count."""
    answer = saved(desk, "clients", pipelines=[], stages=[])
    assert answer.status_code == 422
    assert "Tick the pipelines in which you serve clients." in words_of(answer)
    assert desk.policy()[1] == 1
    again = {**form_of(answer), "sure": "no_pipelines"}
    assert desk.post("clients", again, do="save").status_code == 200
    assert desk.policy()[0].service_pipelines == ()
