"""Letters leave by the way of their sender, at its pace, and a way out of reach keeps only its own (product.md W19)."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import sessionmaker

from integration.mail.outgoing import MailError, MailLater
from integration.nps.policy import Policy
from integration.services import letter_look, letters, mailboxes, optouts, policies, portal_mail, waves
from integration.services.deps import Deps
from integration.services.letter_look import Rules
from integration.store.base import Sessions, transaction
from integration.store.clients import Company, Contact, Deal, OptOut
from integration.store.followups import FollowUp
from integration.store.letters import LetterRow
from integration.store.mailboxes import SenderMailbox
from integration.store.portals import Portal, Staff
from integration.store.waves import Invitation, Wave
from tests.conftest import HandClock
from tests.services.wave_world import HEAD, MANAGER, SENDERS, Post, World, make_world

MOSCOW = ZoneInfo("Europe/Moscow")


def msk(month: int, day: int, hour: int = 9, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=MOSCOW)


class Killed(BaseException):
    """The process is gone; nothing after this line ran."""


@dataclass
class Posts:
    """Own mail servers by their addresses."""

    of: dict[str, Post] = field(default_factory=dict)

    def __call__(self, url: str) -> Post:
        return self.of.setdefault(url, Post())


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    made = make_world(sessions, clock)
    made.deps = replace(made.deps, mailers=Posts())
    return made


def letter(world: World, number: int, sender: str = "branch", **values: Any) -> int:
    """A letter that belongs to no survey: only its way and its pace count."""
    now = world.clock.now()
    address = {"head": "som@agency.example.com", "branch": "lis@agency.example.com"}[sender]
    row = {
        "lane": f"p{number}@client.example.com", "due_at": now, "created_at": now, "key": f"note:{number}",
        "kind": "note", "sender_key": sender, "sender_name": "A", "sender_address": address, "subject": f"{number}",
        "recipient_address": f"p{number}@client.example.com", "body_text": "t", "body_html": "",
        "message_id": f"<{number}@agency.example.com>",
    }  # fmt: skip
    with transaction(world.deps.sessions) as session:
        added = LetterRow(portal_id=world.portal_id, **{**row, **values})
        session.add(added)
        session.flush()
        return added.id


def own(world: World, sender: str = "branch", **values: Any) -> Post:
    """The sender gets an own server; what it takes."""
    url = f"smtp://{sender}.example.com:25"
    row = {"way": "own", "smtp_url": url, "changed_at": world.clock.now(), "checked_at": world.clock.now()}
    with transaction(world.deps.sessions) as session:
        session.add(SenderMailbox(portal_id=world.portal_id, sender_key=sender, **{**row, **values}))
    posts: Any = world.deps.mailers
    return posts(url)  # type: ignore[no-any-return]


def subjects(post: Post) -> list[str]:
    return [one.subject for one in post.sent]


def states(world: World) -> list[tuple[str, str, str]]:
    return [(row.subject, row.status, row.way) for row in world.letters()]


def test_each_letter_leaves_by_the_way_of_its_sender_and_keeps_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way is that of the moment at which a letter is claimed; a letter that has left keeps its own."""
    world.clock.moment = msk(2, 16, 10)
    by_portal: list[str] = []

    def in_portal(deps: Deps, portal_id: int, row: LetterRow) -> MailError | int:
        by_portal.append(row.subject)
        return 4711

    monkeypatch.setattr(portal_mail, "send", in_portal)
    letter(world, 1)
    letter(world, 2, "head")
    mine = own(world)
    letters.drain(world.deps)
    assert (subjects(mine), subjects(world.post)) == (["1"], ["2"])
    with transaction(world.deps.sessions) as session:
        box = session.scalars(select(SenderMailbox)).one()
        box.way = "portal"
    letter(world, 3)
    letters.drain(world.deps)
    assert by_portal == ["3"]
    assert states(world) == [("1", "done", "own"), ("2", "done", "operator"), ("3", "done", "portal")]
    assert world.letters()[2].activity_id == 4711


@pytest.mark.parametrize("why", [MailLater("connection", "timeout"), MailLater("auth")])
def test_a_way_out_of_reach_keeps_only_its_own_letters(world: World, why: MailError) -> None:
    """All of its letters wait together, and the settings say why until one has gone."""
    world.clock.moment = msk(2, 16, 10)
    mine = own(world)
    mine.answers = [why]
    for number in range(1, 8):
        letter(world, number)
    letter(world, 8, "head")
    letters.drain(world.deps, limit=3)
    assert (mine.sent, subjects(world.post)) == ([], ["8"])
    waiting = [row for row in world.letters() if row.status == "waiting"]
    assert len(waiting) == 7
    assert min(row.due_at for row in waiting) > world.clock.now()
    policy = mailboxes_policy(world)
    with transaction(world.deps.sessions) as session:
        found = mailboxes.of(session, world.portal_id)["branch"]
        assert found.check_code == ("auth" if why.code == "auth" else "timeout")
        lacking = mailboxes.lacking(session, world.portal_id, policy, ["branch", "head"], operator_ready=True)
        assert lacking == {"branch": "login_refused"}
    world.clock.advance(minutes=2)
    world.tick()
    assert len(mine.sent) == 7
    with transaction(world.deps.sessions) as session:
        assert mailboxes.of(session, world.portal_id)["branch"].check_code == ""


def mailboxes_policy(world: World) -> Policy:
    with transaction(world.deps.sessions) as session:
        return policies.load(session, world.portal_id)[0]


def test_a_way_that_never_answers_does_not_hold_up_the_others(world: World) -> None:
    world.clock.moment = msk(2, 16, 10)
    mine, gate = own(world), threading.Event()
    genuine = mine.send
    mine.send = lambda batch: (gate.wait(120), genuine(batch))[1]  # type: ignore[method-assign]
    letter(world, 1)
    for number in range(2, 5):
        letter(world, number, "head")
    run = threading.Thread(target=letters.drain, args=(world.deps, 1))
    run.start()
    for _ in range(300):
        if len(world.post.sent) == 3:
            break
        run.join(0.1)
    left = subjects(world.post)
    gate.set()
    run.join(120)
    assert sorted(left) == ["2", "3", "4"]
    assert subjects(mine) == ["1"]


def test_without_a_server_of_the_operator_own_ways_still_work(world: World) -> None:
    world.clock.moment = msk(2, 16, 10)
    world.post.ready = False
    mine = own(world)
    letter(world, 1)
    letter(world, 2, "head")
    world.tick()
    assert subjects(mine) == ["1"]
    assert [state for _, state, _ in states(world)] == ["done", "waiting"]


def test_a_mailbox_keeps_its_own_pace_by_hour_and_day_and_what_is_over_moves_at_once(world: World) -> None:
    """Ten thousand letters that wait cost one statement, and test letters do not wait."""
    world.clock.moment = msk(2, 16, 10)
    own(world, "branch", way="operator", smtp_url=None, per_hour=4, per_day=10)
    for number in range(1, 31):
        letter(world, number)
    for number in range(31, 36):
        letter(world, number, "head")
    world.tick()
    assert sum(one.sender_address.startswith("lis") for one in world.post.sent) == 4
    assert sum(one.sender_address.startswith("som") for one in world.post.sent) == 5
    waiting = world.letters(status="waiting")
    assert {(row.due_at, row.error, row.attempts) for row in waiting} == {(msk(2, 16, 11), "pace", 0)}
    letters.send_test(world.deps, world.portal_id, "branch", "A", "a@agency.example.com", "ru")
    world.tick()
    assert len(world.post.sent) == 10
    world.until(msk(2, 17, 8, 59))
    days = [
        one.sent_at.astimezone(MOSCOW).day for one in world.post.sent if one.sender_address.startswith("lis")
    ]
    assert (days.count(16), days.count(17)) == (10, 0)
    assert {row.due_at for row in world.letters(status="waiting")} == {msk(2, 17, 9)}
    world.until(msk(2, 17, 9))
    assert sum(one.sender_address.startswith("lis") for one in world.post.sent) == 14


def test_two_workers_share_the_pace_of_a_mailbox(world: World) -> None:
    world.clock.moment = msk(2, 16, 10)
    own(world, "branch", way="operator", smtp_url=None, per_hour=7)
    for number in range(1, 31):
        letter(world, number)
    workers = []
    for name in ("w1", "w2", "w3"):
        mine = replace(world.deps, settings=replace(world.deps.settings, worker_name=name))
        workers.append(threading.Thread(target=letters.drain, args=(mine, 5)))
    for one in workers:
        one.start()
    for one in workers:
        one.join(120)
    world.tick()
    assert len(world.post.sent) == len(set(subjects(world.post))) == 7


@pytest.mark.parametrize("place", range(1, 11))
def test_a_worker_killed_at_any_commit_leaves_one_letter_of_unknown_fate_at_most(
    world: World, engine: Engine, place: int
) -> None:
    """Just before the commit and just after it; nothing leaves twice, and what is not in doubt leaves later."""
    world.clock.moment = msk(2, 16, 10)
    for number in range(1, 4):
        letter(world, number)
    passed = 0
    genuine: Any = engine.dialect.do_commit

    def deadly(connection: Any) -> None:
        nonlocal passed
        passed += 1
        if passed == place:
            raise Killed
        genuine(connection)
        passed += 1
        if passed == place:
            raise Killed

    engine.dialect.do_commit = deadly  # type: ignore[method-assign]
    killed = False
    try:
        letters.drain(world.deps)
    except Killed:
        killed = True
    finally:
        engine.dialect.do_commit = genuine  # type: ignore[method-assign]
    assert killed
    world.clock.advance(minutes=11)
    world.tick()
    found = [row.status for row in world.letters()]
    assert found.count("unknown") <= 1
    assert set(found) <= {"done", "unknown"}
    assert len(world.post.sent) == len(set(subjects(world.post)))
    unsent = {row.subject for row in world.letters()} - set(subjects(world.post))
    assert unsent <= {row.subject for row in world.letters(status="unknown")}


def test_what_is_wrong_with_one_letter_neither_loses_the_record_of_the_last_nor_stops_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.clock.moment = msk(2, 16, 10)
    letter(world, 1)
    letter(world, 2)
    letter(world, 3)
    genuine = letter_look.closely

    def broken(session: Any, row: LetterRow, rules: Rules, now: datetime) -> Any:
        if row.subject == "2":
            raise RuntimeError("unreadable")
        return genuine(session, row, rules, now)

    monkeypatch.setattr(letter_look, "closely", broken)
    with pytest.raises(RuntimeError, match="unreadable"):
        letters.drain(world.deps)
    assert [state for _, state, _ in states(world)] == ["done", "working", "done"]


TROUBLES: dict[str, Any] = {
    "answered": lambda w: w.answer(200, 9),
    "opted out": lambda w: optouts.opt_out(w.deps, w.invitations()[200].token, one_click=True),
    "an address of theirs": lambda w: put(w, OptOut(portal_id=w.portal_id, address="p200@client.example.com",
                                                   said_at=w.clock.now())),
    "a number of theirs": lambda w: (
        w.set(Invitation, w.invitations()[200].id, phone="+74951234567"),
        put(w, OptOut(portal_id=w.portal_id, address="4951234567", said_at=w.clock.now()))),
    "a short number of theirs": lambda w: (
        w.set(Invitation, w.invitations()[200].id, phone="+352271234"),
        put(w, OptOut(portal_id=w.portal_id, address="352271234", said_at=w.clock.now()))),
    "a card of theirs": lambda w: put(w, OptOut(portal_id=w.portal_id, address="contact:200", said_at=w.clock.now())),
    "signer dismissed": lambda w: w.set(Staff, (w.portal_id, HEAD), active=False),
    "signer replaced": lambda w: w.policy(senders=[{**SENDERS[0], "name": "Вера Щука"}, SENDERS[1]]),
    "not now": lambda w: w.set(Invitation, w.invitations()[200].id, snoozed_until=msk(3, 30)),
    "revoked": lambda w: w.set(Invitation, w.invitations()[200].id, revoked_at=w.clock.now()),
    "paused": lambda w: waves.pause(w.deps, w.portal_id, w.wave().id, "Пётр Сом"),
    "cancelled": lambda w: w.set(Wave, w.wave().id, stage="cancelled"),
    "portal gone": lambda w: w.set(Portal, w.portal_id, status="suspended"),
    "company on hold": lambda w: w.set(Company, (w.portal_id, 2), hold_until=msk(2, 20).date()),
    "person on hold": lambda w: w.set(Contact, (w.portal_id, 200), hold_until=msk(2, 20).date()),
    "company deleted": lambda w: w.set(Company, (w.portal_id, 2), deleted_at=w.clock.now()),
    "person deleted": lambda w: w.set(Contact, (w.portal_id, 200), deleted_at=w.clock.now()),
    "in trouble": lambda w: w.set(Deal, (w.portal_id, 20), stage_id="C9:TROUBLE"),
    "critical task": lambda w: w.set(Wave, w.wave().id, plan={**w.wave().plan, "critical": {"clients": ["company:2"]}}),
    "open case": lambda w: put(w, FollowUp(
        portal_id=w.portal_id, key="k", kind="direct_line", client_kind="company", client_id=2, status="open",
        owner_id=HEAD, deadline=w.clock.now(), opened_at=w.clock.now(), facts={})),
    "serves the client": lambda w: w.set(Company, (w.portal_id, 2), assigned_by=HEAD),
    "address of whom serves": lambda w: w.set(Staff, (w.portal_id, MANAGER), email="som@agency.example.com"),
    "at night": lambda w: setattr(w.clock, "moment", msk(2, 16, 22)),
    "far zone": lambda w: w.set(Invitation, w.invitations()[200].id, time_zone="America/New_York"),
    "expired": lambda w: w.set(LetterRow, w.letters()[0].id, expires_at=w.clock.now()),
    "written to": lambda w: letter(w, 200, "head", kind="reminder", status="done", handed_at=w.clock.now()),
    "pace": lambda w: (w.policy(letters_per_hour=1), letter(w, 9, "head", status="done", handed_at=w.clock.now())),
}  # fmt: skip


def put(world: World, row: Any) -> None:
    with transaction(world.deps.sessions) as session:
        session.add(row)


@pytest.fixture
def waiting(world: World) -> World:
    """One announcement that nothing speaks against."""
    world.policy(trouble_stages=["C9:TROUBLE"])
    world.client(2)
    world.person(7)
    world.approved()
    world.clock.moment = msk(2, 16, 10)
    world.post.ready = False
    world.tick()
    world.post.ready = True
    return world


def test_the_quick_look_lets_nothing_go_that_the_close_one_would_keep(waiting: World) -> None:
    """Each thing that may speak against a letter, and none: both looks say the same about both letters."""
    for name, cause in {"nothing": lambda w: None, **TROUBLES}.items():
        moment = waiting.clock.moment
        with waiting.deps.sessions() as session, session.begin():
            outer = session.connection()
            inside = replace(waiting, deps=replace(waiting.deps, sessions=_within(outer)))
            point = outer.begin_nested()
            cause(inside)
            now = inside.clock.now()
            rows = inside.letters(wave_id=inside.wave().id)
            with transaction(inside.deps.sessions) as mine:
                quick = [letter_look.clear(mine, row, Rules(), now) for row in rows]
                close = [letter_look.closely(mine, row, Rules(), now).act == "send" for row in rows]
            point.rollback()
        waiting.clock.moment = moment
        assert quick == close, name
        assert all(quick) == (name == "nothing"), name


def _within(connection: Any) -> Any:
    """Sessions inside a transaction that is taken back."""
    return sessionmaker(connection, expire_on_commit=False, join_transaction_mode="create_savepoint")


def test_a_letter_costs_three_statements_and_one_commit(waiting: World, engine: Engine) -> None:
    """Besides what a portion of letters shares: looked at, noted as handed over, recorded."""
    counted: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *given: counted.append(given[2]))
    event.listen(engine, "commit", lambda connection: counted.append("COMMIT"))
    letters.drain(waiting.deps)
    few, commits = len(counted), counted.count("COMMIT")
    for number in range(10, 20):
        letter(waiting, number, "head", kind="announcement", wave_id=waiting.wave().id, sender_name="Пётр Сом",
               invitation_id=waiting.invitations()[200].id)  # fmt: skip
    counted.clear()
    letters.drain(waiting.deps)
    assert len(waiting.post.sent) == 12
    assert counted.count("COMMIT") - commits == 10 - 2
    assert len(counted) - few <= (3 + 2) * (10 - 2) + 4  # with BEGIN and COMMIT
