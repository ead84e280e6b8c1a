"""What the source of a received test letter tells: who signed it, and whether the receiver believed it (product.md W4).

Nobody reads the recipient's mailbox, so the administrator pastes the source (or its headers). Only what the receiving
server wrote at the very top is believed: headers further down came with the letter and may say anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from email import policy
from email.message import EmailMessage
from email.parser import HeaderParser
from email.utils import parseaddr
from typing import Any, Literal

Verdict = Literal["pass", "fail", "none"]
Unread = Literal["no_letter", "other_sender", "no_verdict"]
LONGEST = 200_000  # characters; a letter with pictures is longer, its headers are not
_RESULT = re.compile(r"\b(dkim|spf|dmarc)\s*=\s*([a-z]+)", re.IGNORECASE)
_PROPERTY = re.compile(r"\b(?:header|smtp)\.(d|i|s|mailfrom)\s*=\s*\"?@?([^\s;\"]+)", re.IGNORECASE)
_COMMENT = re.compile(r"\([^()]*\)")


@dataclass(frozen=True, slots=True)
class Received:
    """What a received letter showed. `domain` and `selector` of the signature that counts; `by`: the server
    that judged.

    `spf` and `dmarc`: its other verdicts, empty where it gave none.
    """

    dkim: Verdict
    domain: str = ""
    selector: str = ""
    spf: str = ""
    dmarc: str = ""
    by: str = ""

    def to_json(self) -> dict[str, Any]:
        """JSON values only."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Received | None:
        """What `to_json` wrote; nothing for anything else."""
        names = ("domain", "selector", "spf", "dmarc", "by")
        if data.get("dkim") not in ("pass", "fail", "none"):
            return None
        return cls(data["dkim"], *(str(data.get(name) or "") for name in names))


def read(source: str, sender: str) -> Received | Unread:
    """What a pasted letter shows about the mail of `sender` (an address), or why it cannot be used.

    ``no_letter``: these are no headers of a letter; ``other_sender``: somebody else wrote it; ``no_verdict``: the
    receiving server has not said what it thinks, and the letter carries no signature either.
    """
    headers = _headers(source)
    wrote = parseaddr(str(headers.get("From", "")))[1].strip().lower()
    if not wrote:
        return "no_letter"
    if wrote != sender.strip().lower():
        return "other_sender"
    own = wrote.rpartition("@")[2]
    signatures = [_tags(str(value)) for value in headers.get_all("DKIM-Signature", [])]
    results = headers.get_all("Authentication-Results", [])
    if results:
        return _judged(str(results[0]), signatures, own)
    if not signatures:
        return "no_verdict"
    best = _best([(one.get("d", ""), one.get("s", "")) for one in signatures], own)
    return Received("pass", best[0], best[1])  # signed; the key in the DNS says whether it can be checked


def _headers(source: str) -> EmailMessage:
    """The headers of a pasted text, also where a mail program put blanks before them or a title above."""
    lines = source[:LONGEST].replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff\n\t ").split("\n")
    while lines and not re.match(r"^[A-Za-z][A-Za-z0-9-]*:", lines[0]):
        lines.pop(0)
    # compat32 keeps a header as it stands; a broken one must not end the reading.
    found: Any = HeaderParser(policy=policy.compat32).parsestr("\n".join(lines))
    return found  # type: ignore[no-any-return]


def _judged(result: str, signatures: list[dict[str, str]], own: str) -> Received:
    text = _COMMENT.sub(" ", " ".join(result.split()))
    by, _, rest = text.partition(";")
    said: dict[str, str] = {}
    signed: list[tuple[str, str, str]] = []
    for part in rest.split(";"):
        found = _RESULT.search(part)
        if not found:
            continue
        name, verdict = found[1].lower(), found[2].lower()
        said.setdefault(name, verdict)
        if name == "dkim":
            told = {key.lower(): value.lower() for key, value in _PROPERTY.findall(part)}
            domain = told.get("d") or told.get("i", "").rpartition("@")[2]
            signed.append((verdict, domain, told.get("s", "")))
    more = {
        "spf": said.get("spf", ""),
        "dmarc": said.get("dmarc", ""),
        "by": by.split()[0] if by.split() else "",
    }
    passed = [(domain, selector) for verdict, domain, selector in signed if verdict == "pass"]
    if passed:
        domain, selector = _best(passed, own)
        return Received("pass", domain, selector or _selector(signatures, domain), **more)
    failed = [one for one in signed if one[0] not in ("none", "neutral")]
    if failed or signatures:
        domain, selector = _best(
            [one[1:] for one in failed] or [(s.get("d", ""), s.get("s", "")) for s in signatures], own
        )
        return Received("fail", domain, selector or _selector(signatures, domain), **more)
    return Received("none", **more)


def _best(signed: list[tuple[str, str]], own: str) -> tuple[str, str]:
    """The signature of the sender's own domain, or the nearest to it, else the first."""

    def near(one: tuple[str, str]) -> int:
        domain = one[0].lower()
        if domain == own:
            return 0
        return 1 if domain and (own.endswith(f".{domain}") or domain.endswith(f".{own}")) else 2

    domain, selector = min(signed, key=near)
    return domain.lower(), selector


def _selector(signatures: list[dict[str, str]], domain: str) -> str:
    return next((one.get("s", "") for one in signatures if one.get("d", "").lower() == domain), "")


def _tags(value: str) -> dict[str, str]:
    parts = (part.partition("=") for part in value.split(";"))
    return {name.strip().lower(): "".join(text.split()) for name, equals, text in parts if equals}
