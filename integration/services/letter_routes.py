"""The ways letters leave: the operator's server, a sender's own, the portal's mail (product.md W19).

The way is chosen when a letter is claimed, by the mailbox its sender has at that moment. Letters of one way leave one
after the other over one connection; a way that is out of reach keeps only its own letters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from integration.services import portal_mail
from integration.services.deps import Deps, Mailer, MailError, MailLater, OutgoingLetter
from integration.store import letter_marks, letter_ways, mailboxes
from integration.store.base import reading, transaction
from integration.store.letters import LetterRow

#: Codes of `MailLater` after which the next letter by the same way need not be tried now.
DOWN = frozenset({"connection", "auth", "no_server", "421", "portal_busy", "portal_access"})


@dataclass(frozen=True, slots=True)
class Key:
    """One way: whose, and through which mailbox. `number` tells ways apart: 0 the operator's, above it an own
    mailbox, below it a portal's mail."""

    way: str
    portal_id: int = 0
    mailbox_id: int = 0

    @property
    def number(self) -> int:
        """As `turns` knows it."""
        return self.mailbox_id if self.way == "own" else -self.portal_id

    @property
    def letters(self) -> ColumnElement[bool]:
        """The letters that leave by it."""
        return letter_ways.by_way(self.way, self.portal_id, self.mailbox_id)


@dataclass(slots=True)
class Route:
    """A way that is open for a portion of letters. `send` answers nothing for a letter that was taken, a number for
    an e-mail the portal keeps under it."""

    key: Key
    send: Callable[[LetterRow, datetime], MailError | int | None]
    close: Callable[[], None] = lambda: None
    said: Callable[[MailError | int | None, datetime], None] = lambda outcome, now: None


def due(deps: Deps, session: Session, now: datetime) -> list[Key]:
    """The ways by which letters are to leave now. Without a server of the operator its own wait (interface.md 3)."""
    found = [Key(*one) for one in sorted(letter_ways.due_routes(session, now))]
    return [key for key in found if key.way != "operator" or deps.mailer.ready]


def opened(deps: Deps, key: Key) -> Route:
    """A way, ready to take letters; nothing is connected yet."""
    if key.way == "operator":
        return Route(key, partial(_hand_over, deps, deps.mailer), deps.mailer.close)
    if key.way == "portal":
        return Route(key, lambda row, now: portal_mail.send(deps, key.portal_id, row))
    with reading(deps.sessions) as session:
        box = mailboxes.by_number(session, key.portal_id, key.mailbox_id)
    url = (box.smtp_url if box is not None else None) or ""
    try:
        mailer = deps.mailers(url)
    except ValueError:
        return Route(key, lambda row, now: MailLater("connection", "no_address"))
    known = box.check_code if box is not None else ""
    return Route(key, partial(_hand_over, deps, mailer), mailer.close, _Mindful(deps, key, url, known).heard)


def outgoing(row: LetterRow, now: datetime) -> OutgoingLetter:
    """A stored letter as a mail server gets it."""
    return OutgoingLetter(
        sender_key=row.sender_key,
        sender_name=row.sender_name,
        sender_address=row.sender_address,
        recipient_name=row.recipient_name,
        recipient_address=row.recipient_address,
        subject=row.subject,
        body_text=row.body_text,
        body_html=row.body_html,
        message_id=row.message_id,
        headers=row.headers,
        sent_at=now,
    )


def is_down(outcome: MailError | int | None) -> bool:
    """Whether a way is out of reach: the server is, or it does not let us in."""
    return isinstance(outcome, MailLater) and outcome.code in DOWN


def _hand_over(deps: Deps, mailer: Mailer, row: LetterRow, now: datetime) -> MailError | int | None:
    if (
        letter_marks.of(row) is not None
    ):  # given to the portal before its sender's way was changed: it may have gone
        return portal_mail.cleared_up(deps, row.portal_id, row)
    return mailer.send([outgoing(row, now)])[0]


@dataclass(slots=True)
class _Mindful:
    """Keeps with an own mailbox whether its server lets us in, as the letters find it; written when it changes."""

    deps: Deps
    key: Key
    url: str
    known: str

    def heard(self, outcome: MailError | int | None, now: datetime) -> None:
        """What became of a letter."""
        code = why(outcome) if is_down(outcome) else ""
        if code != self.known:
            with transaction(self.deps.sessions) as session:
                mailboxes.checked(session, self.key.portal_id, self.key.mailbox_id, self.url, code, now)
            self.known = code


def why(outcome: MailError | int | None) -> str:
    """Why a server is out of reach, in a word: the cause of a lost connection, `auth`, or the reply code."""
    if not isinstance(outcome, MailError):
        return ""
    return (
        (outcome.args[0].partition(" ")[2] or outcome.code) if outcome.code == "connection" else outcome.code
    )
