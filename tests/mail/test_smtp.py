"""Hand-over to a real mail server, with everything a server can do to it."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from integration.mail.outgoing import MailLater, MailRefused, MailUnknown, OutgoingLetter
from integration.mail.smtp import NoMailer, SmtpMailer, SmtpServer
from tests.mail.servers import PATIENCE, MailServer, dead_end
from tests.mail.test_message import LETTER

Reply = Callable[[Envelope], str]


@dataclass
class Post:
    """A handler of a real server that says what it is told to say and keeps what it took."""

    on_mail: str = "250 OK"
    on_rcpt: dict[str, str] = field(default_factory=dict)
    on_data: Reply = lambda envelope: "250 taken"
    taken: list[Envelope] = field(default_factory=list)
    connections: int = 0

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.on_mail.startswith("250"):
            envelope.mail_from = address
        return self.on_mail

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        reply = self.on_rcpt.get(address, "250 OK")
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        reply = self.on_data(envelope)
        if reply == "drop":  # taken, and the line breaks before the answer
            self.taken.append(envelope)
            assert server.transport is not None
            server.transport.abort()
            return "250 never heard"
        if reply.startswith("250"):
            self.taken.append(envelope)
        return reply


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def server(post: Post) -> Iterator[Controller]:
    controller = MailServer(post)
    controller.start()
    yield controller
    while OPENED:
        OPENED.pop().close()
    controller.stop()


OPENED: list[SmtpMailer] = []


def mailer_for(server: Controller, timeout: float = PATIENCE) -> SmtpMailer:
    OPENED.append(SmtpMailer(SmtpServer.parse(f"smtp://{server.hostname}:{server.port}"), timeout=timeout))
    return OPENED[-1]


def to(address: str, **more: Any) -> OutgoingLetter:
    return replace(LETTER, recipient_address=address, message_id=f"<{address}>", **more)


def test_many_letters_go_over_one_connection_and_arrive_whole(post: Post, server: Controller) -> None:
    mailer = mailer_for(server)
    letters = [to(f"p{n}@client.example.com") for n in range(30)]
    assert mailer.send(letters[:20]) == [None] * 20
    assert mailer.send(letters[20:]) == [None] * 10
    mailer.close()
    assert [e.rcpt_tos for e in post.taken] == [[letter.recipient_address] for letter in letters]
    assert post.connections == 1
    content = post.taken[0].content
    assert isinstance(content, bytes)
    found = message_from_bytes(content, policy=default)
    assert found["Subject"] == LETTER.subject
    assert found.get_body(("plain",)).get_content().replace("\r\n", "\n") == LETTER.body_text  # type: ignore[attr-defined]


def test_a_refused_address_is_final_and_the_others_still_go(post: Post, server: Controller) -> None:
    post.on_rcpt = {"gone@client.example.com": "550 5.1.1 no such user gone@client.example.com here"}
    outcomes = mailer_for(server).send([to("gone@client.example.com"), to("here@client.example.com")])
    first = outcomes[0]
    assert isinstance(first, MailRefused)
    assert (first.recipient, first.code) == (True, "550")
    assert "gone@" not in str(first)
    assert outcomes[1] is None
    assert [e.rcpt_tos for e in post.taken] == [["here@client.example.com"]]


@pytest.mark.parametrize("reply", ["450 4.2.0 greylisted", "451 4.3.0 try later", "452 4.2.2 box full"])
def test_a_temporary_refusal_may_be_tried_again(post: Post, server: Controller, reply: str) -> None:
    post.on_rcpt = {"slow@client.example.com": reply}
    (outcome,) = mailer_for(server).send([to("slow@client.example.com")])
    assert isinstance(outcome, MailLater)
    assert outcome.code == reply[:3]


def test_a_refused_text_is_final_but_does_not_mark_the_address(post: Post, server: Controller) -> None:
    post.on_data = lambda envelope: "554 5.7.1 looks like spam"
    (outcome,) = mailer_for(server).send([to("here@client.example.com")])
    assert isinstance(outcome, MailRefused)
    assert not outcome.recipient


def test_a_refused_sender_is_nobody_s_address_problem_and_waits(post: Post, server: Controller) -> None:
    post.on_mail = "553 5.7.1 not your address"
    (outcome,) = mailer_for(server).send([to("here@client.example.com")])
    assert isinstance(outcome, MailLater)


def test_a_refusal_said_to_the_recipient_but_meant_for_the_sender_marks_no_address(
    post: Post, server: Controller
) -> None:
    """Most servers check sender and login only at RCPT: one wrong setting would make a whole wave unreachable."""
    for reply, kind, marks in (
        ("553 5.7.1 <o@a.example>: Sender address rejected: not owned by user robot", MailLater, False),
        ("554 5.7.1 <here@client.example.com>: Relay access denied", MailLater, False),
        ("550 relay not permitted", MailLater, False),
        ("550 5.1.8 Sender address rejected: Domain not found", MailLater, False),
        ("550 Sender verify failed", MailLater, False),
        ("550 5.7.1 blocked using a list", MailRefused, False),
        ("552 5.2.2 mailbox full", MailRefused, False),
        ("550 5.7.1 No such user!", MailRefused, True),
        ("550 5.4.1 Recipient address rejected: Access denied", MailRefused, True),
        ("550 mailbox unavailable", MailRefused, True),
    ):
        post.on_rcpt = {"here@client.example.com": reply}
        (outcome,) = mailer_for(server).send([to("here@client.example.com")])
        assert type(outcome) is kind, reply
        assert getattr(outcome, "recipient", False) is marks, reply
    (outcome,) = mailer_for(server).send([replace(LETTER, sender_address="ольга@агентство.рф")])
    assert isinstance(outcome, MailRefused)
    assert not outcome.recipient


def test_a_line_that_breaks_after_the_final_dot_leaves_the_fate_unknown_and_ends_the_run(
    post: Post, server: Controller
) -> None:
    post.on_data = lambda envelope: "drop" if len(post.taken) == 1 else "250 taken"
    letters = [to(f"p{n}@client.example.com") for n in range(4)]
    outcomes = mailer_for(server).send(letters)
    assert [type(outcome) for outcome in outcomes] == [type(None), MailUnknown, MailLater, MailLater]
    assert len(post.taken) == 2


def test_after_a_break_the_next_run_opens_a_new_connection(post: Post, server: Controller) -> None:
    post.on_data = lambda envelope: "drop" if not post.taken else "250 taken"
    mailer = mailer_for(server)
    assert isinstance(mailer.send([to("a@client.example.com")])[0], MailUnknown)
    assert mailer.send([to("b@client.example.com")]) == [None]


def test_nobody_listening_means_later() -> None:
    with dead_end() as nobody:
        port = nobody.getsockname()[1]
        (outcome,) = SmtpMailer(SmtpServer.parse(f"smtp://127.0.0.1:{port}"), timeout=2).send([LETTER])
    assert isinstance(outcome, MailLater)
    assert outcome.code == "connection"


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ([b"220 hi\r\n", b"250 hello\r\n", None], MailLater),  # dies at MAIL
        ([b"220 hi\r\n", b"250 hello\r\n", b"250 ok\r\n", b"250 ok\r\n", None], MailLater),  # dies at DATA
        ([b"220 hi\r\n", b"250 hello\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", None], MailUnknown),
    ],
)
def test_where_a_server_dies_decides_what_is_known(
    script: list[bytes | None], expected: type[Exception]
) -> None:
    """A server scripted byte by byte: it answers so many commands and then resets the line."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        line, _ = listener.accept()
        with line:
            for reply in script:
                if reply is None:
                    break
                line.sendall(reply)
                seen = b""
                while not (
                    seen.endswith(b"\r\n.\r\n") if reply.startswith(b"354") else seen.endswith(b"\r\n")
                ):
                    part = line.recv(65536)
                    if not part:
                        return
                    seen += part

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        mailer = SmtpMailer(
            SmtpServer.parse(f"smtp://127.0.0.1:{listener.getsockname()[1]}"), timeout=PATIENCE
        )
        (outcome,) = mailer.send([LETTER])
    finally:
        thread.join(PATIENCE)
        listener.close()
    assert type(outcome) is expected


def test_passwords_are_used_only_inside_tls_and_wrong_ones_mean_later(post: Post) -> None:
    authority = trustme.CA()
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(server_context)
    client_context = ssl.create_default_context()
    authority.configure_trust(client_context)

    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"molva", b"p@ss:w/rd"), handled=False)

    controller = MailServer(
        post, tls_context=server_context, require_starttls=True, authenticator=check, auth_required=True
    )
    controller.start()
    try:
        address = f"127.0.0.1:{controller.port}"
        right = SmtpServer.parse(f"smtp+starttls://molva:p%40ss%3Aw%2Frd@{address}")
        mailer = SmtpMailer(right, timeout=PATIENCE, context=client_context)
        assert mailer.send([LETTER]) == [None]
        mailer.close()
        wrong = SmtpServer.parse(f"smtp+starttls://molva:guess@{address}")
        (outcome,) = SmtpMailer(wrong, timeout=PATIENCE, context=client_context).send([LETTER])
        assert isinstance(outcome, MailLater)
        assert outcome.code == "auth"
        (untrusted,) = SmtpMailer(right, timeout=PATIENCE).send([LETTER])
        assert isinstance(untrusted, MailLater)
    finally:
        controller.stop()
    assert len(post.taken) == 1


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example.com", ("smtp", "mail.example.com", 25, "", "")),
        ("smtps://u:p@mail.example.com", ("smtps", "mail.example.com", 465, "u", "p")),
        (
            "smtp+starttls://u%40x:p%2F@mail.example.com:2525",
            ("smtp+starttls", "mail.example.com", 2525, "u@x", "p/"),
        ),
    ],
)
def test_the_address_of_the_server_is_read(url: str, expected: tuple[str, str, int, str, str]) -> None:
    found = SmtpServer.parse(url)
    assert (found.scheme, found.host, found.port, found.user, found.password) == expected
    assert "p/" not in repr(found)


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.com:25",
        "http://mail.example.com",
        "smtp://",
        "smtp://h:99999",
        "smtp://h/path",
        "smtp://u:secret@h:x",
    ],
)
def test_a_wrong_address_is_refused_without_telling_the_password(url: str) -> None:
    with pytest.raises(ValueError) as caught:
        SmtpServer.parse(url)
    assert "secret" not in str(caught.value)


def test_without_a_server_letters_wait() -> None:
    mailer = NoMailer()
    assert not mailer.ready
    assert isinstance(mailer.send([LETTER])[0], MailLater)
