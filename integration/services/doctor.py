"""What is wrong with an installation and what to do about it, in an operator's words (`molva doctor`)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from integration.bitrix import calls
from integration.bitrix.errors import BitrixError
from integration.nps.policy import Sender
from integration.services import policies, portals
from integration.services.deps import Deps
from integration.store import chores, schema
from integration.store.base import reading
from integration.store.portals import Portal

STALE = timedelta(minutes=2)
SKEW = timedelta(minutes=2)
LEVELS = 3  # how far up a DMARC record is looked for


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, whether it is fine, and the sentence for the operator."""

    what: str
    ok: bool
    text: str

    def as_dict(self) -> dict[str, Any]:
        """The finding as plain data."""
        return asdict(self)


def examine(deps: Deps, engine: Engine) -> list[Finding]:
    """Check database, mail server, worker, portals and senders' domains, in this order.

    A database that cannot be used ends the examination: the rest stands in it.
    """
    findings = [_database(engine)]
    if not findings[0].ok:
        return findings
    findings += [_mail(deps), _worker(deps)]
    with reading(deps.sessions) as session:
        rows = session.scalars(select(Portal).order_by(Portal.id)).all()
        senders = {row.id: _senders(session, row.id) for row in rows}
    if not rows:
        findings.append(Finding("portals", False, "none yet: install the application in a portal"))
    for row in rows:
        findings.append(_portal(deps, row))
        findings += [
            _domain(deps, domain) for domain in sorted({_domain_of(s.email) for s in senders[row.id]} - {""})
        ]
    return findings


def _database(engine: Engine) -> Finding:
    try:
        schema.check(engine)
    except schema.SchemaError as error:
        return Finding("database", False, str(error))
    except SQLAlchemyError as error:
        return Finding(
            "database", False, f"cannot be used ({type(error).__name__}); check MOLVA_DATABASE_URL"
        )
    return Finding("database", True, f"{engine.dialect.name}, schema {schema.head()}")


def _mail(deps: Deps) -> Finding:
    if not deps.mailer.ready:
        return Finding("mail server", False, "MOLVA_SMTP_URL is not set: letters wait until it is")
    error = deps.mailer.check()
    if error is None:
        return Finding("mail server", True, "answers and lets us in")
    return Finding(
        "mail server", False, f"{error.code}: check host, port, user and password in MOLVA_SMTP_URL"
    )


def _worker(deps: Deps) -> Finding:
    with reading(deps.sessions) as session:
        seen = chores.last_beat(session)
    if seen is None:
        return Finding("worker", False, "has never run; start it with: molva worker")
    age = deps.clock.now() - seen
    if age > STALE:
        return Finding(
            "worker",
            False,
            f"was last seen {int(age.total_seconds() // 60)} minutes ago; start: molva worker",
        )
    return Finding("worker", True, "is running")


ADVICE = {
    "new": "is registered; open the application in it as an administrator",
    "suspended": "lets no application in (its subscription lapsed); work resumes by itself",
    "reauthorise": "does not accept our keys any more; let any administrator open the application once",
    "uninstalled": "has removed the application",
}


def _portal(deps: Deps, row: Portal) -> Finding:
    what = f"portal {row.domain}"
    if row.status in ADVICE:
        return Finding(what, row.status == "uninstalled", ADVICE[row.status])
    try:
        answer = portals.rest_for(deps, row.id).call(calls.server_time())
        theirs = _moment(answer.result)
    except BitrixError as error:
        return Finding(what, False, f"does not answer as it should ({error.code or 'no code'})")
    skew = abs(deps.clock.now() - theirs) if theirs else timedelta(0)
    if skew > SKEW:
        return Finding(
            what,
            False,
            f"has a clock {int(skew.total_seconds())} seconds from ours; set this machine's clock",
        )
    synced = "and is synchronised" if row.synced_at else "and is being synchronised"
    return Finding(what, True, f"answers {synced}")


def _moment(value: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo else None


def _senders(session: Session, portal_id: int) -> tuple[Sender, ...]:
    return policies.load(session, portal_id)[0].senders


def _domain_of(address: str) -> str:
    return address.rpartition("@")[2].lower()


def _domain(deps: Deps, domain: str) -> Finding:
    """SPF and DMARC of a sender's domain: without them letters end among spam."""
    what = f"domain {domain}"
    texts, policy = deps.names.texts(domain), _dmarc(deps, domain)
    if texts is None or policy is None:
        return Finding(what, False, "the DNS did not answer; try again")
    missing = []
    if not any(text.lower().startswith("v=spf1") for text in texts):
        missing.append("an SPF record")
    if not policy:
        missing.append("a DMARC record")
    if deps.names.takes_mail(domain) is False:
        missing.append("a mail exchanger, so replies would be lost")
    if missing:
        return Finding(what, False, f"lacks {' and '.join(missing)}")
    return Finding(what, True, "has SPF and DMARC and takes mail")


def _dmarc(deps: Deps, domain: str) -> bool | None:
    """A DMARC record of the domain or of one above it (RFC 7489 6.6.3)."""
    labels = domain.split(".")
    for start in range(min(LEVELS, len(labels) - 1)):
        texts = deps.names.texts("_dmarc." + ".".join(labels[start:]))
        if texts is None:
            return None
        if any(text.lower().startswith("v=dmarc1") for text in texts):
            return True
    return False
