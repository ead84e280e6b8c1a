"""The public key by which receivers check the signature of a letter (RFC 6376, product.md W4)."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Literal

from .spf import Zone

DkimCode = Literal["ok", "missing", "revoked", "broken", "weak", "silent", "unknown"]
SHORT_KEY = 1024  # bits; shorter ones are refused (RFC 8301 3.2)
_SELECTOR = re.compile(r"^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Dkim:
    """The key of one selector; `unknown`: nobody has named a selector or shown a letter."""

    code: DkimCode
    selector: str = ""
    bits: int = 0


def tags(record: str) -> dict[str, str]:
    """The tags of a DKIM or DMARC record (RFC 6376 3.2); ValueError for a list that is none."""
    found: dict[str, str] = {}
    for part in record.strip().rstrip(";").split(";"):
        name, equals, value = part.partition("=")
        name = name.strip().lower()
        if not equals or not name or name in found:
            raise ValueError(part)
        found[name] = value.strip()
    return found


def key(zone: Zone, domain: str, selector: str) -> Dkim:
    """The public key of a selector (RFC 6376 3.6.1)."""
    selector = selector.strip()
    if not selector:
        return Dkim("unknown")
    texts = zone.texts(f"{selector}._domainkey.{domain}")
    if texts is None:
        return Dkim("silent", selector)
    records = [text for text in texts if "p=" in text.lower()]
    if not records:
        return Dkim("missing", selector)
    try:
        said = tags(records[0])
        if said.get("v", "DKIM1") != "DKIM1" or said.get("k", "rsa").lower() not in ("rsa", "ed25519"):
            raise ValueError(records[0])
        value = "".join(said["p"].split())
        if not value:
            return Dkim("revoked", selector)
        bits = _bits(base64.b64decode(value, validate=True), said.get("k", "rsa").lower())
    except (ValueError, KeyError, binascii.Error):
        return Dkim("broken", selector)
    return Dkim("weak" if bits < SHORT_KEY else "ok", selector, bits)


def _bits(der: bytes, kind: str) -> int:
    """The length of a key. For RSA the modulus is the one long number of its DER; ValueError where there is none."""
    if kind == "ed25519":
        if len(der) != 32:
            raise ValueError("no key of ed25519")
        return 2048  # as strong as that, whatever its length
    place = 0
    while place < len(der) - 4:
        if der[place] == 0x02 and (number := _number(der, place + 1)) is not None:
            return number
        place += 1
    raise ValueError("no RSA key")


def _number(der: bytes, place: int) -> int | None:
    """The bits of a DER integer whose length begins here, if it is long enough to be a modulus."""
    size = der[place]
    place += 1
    if size & 0x80:
        count = size & 0x7F
        size = int.from_bytes(der[place : place + count], "big")
        place += count
    if size < 32 or place + size > len(der):
        return None
    return int.from_bytes(der[place : place + size], "big").bit_length()


def selector_fits(text: str) -> bool:
    """Whether a text can be a selector: what stands before ``._domainkey``."""
    return bool(_SELECTOR.match(text.strip()))
