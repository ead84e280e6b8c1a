"""From a finished letter to the bytes a mail server takes.

Nothing a card holds can add a header: every name and subject is flattened to one line, addresses must be
one mailbox each, and `email.message.EmailMessage` does the rest (RFC 5322, 2047, 2045).
"""

from __future__ import annotations

import re
from datetime import datetime
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
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
            shown = f",{self.linesep} ".join(self._mailbox(one, len(name) + 2) for one in value.addresses)
            return f"{name}: {shown}{self.linesep}"
        return str(super().fold(name, value))

    def fold_binary(self, name: str, value: Any) -> bytes:
        if name.lower() in _WHOLE | _NAMED | {"subject"}:
            return self.fold(name, value).encode("ascii", "strict")
        return super().fold_binary(name, value)

    def _words(self, text: str, taken: int) -> str:
        return Header(text, "utf-8", maxlinelen=76 - taken).encode(linesep=self.linesep)

    def _mailbox(self, one: Address, taken: int) -> str:
        if one.display_name.isascii():
            return str(one)
        return f"{self._words(one.display_name, taken)}{self.linesep} <{one.addr_spec}>"


# 7 bit on the wire: no server needs 8BITMIME; long lines of text never reach the limit of 998.
WIRE = _Wire(linesep="\r\n", cte_type="7bit")
_OWN = frozenset({"from", "to", "subject", "date", "message-id", "mime-version", "content-type", "bcc", "cc"})
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


def build(letter: OutgoingLetter) -> EmailMessage:
    """The message: text first, HTML as its alternative; raise `MailRefused` if an address is unusable."""
    message = EmailMessage(policy=WIRE)
    message["From"] = mailbox(letter.sender_name, letter.sender_address)
    message["To"] = mailbox(letter.recipient_name, letter.recipient_address)
    message["Subject"] = one_line(letter.subject)
    message["Date"] = _date(letter.sent_at)
    message["Message-ID"] = _machine(letter.message_id)
    for name, value in letter.headers.items():
        if name.lower() not in _OWN and re.fullmatch(r"[A-Za-z0-9-]+", name):
            message[name] = _machine(value) if name.lower() in _WHOLE else one_line(value)
    message.set_content(letter.body_text)
    if letter.body_html:
        message.add_alternative(letter.body_html, subtype="html")
    return message


def to_bytes(letter: OutgoingLetter) -> bytes:
    """The message as it goes over the wire, CRLF line ends, no line longer than a server must take."""
    return build(letter).as_bytes()


def _machine(value: str) -> str:
    plain = one_line(value)
    if not plain.isascii() or len(plain) > 900:
        raise MailRefused("header", recipient=False)
    return plain


def _date(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone reached a letter")
    return moment
