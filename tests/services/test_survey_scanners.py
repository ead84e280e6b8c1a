"""Mail scanners: whatever they open, run, post and repeat, nothing counts and no human word is lost (product.md S1)."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integration.nps.people import ClientKey
from integration.services import colleagues, direct_line, optouts, survey
from integration.store.base import Sessions, transaction
from integration.store.clients import OptOut
from integration.store.colleagues import Colleague
from integration.store.direct_lines import DirectMessage
from tests.conftest import HandClock
from tests.services.survey_world import BROWSER, TOUCH, World, make_world

SCANNER = "Mozilla/5.0 (compatible; ProofPoint URL Defense)"
TAGS = count()


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    return make_world(sessions, clock)


class Scanner:
    """Everything a machine can do with what it has seen: links, pages, forms as served, recorded posts."""

    def __init__(self, world: World, agent: str) -> None:
        self.world, self.agent = world, agent
        self.seen: list[dict[str, Any]] = []
        self.confirms: list[str] = []
        self.unsubscribes: list[str] = []
        with transaction(world.deps.sessions) as session:
            key, now = ClientKey("company", 12), world.clock.now()
            url = direct_line.link_of(world.deps, session, world.portal.id, key, now)
        self.direct = url.rpartition("/")[2]

    def do(self, action: str, number: int) -> None:
        world, deps, token = self.world, self.world.deps, self.world.token
        match action:
            case "wait":
                world.clock.advance(seconds=number)
            case "open":
                survey.page(deps, token)
                optouts.page(deps, token)
            case "run script":
                nonce = survey.page(deps, token).nonce
                for gesture in ({"type": "load"}, {"type": "pointerdown", "trusted": "false"}):
                    assert survey.prove(deps, token, nonce, gesture, user_agent=self.agent) is None
            case "post preselected":
                self._post({"score": str(number % 11), "comment": ""}, "")
            case "post confirm as served" if self.confirms:
                self._post({"comment": ""}, self.confirms[number % len(self.confirms)])
            case "replay" if self.seen:
                post = self.seen[number % len(self.seen)]
                self._post(post["form"], post["proof"])
            case "unsubscribe":
                known = ["", "guess", *self.unsubscribes, *(post["proof"] for post in self.seen)]
                result = optouts.opt_out(deps, token, proof=known[number % len(known)], user_agent=self.agent)
                assert result.status == "needs_confirmation"
                self.unsubscribes.append(result.confirm)
            case "direct":
                known = ["", *self.unsubscribes, *self.confirms, *(post["proof"] for post in self.seen)]
                said = direct_line.say(
                    deps, self.direct, {"words": f"{number % 3}"}, proof=known[number % len(known)],
                    user_agent=self.agent,
                )  # fmt: skip
                assert said.status in ("needs_confirmation", "too_many")
                self.confirms += [said.confirm] if said.confirm else []
            case "colleague":
                known = ["", *self.unsubscribes, *self.confirms, *(post["proof"] for post in self.seen)]
                named = colleagues.propose(
                    deps, token, {"name": "Bot", "reach": "bot"}, proof=known[number % len(known)],
                    user_agent=self.agent,
                )  # fmt: skip
                assert named.status in ("needs_confirmation", "closed")
                self.confirms += [named.confirm] if named.confirm else []
            case "snooze":
                optouts.snooze(deps, token, proof=self.unsubscribes[0] if self.unsubscribes else "")

    def _post(self, form: dict[str, str], proof: str) -> None:
        self.seen.append({"form": form, "proof": proof})
        result = survey.answer(self.world.deps, self.world.token, form, proof=proof, user_agent=self.agent)
        if result.confirm:
            self.confirms.append(result.confirm)


ACTIONS = st.tuples(
    st.sampled_from(
        [
            "wait",
            "open",
            "run script",
            "post preselected",
            "post confirm as served",
            "replay",
            "unsubscribe",
            "snooze",
            "direct",
            "colleague",
        ]
    ),
    st.integers(0, 40),
)
COMMON = settings(
    max_examples=30, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


@COMMON
@given(actions=st.lists(ACTIONS, min_size=1, max_size=12), agent=st.sampled_from([BROWSER, SCANNER]))
def test_no_sequence_of_scanner_actions_counts_or_unsubscribes(
    sessions: Sessions, actions: list[tuple[str, int]], agent: str
) -> None:
    world = make_world(sessions, HandClock(), tag=f"-a{next(TAGS)}")
    scanner = Scanner(world, agent)
    for action, number in actions:
        scanner.do(action, number)
    response = world.response()
    assert response is None or (response.status == "held" and response.held_reason)
    assert world.invitation().outcome == ""
    assert world.invitation().snoozed_until is None
    assert (world.rows_by_portal(OptOut), world.all_outbox(), world.followups()) == ([], [], [])
    assert (world.rows(Colleague), {row.status for row in world.rows(DirectMessage)} <= {"held"}) == (
        [],
        True,
    )


@COMMON
@given(
    before=st.lists(ACTIONS, max_size=4), after=st.lists(ACTIONS, min_size=1, max_size=8), score=st.integers(0, 10),
    later=st.integers(0, 10),
)  # fmt: skip
def test_no_sequence_of_scanner_actions_overwrites_a_human_answer(
    sessions: Sessions, before: list[tuple[str, int]], after: list[tuple[str, int]], score: int, later: int
) -> None:
    world = make_world(sessions, HandClock(), tag=f"-b{next(TAGS)}")
    scanner = Scanner(world, BROWSER)
    for action, number in before:
        scanner.do(action, number)
    page = survey.page(world.deps, world.token)
    world.clock.advance(seconds=5)
    proof = survey.prove(world.deps, world.token, page.nonce, TOUCH, user_agent=BROWSER) or ""
    assert world.post(score, "first words", proof=proof).status == "counted"
    scanner.seen.append({"form": {"score": str(score), "comment": "first words"}, "proof": proof})
    assert world.human(later, "last words").status == "counted"
    calls = len(world.all_outbox())
    for action, number in after:
        scanner.do(action, number)
    response = world.response()
    assert response is not None
    assert (response.status, response.score, response.comment) == ("counted", later, "last words")
    assert len(world.all_outbox()) == calls
    flags = {r.flag for r in world.revisions() if r.at > response.answered_at and r.status == "held"}
    assert flags <= {"after_human"}


@pytest.mark.parametrize(
    ("agent", "proved", "seconds", "reason"),
    [(BROWSER, False, 60, "no_script"), (BROWSER, True, 1, "too_fast"), (SCANNER, True, 60, "scanner"),
     ("python-requests/2.32", False, 60, "scanner")],
)  # fmt: skip
def test_what_is_not_proven_is_held_with_its_reason(
    world: World, clock: HandClock, agent: str, proved: bool, seconds: int, reason: str
) -> None:
    page = survey.page(world.deps, world.token)
    clock.advance(seconds=seconds)
    proof = (survey.prove(world.deps, world.token, page.nonce, TOUCH) or "") if proved else ""
    result = world.post(3, "Hm", proof=proof, user_agent=agent)
    assert (result.status, result.held_reason, result.comment) == ("needs_confirmation", reason, "Hm")
    response = world.response()
    assert response is not None
    assert (response.status, response.held_reason) == ("held", reason)
    assert (world.all_outbox(), world.followups()) == ([], [])
    assert survey.page(world.deps, world.token).score is None


def test_without_script_the_second_choice_counts(world: World, clock: HandClock) -> None:
    first = world.post(9, "Fine work")
    assert first.status == "needs_confirmation"
    clock.advance(seconds=10)
    unchosen = world.post(None, "Fine work", proof=first.confirm)
    assert unchosen.problems == (("score", "missing"),)
    second = world.post(9, "Fine work", proof=first.confirm)
    assert (second.status, second.page.score) == ("counted", 9)
    assert [(r.status, r.flag) for r in world.revisions()] == [("held", "no_script"), ("counted", "")]
    assert world.post(2, "", proof=first.confirm).held_reason == "replay"


def test_a_confirmation_sent_at_once_is_a_machine(world: World, clock: HandClock) -> None:
    first = world.post(9)
    clock.advance(seconds=1)
    assert world.post(9, proof=first.confirm).held_reason == "too_fast"


def test_an_unproven_answer_after_a_human_one_is_a_flagged_version_only(world: World) -> None:
    world.human(9, "Fine work")
    result = world.post(0, "")
    assert (result.status, result.page.score) == ("needs_confirmation", 9)
    response = world.response()
    assert response is not None
    assert (response.score, response.status, response.held_reason) == (9, "counted", "")
    assert [(r.score, r.status, r.flag) for r in world.revisions()] == [
        (9, "counted", ""),
        (0, "held", "after_human"),
    ]


def test_a_machine_that_posts_for_ever_fills_no_table(world: World) -> None:
    for n in range(130):
        world.post(n % 11, f"spam {n}")
    assert len(world.revisions()) == survey.MOST_REVISIONS
