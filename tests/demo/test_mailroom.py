"""The demo's mail server takes letters as a real one does, and fails when it is told to."""

from __future__ import annotations

import json
import smtplib
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from integration.demo.letters import Mailbox
from integration.demo.mailroom import write_switch
from integration.demo.processes import Child, free_port, python

BUTTONS = "".join(
    f'<a href="http://127.0.0.1:9/s/tok_en-1?score={n}&amp;via=email">{n}</a>' for n in range(11)
)


def a_letter() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = (
        "Роман <r@agency.example.com>",
        "a@lisa.example.com",
        "Ответьте",
    )
    message["Message-ID"] = "<one@agency.example.com>"
    message["List-Unsubscribe"] = "<http://127.0.0.1:9/u/tok_en-1>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content("Здравствуйте!\nhttp://127.0.0.1:9/s/tok_en-1")
    message.add_alternative(f"<p>Здравствуйте!</p>{BUTTONS}", subtype="html")
    return message


@pytest.fixture
def room(tmp_path: Path) -> Iterator[tuple[Child, int]]:
    folder, port = str(tmp_path / "mail"), str(free_port())
    command = python("-m", "integration.demo.mailroom", "--folder", folder, "--port", port)
    child = Child(
        "mailroom", command, {"PYTHONPATH": ":".join(sys.path)}, tmp_path / "log", Path.cwd(), ready_line=True
    )
    told = child.start()
    try:
        yield child, int(told["port"])
    finally:
        child.kill()


def send(port: int) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as server:
        server.send_message(a_letter())


def test_a_letter_is_read_as_its_reader_sees_it(room: tuple[Child, int], tmp_path: Path) -> None:
    send(room[1])
    (letter,) = Mailbox(tmp_path / "mail").fetch()
    assert letter.recipient == "a@lisa.example.com"
    assert letter.asks
    assert sorted(letter.scores) == list(range(11))
    assert letter.scores[7] == "http://127.0.0.1:9/s/tok_en-1?score=7&via=email"
    assert letter.unsubscribe == "http://127.0.0.1:9/u/tok_en-1"
    assert letter.one_click
    assert "Здравствуйте" in letter.text
    assert letter.headers["Message-ID"] == "<one@agency.example.com>"


def test_the_mailbox_gives_each_letter_once(room: tuple[Child, int], tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path / "mail")
    assert mailbox.fetch() == []
    send(room[1])
    send(room[1])
    assert [letter.number for letter in mailbox.fetch()] == [1, 2]
    assert mailbox.fetch() == []


def test_half_a_line_waits_for_its_rest(tmp_path: Path) -> None:
    row = {"n": 1, "at": 0, "to": ["a@x.example.com"], "headers": {}, "text": "", "html": ""}
    line = json.dumps(row).encode() + b"\n"
    path = tmp_path / "letters.jsonl"
    mailbox = Mailbox(tmp_path)
    path.write_bytes(line[:20])
    assert mailbox.fetch() == []
    path.write_bytes(line)
    assert len(mailbox.fetch()) == 1


def test_a_refused_recipient_gets_550_as_often_as_ordered(room: tuple[Child, int], tmp_path: Path) -> None:
    write_switch(tmp_path / "mail", "refuse", 1)
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send(room[1])
    send(room[1])
    assert len(Mailbox(tmp_path / "mail").fetch()) == 1


def test_a_temporary_fault_answers_451_and_keeps_nothing(room: tuple[Child, int], tmp_path: Path) -> None:
    write_switch(tmp_path / "mail", "temporary")
    with pytest.raises(smtplib.SMTPDataError) as error:
        send(room[1])
    assert error.value.smtp_code == 451
    assert Mailbox(tmp_path / "mail").fetch() == []


@pytest.mark.parametrize(("mode", "kept"), [("drop", 1), ("silent", 0)])
def test_a_broken_connection_leaves_the_sender_in_doubt(
    room: tuple[Child, int], tmp_path: Path, mode: str, kept: int
) -> None:
    write_switch(tmp_path / "mail", mode, 1)
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(room[1])
    assert len(Mailbox(tmp_path / "mail").fetch()) == kept


def test_a_killed_mail_room_goes_on_where_it_was(room: tuple[Child, int], tmp_path: Path) -> None:
    child, port = room
    send(port)
    child.kill()
    child.start()
    send(port)
    assert [letter.number for letter in Mailbox(tmp_path / "mail").fetch()] == [1, 2]
