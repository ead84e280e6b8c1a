"""Each class of a rehearsal's findings has a wave that shows it and a fix that removes it (product.md W4).

One world is lived through from class to class, since most of the work of a test is making one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import pytest
from sqlalchemy import Engine, delete, select

from integration.mail.outgoing import MailError, MailLater
from integration.nps.findings import CODES, ERRORS, NOTES
from integration.services import waves
from integration.services.waves import WaveError
from integration.store import letter_texts
from integration.store.base import make_sessions, transaction
from integration.store.clients import Company, Contact, ContactCompany, Deal
from integration.store.followups import FollowUp
from integration.store.mailboxes import SenderMailbox
from integration.store.policies import PolicyRow
from integration.store.portals import Portal, Staff, Stage
from integration.store.waves import Wave
from tests.conftest import HandClock
from tests.services.dns_world import AGENCY, KEY, SERVER, in_order, rsa_key
from tests.services.wave_world import DIRECTOR, HEAD, MANAGER, POLICY, World, make_world

Act = Callable[[World], None]
CALENDAR = {"week_holidays": ["SA", "SU"], "year_holidays": "1.01,23.02,8.03", "work_time_start": "9"}


@dataclass(frozen=True)
class Class:
    """`shows` brings a finding about, `mends` removes it; `back` tidies up. `anew`: when the list is made again, which
    is half of the work: to show and to mend, to mend alone, or never."""

    shows: Act
    mends: Act
    back: Act | None = None
    anew: Literal["both", "mend", ""] = "both"


def both(*acts: Act) -> Act:
    def act(world: World) -> None:
        for one in acts:
            one(world)

    return act


def company(**values: Any) -> Act:
    return lambda world: world.set(Company, (world.portal_id, 2), **values)


def contact(**values: Any) -> Act:
    return lambda world: world.set(Contact, (world.portal_id, 201), **values)


def settings(**changes: Any) -> Act:
    return lambda world: world.policy(**changes)


def stored(**changes: Any) -> Act:
    """Settings as an older version of Molva, or another hand, may have left them: unchecked."""

    def act(world: World) -> None:
        with transaction(world.deps.sessions) as session:
            newest = select(PolicyRow).order_by(PolicyRow.version.desc()).limit(1)
            row = session.scalars(newest).one()
            row.body = {**row.body, **changes}

    return act


def portal(**values: Any) -> Act:
    return lambda world: world.set(Portal, world.portal_id, **values)


def employee(user: int, **values: Any) -> Act:
    return lambda world: world.set(Staff, (world.portal_id, user), **values)


def mailbox(**values: Any) -> Act:
    """How the letters of the branch's sender leave."""

    def act(world: World) -> None:
        plain: dict[str, Any] = {
            "way": "operator",
            "shown": "",
            "checked_at": None,
            "check_code": "",
            "dkim_selector": "mail",
            "dkim": {},
        }
        known = {row.sender_key: row.id for row in world.rows(SenderMailbox)}
        world.set(SenderMailbox, known["branch"], **{**plain, **values})

    return act


def texts(name: str, *records: str) -> Act:
    def act(world: World) -> None:
        zone: Any = world.deps.names
        zone.records = {**in_order(), name: list(records)}

    return act


def server(answer: MailError | None, ready: bool = True) -> Act:
    def act(world: World) -> None:
        world.post.ready = ready
        world.post.check = lambda: answer  # type: ignore[method-assign]

    return act


def mail_of(contact_id: int, *addresses: str) -> Act:
    def act(world: World) -> None:
        world.contacts.emails[contact_id] = list(addresses)

    return act


def phone_of(contact_id: int, *numbers: str) -> Act:
    def act(world: World) -> None:
        world.contacts.phones[contact_id] = list(numbers)

    return act


def silence(*domains: str) -> Act:
    def act(world: World) -> None:
        zone: Any = world.deps.names
        zone.silent = set(domains)

    return act


def takes_mail(*hosts: str) -> Act:
    def act(world: World) -> None:
        zone: Any = world.deps.names
        zone.mail = {AGENCY: list(hosts)} if hosts else {}

    return act


def service_name(name: str) -> Act:
    def act(world: World) -> None:
        with transaction(world.deps.sessions) as session:
            for stage in session.scalars(select(Stage).where(Stage.category_id == 9)):
                stage.category_name = name

    return act


def own_words(number: int, body: str) -> Act:
    def act(world: World) -> None:
        with transaction(world.deps.sessions) as session:
            assert letter_texts.add_version(
                session, world.portal_id, "invitation", "ru", number, subject="Вопрос" if body else "", body=body,
                author="", now=world.clock.now(),
            )  # fmt: skip

    return act


def later(days: int) -> Act:
    def act(world: World) -> None:
        world.clock.advance(days=days)

    return act


def nothing(world: World) -> None:
    """The list made anew is the fix."""


def client(number: int, **how: Any) -> Act:
    """One more client; made once."""

    def act(world: World) -> None:
        world.client(number, since=world.clock.now().date() - timedelta(days=400 + number), **how)

    return act


def with_contact(world: World) -> None:
    with transaction(world.deps.sessions) as session:
        session.add(Contact(portal_id=world.portal_id, id=300, name="Нина"))
        session.add(ContactCompany(portal_id=world.portal_id, contact_id=300, company_id=3))
    mail_of(300, "nina@third.example.com")(world)


def same_day(world: World) -> None:
    """Five more clients of one day, as an import leaves them."""
    for number in range(11, 16):
        world.client(number, since=_IMPORT)


def no_import(world: World) -> None:
    with transaction(world.deps.sessions) as session:
        session.execute(delete(Deal).where(Deal.client_id.in_(range(11, 16))))
        session.execute(delete(Company).where(Company.id.in_(range(11, 16))))


_IMPORT = (HandClock().now() - timedelta(days=700)).date()


def open_task(world: World) -> None:
    now = world.clock.now()
    with transaction(world.deps.sessions) as session:
        session.add(Wave(portal_id=world.portal_id, id=0, name="2025", stage="closed", policy_version=1, plan={},
                         planned_at=now))  # fmt: skip
        session.add(
            FollowUp(portal_id=world.portal_id, key="k", kind="thanks", client_kind="company", client_id=77,
                     owner_id=5, deadline=now, opened_at=now, facts={"client": "Ромашка"})
        )  # fmt: skip


def closed_task(world: World) -> None:
    with transaction(world.deps.sessions) as session:
        session.execute(delete(FollowUp))
        session.execute(delete(Wave).where(Wave.name == "2025"))


def signatures(world: World) -> None:
    """Under which selector everybody signs; who leaves the settings loses the mailbox."""
    known = {row.sender_key for row in world.rows(SenderMailbox)}
    with transaction(world.deps.sessions) as session:
        session.add_all(
            SenderMailbox(
                portal_id=world.portal_id, sender_key=key, dkim_selector="mail", changed_at=world.clock.now()
            )
            for key in ("head", "branch")
            if key not in known
        )


def nobody_vouches(world: World) -> None:
    zone: Any = world.deps.names
    zone.records = {AGENCY: ["v=spf1 -all"], f"_dmarc.{AGENCY}": ["v=DMARC1; p=reject"]}


def letter_showed(dkim: str, domain: str = AGENCY) -> Act:
    return mailbox(dkim={"dkim": dkim, "domain": domain, "selector": "mail"})


WHOLE = settings(senders=POLICY["senders"], default_sender="branch", head_sender="head")
BRANCH_ALONE = settings(senders=[POLICY["senders"][1]], default_sender="branch", head_sender="")


def look(shows: Act, mends: Act) -> Class:
    """A class for which the list does not matter."""
    return Class(shows, mends, anew="")


KEY_AT = f"mail._domainkey.{AGENCY}"
PLAIN = texts(KEY_AT, f"v=DKIM1; p={KEY}")
CALLS = both(settings(calling=True), phone_of(200, "+79160000200"), phone_of(201, "+79160000201"))
NO_CALLS = both(settings(calling=False, callers=[]), phone_of(200), phone_of(201))
CLASSES: dict[str, Class] = {
    "nobody_to_ask": Class(company(opted_out=True), company(opted_out=False)),
    "setting": Class(stored(reminder_days=[9, 4]), stored(reminder_days=[4, 9])),
    "no_sender": Class(settings(senders=[], default_sender="", head_sender=""), WHOLE, back=signatures),
    "no_such_sender": Class(
        stored(default_sender="x", head_sender="x"), stored(default_sender="branch", head_sender="head")
    ),
    "sender_serves_client": Class(
        both(company(assigned_by=DIRECTOR), BRANCH_ALONE), WHOLE, back=both(company(assigned_by=MANAGER), signatures)
    ),
    "sender_unfit": Class(employee(HEAD, active=False), employee(HEAD, active=True)),
    "missing_placeholder": look(service_name(""), service_name("Сопровождение")),
    "missing_fact": look(own_words(1, "{nonsense}\n\n{question}"), own_words(2, "")),
    "no_way": look(server(None, ready=False), server(None)),
    "portal_unfit": Class(
        mailbox(way="portal"), employee(DIRECTOR, email="lis@agency.example.com"), back=mailbox()
    ),
    "no_one_click": look(mailbox(way="portal"), mailbox()),
    "login_refused": look(mailbox(way="own", checked_at=HandClock().now(), check_code="auth"), mailbox()),
    "never_checked": look(mailbox(way="own"), mailbox()),
    "server_login": look(server(MailLater("auth")), server(None)),
    "server_away": look(server(MailLater("connection")), server(None)),
    "nobody_calls": Class(CALLS, settings(callers=[MANAGER]), back=NO_CALLS),
    "phone_only": Class(
        both(CALLS, mail_of(201)), mail_of(201, "p201@client.example.com"), back=NO_CALLS
    ),
    "no_phone": Class(both(CALLS, phone_of(201)), phone_of(201, "+79160000201"), back=NO_CALLS),
    "no_public_holidays": Class(
        both(portal(calendar={}), settings(country="UA")), settings(country="RU"), back=portal(calendar=CALENDAR)
    ),
    "no_channel": Class(client(4, email=None), mail_of(400, "p400@client.example.com")),
    "no_respondent": Class(client(3, people=0), with_contact),
    "people_without_address": Class(
        both(mail_of(201), contact(role="decides")), mail_of(201, "p201@client.example.com"), back=contact(role="daily")
    ),
    "people_without_role": Class(contact(role=""), contact(role="daily")),
    "nameless": Class(contact(name="", last_name=""), contact(name="Анна", last_name="Коваль")),
    "import_date": Class(same_day, no_import),
    "list_is_old": Class(later(15), nothing, anew="mend"),
    "settings_newer": Class(settings(max_respondents=2), nothing, anew="mend"),
    "follow_ups_open": look(open_task, closed_task),
    "no_spf": look(texts(AGENCY), texts(AGENCY, "v=spf1 mx -all")),
    "spf_lacks_server": look(texts(AGENCY, "v=spf1 ip4:192.0.2.1 -all"), texts(AGENCY, "v=spf1 mx -all")),
    "spf_broken": look(texts(AGENCY, "v=spf1 mx -all", "v=spf1 a -all"), texts(AGENCY, "v=spf1 mx -all")),
    "no_dmarc": look(texts(f"_dmarc.{AGENCY}"), texts(f"_dmarc.{AGENCY}", "v=DMARC1; p=none")),
    "dmarc_broken": look(texts(f"_dmarc.{AGENCY}", "v=DMARC1; p=maybe"), texts(f"_dmarc.{AGENCY}", "v=DMARC1;p=none")),
    "dmarc_rejects": look(nobody_vouches, texts(AGENCY, "v=spf1 mx -all")),
    "dkim_unknown": look(mailbox(dkim_selector=""), letter_showed("pass")),
    "dkim_missing": look(mailbox(dkim_selector="gone"), mailbox(dkim_selector="mail")),
    "dkim_revoked": look(texts(KEY_AT, "v=DKIM1; p="), PLAIN),
    "dkim_broken": look(texts(KEY_AT, "v=DKIM1; p=bm90IGEga2V5"), PLAIN),
    "dkim_weak": look(texts(KEY_AT, f"p={rsa_key(1023)}"), PLAIN),
    "dkim_unsigned": look(letter_showed("none", ""), letter_showed("pass")),
    "dkim_failed": look(letter_showed("fail"), letter_showed("pass")),
    "dkim_foreign": look(letter_showed("pass", "mailer.example.org"), letter_showed("pass", "mail." + AGENCY)),
    "no_mail_for_replies": look(takes_mail(), takes_mail(SERVER)),
    "dns_silent": look(silence(AGENCY), silence()),
    "shared_mailboxes": Class(
        both(mail_of(200, "info@client.example.com"), mail_of(201)),
        both(mail_of(200, "p200@client.example.com"), mail_of(201, "p201@client.example.com")),
    ),
    "zone_unknown": Class(company(city=""), company(city="Казань")),
    "day_moved": Class(portal(calendar={**CALENDAR, "year_holidays": "18.03"}), portal(calendar=CALENDAR)),
}  # fmt: skip


@pytest.fixture
def world(one_engine: Engine, clock: HandClock) -> World:
    """An agency whose rehearsal finds nothing: two people of one client, signatures known."""
    made = make_world(make_sessions(one_engine), clock, policy={"thanks_letters": False})
    made.client(2, people=2)
    contact(role="daily")(made)
    signatures(made)
    return made


def rehearsed(world: World, wave_id: int, *, anew: bool = True) -> dict[str, str]:
    """The findings by code, with their level."""
    world.clock.advance(minutes=1)  # the portal's patience is not what is tested
    if anew:
        waves.freeze(world.deps, world.portal_id, wave_id)
    report = waves.rehearse(world.deps, world.portal_id, wave_id, "Пётр Сом")
    return {one["code"]: kind for kind in ("errors", "warnings", "notes") for one in report[kind]}


def test_every_class_of_findings_has_a_wave_that_shows_it() -> None:
    assert set(CLASSES) == CODES


def test_each_class_shows_in_its_wave_and_goes_with_its_fix(world: World) -> None:
    """And an error keeps the wave from being approved."""
    wave_id = world.planned()
    assert rehearsed(world, wave_id) == {}
    for code, one in CLASSES.items():
        one.shows(world)
        found = rehearsed(world, wave_id, anew=one.anew == "both")
        level = "errors" if code in ERRORS else "notes" if code in NOTES else "warnings"
        assert found.get(code) == level, (code, found)
        if level == "errors":
            with pytest.raises(WaveError) as refused:
                waves.approve(world.deps, world.portal_id, wave_id, "Пётр Сом")
            assert code in refused.value.detail, code
        one.mends(world)
        found = rehearsed(world, wave_id, anew=one.anew != "")
        assert code not in found, code
        if one.back is not None:
            one.back(world)
            found = rehearsed(world, wave_id, anew=one.anew != "")
        assert found == {}, f"{code} has left something behind"
    assert world.wave().approved_by == ""
    assert world.letters() == []
