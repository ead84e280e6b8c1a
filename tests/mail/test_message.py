"""Messages as bytes: what a card holds never becomes a header, what machines read stays whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration.mail.message import to_bytes
from integration.mail.outgoing import MailRefused, OutgoingLetter

LETTER = OutgoingLetter(
    sender_key="head",
    sender_name="Ольга Лис",
    sender_address="olga@agency.example.com",
    recipient_name="Иван Сом",
    recipient_address="ivan@client.example.com",
    subject="Один вопрос о нашей работе — «Северный ветер»",
    body_text="Здравствуйте!\n.начинается с точки\n",
    body_html="<p>Здравствуйте!</p>",
    message_id="<abcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdef@agency.example.com>",
    headers={
        "List-Unsubscribe": "<https://molva.some-long-agency-name.example.com/u/abcdefabcdefabcdefabcdefabcdefabcdef>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Auto-Submitted": "auto-generated",
        "Reply-To": "olga@agency.example.com",
        "References": "<one-one-one-one-one-one-one@agency.example.com> <two-two-two-two-two@agency.example.com>",
    },
    sent_at=datetime(2026, 10, 12, 6, 0, tzinfo=UTC),
)


def parsed(letter: OutgoingLetter) -> EmailMessage:
    found = message_from_bytes(to_bytes(letter), policy=default)
    assert isinstance(found, EmailMessage)
    return found


def test_links_and_ids_stay_whole_on_one_line() -> None:
    raw = to_bytes(LETTER).decode("ascii")
    for name in ("List-Unsubscribe", "References"):
        assert f"\r\n{name}: {LETTER.headers[name]}\r\n" in raw
    assert f"\r\nMessage-ID: {LETTER.message_id}\r\n" in raw


def test_the_letter_comes_back_as_it_was_written() -> None:
    found = parsed(LETTER)
    assert found["Subject"] == LETTER.subject
    assert found["From"].addresses[0].display_name == "Ольга Лис"
    assert found["Date"].datetime == LETTER.sent_at
    body = found.get_body(("plain",))
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == LETTER.body_text
    assert [part.get_content_type() for part in found.iter_parts()] == ["text/plain", "text/html"]


@given(st.text(), st.text(), st.text())
def test_no_text_of_a_card_adds_a_header_or_breaks_a_line(name: str, subject: str, value: str) -> None:
    wild = replace(
        LETTER,
        recipient_name=f"{name}\r\nBcc: thief@evil.example.com",
        subject=f"{subject}\nX-Evil: 1",
        headers={"X-Note": f"{value}\r\nX-Evil: 1"},
    )
    raw = to_bytes(wild)
    head, _, _ = raw.partition(b"\r\n\r\n")
    names = {line.partition(b":")[0].lower() for line in head.split(b"\r\n") if line[:1] not in (b" ", b"\t")}
    assert names == {
        b"from", b"to", b"subject", b"date", b"message-id", b"x-note", b"mime-version", b"content-type"
    }  # fmt: skip
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    assert raw.isascii()


@pytest.mark.parametrize(
    "address", ["", "nobody", "a@b@c", "a b@c.example.com", "иван@example.com", "x@y.example.com\r\nBcc: z@z"]
)
def test_what_is_not_one_address_is_refused(address: str) -> None:
    with pytest.raises(MailRefused):
        to_bytes(replace(LETTER, recipient_address=address))


def test_headers_of_the_message_itself_cannot_be_overridden() -> None:
    found = parsed(replace(LETTER, headers={"Bcc": "x@example.com", "To": "y@example.com", "Bad Name": "z"}))
    assert found["Bcc"] is None
    assert found.get_all("To") is not None
    assert len(found.get_all("To") or ()) == 1


words = st.lists(
    st.text(st.sampled_from("абвгдеёжїґыяabcz—«»№7:;,🦊"), min_size=1, max_size=12), min_size=1, max_size=20
)


@settings(deadline=None)
@given(words, words)
def test_no_blank_is_lost_or_won_in_a_long_subject_or_name(subject: list[str], name: list[str]) -> None:
    """Read as RFC 2047 says; the library's own reader of names adds blanks between encoded words."""
    written = replace(LETTER, subject=" ".join(subject), recipient_name=" ".join(name))
    found = message_from_bytes(to_bytes(written))
    assert str(make_header(decode_header(found["Subject"]))) == written.subject
    shown = str(make_header(decode_header(found["To"].replace("\r\n", ""))))
    assert shown.endswith(f"<{written.recipient_address}>")
    if not written.recipient_name.isascii():
        assert shown == f"{written.recipient_name} <{written.recipient_address}>"
    assert max(len(line) for line in to_bytes(written).partition(b"\r\n\r\n")[0].split(b"\r\n")) <= 998
