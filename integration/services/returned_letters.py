"""Letters of ours that came back: told by a mail server's notice, believed where it is proven (product.md W14, W19).

Anybody can write to a mailbox and sign as a mail server. So a notice is acted upon by itself only where it quotes what
nobody has but our letter's recipient and the servers on its way: its Message-ID, or the personal link in it. Any other
one waits for a person.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from integration.bitrix.records.mails import Mail
from integration.nps import replies as words
from integration.nps.addresses import email_key
from integration.services import dead_addresses
from integration.store import replies as rows
from integration.store import wave_queries
from integration.store.letters import LetterRow
from integration.store.replies import Addressee, Reply

KIND = "bounce"
RETURNS = timedelta(days=14)  # a letter comes back within so many days: servers try for five
NOTICE = 600  # characters of a mail server's notice that are kept
CONFIRMED = "returned"  # status of a notice that a person has confirmed

_Meant = tuple[Addressee, list[LetterRow]]


def take(
    session: Session,
    portal_id: int,
    listened: Collection[int],
    mail: Mail,
    text: tuple[str, bool],
    now: datetime,
) -> bool:
    """Keep a mail server's notice about a letter of the waves `listened` to, and mark the address if it is proven.

    False: it is no such notice, or about somebody else's letter. A server that still tries leaves no trace.
    """
    whole = words.plain(*text)
    notice = words.returned(mail.address, mail.subject, whole)
    if notice is None or mail.created is None:
        return False
    meant = _letters_meant(session, portal_id, listened, notice.addresses, mail.created)
    if not meant or not notice.final:
        return bool(meant)
    quoted = [found for found in meant if words.quotes(text[0], _secrets(*found))]
    one, sent = (quoted or meant)[0]
    if quoted or not rows.waits(session, portal_id, one.invitation.id, KIND):
        rows.put(
            session, portal_id, mail.id, one, kind=KIND, words=words.own_words(whole)[:NOTICE], proposed=None,
            from_address=mail.address, subject=mail.subject[:300], received_at=mail.created,
            status="noted" if quoted else "new",
        )  # fmt: skip
    if quoted:
        rows.note_bounce(session, portal_id, sent[-1].id, mail.created)
        if notice.dead:
            dead_addresses.mark(session, portal_id, one.invitation.address, KIND, notice.code, now)
        told = f"{one.line.client_kind}:{one.line.client_id} {notice.code}"
        wave_queries.note(session, one.wave, now, "bounced", detail=told)
    return True


def confirm(session: Session, reply: Reply, who: str, now: datetime) -> bool:
    """A person says that a notice is true: the letter is marked as returned and its address takes no mail. False: no
    letter of ours can be meant any more."""
    sent = rows.letters_to(session, reply.portal_id, [reply.invitation_id or 0]).get(
        reply.invitation_id or 0, []
    )
    meant = [row for row in sent if row.handed_at is not None and row.handed_at <= reply.received_at]
    if not meant:
        return False
    letter, notice = meant[-1], words.returned(reply.from_address, reply.subject, reply.words)
    code = notice.code if notice is not None else ""
    rows.note_bounce(session, reply.portal_id, letter.id, reply.received_at)
    dead_addresses.mark(session, reply.portal_id, letter.recipient_address, KIND, code, now)
    wave = wave_queries.wave(session, reply.portal_id, letter.wave_id or 0)
    if wave is not None:
        told = f"{reply.client_kind}:{reply.client_id} {code}"
        wave_queries.note(session, wave, now, "bounced", who, told)
    return True


def _letters_meant(
    session: Session, portal_id: int, listened: Collection[int], addresses: Sequence[str], at: datetime
) -> list[_Meant]:
    """Whose letters a notice may be about, by the most certain of the addresses it names: sent to exactly that address,
    and not long ago."""
    people = rows.addressees(session, portal_id, listened, set(addresses), ())
    letters = rows.letters_to(session, portal_id, [one.invitation.id for one in people])
    order = {address: place for place, address in enumerate(addresses)}
    found: list[_Meant] = []
    for one in sorted(people, key=lambda one: order[one.invitation.address]):
        mine = letters.get(one.invitation.id, ())
        if sent := [row for row in mine if _may_return(row, one.invitation.address, at)]:
            found.append((one, sent))
    return found


def _secrets(one: Addressee, sent: Sequence[LetterRow]) -> list[str]:
    """What only these letters held: their Message-IDs, and the token of the person's links."""
    return [one.invitation.token, *(letter.message_id.strip("<>") for letter in sent)]


def _may_return(letter: LetterRow, address: str, at: datetime) -> bool:
    left = letter.handed_at
    return (
        left is not None
        and email_key(letter.recipient_address) == address
        and left <= at
        and at - left <= RETURNS
    )
