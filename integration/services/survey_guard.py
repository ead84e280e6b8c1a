"""Was it a person? Nonces, one-time values and the reasons to hold an answer (product.md S1).

Mail scanners follow links, run the page's script, post its form as it stands and repeat what they saw.
None of them touches the page as a person does, and none chooses a score on a form where nothing is
chosen; those two are what proves a person here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy.orm import Session

from integration.services.deps import Deps
from integration.services.survey_types import HeldReason
from integration.store import responses
from integration.store.direct_lines import DirectLink
from integration.store.waves import Invitation

Purpose = Literal[
    "answer", "confirm", "unsubscribe", "unsubscribe_2", "snooze", "snooze_2", "colleague", "colleague_2",
    "direct", "direct_2", "extra", "extra_2",
]  # fmt: skip
Of = Invitation | DirectLink  # whose page it is

SIGNED = "survey"
NONCE_SECONDS = 7 * 24 * 3600  # a page may lie open for a week; then the script asks for a new one
PROOF_LIFE = timedelta(days=1)
FASTEST = timedelta(seconds=2)
GESTURES = frozenset(
    {
        "pointerdown",
        "pointerup",
        "mousedown",
        "mouseup",
        "click",
        "touchstart",
        "touchend",
        "keydown",
        "keyup",
    }
)
PURPOSES: tuple[Purpose, ...] = ("answer", "unsubscribe", "snooze", "colleague", "extra")
SCANNERS = (
    "bot", "crawler", "spider", "preview", "headless", "scanner", "safelinks", "proofpoint", "mimecast",
    "barracuda", "symantec", "messagelabs", "trendmicro", "forcepoint", "fireeye", "trellix", "sophos",
    "fortinet", "cisco", "ironport", "kaspersky", "drweb", "virustotal", "urlscan", "checkpoint",
    "googleimageproxy", "yahoomailproxy", "facebookexternalhit", "whatsapp", "curl/", "wget/",
    "python-requests", "python-urllib", "aiohttp", "httpx", "go-http-client", "libwww-perl", "java/",
    "apache-httpclient", "okhttp", "axios/", "node-fetch",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """`proven`: a person did it. Else `reason` says why it is held."""

    proven: bool
    reason: HeldReason = ""


def sign_nonce(deps: Deps, of: Of, now: datetime) -> str:
    """The signed value a served page carries: which invitation or direct line, and when it was opened."""
    return deps.signer.sign(SIGNED, {_letter(of): of.id, "o": now.isoformat()}, now)


def opened_at(deps: Deps, of: Of, nonce: str, now: datetime) -> datetime | None:
    """When the page behind this nonce was served; nothing if it is forged, of another link, or too old."""
    value = deps.signer.open(SIGNED, nonce, now, NONCE_SECONDS) if nonce else None
    if value is None or value.get(_letter(of)) != of.id:
        return None
    try:
        return datetime.fromisoformat(str(value.get("o")))
    except ValueError:
        return None


def is_gesture(gesture: Mapping[str, Any]) -> bool:
    """Whether the page's script reports a trusted pointer or key event (`isTrusted` of the DOM)."""
    trusted = gesture.get("trusted") in (True, "true", "1")
    return trusted and str(gesture.get("type", "")).lower() in GESTURES


def is_scanner(user_agent: str) -> bool:
    """Whether a known mail scanner, preview service or plain HTTP library calls itself so."""
    name = user_agent.lower()
    return any(word in name for word in SCANNERS)


def issue(deps: Deps, session: Session, of: Of, purpose: Purpose, opened: datetime, now: datetime) -> str:
    """A new one-time value for one purpose of one page; only its hash is kept."""
    value = deps.dice.token()
    numbers = _numbers(of)
    responses.forget_proofs(session, of.portal_id, responses.of_page(*numbers), before=now)
    responses.add_proof(
        session,
        portal_id=of.portal_id,
        value=digest(value),
        invitation_id=numbers[0],
        link_id=numbers[1],
        purpose=purpose,
        opened_at=opened,
        issued_at=now,
        expires_at=now + PROOF_LIFE,
    )
    return value


def judge(
    session: Session,
    of: Of,
    value: str,
    purposes: tuple[Purpose, ...],
    user_agent: str,
    now: datetime,
) -> Verdict:
    """Spend a one-time value and say whether a person stands behind the request.

    The value is spent whatever the verdict: what a scanner has seen is worth nothing afterwards.
    """
    proof = None
    if value:
        proof = responses.spend_proof(
            session, of.portal_id, digest(value), responses.of_page(*_numbers(of)), tuple(purposes), now
        )
    if is_scanner(user_agent):
        return Verdict(False, "scanner")
    if proof is None:
        return Verdict(False, "replay" if value else "no_script")
    if now - proof.opened_at < FASTEST:
        return Verdict(False, "too_fast")
    return Verdict(True)


def digest(value: str) -> str:
    """What is kept of a one-time value."""
    return hashlib.sha256(value.encode()).hexdigest()


def _letter(of: Of) -> str:
    return "d" if isinstance(of, DirectLink) else "i"


def _numbers(of: Of) -> tuple[int | None, int | None]:
    return (None, of.id) if isinstance(of, DirectLink) else (of.id, None)
