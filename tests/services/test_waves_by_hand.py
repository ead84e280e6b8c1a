"""People step in: pause, cancel, close, exclude, opt out, hold; and what a wave does then (product.md W1, E5, E7)."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from integration.mail.outgoing import MailRefused
from integration.nps.rights import Rights
from integration.services import reports, waves
from integration.services.waves import WaveError
from integration.store.base import Sessions, transaction
from integration.store.clients import Company, Contact
from integration.store.portals import Portal
from integration.store.waves import Wave
from tests.conftest import HandClock
from tests.services.wave_world import DIRECTOR, HEAD, World, make_world

MOSCOW = ZoneInfo("Europe/Moscow")
AFTER = datetime(2026, 5, 1, tzinfo=UTC)


def msk(month: int, day: int, hour: int = 9) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=MOSCOW)


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    return make_world(sessions, clock)


def days_of(world: World) -> dict[str, Counter[date]]:
    found: dict[str, Counter[date]] = {}
    for row in world.letters(status="done"):
        assert row.sent_at is not None
        found.setdefault(row.key.partition(":")[0], Counter())[row.sent_at.astimezone(MOSCOW).date()] += 1
    return found


def test_a_paused_wave_stands_still_and_moves_on_by_as_much(world: World) -> None:
    world.client(2)
    wave_id = world.approved()
    world.until(msk(2, 24))
    waves.pause(world.deps, world.portal_id, wave_id, "Пётр Сом", "авария")
    world.until(msk(3, 10))
    assert days_of(world).keys() == {"announcement"}
    waves.resume(world.deps, world.portal_id, wave_id, "Пётр Сом")
    assert world.wave().plan["mailing"] == "2026-03-16"
    world.until(AFTER)
    assert days_of(world)["invitation"] == Counter({date(2026, 3, 16): 1})
    assert world.wave().stage == "closed"
    with pytest.raises(WaveError, match="not_paused"):
        waves.resume(world.deps, world.portal_id, wave_id, "Пётр Сом")


def test_a_cancelled_wave_sends_nothing_more_and_everybody_has_an_outcome(world: World) -> None:
    world.client(2)
    world.client(3)
    wave_id = world.approved()
    world.until(msk(3, 3))
    world.answer(200, 9)
    waves.cancel(world.deps, world.portal_id, wave_id, "Пётр Сом", "передумали")
    world.until(AFTER)
    assert days_of(world).keys() == {"announcement", "invitation"}
    found = world.invitations()
    assert (found[200].outcome, found[300].outcome) == ("answered", "closed_early")
    assert found[300].outcome_detail == {"who": "Пётр Сом", "why": "передумали"}
    assert len(world.outbox(purpose="field")) == 4


def test_closing_early_names_who_and_why_and_gives_a_result(world: World) -> None:
    world.client(2)
    world.client(3)
    wave_id = world.approved()
    world.until(msk(3, 3))
    world.answer(200, 9)
    waves.close(world.deps, world.portal_id, wave_id, "Пётр Сом", "хватит")
    wave = world.wave()
    assert (wave.stage, wave.closed_by) == ("closed", "Пётр Сом")
    assert wave.result["outcomes"] == {"answered": 1, "closed_early": 1}
    assert world.invitations()[300].outcome_detail["why"] == "хватит"
    with pytest.raises(WaveError, match="not_running"):
        waves.close(world.deps, world.portal_id, wave_id, "Пётр Сом", "ещё раз")


def test_an_excluded_client_gets_nothing_more_and_stays_on_the_list_with_the_reason(world: World) -> None:
    world.client(2)
    world.client(3)
    wave_id = world.approved()
    world.until(msk(2, 20))
    line = world.lines()[("company", 2)]
    assert waves.exclude(world.deps, world.portal_id, wave_id, line.id, "Ольга Лис", "суд")
    assert not waves.exclude(world.deps, world.portal_id, wave_id, line.id, "Ольга Лис", "суд")
    with pytest.raises(WaveError, match="no_reason"):
        waves.exclude(world.deps, world.portal_id, wave_id, line.id, "Ольга Лис", " ")
    world.until(AFTER)
    assert days_of(world)["invitation"] == Counter({date(2026, 3, 2): 1})
    assert world.invitations()[200].outcome == "excluded"
    assert world.wave().result["coverage"]["excluded"] == 1
    assert world.wave().result["clients"]["n"] == 0
    assert world.wave().stage == "closed"


def test_a_client_who_has_answered_is_not_taken_off_and_one_who_is_out_keeps_its_reason(world: World) -> None:
    """Out of the base with the answer in the score, one answer of two would be shown as certainty."""
    world.client(2)
    world.client(3)
    world.client(4, email=None)
    wave_id = world.approved()
    world.until(msk(3, 3))
    world.answer(200, 9)
    lines = world.lines()
    for number, code in ((2, "has_answered"), (4, "is_out")):
        with pytest.raises(WaveError, match=code):
            waves.exclude(
                world.deps, world.portal_id, wave_id, lines["company", number].id, "Ольга Лис", "суд"
            )
    assert {row.client_id: row.reason for row in world.lines().values()} == {2: "", 3: "", 4: "no_channel"}
    assert waves.exclude(world.deps, world.portal_id, wave_id, lines["company", 3].id, "Ольга Лис", "суд")


def test_an_answer_that_comes_after_the_exclusion_counts_with_its_client_in_the_base(world: World) -> None:
    for number in (2, 3, 4):
        world.client(number)
    wave_id = world.approved()
    world.until(msk(3, 3))
    line = world.lines()["company", 2]
    assert waves.exclude(world.deps, world.portal_id, wave_id, line.id, "Ольга Лис", "суд")
    world.answer(200, 9)
    world.until(AFTER)
    result = world.wave().result
    clients = result["clients"]
    assert (clients["n"], clients["base"], result["coverage"]["answered_off_list"]) == (1, 3, 1)
    assert clients["limits"] == [pytest.approx(-100 / 3), 100.0]
    assert clients["interval"][0] < clients["nps"] == 100.0
    with transaction(world.deps.sessions) as session:
        portal = session.get_one(Portal, world.portal_id)
        shown = reports.overview(session, portal, Rights("head", 1), world.clock.now())
    assert shown.figures is not None
    assert (
        shown.figures.headline.base,
        shown.figures.coverage.off_list,
        shown.figures.coverage.excluded,
    ) == (3, 1, 1)


def test_whoever_says_never_or_is_put_on_hold_on_the_card_is_respected_at_once(world: World) -> None:
    for number in (2, 3, 4):
        world.client(number)
    world.approved()
    world.until(msk(2, 20))
    world.set(Contact, (world.portal_id, 200), opted_out=True)
    world.set(Company, (world.portal_id, 3), hold_until=date(2026, 3, 5))
    world.set(Company, (world.portal_id, 4), hold_until=date(2026, 6, 1))
    world.until(AFTER)
    assert days_of(world)["invitation"] == Counter({date(2026, 3, 5): 1})
    assert {n: row.outcome for n, row in world.invitations().items()} == {
        200: "opted_out",
        300: "no_answer",
        400: "postponed",
    }


def test_a_refused_address_ends_as_unreachable_and_is_dead_for_the_next_list(world: World) -> None:
    world.client(2)
    world.client(3)
    world.approved()
    world.post.answers = [MailRefused("550", "no such user")]
    world.until(msk(2, 17))
    assert {n: row.outcome for n, row in world.invitations().items()} == {200: "unreachable", 300: ""}
    world.until(AFTER)
    assert len(world.letters(invitation_id=world.invitations()[200].id)) == 1


def test_a_held_answer_counts_as_silence(world: World) -> None:
    world.client(2)
    world.approved()
    world.until(msk(3, 3))
    world.answer(200, 1, status="held")
    world.until(AFTER)
    assert world.invitations()[200].outcome == "no_answer"
    assert world.invitations()[200].outcome_detail["held"] is True
    assert world.wave().result["answers"]["n"] == 0


def test_the_manager_who_serves_a_client_never_signs_its_letters(world: World) -> None:
    world.client(2, manager=DIRECTOR)
    world.approved()
    world.until(msk(3, 3))
    assert {row.sender_address for row in world.letters(kind="invitation")} == {"som@agency.example.com"}


def test_a_letter_nobody_can_sign_waits_and_is_named_in_the_trail(world: World) -> None:
    world.client(2)
    wave_id = world.approved()
    world.until(msk(2, 20))
    with transaction(world.deps.sessions) as session:
        from integration.store.portals import Staff

        for user in (HEAD, DIRECTOR):
            session.get_one(Staff, (world.portal_id, user)).active = False
    world.until(msk(3, 3))
    assert days_of(world).keys() == {"announcement"}
    assert any(e.what == "letter_problem" and e.wave_id == wave_id for e in world.events())


def test_a_wave_of_another_portal_cannot_be_touched(world: World) -> None:
    world.client(2)
    wave_id = world.approved()
    for act in (waves.pause, waves.cancel, waves.close, waves.approve):
        with pytest.raises(WaveError, match="no_such_wave"):
            act(world.deps, world.portal_id + 1, wave_id, "чужой")
    with pytest.raises(WaveError, match="no_such_wave"):
        waves.rehearse(world.deps, world.portal_id + 1, wave_id)
    assert waves.overview(world.deps, world.portal_id + 1) == []


def test_the_overview_tells_where_each_wave_stands(world: World) -> None:
    world.client(2)
    world.approved()
    world.until(msk(3, 3))
    world.answer(200, 9)
    (shown,) = waves.overview(world.deps, world.portal_id)
    assert (shown["name"], shown["stage"], shown["starts"]) == ("2026", "mailing", "2026-03-02")
    assert shown["counts"] == {"clients": 1, "eligible": 1, "invited": 1, "answered": 1, "open": 0}


def test_the_clock_set_back_sends_nothing_again(world: World) -> None:
    world.client(2)
    world.approved()
    world.until(msk(3, 3))
    before = len(world.letters())
    world.clock.moment = msk(2, 10)
    world.until(msk(3, 3))
    assert len(world.letters()) == before


def test_a_wave_approved_after_its_announcement_day_goes_on_without_that_letter(world: World) -> None:
    world.client(2)
    wave_id = world.planned()
    waves.rehearse(world.deps, world.portal_id, wave_id)
    world.until(msk(3, 1))
    waves.rehearse(world.deps, world.portal_id, wave_id)
    waves.approve(world.deps, world.portal_id, wave_id, "Пётр Сом")
    world.until(AFTER)
    assert "announcement" not in days_of(world)
    assert world.invitations()[200].skipped == {"announcement": "overtaken"}
    assert days_of(world)["invitation"] == Counter({date(2026, 3, 2): 1})
    text = world.letters(kind="invitation")[0].body_text
    assert "обещанный" not in text


def test_a_portal_s_removal_takes_the_waves_with_it(world: World) -> None:
    world.client(2)
    world.approved()
    with transaction(world.deps.sessions) as session:
        session.delete(session.get_one(Portal, world.portal_id))
    assert world.rows(Wave) == []
    world.tick()
