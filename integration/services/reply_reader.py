"""Reading the portal's incoming e-mail for what people wrote back to our letters (product.md W18, W19).

Who wrote and about what is read of every e-mail since the survey began; the words only of those that answer a letter
of ours, or are a mail server's notice. What is nobody's answer leaves no trace here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from integration.bitrix.call import rows_at
from integration.bitrix.errors import Refused
from integration.bitrix.mails import mail_get, mails_in
from integration.bitrix.records import read_all
from integration.bitrix.records.mails import Mail, text_of
from integration.logs import log
from integration.nps import replies as words
from integration.nps.addresses import email_key
from integration.nps.people import Team
from integration.nps.policy import Policy
from integration.nps.policy_checks import RANGES
from integration.services import policies, returned_letters
from integration.services.access import PortalRest
from integration.services.deps import Deps
from integration.store import replies as rows
from integration.store.base import reading, transaction
from integration.store.letters import LetterRow
from integration.store.replies import Addressee
from integration.store.waves import Wave

PAGE = 50  # e-mails in one answer of the portal
PAGES = 10  # read in one go
SETTLED = timedelta(
    minutes=2
)  # e-mails younger than that are listed once more: ids are given before rows appear
MOST_EDIT_DAYS = timedelta(days=RANGES["edit_days"][1])


@dataclass(frozen=True, slots=True)
class _Scene:
    """The waves listened to, and what is needed to tell whose mailbox a letter came from."""

    waves: Sequence[Wave]
    policy: Policy
    team: Team

    @property
    def ids(self) -> list[int]:
        return [wave.id for wave in self.waves]

    @property
    def since(self) -> datetime:
        """Nothing older can be an answer."""
        return min(wave.approved_at or wave.planned_at for wave in self.waves)

    def mailbox(self, letter: LetterRow) -> int | None:
        """The employee in whose name a letter went."""
        sender = self.policy.sender(letter.sender_key)
        if sender is not None and sender.user_id:
            return sender.user_id
        key = email_key(letter.sender_address)
        return next((one.user_id for one in self.team.staff.values() if email_key(one.email) == key), None)


@dataclass(frozen=True, slots=True)
class _Hit:
    """An e-mail that somebody sent whom we had asked."""

    mail: Mail
    whose: Addressee


def listened_to(session: Session, portal_id: int, now: datetime) -> list[Wave]:
    """Waves that run, and those closed so lately that an answer may still be corrected (product.md S3)."""
    found = rows.listened_to(session, portal_id, now - MOST_EDIT_DAYS)
    return [wave for wave in found if wave.stage != "closed" or _fresh(session, wave, now)]


def _fresh(session: Session, wave: Wave, now: datetime) -> bool:
    days = policies.load_version(session, wave.portal_id, wave.policy_version).edit_days
    return wave.closed_at is not None and now - wave.closed_at < timedelta(days=days)


def read(deps: Deps, portal_id: int) -> bool:
    """Read what has come since the last time, at most `PAGES` pages; True if there is more.

    Nothing is asked of the portal while no survey is listened to. Raises `BitrixError`; what was read before is kept.
    """
    now = deps.clock.now()
    with reading(deps.sessions) as session:
        waves = listened_to(session, portal_id, now)
        if not waves:
            return False
        scene = _Scene(waves, policies.load(session, portal_id)[0], policies.team(session, portal_id))
        after, _ = rows.mark(session, portal_id)
    rest = PortalRest(deps, portal_id)
    for _ in range(PAGES):
        listed = rows_at(rest.call(mails_in(after, scene.since)).result)
        mails, _ = read_all(Mail.read, listed)
        _take(deps, portal_id, scene, rest, mails)
        if len(listed) < PAGE or not mails:
            return False
        after = max(mail.id for mail in mails)
    return True


def _take(deps: Deps, portal_id: int, scene: _Scene, rest: PortalRest, mails: Sequence[Mail]) -> None:
    """Keep what one page holds, and how far it goes, in one commit."""
    with reading(deps.sessions) as session:
        seen = rows.known(session, portal_id, [mail.id for mail in mails])
        fresh = [mail for mail in mails if mail.id not in seen]
        hits = _answering(session, portal_id, scene, fresh)
    notices = [mail for mail in fresh if words.looks_returned(mail.address, mail.subject)]
    wanted = {mail.id for mail in notices} | {hit.mail.id for hit in hits}
    texts = _texts(rest, portal_id, sorted(wanted))
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        returned = {
            mail.id
            for mail in notices
            if mail.id in texts
            and returned_letters.take(session, portal_id, scene.ids, mail, texts[mail.id], now)
        }
        for hit in hits:
            if hit.mail.id in texts and hit.mail.id not in returned:
                _keep(session, portal_id, hit, texts[hit.mail.id], now)
        old = [mail.id for mail in mails if mail.created is None or mail.created <= now - SETTLED]
        last, _ = rows.mark(session, portal_id)
        rows.set_mark(session, portal_id, max([last, *old]), now)


def _answering(session: Session, portal_id: int, scene: _Scene, mails: Sequence[Mail]) -> list[_Hit]:
    """The e-mails of people whom we had asked, that are about our letter; two queries for the whole page."""
    addresses = {email_key(mail.address) for mail in mails} - {""}
    contacts = {contact for mail in mails for contact in mail.contacts}
    people = rows.addressees(session, portal_id, scene.ids, addresses, contacts)
    letters = rows.letters_to(session, portal_id, [one.invitation.id for one in people])
    found = []
    for mail in mails:
        whose = _whose(mail, people, letters, scene)
        if whose is not None:
            found.append(_Hit(mail, whose))
    return found


def _whose(
    mail: Mail, people: Sequence[Addressee], letters: Mapping[int, Sequence[LetterRow]], scene: _Scene
) -> Addressee | None:
    """Whose answer an e-mail is: by the address first; by the card it hangs on, then only with our letter's subject."""
    key = email_key(mail.address)
    same = [one for one in people if key and one.invitation.address == key]
    carded = [one for one in people if one not in same and one.invitation.contact_id in mail.contacts]
    for one in [*same, *carded]:
        ours = [
            words.Letter(row.subject, scene.mailbox(row), row.handed_at)
            for row in letters.get(one.invitation.id, ())
            if row.handed_at is not None
        ]
        mailbox = mail.responsible if one in same else None
        if mail.created is not None and words.answers(mail.subject, mailbox, mail.created, ours):
            return one
    return None


def _texts(rest: PortalRest, portal_id: int, ids: Collection[int]) -> dict[int, tuple[str, bool]]:
    """The words of these e-mails; one that has gone meanwhile, or that we may not read, is left out."""
    if not ids:
        return {}
    got = rest.batch({str(number): mail_get(number) for number in ids})
    for error in got.errors.values():
        if not isinstance(error, Refused):
            raise error
    if got.errors:
        log(__name__).info("replies.not_readable", portal=portal_id, mails=len(got.errors))
    return {int(key): text_of(answer.result) for key, answer in got.answers.items()}


def _keep(session: Session, portal_id: int, hit: _Hit, text: tuple[str, bool], now: datetime) -> None:
    """One reply for people to look at; an absence needs no decision."""
    mail = hit.mail
    found = words.read(mail.address, mail.subject, words.plain(*text))
    rows.put(
        session, portal_id, mail.id, hit.whose, from_address=mail.address, subject=mail.subject[:300],
        received_at=mail.created or now, kind=found.kind, words=found.words, proposed=found.score,
        status="noted" if found.kind == "absence" else "new",
    )  # fmt: skip
