"""From a finished letter to the bytes a mail server takes.

Nothing a card holds can add a header: every name and subject is flattened to one line, addresses must be
one mailbox each, and the library's policy folds what stands in headers (RFC 5322, 2047). The body is put together
here, because ten thousand letters differ in a link and the library reads each of their headers anew.
"""

from __future__ import annotations

import re
from base64 import encodebytes
from binascii import b2a_qp
from datetime import datetime
from email.header import Header
from email.headerregistry import Address
from email.policy import EmailPolicy
from email.utils import format_datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any

from integration.mail.outgoing import MailRefused, OutgoingLetter

_WHOLE = frozenset({"list-unsubscribe", "list-unsubscribe-post", "message-id", "in-reply-to", "references"})
_NAMED = frozenset({"from", "to", "reply-to"})


class _Wire(EmailPolicy):
    """Headers that machines read keep their value whole, those that people read keep their blanks.

    The library would fold a long address without blanks into encoded words, which no mail provider takes
    for a link or an id (RFC 2047 5, RFC 8058); and where a subject or a name needs several encoded words, many
    of its versions lose the blanks between them.
    """

    def fold(self, name: str, value: Any) -> str:
        if name.lower() in _WHOLE:
            return f"{name}: {value}{self.linesep}"
        if name.lower() == "subject" and not str(value).isascii():
            return f"{name}: {self._words(str(value), len(name) + 2)}{self.linesep}"
        if name.lower() in _NAMED and not str(value).isascii():
            shown = f",{self.linesep} ".join(self.mailbox(one, len(name) + 2) for one in value.addresses)
            return f"{name}: {shown}{self.linesep}"
        return str(super().fold(name, value))

    def fold_binary(self, name: str, value: Any) -> bytes:
        if name.lower() in _WHOLE | _NAMED | {"subject"}:
            return self.fold(name, value).encode("ascii", "strict")
        return super().fold_binary(name, value)

    def _words(self, text: str, taken: int) -> str:
        return Header(text, "utf-8", maxlinelen=76 - taken).encode(linesep=self.linesep)

    def mailbox(self, one: Address, taken: int) -> str:
        """One mailbox as it stands behind so many characters of its header."""
        if one.display_name.isascii():
            return str(one)
        return f"{self._words(one.display_name, taken)}{self.linesep} <{one.addr_spec}>"


# 7 bit on the wire: no server needs 8BITMIME; long lines of text never reach the limit of 998.
WIRE = _Wire(linesep="\r\n", cte_type="7bit")
_OWN = frozenset({"from", "to", "subject", "date", "message-id", "mime-version", "content-type", "bcc", "cc"})
_LINE = 78  # characters that a line should have at most (RFC 5322 2.1.1)
_FOREIGN = bytes([ord("="), *range(128, 256)])  # bytes that quoted-printable makes three of
_BREAKS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")


def one_line(text: str) -> str:
    """The text without line breaks and control characters, outer blanks removed."""
    return " ".join(_BREAKS.sub(" ", text).split())


def mailbox(name: str, address: str) -> Address:
    """One mailbox with its display name; raise `MailRefused` for what is not a single ASCII address."""
    address = address.strip()
    if not address.isascii() or _BREAKS.search(address) or address.count("@") != 1:
        raise MailRefused("address")
    local, _, domain = address.partition("@")
    if not local or not domain or " " in address:
        raise MailRefused("address")
    try:
        return Address(display_name=one_line(name), username=local, domain=domain)
    except (ValueError, IndexError) as error:
        raise MailRefused("address") from error


def to_bytes(letter: OutgoingLetter) -> bytes:
    """The message as it goes over the wire: text first, HTML as its alternative, CRLF line ends, no long lines.

    Raises `MailRefused` if an address or a header is unusable.
    """
    lines = [
        _named("From", letter.sender_name, letter.sender_address),
        _addressed("To", mailbox(letter.recipient_name, letter.recipient_address)),
        _plain("Subject", one_line(letter.subject)),
        f"Date: {format_datetime(_date(letter.sent_at))}\r\n",
        f"Message-ID: {_machine(letter.message_id)}\r\n",
        *(_header(name, value) for name, value in letter.headers.items() if _may(name)),
        "MIME-Version: 1.0\r\n",
    ]
    head = "".join(lines).encode("ascii")
    plain = _part(letter.body_text, "plain")
    if not letter.body_html:
        return head + plain
    # No encoded text holds "=_" (RFC 2045 6.7), so that nothing in the letter can be taken for its boundary.
    boundary = b"=_" + sha256(letter.message_id.encode()).hexdigest()[:32].encode()
    kind = b'Content-Type: multipart/alternative; boundary="' + boundary + b'"\r\n'
    parts = (plain, _part(letter.body_html, "html"))
    told = b"".join(b"\r\n--" + boundary + b"\r\n" + part for part in parts)
    return head + kind + told + b"\r\n--" + boundary + b"--\r\n"


def _may(name: str) -> bool:
    return name.lower() not in _OWN and re.fullmatch(r"[A-Za-z0-9-]+", name) is not None


def _header(name: str, value: str) -> str:
    return f"{name}: {_machine(value)}\r\n" if name.lower() in _WHOLE else _plain(name, one_line(value))


@lru_cache(maxsize=256)
def _named(name: str, shown: str, address: str) -> str:
    """The sender's own header; its fault is not the recipient's."""
    try:
        return _addressed(name, mailbox(shown, address))
    except MailRefused as error:
        raise MailRefused(error.code, recipient=False) from error


def _addressed(name: str, one: Address) -> str:
    """A header with one mailbox: what stands for the name, and the address on a line of its own if both are long."""
    told = WIRE.mailbox(one, len(name) + 2)
    if len(name) + 2 + len(told) > _LINE and one.display_name and "\r\n" not in told:
        told = "\r\n <".join(told.rsplit(" <", 1))
    return f"{name}: {told}\r\n"


@lru_cache(maxsize=1024)  # what all letters of one sender share
def _plain(name: str, value: str) -> str:
    """A header as the library reads it, on the wire."""
    known, read = WIRE.header_store_parse(name, value)
    return WIRE.fold_binary(known, read).decode("ascii")


def _part(text: str, kind: str) -> bytes:
    """One version of the letter, in the shorter of the two encodings that every server takes (RFC 2045 6.7, 6.8)."""
    data = b"\r\n".join(text.encode().splitlines()) + b"\r\n"
    foreign = len(data) - len(data.translate(None, _FOREIGN))
    if 3 * foreign + len(data) - foreign < 4 * len(data) // 3:
        way, body = b"quoted-printable", b2a_qp(data, istext=True)
    else:
        way, body = b"base64", encodebytes(data).replace(b"\n", b"\r\n")
    start = f'Content-Type: text/{kind}; charset="utf-8"\r\nContent-Transfer-Encoding: '.encode()
    return start + way + b"\r\n\r\n" + body


def _machine(value: str) -> str:
    plain = one_line(value)
    if not plain.isascii() or len(plain) > 900:
        raise MailRefused("header", recipient=False)
    return plain


def _date(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone reached a letter")
    return moment
