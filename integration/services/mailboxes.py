"""The mailbox of each sender: by which way the letters leave, how fast, and whether the server lets us in (W19).

A password is kept encrypted and never shown again. An own mailbox is saved only after a real log-in.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from sqlalchemy.orm import Session

from integration.mail.smtp import SmtpServer
from integration.nps.policy import Policy, Sender
from integration.services import letter_routes, policies, portal_mail
from integration.services.deps import Deps
from integration.store import mailboxes as rows
from integration.store.base import reading, transaction
from integration.store.mailboxes import SenderMailbox
from integration.store.mailboxes import of as of

Way = Literal["operator", "own", "portal"]
WAYS: tuple[Way, ...] = ("operator", "own", "portal")
SCHEMES = ("smtps", "smtp+starttls", "smtp")
MOST_PER_HOUR, MOST_PER_DAY = 10_000, 100_000
#: What `check_code` may hold besides a reply code of the server.
CAUSES = frozenset({
    "auth", "host_unknown", "host_forbidden", "port_forbidden", "timeout", "refused", "certificate", "tls", "no_tls",
    "no_login", "broken", "no_address",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Own:
    """A mail server as it stands in the form. An empty password: the one that is kept, if server and user are."""

    scheme: str = "smtps"
    host: str = ""
    port: int = 0
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        """Without the password."""
        return f"Own({self.scheme}://{self.host}:{self.port})"


@dataclass(frozen=True, slots=True)
class Wish:
    """What an administrator wants for one sender. Numbers: letters an hour and a day, 0: as the settings have it."""

    way: Way = "operator"
    own: Own = Own()
    per_hour: int = 0
    per_day: int = 0
    dkim_selector: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A sender's mailbox for the page. `own`: the server without its password; `password_kept`: there is one;
    `checked_at`, UTC, and `check_code`: how the last log-in ended, empty for well; `portal_unfit`: why Bitrix24's
    mail cannot carry this sender's letters; `hourly`, `daily`: the pace of the settings, which counts where 0 stands.
    """

    sender: Sender
    way: Way = "operator"
    own: Own = Own()
    password_kept: bool = False
    address: str = ""
    per_hour: int = 0
    per_day: int = 0
    dkim_selector: str = ""
    checked_at: datetime | None = None
    check_code: str = ""
    changed_by: str = ""
    changed_at: datetime | None = None
    operator_ready: bool = False
    portal_unfit: str = ""
    hourly: int = 0
    daily: int = 0

    @property
    def lacks(self) -> str:
        """Why letters cannot leave this way, in the words of `lacking`; empty if they can."""
        return _lack(self.way, self.checked_at, self.check_code, operator_ready=self.operator_ready)


def shown(deps: Deps, portal_id: int, sender_key: str) -> Shown | None:
    """The mailbox of one of the senders in the settings; nothing if there is no such sender."""
    with reading(deps.sessions) as session:
        policy, _ = policies.load(session, portal_id)
        sender = policy.sender(sender_key)
        if sender is None:
            return None
        box = rows.one(session, portal_id, sender_key)
        return _shown(deps, session, portal_id, policy, sender, box)


def overview(deps: Deps, portal_id: int) -> dict[str, Shown]:
    """The mailboxes of all senders in the settings by their keys."""
    with reading(deps.sessions) as session:
        policy, _ = policies.load(session, portal_id)
        known = rows.of(session, portal_id)
        return {
            sender.key: _shown(deps, session, portal_id, policy, sender, known.get(sender.key), secret=False)
            for sender in policy.senders
        }


def _shown(
    deps: Deps, session: Session, portal_id: int, policy: Policy, sender: Sender, box: SenderMailbox | None,
    *, secret: bool = True,
) -> Shown:  # fmt: skip
    plain = Shown(
        sender, operator_ready=deps.mailer.ready, portal_unfit=portal_mail.unfit(session, portal_id, sender),
        hourly=policy.letters_per_hour, daily=policy.letters_per_day,
    )  # fmt: skip
    if box is None:
        return plain
    kept = _server(box.smtp_url) if secret else None
    own = Own(kept.scheme, kept.host, kept.port, kept.user) if kept else Own()
    return replace(
        plain, way=_way(box.way), own=own, password_kept=bool(kept and kept.password), address=box.shown,
        per_hour=box.per_hour, per_day=box.per_day, dkim_selector=box.dkim_selector, checked_at=box.checked_at,
        check_code=box.check_code, changed_by=box.changed_by, changed_at=box.changed_at,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a mailbox was not saved. `field`: of the form; `code`: one of `CAUSES`, a reply code of the server, or
    `needed`, `bad_host`, `bad_port`, `bad_number`, `bad_selector`, `no_sender`."""

    field: str
    code: str


def save(deps: Deps, portal_id: int, sender_key: str, wish: Wish, who: str) -> Refused | None:
    """Save the mailbox of a sender; for an own server after a real log-in, made outside of any transaction."""
    before = _kept(deps, portal_id, sender_key)
    if before is None:
        return Refused("way", "no_sender")
    problem = _problem(wish)
    if problem is not None:
        return problem
    url, shown_as = "", ""
    if wish.way == "own":
        server = server_of(wish.own, before.url)
        if isinstance(server, Refused):
            return server
        if code := _checked(deps, server.url()):
            return Refused("host" if code != "auth" else "password", code)
        url, shown_as = server.url(), server.shown()
    now = deps.clock.now()
    with transaction(deps.sessions) as session:
        policy, _ = policies.load(session, portal_id)
        if policy.sender(sender_key) is None:
            return Refused("way", "no_sender")
        rows.put(
            session, portal_id, sender_key, now, way=wish.way, smtp_url=url or None, shown=shown_as[:200],
            per_hour=wish.per_hour, per_day=wish.per_day, dkim_selector=wish.dkim_selector.strip(),
            checked_at=now if url else None, check_code="", changed_by=who[:200],
        )  # fmt: skip
    return None


def check(deps: Deps, portal_id: int, sender_key: str) -> str | None:
    """Log in to the kept server of a sender; the code of what went wrong, empty for well, nothing if there is none."""
    before = _kept(deps, portal_id, sender_key)
    if before is None or not before.url:
        return None
    code = _checked(deps, before.url)
    with transaction(deps.sessions) as session:
        rows.checked(session, portal_id, before.number, before.url, code, deps.clock.now())
    return code


def lacking(
    session: Session, portal_id: int, policy: Policy, sender_keys: Collection[str], operator_ready: bool
) -> dict[str, str]:
    """Which of these senders have no working way for their letters (product.md W4): the key and a code.

    `no_way`: the operator's server, and there is none; `login_refused`: their own server does not let us in or cannot
    be reached; `never_checked`: nobody has logged in to it yet. What the portal's mail lacks shows with a letter only.
    """
    known = rows.of(session, portal_id)
    found: dict[str, str] = {}
    for key in dict.fromkeys(sender_keys):
        box = known.get(key)
        code = (
            _lack(_way(box.way), box.checked_at, box.check_code, operator_ready=operator_ready)
            if box is not None
            else ("" if operator_ready else "no_way")
        )
        if code:
            found[key] = code
    return found


def _lack(way: Way, checked_at: datetime | None, code: str, *, operator_ready: bool) -> str:
    if way == "operator":
        return "" if operator_ready else "no_way"
    if way == "portal":
        return ""
    if checked_at is None:
        return "never_checked"
    return "login_refused" if code else ""


def _way(text: str) -> Way:
    match text:
        case "own":
            return "own"
        case "portal":
            return "portal"
    return "operator"


@dataclass(frozen=True, slots=True)
class _Kept:
    sender: Sender
    number: int = 0
    url: str = ""


def _kept(deps: Deps, portal_id: int, sender_key: str) -> _Kept | None:
    with reading(deps.sessions) as session:
        sender = policies.load(session, portal_id)[0].sender(sender_key)
        box = rows.one(session, portal_id, sender_key)
        if sender is None:
            return None
        return _Kept(sender, box.id, box.smtp_url or "") if box is not None else _Kept(sender)


def _problem(wish: Wish) -> Refused | None:
    for name, value, most in (
        ("per_hour", wish.per_hour, MOST_PER_HOUR),
        ("per_day", wish.per_day, MOST_PER_DAY),
    ):
        if not 0 <= value <= most:
            return Refused(name, "bad_number")
    selector = wish.dkim_selector.strip()
    if selector and not _is_name(selector):
        return Refused("dkim_selector", "bad_selector")
    return None


def server_of(own: Own, kept_url: str = "") -> SmtpServer | Refused:
    """The server that a form names; an empty password stands for the kept one of the same server and user."""
    host, user = own.host.strip().rstrip(".").lower(), own.user.strip()
    if not host:
        return Refused("host", "needed")
    if own.scheme not in SCHEMES or not _is_host(host):
        return Refused("host", "bad_host")
    if not 0 < own.port < 65536:
        return Refused("port", "bad_port")
    server = SmtpServer(own.scheme, host, own.port, user, own.password)
    kept = _server(kept_url)
    if user and not own.password:
        same = kept is not None and (kept.host, kept.port, kept.user) == (host, own.port, user)
        if kept is None or not same or not kept.password:
            return Refused("password", "needed")
        server = replace(server, password=kept.password)
    return server


def _is_host(host: str) -> bool:
    if ":" in host:  # an IPv6 address
        return all(letter in "0123456789abcdef:." for letter in host)
    try:
        plain = host.encode("idna").decode()
    except UnicodeError:
        return False
    return len(plain) <= 253 and all(_is_name(label) for label in plain.split("."))


def _is_name(label: str) -> bool:
    """A label of a name in the DNS, or several of them with points between (a DKIM selector)."""
    parts = label.split(".")
    return len(label) <= 63 and all(
        part and all(one.isascii() and (one.isalnum() or one in "-_") for one in part) for part in parts
    )


def _server(url: str | None) -> SmtpServer | None:
    try:
        return SmtpServer.parse(url) if url else None
    except ValueError:
        return None


def _checked(deps: Deps, url: str) -> str:
    try:
        return letter_routes.why(deps.mailers(url).check())
    except ValueError:
        return "no_address"
