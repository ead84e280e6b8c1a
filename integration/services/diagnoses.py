"""The facts from which `nps.diagnosis` tells what is wrong with a portal or the installation (product.md T8).

A page opens from what is stored; `look` asks the portal, the mail server and the DNS and keeps what they said.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from integration.bitrix import calls
from integration.bitrix.errors import BitrixError
from integration.nps import diagnosis
from integration.nps.mail_checks import Sending
from integration.nps.workdays import zone_named
from integration.services import checklist, pace, policies, waves_checks
from integration.services.access import PortalRest
from integration.services.calling import yields
from integration.services.checklist import Checklist
from integration.services.deps import Deps
from integration.services.standing import plan_of
from integration.services.waves_checks import Asked
from integration.store import checks, chores, mirror, portals, requests, schema, stuck, vitals
from integration.store.base import reading, transaction
from integration.store.portals import Portal

HARMS = frozenset({"events", "fields", "items", "tab"})  # lines of the check-list whose lack does harm
ANSWERS = 50  # answers whose clock is compared
CLOCKS = timedelta(hours=6)  # how old they may be
FRESH = timedelta(minutes=10)
# What the rules of the rehearsal find about a domain, by the names that `health_words` has for it.
LACKS = {
    "no_spf": "spf", "spf_lacks_server": "spf_server", "spf_broken": "spf_broken", "no_dmarc": "dmarc",
    "dmarc_broken": "dmarc_broken", "dkim_missing": "dkim", "dkim_revoked": "dkim", "dkim_broken": "dkim",
    "dkim_weak": "dkim", "dkim_unsigned": "dkim", "dkim_failed": "dkim", "dkim_foreign": "dkim",
    "no_mail_for_replies": "mx",
}  # fmt: skip


def portal(deps: Deps, portal_id: int) -> diagnosis.Portal | None:
    """What is known of a portal, without asking anybody; nothing if there is no such portal."""
    now = deps.clock.now()
    listed = checklist.read(deps, portal_id)
    with reading(deps.sessions) as session:
        row = portals.get(session, portal_id)
        if row is None:
            return None
        seen = checks.get(session, portal_id)
        looked: dict[str, Any] = dict((seen.found if seen else {}).get("health") or {})
        policy, _ = policies.load(session, portal_id)
        counts = stuck.counts(session, portal_id)
        letters, why = vitals.late_letters(session, portal_id, now - diagnosis.LATE)
        return diagnosis.Portal(
            kind=row.kind, status=row.status, since=row.status_since, installed_at=row.installed_at,
            set_up_at=row.setup_at, synced_at=row.synced_at, worker_at=chores.last_beat(session), problem=row.problem,
            erase_wished_at=row.erase_wished_at,
            answer=_answer(looked, now),
            calls_failed=counts.failed, calls_late=vitals.waiting_call(session, portal_id, now - diagnosis.LATE),
            letters_undecided=counts.letters, letters_late=letters, letters_why=why.partition(" ")[0],
            skew=_skew(session, portal_id, now), senders=len(policy.senders), mail=_mail(deps, looked),
            domains=_domains(looked, {sender.email for sender in policy.senders}),
            our_https=_secure(deps.settings.public_url), their_https=_secure(row.endpoint),
            **_set_up(listed), **_events(session, row), **_limits(session, row, now), **_phone(session, row, now),
        )  # fmt: skip


def _set_up(listed: Checklist | None) -> dict[str, Any]:
    items = {item.code: item for item in (listed.items if listed else ())}
    scopes, read, compared = items.get("scopes"), items.get("first_sync"), items.get("reconciled")
    return {
        "missing_scopes": tuple(scopes.facts.get("missing", ())) if scopes else (),
        "set_up_open": sum(item.code in HARMS for item in (listed.open if listed else ())),
        "reading_given_up": read is not None and read.state == "wrong",
        "reconciled_at": compared.facts.get("at") if compared else None,
        "reconcile_error": bool(compared and compared.facts.get("error")),
    }


def _events(session: Session, row: Portal) -> dict[str, Any]:
    """What the portal last told, and whether it has changed since without a word. Counted only where it matters."""
    heard = checks.last_event(session, row.id)
    changed = max(filter(None, mirror.watermarks(session, row.id).values()), default=None)
    since = max(filter(None, (heard, row.setup_at, row.synced_at)), default=None)
    unheard = 0
    if changed is not None and since is not None and changed - since > diagnosis.DEAF:
        unheard = vitals.changed_since(session, row.id, since)
    return {"heard_at": heard, "changed_at": changed, "unheard": unheard}


def _limits(session: Session, row: Portal, now: datetime) -> dict[str, Any]:
    found = pace.look(session, row.id, now, row.license_family)
    closed = tuple(sorted(found.closed(now)))
    return {
        "closed": closed,
        "closed_since": vitals.held_back(session, row.id, closed) if closed else None,
        "quiet_until": found.not_before if found.not_before and found.not_before > now else None,
    }


def _phone(session: Session, row: Portal, now: datetime) -> dict[str, Any]:
    """Who waits for a call, as the desk would give them out now, and since when nobody has called."""
    people, last, waves = vitals.to_call(session, row.id, now)
    shut = {(wave.id, name) for wave in waves if people for name in yields.shut_zones(session, wave, now)}
    count = sum(n - (ended if (wave, name) in shut else 0) for wave, name, n, ended in people)
    zone = zone_named(row.time_zone)
    plans = filter(None, (plan_of(wave) for wave in waves))
    begun = [datetime.combine(plan.calling, time(), zone) for plan in plans if plan.calling]
    return {"to_call": count, "called_at": max(filter(None, (last, *begun)), default=None)}


def _answer(looked: Mapping[str, Any], now: datetime) -> str | None:
    """What the portal answered, if it was asked just now: an hour later it says nothing any more."""
    at = looked.get("at")
    fresh = at is not None and now - datetime.fromisoformat(at) <= FRESH
    return str(looked.get("portal") or "") if fresh else None


def _skew(session: Session, portal_id: int, now: datetime) -> float | None:
    told = requests.skews(session, portal_id, now - CLOCKS, ANSWERS)
    return median(told) if told else None


def _secure(url: str) -> bool:
    return urlsplit(url).scheme != "http"


def _mail(deps: Deps, looked: Mapping[str, Any]) -> str | None:
    if not deps.mailer.ready:
        return "none"
    found = looked.get("mail")
    return str(found) if found is not None else None


def _domains(looked: Mapping[str, Any], addresses: set[str]) -> dict[str, tuple[str, ...] | None]:
    """What was found about domains from which letters still go."""
    wanted = {_domain_of(address) for address in addresses}
    found = dict(looked.get("domains") or {})
    return {
        name: tuple(lacks) if lacks is not None else None for name, lacks in found.items() if name in wanted
    }


# --- looking


def look(deps: Deps, portal_id: int) -> str:
    """Ask the portal, the mail server and the DNS, and keep what they said. Empty, or why the portal did not answer."""
    with reading(deps.sessions) as session:
        row = portals.get(session, portal_id)
        if row is None:
            return "unknown"
        policy, _ = policies.load(session, portal_id)
        sendings = waves_checks.sendings(deps, session, portal_id, policy)
    code = ""
    if row.status in ("active", "suspended"):
        try:
            PortalRest(deps, portal_id, True).call(calls.server_time())
        except BitrixError as error:
            code = error.code.lower() or "refused"
        except ValueError:
            code = "address_not_allowed"  # http, and the operator does not allow it any more
    zone = Asked(deps.names)
    names = sorted({one.domain for one in sendings} - {""})
    found = {
        "at": deps.clock.now().isoformat(),
        "mail": mail(deps),
        "domains": {name: lacks(zone, [one for one in sendings if one.domain == name]) for name in names},
        "portal": code,
    }
    with transaction(deps.sessions) as session:
        vitals.keep_look(session, portal_id, found)
    return code


def looked_at(deps: Deps, portal_id: int) -> datetime | None:
    """When somebody last had mail, domains and the portal's answer looked at."""
    with reading(deps.sessions) as session:
        seen = checks.get(session, portal_id)
    found = dict((seen.found if seen else {}).get("health") or {})
    at = found.get("at")
    return datetime.fromisoformat(at) if at else None


def mail(deps: Deps) -> str:
    """`none`, empty for a mail server that answers and lets us in, or the code of what went wrong."""
    if not deps.mailer.ready:
        return "none"
    error = deps.mailer.check()
    return "" if error is None else error.code or "refused"


def _domain_of(address: str) -> str:
    return address.rpartition("@")[2].lower()


def lacks(zone: Asked, sendings: list[Sending]) -> list[str] | None:
    """What the domain of these senders lacks, by the very rules of the rehearsal (`mail_checks.verdicts`), as names of
    `health_words`: `spf`, `spf_server`, `spf_broken`, `dmarc`, `dmarc_broken`, `dkim`, `mx`; nothing when the DNS did
    not answer."""
    found: set[str] = set()
    for sending in sendings:
        codes = waves_checks.domain_of(zone, sending)
        if codes is None:
            return None
        found |= {LACKS[code] for code in codes if code in LACKS}
    return [name for name in dict.fromkeys(LACKS.values()) if name in found]


# --- the installation


def installation(deps: Deps, engine: Engine) -> diagnosis.Installation:
    """What is known of the installation; the mail server is asked. A database that cannot be used is all there is."""
    try:
        schema.check(engine)
        size = vitals.size(engine)
        with reading(deps.sessions) as session:
            known = [row for row in portals.everyone(session) if row.status != "uninstalled"]
            beat = chores.last_beat(session)
    except schema.SchemaError as error:
        return diagnosis.Installation(database=str(error), engine=engine.dialect.name)
    except SQLAlchemyError as error:
        why = f"it cannot be used ({type(error).__name__}); check MOLVA_DATABASE_URL"
        return diagnosis.Installation(database=why, engine=engine.dialect.name)
    folder = vitals.folder(engine)
    disk = shutil.disk_usage(folder) if folder is not None and folder.exists() else None
    own = any(row.kind in ("local", "webhook") for row in known)
    return diagnosis.Installation(
        engine=engine.dialect.name, schema=schema.head(), size=size, disk_free=disk.free if disk else None,
        disk_size=disk.total if disk else None, public_url=deps.settings.public_url,
        keys=bool(deps.settings.client_id) or own, portals=len(known), worker_at=beat, mail=mail(deps),
    )  # fmt: skip
