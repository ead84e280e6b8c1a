"""Letters through the portal's own mail: an e-mail in the contact's card, sent by Bitrix24 (W19, bitrix24.md 13.2).

The portal offers no idempotency: a request that breaks off may have sent the letter. So every attempt carries a mark of
its own, written down before the request, and whatever is unclear is looked up in the card by that mark before anything
goes once more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from sqlalchemy.orm import Session

from integration.bitrix.call import Probe, created_id, found_by
from integration.bitrix.errors import BitrixError, Refused, Retryable
from integration.bitrix.mails import mail_probe, mail_send
from integration.logs import log
from integration.nps.addresses import email_key
from integration.nps.policy import Sender
from integration.services import policies
from integration.services.access import PortalRest
from integration.services.deps import Deps, MailError, MailLater, MailRefused, MailUnknown
from integration.store import letter_marks
from integration.store import policies as policy_rows
from integration.store import portals as portal_rows
from integration.store.base import reading, transaction
from integration.store.letters import LetterRow
from integration.store.portals import Staff
from integration.store.waves import Invitation

STILL_RUNS = timedelta(seconds=65)  # the portal ends a request at sixty seconds (bitrix24.md 5.2)
Unfit = Literal["", "no_employee", "dismissed", "other_address"]


@dataclass(frozen=True, slots=True)
class _Scene:
    """What a letter needs of the portal: the contact whose card it goes into, and the employee who sends it."""

    contact_id: int
    responsible: int


def unfit(session: Session, portal_id: int, sender: Sender) -> Unfit:
    """Why the portal's mail cannot carry this sender's letters, as far as can be known; empty if it can.

    `no_employee`: the portal knows nobody of this address; `dismissed`; `other_address`: the employee's address in the
    portal is another one, and the portal sends only from mailboxes it knows. That the mailbox is connected there shows
    with the first letter.
    """
    person = _employee(session, portal_id, sender.user_id, sender.email)
    if person is None:
        return "no_employee"
    if not person.active:
        return "dismissed"
    return "" if email_key(person.email) == email_key(sender.email) else "other_address"


def send(deps: Deps, portal_id: int, letter: LetterRow) -> MailError | int:
    """Send one letter that was handed over (`handed_at` is committed); the id of its e-mail in the contact's card.

    Errors, as a mail server's: `MailLater` (`portal_busy`, `portal_access`: nothing went; `in_doubt`: it may have
    gone, the next call looks first), `MailUnknown` (`send_error`: the card has it, the portal could not send it, so
    people decide), `MailRefused` (`no_card`, `no_employee`, `dismissed`, `portal_refused`; never the recipient's
    fault). To be called outside of any transaction, and again for the same row until it is none of `MailLater`.
    """
    if letter_marks.of(letter) is not None:
        return cleared_up(deps, portal_id, letter)
    with reading(deps.sessions) as session:
        scene = _scene(session, portal_id, letter)
    if isinstance(scene, MailError):
        return scene
    return _first(deps, portal_id, letter, scene, PortalRest(deps, portal_id))


def cleared_up(deps: Deps, portal_id: int, letter: LetterRow) -> MailError | int:
    """Look what became of an attempt in doubt, by whatever way the letter would leave now; sends nothing.

    The id of the e-mail, or `MailLater` `in_doubt`: look once more; when the portal has ended the attempt without a
    trace the mark is dropped, and the letter is looked at anew like any other.
    """
    earlier = letter_marks.of(letter)
    with reading(deps.sessions) as session:
        invitation = session.get(Invitation, letter.invitation_id) if letter.invitation_id else None
    if earlier is None or invitation is None or invitation.portal_id != portal_id:
        return MailUnknown("in_doubt")  # the card it went into is not known any more
    try:
        found = _look(PortalRest(deps, portal_id), mail_probe(invitation.contact_id, earlier.text))
    except BitrixError:
        return MailLater("in_doubt")
    if found is None and deps.clock.now() - earlier.at >= STILL_RUNS:
        _forget(deps, letter)
    return found if found is not None else MailLater("in_doubt")


def _first(deps: Deps, portal_id: int, letter: LetterRow, scene: _Scene, rest: PortalRest) -> MailError | int:
    """Write a new mark down, then send under it."""
    now = deps.clock.now()
    mark = letter_marks.new(letter, now)
    with transaction(deps.sessions) as session:
        if not letter_marks.keep(session, letter, mark):
            return MailLater("lease_lost")
    call = mail_send(
        scene.contact_id, letter.recipient_address, subject=letter.subject,
        html=letter.body_html or letter.body_text, responsible=scene.responsible, sender_name=letter.sender_name,
        sender_address=letter.sender_address, mark=mark.text, now=now,
    )  # fmt: skip
    try:
        made = created_id(rest.call(call).result)
        return made if made else _after_doubt(rest, call.probe)
    except Refused as error:
        return _after_refusal(deps, portal_id, letter, rest, call.probe, error)
    except Retryable as error:
        if error.effect == "unknown":
            return _after_doubt(rest, call.probe)
        _forget(deps, letter)
        return _not_now(error)
    except BitrixError as error:
        _forget(deps, letter)
        return _not_now(error)


def _after_doubt(rest: PortalRest, probe: Probe | None) -> MailError | int:
    """No answer: the card tells, at once or, while the portal may still be at it, later."""
    try:
        found = _look(rest, probe) if probe else None
    except BitrixError:
        return MailLater("in_doubt")
    return found if found is not None else MailLater("in_doubt")


def _after_refusal(
    deps: Deps, portal_id: int, letter: LetterRow, rest: PortalRest, probe: Probe | None, error: Refused
) -> MailError:
    """The portal said no. If the card has the e-mail nevertheless, it was recorded and then could not be sent."""
    try:
        found = _look(rest, probe) if probe else None
    except BitrixError:
        return MailLater("in_doubt")
    _forget(deps, letter)  # whatever people decide, the next attempt is a new one
    log(__name__).warning("letter.portal_refused", portal=portal_id, letter=letter.id, code=error.code)
    if found is not None:
        return MailUnknown("send_error", f"activity {found}")
    return MailRefused("portal_refused", error.code, recipient=False)


def _look(rest: PortalRest, probe: Probe) -> int | None:
    return found_by(probe, rest.call(probe.call()).result)


def _not_now(error: BitrixError) -> MailError:
    """Nothing went: the portal is busy, or not to be reached with our access."""
    if isinstance(error, Retryable):
        return MailLater("portal_busy", error.code)
    if isinstance(error, Refused):
        return MailRefused("portal_refused", error.code, recipient=False)
    return MailLater("portal_access", error.code)


def _forget(deps: Deps, letter: LetterRow) -> None:
    with transaction(deps.sessions) as session:
        letter_marks.forget(session, letter)


def _scene(session: Session, portal_id: int, letter: LetterRow) -> _Scene | MailError:
    invitation = session.get(Invitation, letter.invitation_id) if letter.invitation_id else None
    if invitation is None or invitation.portal_id != portal_id:
        return MailRefused("no_card", recipient=False)  # the portal sends nothing without a card to put it in
    policy, _ = policies.load(session, portal_id)
    sender = policy.sender(letter.sender_key)
    person = _employee(session, portal_id, sender.user_id if sender else None, letter.sender_address)
    if person is None:
        return MailRefused("no_employee", recipient=False)
    if not person.active:
        return MailRefused("dismissed", recipient=False)
    return _Scene(invitation.contact_id, person.user_id)


def _employee(session: Session, portal_id: int, user_id: int | None, address: str) -> Staff | None:
    """The employee chosen for a sender, else the one who has this address in the portal."""
    chosen = portal_rows.employee(session, portal_id, user_id) if user_id else None
    if chosen is not None:
        return chosen
    key = email_key(address)
    same = [
        row for row in policy_rows.staff(session, portal_id).values() if key and email_key(row.email) == key
    ]
    return min(same, key=lambda row: (not row.active, row.user_id), default=None)
