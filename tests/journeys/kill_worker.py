"""A process of the product that is told what to do and at which moment, and may be killed at any line.

As a worker it does everything that is due, by the product's own table of ticks; as a web process it takes what people
do: approve, answer, correct.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from typing import Any

import structlog
from cryptography.fernet import Fernet, MultiFernet

import integration.services
import integration.store
from integration.adapters import KeySigner, OAuthServers, PooledRest, SecretDice, reporter
from integration.bitrix.oauth import OAuthClient
from integration.mail.smtp import SmtpMailer, SmtpServer
from integration.nps.people import ClientKey
from integration.services import corrections, survey, waves
from integration.services.calling import desk, record
from integration.services.calling.types import Caller
from integration.services.deps import Deps, Settings
from integration.store.base import Vault, make_engine, make_sessions
from integration.worker import clock as ticks
from tests.journeys.kill_points import DeadlyPortals, Strikes, arm
from tests.services.survey_world import BROWSER, TOUCH

for _package in (integration.services, integration.store):
    for _module in pkgutil.iter_modules(_package.__path__):
        importlib.import_module(f"{_package.__name__}.{_module.name}")


@dataclass(frozen=True)
class Setup:
    """Where everything is. `settings`: those of the product; `oauth`: the authorisation server."""

    url: str
    key: bytes
    settings: Settings
    oauth: str
    smtp: int
    name: str


@dataclass
class OwnClock:
    """The moment of the order under way."""

    moment: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


def deps_of(setup: Setup, clock: Any) -> Deps:
    """The product's own parts, as `integration.app` puts them together."""
    Vault.configure(MultiFernet([Fernet(setup.key)]))
    return Deps(
        sessions=make_sessions(make_engine(setup.url)), clock=clock,
        settings=replace(setup.settings, worker_name=setup.name),
        rest=PooledRest(allow_http=True, observer=reporter),
        oauth=OAuthServers(OAuthClient((setup.oauth,), allow_http=True)),
        mailer=SmtpMailer(SmtpServer.parse(f"smtp://127.0.0.1:{setup.smtp}"), timeout=120),
        signer=KeySigner(("a-test-key",)), dice=SecretDice(),
    )  # fmt: skip


def main(orders: Connection, setup: Setup, strikes: Strikes) -> None:
    """Take orders until there are no more: `(verb, moment, arguments)`, each answered when it is done."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    clock = OwnClock()
    deps = deps_of(setup, clock)
    arm(deps.sessions.kw["bind"], strikes)
    deps = replace(deps, rest=DeadlyPortals(deps.rest, strikes))
    while (order := orders.recv()) is not None:
        verb, clock.moment, given = order
        try:
            orders.send(("done", VERBS[verb](deps, clock, *given)))
        except Exception as error:  # told to whoever gave the order, who fails then
            orders.send(("failed", f"{verb}: {type(error).__name__}: {error}"))


def _work(deps: Deps, _clock: OwnClock) -> bool:
    """Everything due at this moment; whether there was anything."""
    return ticks.run_once(deps, limit=500) > 1


def _answer(deps: Deps, clock: OwnClock, token: str, score: int, comment: str) -> str:
    """What a person with a browser does: open, touch, choose, write, send."""
    page = survey.page(deps, token)
    clock.moment += timedelta(seconds=5)
    proof = survey.prove(deps, token, page.nonce, TOUCH, user_agent=BROWSER) or ""
    form = {"score": str(score), "comment": comment}
    return survey.answer(deps, token, form, proof=proof, user_agent=BROWSER).status


def _correct(deps: Deps, _clock: OwnClock, portal_id: int, client: int, response: int, score: int) -> str:
    form = {"score": str(score), "comment": "", "reason": "said so on the phone"}
    return corrections.correct(
        deps, portal_id, ClientKey("company", client), response, form, seen=1, who="Anna Admin"
    )


def _rehearse(deps: Deps, _clock: OwnClock, portal_id: int, wave_id: int) -> list[str]:
    """Look it through; what stands in the way of an approval."""
    try:
        return [
            str(finding["code"])
            for finding in waves.rehearse(deps, portal_id, wave_id, "Anna Admin")["errors"]
        ]
    except waves.WaveError as error:
        return [error.code]


def _approve(deps: Deps, _clock: OwnClock, portal_id: int, wave_id: int) -> str:
    """Once more after a restart: whoever pressed the button twice is told that it is approved already."""
    try:
        waves.approve(deps, portal_id, wave_id, "Anna Admin")
    except waves.WaveError as error:
        return error.code
    return ""


def _caller(portal_id: int, user: int) -> Caller:
    return Caller(portal_id, f"user:{user}", f"Caller {user}", user_id=user, language="ru")


def _take(deps: Deps, _clock: OwnClock, portal_id: int, user: int) -> tuple[str, int] | None:
    """Who pressed twice keeps the client in hand: the value of the reservation, the invitation."""
    caller = _caller(portal_id, user)
    if desk.take(deps, caller) != "taken":
        return None
    card = desk.page(deps, caller).card
    return (card.key, card.invitation_id) if card is not None else None


def _call(
    deps: Deps, _clock: OwnClock, portal_id: int, user: int, key: str, form: dict[str, str]
) -> tuple[str, int | None]:
    """Post what came of a call; a browser whose post broke off sends the same once more."""
    done = record.record(deps, _caller(portal_id, user), key, form)
    return done.status, done.attempt_id


def _take_back(deps: Deps, _clock: OwnClock, portal_id: int, user: int, attempt_id: int) -> str:
    return record.undo(deps, _caller(portal_id, user), attempt_id)


VERBS: dict[str, Callable[..., Any]] = {
    "work": _work,
    "answer": _answer,
    "correct": _correct,
    "rehearse": _rehearse,
    "approve": _approve,
    "take": _take,
    "call": _call,
    "take back": _take_back,
}
