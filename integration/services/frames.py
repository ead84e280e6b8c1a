"""Who opened a page inside the portal, proven, and the signed value that stands for them (product.md P2, P3).

The frame's fields are user input. Whose token it is says the authorisation server, whether the person is an
administrator says the portal; the answer travels in a signed value for a quarter of an hour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import urlsplit

from integration.bitrix import calls
from integration.bitrix.call import Call
from integration.bitrix.errors import BitrixError, Retryable, Suspended
from integration.bitrix.protocol import Frame
from integration.bitrix.protocol import Grant as Claim
from integration.i18n import language_of
from integration.services import portals, states
from integration.services.deps import BatchAnswer, Deps, Grant, Rest
from integration.services.limited import Limited
from integration.services.pace import CROWDED
from integration.services.proof import InstallRefused, prove, prove_again
from integration.services.proof import administrator as proven_administrator
from integration.store import portals as rows
from integration.store.base import Vault, reading
from integration.store.portals import Portal

SESSION_SECONDS = 15 * 60
RENEWAL_SECONDS = (
    31 * 86_400
)  # a page left open; the fresh token proves the person, the old value only names them
PURPOSE = "frame"
NEEDS_ADMINISTRATOR = ("new", "reauthorise", "uninstalled")


class FrameRefused(Exception):
    """The frame's opener was not accepted; `code` says why, for a catalogue.

    Those of `proof.InstallRefused`, and `not_installed`: an administrator has to open the application first;
    `busy`: too much is asked of the portal just now; `stale`: a session that cannot be renewed; `other_person`:
    the token is somebody else's; `undecided`: an administrator has to say what becomes of earlier data.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Viewer:
    """A person in a portal, proven at `proved_at` (UTC, whole seconds).

    `origin`: the portal's address as a browser writes it in a header. `card`: kind and id of the card this
    person was seen to read when the proof was made (bitrix24.md 12.2); nothing outside the cards' tabs. `key`: there,
    the person's own token, encrypted (`viewer_token`).
    """

    portal_id: int
    user_id: int
    administrator: bool
    language: str
    origin: str
    proved_at: datetime
    card: tuple[str, int] | None = None
    key: str = field(default="", repr=False)


def open_frame(deps: Deps, frame: Frame) -> Viewer:
    """Prove who opened the frame; raise `FrameRefused` (bitrix24.md 2.9).

    An administrator who opens the application of a portal that has lost its access gives it a new one.
    """
    return open_beside(deps, frame, {})[0]


def open_beside(deps: Deps, frame: Frame, more: Mapping[str, Call]) -> tuple[Viewer, BatchAnswer]:
    """`open_frame` with further calls by the person's own token, in the same request as the proof.

    What the portal refused of them is in the answer's `errors`; raises `FrameRefused` as `open_frame` does.
    """
    try:
        grant = prove(deps, frame.grant)
    except InstallRefused as refused:
        raise FrameRefused(refused.code) from None
    administrator, got = _asked(deps, grant, frame.grant.access_token, more)
    portal = _portal(deps, grant)
    if portal is None or portal.status in NEEDS_ADMINISTRATOR:
        portal = _take_in(deps, frame, administrator)
    else:
        portal = portals.acquaint(deps, portal, frame.grant, grant, administrator=administrator)
        if portal.status == "suspended":
            states.resume(deps, portal.id)  # the portal has just answered
    return viewer(portal, grant.user_id, administrator, frame.language, deps.clock.now()), got


def viewer(portal: Portal, user_id: int, administrator: bool, language: str, now: datetime) -> Viewer:
    """The viewer of a stored portal, proven now; `language` is the Bitrix24 code of this person."""
    scheme = urlsplit(portal.endpoint).scheme or "https"
    own = language_of(language, language_of(portal.language))
    proved_at = now.replace(microsecond=0)
    return Viewer(portal.id, user_id, administrator, own, f"{scheme}://{portal.domain}", proved_at)


def with_card(who: Viewer, kind: str, card_id: int, token: str = "") -> Viewer:
    """The viewer with the right to a card that the portal has just shown them for this token."""
    key = Vault.get().encrypt(token.encode()).decode() if token else ""
    return replace(who, card=(kind, card_id), key=key)


def installed(deps: Deps, frame: Frame) -> Viewer:
    """Install the application for the administrator who opened the frame; raise `FrameRefused`. Safe to repeat."""
    try:
        done = portals.install(deps, frame.grant, frame.language)
    except InstallRefused as refused:
        raise FrameRefused(refused.code) from None
    with reading(deps.sessions) as session:
        portal = rows.get(session, done.portal_id)
    if portal is None:
        raise FrameRefused("not_installed")
    return viewer(portal, done.user_id, True, frame.language, deps.clock.now())


def seal(deps: Deps, who: Viewer) -> str:
    """The signed value that stands for a viewer in the page's own requests (product.md P3).

    Its age counts from the proof: sealing a viewer again prolongs nothing (product.md P2).
    """
    value = asdict(who) | {"proved_at": int(who.proved_at.timestamp())}
    return deps.signer.sign(PURPOSE, value, who.proved_at)


def opened(deps: Deps, text: str, max_age: int) -> Viewer | None:
    """The viewer of a signed value that was proven at most `max_age` seconds ago, whatever became of the portal;
    nothing if it is forged or older."""
    value = deps.signer.open(PURPOSE, text, deps.clock.now(), max_age) if text else None
    if value is None:
        return None
    try:
        kind, card = value.get("card") or ("", 0)
        return Viewer(
            **value
            | {
                "proved_at": datetime.fromtimestamp(value["proved_at"], UTC),
                "card": (str(kind), int(card)) if kind else None,
            }
        )
    except (TypeError, KeyError, ValueError):
        return None


def unseal(deps: Deps, text: str) -> Viewer | None:
    """The viewer of a signed value; nothing if it is forged, older than 15 minutes, or the portal is gone or waits for
    a decision about its data."""
    who = opened(deps, text, SESSION_SECONDS)
    if who is None:
        return None
    with reading(deps.sessions) as session:
        portal = rows.get(session, who.portal_id)
    return who if portal is not None and portal.status not in ("uninstalled", "undecided") else None


def renew(deps: Deps, text: str, access_token: str) -> Viewer:
    """Prove the viewer of an old signed value anew by a fresh token of the same person; raise `FrameRefused`.

    The token's application, portal and person must be those of the value, and the portal is asked again
    whether the person is an administrator (product.md P2; bitrix24.md 2.9).
    """
    old = opened(deps, text, RENEWAL_SECONDS)
    if old is None:
        raise FrameRefused("stale")
    with reading(deps.sessions) as session:
        portal = rows.get(session, old.portal_id)
    if portal is None or portal.status in NEEDS_ADMINISTRATOR:
        raise FrameRefused("not_installed")
    try:
        grant = prove_again(deps, portal, access_token)
    except InstallRefused as refused:
        raise FrameRefused(refused.code) from None
    if grant.user_id != old.user_id:
        raise FrameRefused("other_person")
    more = {"card": calls.item_get(cast("Any", old.card[0]), old.card[1])} if old.card else {}
    administrator, got = _asked(deps, grant, access_token, more)
    portal = portals.acquaint(deps, portal, Claim(portal.member_id), grant, administrator=administrator)
    if portal.status == "suspended":
        states.resume(deps, portal.id)  # the portal has just answered
    card = old.card if "card" in got.answers else None  # the right to the card is proven anew as well
    now = viewer(portal, old.user_id, administrator, "", deps.clock.now())
    now = replace(now, language=old.language)
    return with_card(now, *card, access_token) if card else now


def _portal(deps: Deps, grant: Grant) -> Portal | None:
    with reading(deps.sessions) as session:
        found = rows.by_member(session, grant.member_id)
    return next((portal for portal in found if portal.client_id == grant.client_id), None)


def _take_in(deps: Deps, frame: Frame, administrator: bool) -> Portal:
    if not administrator:
        raise FrameRefused("not_installed")
    who = installed(deps, frame)
    with reading(deps.sessions) as session:
        portal = rows.get(session, who.portal_id)
    if portal is None:
        raise FrameRefused("not_installed")
    return portal


def _asked(deps: Deps, grant: Grant, token: str, more: Mapping[str, Call]) -> tuple[bool, BatchAnswer]:
    """Whether the person is an administrator, and what else was asked: one request with the person's own token,
    at the address the authorisation server named."""
    rest = _limited(deps, grant, deps.rest(grant.endpoint, token))
    try:
        if more:
            got = rest.batch({"profile": calls.profile(), **more})
        else:
            got = BatchAnswer({"profile": rest.call(calls.profile())}, {})
        if "profile" in got.errors:
            raise got.errors["profile"]
    except Retryable as error:
        raise FrameRefused("busy" if error.code.lower() in CROWDED else "unreachable") from None
    except Suspended:
        raise FrameRefused("suspended") from None
    except BitrixError:
        raise FrameRefused("dead_token") from None
    profile = got.answers["profile"].result if "profile" in got.answers else None
    try:
        return proven_administrator(grant, profile), got
    except InstallRefused as refused:
        raise FrameRefused(refused.code) from None


def _limited(deps: Deps, grant: Grant, rest: Rest) -> Rest:
    """A person's own request goes out of the same bucket as all else that we ask this portal (product.md T4)."""
    portal = _portal(deps, grant)
    return Limited(deps, portal.id, portal.license_family, True, rest) if portal is not None else rest


def is_known(deps: Deps, domain: str) -> bool:
    """Whether one of our portals has this address."""
    with reading(deps.sessions) as session:
        return rows.has_domain(session, domain.lower())


def renewable(deps: Deps, who: Viewer) -> bool:
    """Whether a session that has run out is young enough to be renewed."""
    return (deps.clock.now() - who.proved_at).total_seconds() <= RENEWAL_SECONDS
