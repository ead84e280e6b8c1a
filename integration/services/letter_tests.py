"""Test letters: a real letter in the agency's own words, to one of its own people only (product.md W4, P7)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from integration.mail.render import MissingFact
from integration.nps.addresses import email_key
from integration.nps.intents import LetterKind
from integration.nps.wording import OwnText
from integration.services import letter_samples, letters
from integration.services.deps import Deps
from integration.services.letter_drafts import Draft
from integration.services.letter_samples import TOKEN, Sample
from integration.services.letter_texts import Own
from integration.store import chores, mailboxes
from integration.store import letters as rows
from integration.store import policies as policy_rows
from integration.store.base import reading, transaction
from integration.store.letters import LetterRow
from integration.store.portals import Staff

PER_HOUR = 20  # test letters of one portal
IDLE = timedelta(minutes=2)  # a worker that was not seen for so long does not run

RefusalCode = Literal["no_sender", "no_address", "not_staff", "too_many", "missing"]
FateCode = Literal[
    "sent", "waiting", "no_server", "server_away", "no_worker", "refused", "unknown", "cancelled"
]


@dataclass(frozen=True, slots=True)
class NotSent:
    """Why no test letter was ordered; `detail` names what is missing."""

    code: RefusalCode
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a test letter. `moment`: UTC, when it left or is tried again; `told`: the mail server's words."""

    letter_id: int
    state: FateCode
    address: str
    sender: str
    moment: datetime | None = None
    told: str = ""

    @property
    def final(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.state in ("sent", "refused", "unknown", "cancelled")


def own_address(deps: Deps, portal_id: int, user_id: int) -> str:
    """The address on an employee's card; empty if there is none."""
    with reading(deps.sessions) as session:
        found = policy_rows.staff(session, portal_id).get(user_id)
    return found.email.strip() if found is not None and found.active else ""


def order(
    deps: Deps,
    portal_id: int,
    letter: LetterKind,
    language: str,
    address: str,
    *,
    client: str = "",
    own: OwnText | None = None,
    once: str = "",
) -> int | NotSent:
    """Queue a letter as a client would get it, addressed to an employee of this portal; its id, or why not.

    `client`: on whose example (`letter_samples`); `own`: words nobody saved yet; `once`: a value of the form, so that
    the same letter ordered twice from one page (a double click) is one letter. It leaves at any hour. At most
    `PER_HOUR` in an hour.
    """
    now = deps.clock.now()
    key = _key(deps, once, letter, language, address, client, own)
    with transaction(deps.sessions) as session:
        if once and (known := rows.by_key(session, portal_id, key)) is not None:
            return known.id
        person = _employee(list(policy_rows.staff(session, portal_id).values()), address)
        if not address.strip():
            return NotSent("no_address")
        if person is None:
            return NotSent("not_staff", address.strip()[:120])
        if rows.tests_since(session, portal_id, now - timedelta(hours=1)) >= PER_HOUR:
            return NotSent("too_many", str(PER_HOUR))
        made = letter_samples.in_session(session, portal_id, letter, language, client, now)
        if made.problem is not None or not made.sender.email.strip():
            return NotSent("no_sender")
        try:
            queued = letters.queue(deps, session, portal_id, _addressed(made, person, own, key), now)
        except MissingFact as error:
            return NotSent("missing", str(error))
        if queued is not None:
            return queued
        known = rows.by_key(session, portal_id, key)  # the other click was a moment faster
        return known.id if known is not None else NotSent("too_many")


def order_from(
    deps: Deps, portal_id: int, sender_key: str, address: str, *, language: str = "", once: str = ""
) -> int | NotSent:
    """Queue the short test letter by one of the senders, to see whether the way of that sender works; as `order`."""
    now = deps.clock.now()
    key = _key(deps, once, sender_key, address)
    with transaction(deps.sessions) as session:
        if once and (known := rows.by_key(session, portal_id, key)) is not None:
            return known.id
        staff = list(policy_rows.staff(session, portal_id).values())
        person = _employee(staff, address)
        if not address.strip():
            return NotSent("no_address")
        if person is None:
            return NotSent("not_staff", address.strip()[:120])
        if rows.tests_since(session, portal_id, now - timedelta(hours=1)) >= PER_HOUR:
            return NotSent("too_many", str(PER_HOUR))
        name = f"{person.name} {person.last_name}".strip()
        made = letters.test_draft(session, portal_id, sender_key, name, person.email, language, key)
        queued = letters.queue(deps, session, portal_id, made, now) if made is not None else None
        if queued is not None:
            return queued
        known = rows.by_key(session, portal_id, key) if made is not None else None
        return known.id if known is not None else NotSent("no_sender")


def _key(deps: Deps, once: str, *of: object) -> str:
    """What makes ordering once: the page and all that the letter depends on; without a page every order is its own."""
    if not once:
        return f"test:{deps.dice.token()}"
    told = "\x1f".join((once, *(repr(one) for one in of)))
    return f"test:{hashlib.sha256(told.encode()).hexdigest()[:40]}"


def fate(deps: Deps, portal_id: int, letter_id: int) -> Fate | None:
    """What became of a test letter of this portal; nothing if there is no such test letter."""
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        row = rows.letter(session, portal_id, letter_id) if 0 < letter_id < 2**31 else None
        seen = chores.last_beat(session)
        box = mailboxes.of(session, portal_id).get(row.sender_key) if row is not None else None
    if row is None or row.kind != "test":
        return None
    ready = deps.mailer.ready or (box is not None and box.way != "operator")
    state, moment, told = _state(row, ready=ready, alive=seen is not None and now - seen < IDLE)
    return Fate(row.id, state, row.recipient_address, row.sender_name, moment, told)


def _state(row: LetterRow, *, ready: bool, alive: bool) -> tuple[FateCode, datetime | None, str]:
    match row.status:
        case "done":
            return "sent", row.sent_at, ""
        case "unknown":
            return "unknown", row.handed_at, ""
        case "cancelled":
            return "cancelled", row.finished_at, row.error
        case "buried":
            return "refused", row.finished_at, row.error.partition(" ")[2]
    if not ready:
        return "no_server", None, ""
    if row.attempts and row.error:
        return "server_away", row.due_at, row.error
    return ("waiting" if alive else "no_worker"), None, ""


def _employee(staff: list[Staff], address: str) -> Staff | None:
    wanted = email_key(address)
    return next((one for one in staff if one.active and wanted and email_key(one.email) == wanted), None)


def _addressed(made: Sample, person: Staff, own: OwnText | None, key: str) -> Draft:
    """The sample as a letter to an employee: greeted by their own name, its links leading to nobody."""
    name = f"{person.name} {person.last_name}".strip()
    words = Own(f"agency/{made.draft.kind}/{made.draft.language}/draft", own) if own else made.draft.own
    return replace(
        made.draft, key=key, recipient_name=name, recipient_address=person.email.strip(),
        facts={**made.draft.facts, "first_name": person.name.strip(), "person": name}, token=TOKEN, test=True,
        own=words,
    )  # fmt: skip
