"""What is wrong with an installation or one of its portals, from facts alone (product.md T8).

Every rule is here and nowhere else: `molva doctor` and the health page show what these functions find, each in
its own words. A finding is a code, how bad it is, and what the words for it need. Moments are aware UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

Level = Literal["danger", "warn", "info", "ok"]
Area = Literal[
    "access", "set_up", "data", "events", "worker", "calls", "letters", "limits", "clock", "mail", "address",
    "database", "portals", "phone",
]  # fmt: skip
SETTLING = timedelta(hours=1)  # an installation younger than that is still setting itself up
LONG_READING = timedelta(hours=24)  # the first synchronisation of a large portal takes hours, not days
SILENT_WORKER = timedelta(minutes=3)
LATE_LOOK = timedelta(hours=2)  # behind the plan of reconciliation
DEAF = timedelta(hours=1)  # changes that much younger than the last notice were never told
FEW = 3  # lost notices happen; so many in a row do not
LATE = timedelta(hours=1)  # calls and letters that should have gone that long ago
IDLE = timedelta(days=3)  # without a call while people wait for one: longer than a weekend
SKEW = 60.0  # seconds
SMALL_DISK = 1024**3  # bytes
SMALL_SHARE = 0.1
# What follows from a worker that stands still, and needs no words of its own.
FOLLOWS = frozenset({"not_compared", "calls_late", "letters_late", "reading_slow", "exhausted", "not_set_up"})
OUR_KEYS = frozenset({"invalid_client", "wrong_client"})  # what was refused are the application's own keys
_ORDER: Mapping[Level, int] = {"danger": 0, "warn": 1, "info": 2, "ok": 3}


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of an examination. `ok` is a finding too: it says what was looked at."""

    area: Area
    code: str
    level: Level
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Portal:
    """What is known of one portal. `status` as stored; `problem`: code of what people were told last; `answer`: empty
    or the code of its answer just now, nothing where nobody asked.

    `erase_wished_at`: when somebody told of a removal with erasing that nobody could prove;
    `missing_scopes` of the application; `set_up_open`: lines of the check-list that a person should look at;
    `unheard`: changes that reconciliation found later than `heard_at`, the last notice of the portal;
    `calls_failed`, `letters_undecided` wait for a person; `calls_late`: since when the oldest call waits that was tried
    in vain, or not at all; `letters_late`: how many letters do not leave, `letters_why` their reason; `closed`: methods
    whose execution budget is used up, `closed_since` when the oldest call that waits for them was wanted;
    `quiet_until`: the portal takes nothing before; `skew`: its clock minus ours, seconds; `mail`: empty or the reason
    why the mail server cannot be used, nothing where nobody looked; `domains`: what the senders' domains lack, nothing
    for one the DNS did not answer about.
    """

    kind: str
    status: str
    since: datetime | None
    installed_at: datetime
    set_up_at: datetime | None
    synced_at: datetime | None
    worker_at: datetime | None
    problem: str = ""
    answer: str | None = None
    missing_scopes: tuple[str, ...] = ()
    set_up_open: int = 0
    reading_given_up: bool = False
    reconciled_at: datetime | None = None
    reconcile_error: bool = False
    heard_at: datetime | None = None
    unheard: int = 0
    changed_at: datetime | None = None
    calls_failed: int = 0
    calls_late: datetime | None = None
    letters_undecided: int = 0
    letters_late: int = 0
    letters_why: str = ""
    closed: tuple[str, ...] = ()
    closed_since: datetime | None = None
    quiet_until: datetime | None = None
    skew: float | None = None
    senders: int = 0
    mail: str | None = None
    domains: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    erase_wished_at: datetime | None = None
    our_https: bool = True
    their_https: bool = True
    to_call: int = 0  # people of surveys in their calling days who may be called
    called_at: datetime | None = (
        None  # the last call in these surveys, else the beginning of their calling days
    )


@dataclass(frozen=True, slots=True)
class Installation:
    """What is known of the whole installation. `database`: empty, or why it cannot be used; `engine`: its kind.

    Sizes in bytes; `disk_free` nothing where the database is elsewhere.
    """

    database: str = ""
    engine: str = "sqlite"
    schema: str = ""
    size: int | None = None
    disk_free: int | None = None
    disk_size: int | None = None
    public_url: str = ""
    keys: bool = True  # of the application, or of local ones
    portals: int = 0
    worker_at: datetime | None = None
    mail: str | None = None


def portal(known: Portal, now: datetime) -> tuple[Finding, ...]:
    """What is wrong with a portal, the worst first, then what is fine."""
    found = list(_access(known))
    if known.status == "active":
        for rule in (
            _set_up,
            _data,
            _events,
            _worker,
            _calls,
            _letters,
            _phone,
            _limits,
            _clock,
            _senders,
            _address,
        ):
            found += rule(known, now)
    elif known.status == "suspended":
        found += _worker(known, now)
    if any(one.area == "worker" and one.level == "danger" for one in found):
        found = [one for one in found if one.code not in FOLLOWS]
    return _sorted(found)


def installation(known: Installation, now: datetime) -> tuple[Finding, ...]:
    """What is wrong with the installation itself, the worst first. A database that cannot be used ends it."""
    if known.database:
        return (Finding("database", "database", "danger", {"why": known.database}),)
    found = [*_room(known), *_worker(known, now), *_mail(known.mail), *_public(known)]
    if not known.keys:
        found.append(Finding("portals", "no_keys", "warn"))
    if not known.portals:
        found.append(Finding("portals", "no_portals", "warn"))
    return _sorted(found)


def _sorted(found: list[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(found, key=lambda one: _ORDER[one.level]))


def worst(found: tuple[Finding, ...]) -> Level:
    """How bad it is altogether."""
    return min((one.level for one in found), key=lambda level: _ORDER[level], default="ok")


def _access(known: Portal) -> Iterator[Finding]:
    since = {"since": known.since}
    if known.status == "suspended":
        yield Finding("access", "suspended", "danger", since)
    elif known.status == "reauthorise" and known.problem.rpartition(":")[2] in OUR_KEYS:
        yield Finding("access", "own_keys", "danger", since)
    elif known.status == "reauthorise" and known.erase_wished_at is not None:
        yield Finding("access", "removal_unproven", "danger", {"since": known.erase_wished_at})
    elif known.status == "reauthorise":
        yield Finding("access", "reauthorise", "danger", since | {"webhook": known.kind == "webhook"})
    elif known.status == "undecided":
        yield Finding("access", "undecided", "danger", since)
    elif known.status == "uninstalled":
        yield Finding("access", "uninstalled", "info", since)
    elif known.status != "active":
        yield Finding("access", "not_opened", "warn", {"since": known.installed_at})
    elif known.answer:
        yield Finding("access", "no_answer", "danger", {"code": known.answer})
    elif known.missing_scopes:
        yield Finding("access", "scopes", "warn", {"scopes": known.missing_scopes})
    elif known.problem.startswith("scope:"):
        yield Finding("access", "scope_refused", "warn")
    elif known.problem.startswith("rights:"):
        yield Finding("access", "sees_less", "danger", {"kind": known.problem.partition(":")[2]})
    else:
        yield Finding("access", "access_ok", "ok")


def _set_up(known: Portal, now: datetime) -> Iterator[Finding]:
    young = now - known.installed_at < SETTLING
    if known.set_up_at is None:
        yield Finding("set_up", "set_up_begins" if young else "not_set_up", "info" if young else "danger")
    elif known.set_up_open:
        yield Finding("set_up", "set_up_open", "warn", {"count": known.set_up_open})
    else:
        yield Finding("set_up", "set_up_ok", "ok")


def _data(known: Portal, now: datetime) -> Iterator[Finding]:
    if known.reading_given_up:
        yield Finding("data", "reading_given_up", "danger")
    elif known.synced_at is None:
        slow = now - known.installed_at > LONG_READING
        yield Finding("data", "reading_slow" if slow else "reading", "warn" if slow else "info")
    elif known.reconcile_error or (known.reconciled_at is not None and now - known.reconciled_at > LATE_LOOK):
        yield Finding("data", "not_compared", "warn", {"at": known.reconciled_at})
    else:
        yield Finding("data", "data_ok", "ok", {"at": known.reconciled_at})


def _events(known: Portal, now: datetime) -> Iterator[Finding]:
    """Changes are found, but nobody told us of them: our address cannot be reached from the portal."""
    if known.kind == "webhook" or known.synced_at is None:
        return
    heard = max(filter(None, (known.heard_at, known.set_up_at, known.synced_at)))
    deaf = known.changed_at is not None and known.changed_at - heard > DEAF
    if deaf and known.unheard >= FEW:
        yield Finding("events", "deaf", "warn", {"at": known.heard_at, "count": known.unheard})
    elif known.heard_at is not None:
        yield Finding("events", "events_ok", "ok", {"at": known.heard_at})


def _worker(known: Portal | Installation, now: datetime) -> Iterator[Finding]:
    at = known.worker_at
    if at is None:
        yield Finding("worker", "worker_never", "danger")
    elif now - at > SILENT_WORKER:
        yield Finding("worker", "worker_silent", "danger", {"at": at})
    else:
        yield Finding("worker", "worker_ok", "ok")


def _calls(known: Portal, now: datetime) -> Iterator[Finding]:
    late = known.calls_late is not None and now - known.calls_late > LATE
    if known.calls_failed:
        yield Finding("calls", "calls_failed", "warn", {"count": known.calls_failed})
    if late and not known.closed and known.quiet_until is None:
        yield Finding("calls", "calls_late", "warn", {"at": known.calls_late})
    if not known.calls_failed and not late:
        yield Finding("calls", "calls_ok", "ok")


def _letters(known: Portal, now: datetime) -> Iterator[Finding]:
    late = known.letters_late
    if known.letters_undecided:
        yield Finding("letters", "letters_undecided", "warn", {"count": known.letters_undecided})
    if late:
        yield Finding("letters", "letters_late", "warn", {"count": late, "why": known.letters_why})
    if not known.letters_undecided and not late and not known.mail:
        yield Finding("letters", "letters_ok", "ok")


def _phone(known: Portal, now: datetime) -> Iterator[Finding]:
    """Calling days pass, and nobody calls: whoever is not reached gets the letter, late (product.md W7)."""
    if known.to_call and known.called_at is not None and now - known.called_at > IDLE:
        yield Finding("phone", "nobody_calls", "warn", {"count": known.to_call, "at": known.called_at})


def _limits(known: Portal, now: datetime) -> Iterator[Finding]:
    waits = known.closed_since is not None and now - known.closed_since > LATE
    if known.quiet_until is not None and known.quiet_until > now:
        yield Finding("limits", "quiet", "danger", {"until": known.quiet_until})
    elif known.closed and waits:
        yield Finding("limits", "exhausted", "warn", {"methods": known.closed, "since": known.closed_since})
    else:
        yield Finding("limits", "limits_ok", "ok")


def _clock(known: Portal, now: datetime) -> Iterator[Finding]:
    if known.skew is not None:
        wrong = abs(known.skew) > SKEW
        facts = {"seconds": round(abs(known.skew)), "ahead": known.skew < 0}
        yield Finding("clock", "skew" if wrong else "clock_ok", "warn" if wrong else "ok", facts)


def _senders(known: Portal, now: datetime) -> Iterator[Finding]:
    if not known.senders:
        yield Finding("mail", "no_senders", "info")
    yield from _mail(known.mail)
    lacking = {domain: missing for domain, missing in known.domains.items() if missing}
    for domain, missing in sorted(lacking.items()):
        yield Finding("mail", "domain", "warn", {"domain": domain, "missing": missing})
    for domain in sorted(name for name, missing in known.domains.items() if missing is None):
        yield Finding("mail", "dns_silent", "info", {"domain": domain})
    if known.domains and not lacking and None not in known.domains.values():
        yield Finding("mail", "domains_ok", "ok", {"domains": tuple(sorted(known.domains))})


def _mail(state: str | None) -> Iterator[Finding]:
    if state == "none":
        yield Finding("mail", "no_mail_server", "warn")
    elif state:
        yield Finding("mail", "mail_fails", "danger", {"why": state})
    elif state is not None:
        yield Finding("mail", "mail_ok", "ok")


def _address(known: Portal, now: datetime) -> Iterator[Finding]:
    """A page by https shows no frame by http; inside a company network both may be without (product.md T10)."""
    if not known.our_https and known.their_https:
        yield Finding("address", "not_https", "danger")
    elif not known.our_https:
        yield Finding("address", "plain_network", "info")
    else:
        yield Finding("address", "address_ok", "ok")


def _public(known: Installation) -> Iterator[Finding]:
    secure = known.public_url.startswith("https://")
    level: Level = "ok" if secure else "warn"
    yield Finding("address", "public_ok" if secure else "public_plain", level, {"url": known.public_url})


def _room(known: Installation) -> Iterator[Finding]:
    facts = {"engine": known.engine, "schema": known.schema, "size": known.size}
    free, whole = known.disk_free, known.disk_size
    if free is not None and (
        free < SMALL_DISK or (whole and free < SMALL_SHARE * whole and free < 10 * SMALL_DISK)
    ):
        level: Level = "danger" if free < SMALL_DISK / 4 else "warn"
        yield Finding("database", "disk_full", level, facts | {"free": free})
    else:
        yield Finding("database", "database_ok", "ok", facts)
