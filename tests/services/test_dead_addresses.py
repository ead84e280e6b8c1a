"""An address that refused for good is not written to again, until somebody says that it works (product.md W14, W19)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text

from integration.mail.outgoing import MailRefused
from integration.services import dead_addresses, letters, privacy, stuck_work, waves
from integration.store import dead_addresses as rows
from integration.store import schema, stuck, wave_queries
from integration.store.base import Sessions, make_engine, transaction
from integration.store.letters import LetterRow
from tests.conftest import HandClock
from tests.services.test_letters import msk
from tests.services.wave_world import World, make_world

NOW = datetime(2026, 2, 16, 8, tzinfo=UTC)


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    return make_world(sessions, clock)


def test_the_note_of_an_address_is_one_of_its_portal_however_it_is_written(world: World) -> None:
    """Noted twice it is dead since the first time; revived it dies anew; another portal knows nothing of it."""
    pid, later = world.portal_id, NOW.replace(hour=9)
    with transaction(world.deps.sessions) as session:
        assert rows.put(session, pid, " Anna@Example.com ", "smtp", "550", NOW)
        assert not rows.put(session, pid, "anna@example.com", "bounce", "5.1.1", later)
        assert not rows.put(session, pid, "  ", "smtp", "550", NOW)
        known = rows.of(session, pid, ["ANNA@example.com", ""])["anna@example.com"]
        assert (known.source, known.code, known.since) == ("smtp", "550", NOW)
        assert rows.known(session, pid, ["ANNA@example.COM", "x@example.com"]) == {"anna@example.com"}
        assert rows.known(session, pid + 1) == set()
        assert not rows.revive(session, pid + 1, "anna@example.com", "чужой", later)
        assert rows.revive(session, pid, "Anna@example.com", "Пётр Сом", later)
        assert not rows.revive(session, pid, "anna@example.com", "Пётр Сом", later)
        assert rows.known(session, pid) == set()
        assert rows.put(session, pid, "anna@example.com", "staff", "", later)
        assert rows.known(session, pid) == {"anna@example.com"}
        session.expire_all()
        known = rows.of(session, pid, ["anna@example.com"])["anna@example.com"]
        assert (known.source, known.since, known.revived_at, known.revived_by) == ("staff", later, None, "")
        assert (
            rows.forget(session, pid + 1, ["anna@example.com"]),
            rows.forget(session, pid, ["ANNA@example.com"]),
        ) == (0, 1)
        rows.put(session, pid, "old@example.com", "smtp", "550", NOW)
        rows.put(session, pid, "new@example.com", "smtp", "550", later)
        assert rows.forget_older(session, pid, later) == 1
        assert rows.known(session, pid) == {"new@example.com"}


def test_an_address_stays_dead_when_its_letter_has_lost_its_text_and_lives_again_on_a_person_s_word(
    world: World,
) -> None:
    world.client(2)
    world.client(3)
    world.approved()
    world.clock.moment = msk(2, 16, 10)
    world.post.answers = [MailRefused("550", "no such user")]
    world.tick()
    asked, other = world.invitations()[200], world.invitations()[300]
    assert (asked.outcome, other.outcome) == ("unreachable", "")
    assert asked.outcome_detail["code"] == "550"
    letter = next(row for row in world.letters() if row.invitation_id == asked.id)
    assert stuck_work.listing(world.deps, world.portal_id, "letters").entries[0].can == (
        "resend",
        "revive",
        "leave",
    )
    with transaction(world.deps.sessions) as session:
        assert rows.known(session, world.portal_id) == {"p200@client.example.com"}
        session.get_one(LetterRow, letter.id).recipient_address = ""
        assert rows.known(session, world.portal_id) == {"p200@client.example.com"}
        session.get_one(LetterRow, letter.id).recipient_address = "p200@client.example.com"
    assert not stuck_work.decide_letter(world.deps, world.portal_id + 1, letter.id, "revive", "чужой")
    assert stuck_work.decide_letter(world.deps, world.portal_id, letter.id, "revive", "Пётр Сом")
    assert not stuck_work.decide_letter(world.deps, world.portal_id, letter.id, "revive", "Пётр Сом")
    assert world.invitations()[200].outcome == ""
    assert not dead_addresses.revive(world.deps, world.portal_id, "p200@client.example.com", "Пётр Сом")
    with transaction(world.deps.sessions) as session:
        (said,) = stuck.decisions(session, world.portal_id)
        assert (said.verb, said.what, said.subject, said.who) == (
            "revive",
            "address",
            f"letter {letter.id}",
            "Пётр Сом",
        )
    world.until(msk(3, 6, 18))
    kinds = [one.subject for one in world.post.sent if one.recipient_address == "p200@client.example.com"]
    assert len(kinds) >= 1
    assert world.letters(id=letter.id)[0].status == "cancelled"


def test_sending_a_refused_letter_again_says_that_the_address_works(world: World) -> None:
    world.client(2)
    world.approved()
    world.clock.moment = msk(2, 16, 10)
    world.post.answers = [MailRefused("550", "no such user")]
    world.tick()
    (letter,) = world.letters()
    assert letters.decide(world.deps, world.portal_id, letter.id, "resend", "Пётр Сом")
    world.tick()
    assert [one.recipient_address for one in world.post.sent] == ["p200@client.example.com"]
    assert world.invitations()[200].outcome == ""
    with transaction(world.deps.sessions) as session:
        assert rows.known(session, world.portal_id) == set()


def test_a_dead_address_is_not_asked_in_a_new_list_and_an_erased_person_s_is_forgotten(world: World) -> None:
    world.client(2)
    world.client(3)
    with transaction(world.deps.sessions) as session:
        dead_addresses.mark(
            session, world.portal_id, "P200@client.example.com", "staff", "", world.clock.now()
        )
    wave_id = world.planned()
    waves.rehearse(world.deps, world.portal_id, wave_id, "Пётр Сом")
    assert (world.reasons()[2], world.reasons()[3]) == ("no_channel", "")
    exported = privacy.export(world.deps, world.portal_id, 300)
    assert exported is not None
    assert exported["refused_addresses"] == []
    with transaction(world.deps.sessions) as session:
        dead_addresses.mark(
            session, world.portal_id, "p300@client.example.com", "bounce", "5.1.1", world.clock.now()
        )
    exported = privacy.export(world.deps, world.portal_id, 300)
    assert exported is not None
    assert [one["address"] for one in exported["refused_addresses"]] == ["p300@client.example.com"]
    assert privacy.erase(world.deps, world.portal_id, 300, 1) is not None
    with transaction(world.deps.sessions) as session:
        assert rows.known(session, world.portal_id) == {"p200@client.example.com"}
        assert wave_queries.reopen_unreachable(session, world.portal_id, "p300@client.example.com", NOW) == 0


def test_the_migration_notes_the_addresses_of_letters_that_were_refused(tmp_path: Path) -> None:
    """Until then the letter was the only note; one whose text was refused, or that lost its address, says nothing."""
    engine = make_engine(f"sqlite:///{tmp_path / 'old.db'}")
    with engine.begin() as connection:
        command.upgrade(schema.alembic_config(connection), "0005")
    letter = (
        "INSERT INTO letters (portal_id, lane, status, due_at, attempts, error, created_at, finished_at, origin, key,"
        " kind, language, wording, sender_key, sender_name, sender_address, recipient_name, recipient_address, subject,"
        " body_text, body_html, headers, message_id) VALUES (1, :key, :status, '2026-01-01', 1, :error, '2026-01-01',"
        " '2026-01-02', '', :key, 'invitation', '', '', '', '', '', '', :address, '', '', '', '{}', :key)"
    )
    found = [
        ("1", "buried", "address_refused 550 no such user", " Anna@Example.com"),
        ("2", "buried", "address_refused 553 again", "anna@example.com"),
        ("3", "buried", "refused 554 spam", "text@example.com"),
        ("4", "buried", "address_refused 550", ""),
        ("5", "done", "", "fine@example.com"),
        ("6", "buried", "address_refused address", "no-address"),
    ]
    with engine.begin() as connection:
        connection.execute(text("PRAGMA foreign_keys=OFF"))
        connection.execute(
            text(
                "INSERT INTO portals (id, member_id, client_id, kind, status, domain, endpoint, oauth_origin,"
                " token_version, scope, language, time_zone, currency, license_family, crm_mode, fields, calendar,"
                " installed_at, status_since, problem, farewell, first_run) VALUES (1, 'm', 'c', 'market', 'active',"
                " 'd', 'e', '', 0, '', 'ru', 'UTC', 'RUB', '', 1, '{}', '{}', '2026-01-01', '2026-01-01', '', '', '{}')"
            )
        )
        for key, status, error, address in found:
            connection.execute(
                text(letter), {"key": key, "status": status, "error": error, "address": address}
            )
    schema.upgrade(engine)
    with engine.begin() as connection:
        noted = connection.execute(
            text("SELECT address, source, code FROM dead_addresses ORDER BY address")
        ).all()
    assert [tuple(row) for row in noted] == [
        ("anna@example.com", "smtp", "550"),
        ("no-address", "smtp", "address"),
    ]
    engine.dispose()
