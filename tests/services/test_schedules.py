"""However events are lost, repeated and reordered: in the morning the mirror equals the portal (product.md T2, T3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from integration.nps.people import CardKey
from integration.services import chores, inbox, mirror, outbox, walk
from integration.services.calls_queue import Cause, queue_fields
from integration.store.base import Sessions, transaction
from integration.store.clients import Company
from integration.store.inbox import InboxRow
from integration.store.portals import Portal
from tests.services.portal_world import on_sqlite, world
from tests.services.schedule_world import Act, Stage, clients, differences

EDITS = (
    *("title", "money", "stage", "move", "ours", "add", "link_contact", "link_company", "link_deal"),
    *("delete", "restore", "merge", "convert", "address"),
)
WORK = ("deliver", "deliver", "lose", "tick", "tick", "chore", "wait")
small = st.integers(0, 12)
acts: st.SearchStrategy[list[Act]] = st.lists(
    st.tuples(st.sampled_from(EDITS + WORK + WORK), small, small, small), min_size=4, max_size=16
)
PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)


def schedules(sessions: Sessions, examples: int) -> None:
    """Play that many schedules on one portal, which is put back before each."""
    with world(sessions, clients()) as place:
        stage = Stage.built(place.ready())
        assert differences(place) == []

        @settings(
            max_examples=examples, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck),
            derandomize=True, database=None,
        )  # fmt: skip
        @given(acts)
        def whatever_happens(schedule: list[Act]) -> None:
            stage.reset()
            for act in schedule:
                stage.play(act)
            stage.night()
            assert differences(place) == []

        whatever_happens()


def test_after_any_schedule_of_events_the_mirror_equals_the_portal(sessions: Sessions) -> None:
    """Cards made, changed, moved, linked, merged, deleted, restored and converted; every mirrored column compared."""
    schedules(sessions, 14)


# --- what makes it so, one by one


@pytest.fixture
def stage(sqlite_url: str) -> Iterator[Stage]:
    with on_sqlite(sqlite_url) as sessions, world(sessions, clients()) as place:
        yield Stage.built(place.ready())


def run(stage: Stage, name: str) -> None:
    """A chore to its end, and nothing else."""
    stage.hasten(name)
    while chores.run_due(stage.place.deps):
        pass


def hear(stage: Stage) -> None:
    """Every event delivered once and worked off, with what follows."""
    stage.do_deliver(0, 0, 0)
    while inbox.drain(stage.place.deps):
        pass


def test_without_the_night_only_what_no_event_can_tell_is_missing(stage: Stage) -> None:
    """Merged and deleted clients are replaced on their deals, contacts put into a company on its card are found."""
    acts_told: list[Act] = [
        ("merge", 0, 1, 2), ("delete", 3, 0, 0), ("merge", 1, 2, 3), ("link_company", 0, 4, 1)
    ]  # fmt: skip
    for act in acts_told:
        stage.play(act)
        hear(stage)
        assert differences(stage.place) == [], act


def test_what_is_told_of_an_unchanged_neighbour_costs_one_look(stage: Stage) -> None:
    """A company that says the same of its contacts as before orders no further look."""
    stage.change("company", 0, title="Renamed")
    hear(stage)
    assert [row.lane for row in stage.place.all(InboxRow)] == ["company:1"]


def test_a_move_that_nobody_told_of_is_not_skipped_because_of_a_later_one(stage: Stage) -> None:
    """A refreshed deal brings younger rows of the stage history than some that have not been read."""
    for step in range(60):
        stage.do_stage(0, step, 0)
    stage.do_stage(5, 1, 0)
    stage.do_lose(0, 0, 0)
    last = stage.pick("deal", 5)
    assert last is not None
    mirror.refresh(stage.place.deps, stage.place.portal_id, "deal", [last])
    assert differences(stage.place) != []
    run(stage, "reconcile")
    assert differences(stage.place) == []


def test_two_changes_in_one_second_and_our_own_write_hide_nothing(stage: Stage) -> None:
    """The date of the last change is the same, or ours: what stands on the card is compared."""
    place = stage.place
    stage.change("deal", 0, title="First")
    hear(stage)
    moment = stage.state.items[2].rows[1]["updatedTime"]
    stage.change("deal", 0, title="Second")
    stage.state.items[2].change(1, {"updatedTime": moment})
    stage.change("company", 0, title="By a person")
    with transaction(place.deps.sessions) as session:
        portal = session.get_one(Portal, place.portal_id)
        queue_fields(
            session, portal, CardKey("company", 1), {"UF_CRM_MOLVA_NPS_SCORE": 9}, purpose="score",
            cause=Cause("response", 1), now=place.clock.now(),
        )  # fmt: skip
    outbox.drain(place.deps)
    stage.do_lose(0, 0, 0)
    assert place.get(Company, 1).title != "By a person"
    run(stage, "reconcile")
    assert differences(place) == []


def test_what_happens_while_the_walk_reads_is_not_undone(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card made meanwhile is not taken for deleted, one deleted meanwhile does not come back."""
    real = walk._pages

    def late(*given: Any) -> Any:
        found = real(*given)
        monkeypatch.undo()
        stage.do_add(3, 0, 1)
        stage.do_delete(3, 4, 0)
        hear(stage)
        return found

    monkeypatch.setattr(walk, "_pages", late)
    stage.hasten("walk")
    chores.run_due(stage.place.deps)
    assert walk._pages is real, "it was read in between"
    assert differences(stage.place) == []


def test_what_changes_without_a_date_is_found_at_night(stage: Stage) -> None:
    """A second contact taken off a deal by its deletion, and a card out of the recycle bin under its old number."""
    stage.do_delete(1, 3, 0)
    stage.do_delete(2, 2, 0)
    hear(stage)
    stage.do_restore(0, 0, 0)
    run(stage, "reconcile")
    assert any(line.startswith("deal 1 contact_ids") for line in differences(stage.place))
    assert any(line.startswith("deal: ") for line in differences(stage.place))
    run(stage, "walk")
    assert differences(stage.place) == []


def test_an_address_that_nothing_tells_of_is_read_at_night(stage: Stage) -> None:
    """It belongs to no card, so that neither an event nor a date shows it."""
    stage.do_address(4, 9, 0)
    assert differences(stage.place) != []
    run(stage, "walk")
    assert differences(stage.place) == []


def test_more_addresses_than_a_page_are_read(stage: Stage) -> None:
    """Fifty-five addresses of one company: the other one, which comes behind them, keeps its city."""
    for number in [2] * 55 + [3]:
        stage.do_address(number, number, 0)
    stage.change("company", 2, title="A")
    stage.change("company", 3, title="B")
    hear(stage)
    assert [stage.place.get(Company, n).city for n in (3, 4)] == ["City 2", "City 3"]
