"""A finished letter and the four ways its hand-over can end; the vocabulary of `services.letters`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


class MailError(Exception):
    """A letter did not go. `code` is the server's reply code or a word; no addresses in the text."""

    def __init__(self, code: str, text: str = "") -> None:
        super().__init__(f"{code} {text}".strip())
        self.code = code


class MailLater(MailError):
    """A temporary refusal, or the server could not be reached: nothing was handed over; try again."""


class MailRefused(MailError):
    """A permanent refusal: never again by itself. `recipient`: the address was refused, not the text."""

    def __init__(self, code: str, text: str = "", *, recipient: bool = True) -> None:
        super().__init__(code, text)
        self.recipient = recipient


class MailUnknown(MailError):
    """The connection broke after the letter was handed over: it may have gone. People decide."""


@dataclass(frozen=True, slots=True)
class OutgoingLetter:
    """A finished letter, ready for a mail server. `message_id` stands with its angle brackets."""

    sender_key: str
    sender_name: str
    sender_address: str
    recipient_name: str
    recipient_address: str
    subject: str
    body_text: str
    body_html: str
    message_id: str
    headers: Mapping[str, str]
    sent_at: datetime
