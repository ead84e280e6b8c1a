"""A sender's own mailbox is saved only after a log-in, keeps its password to itself, and reaches no inner network."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from integration.mail import reach
from integration.mail.reach import CheckedMailers, is_public, public_addresses
from integration.mail.smtp import MailLater, SmtpServer
from integration.services import letters, mailboxes, policies
from integration.services.mailboxes import Own, Refused, Wish
from integration.store import mailboxes as rows
from integration.store.base import Sessions, transaction
from tests.conftest import HandClock
from tests.mail import test_smtp as smtp
from tests.mail.servers import PATIENCE, MailServer, dead_end
from tests.services.wave_world import SENDERS, World, make_world

MONDAY = datetime(2026, 2, 16, 8, tzinfo=UTC)


@pytest.fixture
def world(sessions: Sessions, clock: HandClock) -> World:
    made = make_world(sessions, clock)
    made.clock.moment = MONDAY
    made.deps = replace(made.deps, mailers=CheckedMailers(allow_private=True, timeout=PATIENCE))
    return made


@pytest.fixture
def server() -> Iterator[Controller]:
    """A real server that wants the login `lis` with the password `geheim`, without encryption."""

    def judged(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"lis", b"geheim"), handled=False)

    post = smtp.Post()
    controller = MailServer(post, authenticator=judged, auth_require_tls=False)
    controller.start()
    controller.post = post  # type: ignore[attr-defined]
    yield controller
    controller.stop()


def wish(server: Controller, **changes: Any) -> Wish:
    own = Own("smtp", "127.0.0.1", int(server.port), "lis", "geheim")
    return Wish("own", replace(own, **changes), per_hour=20, per_day=100, dkim_selector="mail")


def save(world: World, what: Wish, sender: str = "branch") -> Refused | None:
    return mailboxes.save(world.deps, world.portal_id, sender, what, "Пётр Сом")


def test_an_own_server_is_saved_after_a_log_in_and_its_letters_leave_by_it(
    world: World, server: Controller, capfd: pytest.CaptureFixture[str]
) -> None:
    """What is shown, logged and repeated of it holds no password; the database holds none in the clear."""
    assert save(world, wish(server)) is None
    box = mailboxes.shown(world.deps, world.portal_id, "branch")
    assert box is not None
    assert (box.way, box.own.host, box.own.user, box.own.password, box.password_kept) == (
        "own", "127.0.0.1", "lis", "", True,
    )  # fmt: skip
    assert (box.per_hour, box.per_day, box.dkim_selector, box.lacks) == (20, 100, "mail", "")
    assert (box.checked_at, box.changed_by) == (MONDAY, "Пётр Сом")
    assert letters.send_test(world.deps, world.portal_id, "branch", "A", "a@agency.example.com", "ru")
    world.tick()
    (row,) = world.letters()
    assert (row.status, row.way, row.error) == ("done", "own", "")
    assert world.post.sent == []
    assert len(server.post.taken) == 1  # type: ignore[attr-defined]
    with transaction(world.deps.sessions) as session:
        raw = session.connection().exec_driver_sql("SELECT * FROM sender_mailboxes").one()
    told = f"{raw} {box} {wish(server)} {capfd.readouterr()}"
    assert "geheim" not in told
    assert box.address == f"smtp://lis@127.0.0.1:{server.port}"


def test_an_empty_password_keeps_the_known_one_of_the_same_server_only(
    world: World, server: Controller
) -> None:
    assert save(world, wish(server)) is None
    assert save(world, replace(wish(server, password=""), per_hour=5)) is None
    assert mailboxes.check(world.deps, world.portal_id, "branch") == ""
    assert save(world, wish(server, password="", user="somebody")) == Refused("password", "needed")
    assert save(world, wish(server, password="", host="localhost")) == Refused("password", "needed")
    assert save(world, replace(wish(server), way="operator", per_hour=7)) is None
    box = mailboxes.shown(world.deps, world.portal_id, "branch")
    assert box is not None
    assert (box.way, box.password_kept, box.per_hour, box.address) == ("operator", False, 7, "")
    assert mailboxes.check(world.deps, world.portal_id, "branch") is None


def test_what_keeps_it_from_being_saved_is_told_by_its_cause(world: World, server: Controller) -> None:
    """And nothing is saved: neither the new one, nor is the old one lost."""
    assert save(world, wish(server)) is None
    closed, silent = dead_end(), smtp.socket.socket()
    silent.bind(("127.0.0.1", 0))
    silent.listen(1)
    short = replace(world.deps, mailers=CheckedMailers(allow_private=True, timeout=0.3))
    cases = [
        (wish(server, password="falsch"), Refused("password", "auth")),
        (wish(server, port=closed.getsockname()[1]), Refused("host", "refused")),
        (wish(server, host="no-such-host.invalid"), Refused("host", "host_unknown")),
        (wish(server, scheme="smtp+starttls"), Refused("host", "no_tls")),
        (wish(server, scheme="smtps"), Refused("host", "tls")),
        (wish(server, host=""), Refused("host", "needed")),
        (wish(server, host="mail.example.com/x"), Refused("host", "bad_host")),
        (wish(server, host="a\r\nb"), Refused("host", "bad_host")),
        (wish(server, host="user@mail.example.com"), Refused("host", "bad_host")),
        (wish(server, scheme="gopher"), Refused("host", "bad_host")),
        (wish(server, port=0), Refused("port", "bad_port")),
        (wish(server, port=65536), Refused("port", "bad_port")),
        (replace(wish(server), per_hour=-1), Refused("per_hour", "bad_number")),
        (replace(wish(server), per_day=100_001), Refused("per_day", "bad_number")),
        (replace(wish(server), dkim_selector="a b"), Refused("dkim_selector", "bad_selector")),
    ]
    found = [save(world, what) for what, _ in cases]
    assert found == [expected for _, expected in cases]
    quiet = wish(server, port=silent.getsockname()[1])
    assert mailboxes.save(short, world.portal_id, "branch", quiet, "") == Refused("host", "timeout")
    silent.close()
    closed.close()
    assert mailboxes.save(world.deps, world.portal_id, "nobody", wish(server), "") == Refused(
        "way", "no_sender"
    )
    assert mailboxes.check(world.deps, world.portal_id, "branch") == ""


def test_a_certificate_of_another_name_is_refused(world: World) -> None:
    """Also when the address is pinned: the name is what the certificate is compared with."""
    authority = trustme.CA()
    context = smtp.ssl.SSLContext(smtp.ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("other.example.com").configure_cert(context)
    with smtp.socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)

        def greet() -> None:
            peer, _ = listener.accept()
            try:
                context.wrap_socket(peer, server_side=True)
            except OSError:
                peer.close()

        thread = threading.Thread(target=greet)
        thread.start()
        own = Own("smtps", "127.0.0.1", listener.getsockname()[1])
        assert save(world, Wish("own", own)) == Refused("host", "certificate")
        thread.join(PATIENCE)


@pytest.mark.parametrize("address", [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "255.255.255.255",
    "224.0.0.1", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2002:a00:1::",
    "2001:db8::1", "not an address", "",
])  # fmt: skip
def test_no_address_of_an_inner_network_is_public(address: str) -> None:
    assert not is_public(address)


def test_an_inner_server_is_never_connected_to(
    world: World, server: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not by its number, not by a name for it, not by one of several addresses; and only by ports of mail."""
    guarded = CheckedMailers(allow_private=False, timeout=PATIENCE)
    reached: list[Any] = []
    monkeypatch.setattr(reach, "PORTS", reach.PORTS | {int(server.port)})
    monkeypatch.setattr(smtp.socket, "create_connection", lambda *given, **more: reached.append(given))
    for host in ("127.0.0.1", "localhost", "2130706433", "0x7f000001", "127.1", "[::1]", "0"):
        code = guarded(f"smtp://{host}:{server.port}").check()
        assert str(code) in ("connection host_forbidden", "connection host_unknown"), host
    for port in (22, 80, 6379, 8025):
        assert str(guarded(f"smtp://8.8.8.8:{port}").check()) == "connection port_forbidden"
    mixed = [(2, 1, 6, "", ("8.8.8.8", 25)), (2, 1, 6, "", ("10.0.0.1", 25))]
    monkeypatch.setattr(reach.socket, "getaddrinfo", lambda *given, **more: mixed)
    with pytest.raises(MailLater, match="host_forbidden"):
        public_addresses("mail.example.com", 25)
    assert reached == []


def test_a_name_that_changes_its_address_after_the_look_leads_nowhere_else(
    server: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection goes to the address that was looked at; the name is not asked again."""
    asked: list[str] = []

    def answer(host: str, *given: Any, **more: Any) -> list[Any]:
        asked.append(host)
        return [(2, 1, 6, "", ("8.8.4.4", 25))]

    def connect(place: Any, timeout: float) -> Any:
        asked.append(f"to {place[0]}")
        raise ConnectionRefusedError

    monkeypatch.setattr(reach.socket, "getaddrinfo", answer)
    monkeypatch.setattr(reach.socket, "create_connection", connect)
    assert str(CheckedMailers(allow_private=False)("smtp://mail.example.com").check()) == "connection refused"
    assert asked == ["mail.example.com", "to 8.8.4.4"]


def test_who_is_no_sender_any_more_loses_the_mailbox_with_the_save(world: World, server: Controller) -> None:
    assert save(world, wish(server)) is None
    world.policy(letters_per_hour=9)
    with transaction(world.deps.sessions) as session:
        assert set(rows.of(session, world.portal_id)) == {"branch"}
    world.policy(senders=SENDERS[:1], default_sender="head")
    with transaction(world.deps.sessions) as session:
        assert rows.of(session, world.portal_id) == {}


def test_what_senders_lack_is_named_for_the_rehearsal(world: World, server: Controller) -> None:
    def lacking(*, ready: bool) -> dict[str, str]:
        with transaction(world.deps.sessions) as session:
            policy, _ = policies.load(session, world.portal_id)
            return mailboxes.lacking(session, world.portal_id, policy, ["head", "branch", "head"], ready)

    assert lacking(ready=True) == {}
    assert lacking(ready=False) == {"head": "no_way", "branch": "no_way"}
    assert save(world, wish(server)) is None
    assert lacking(ready=False) == {"head": "no_way"}
    with transaction(world.deps.sessions) as session:
        rows.of(session, world.portal_id)["branch"].checked_at = None
    assert lacking(ready=True) == {"branch": "never_checked"}
    with transaction(world.deps.sessions) as session:
        box = rows.of(session, world.portal_id)["branch"]
        box.checked_at, box.check_code = MONDAY, "auth"
    assert lacking(ready=True) == {"branch": "login_refused"}
    assert save(world, Wish("portal"), "head") is None
    assert lacking(ready=False) == {"branch": "login_refused"}


@pytest.mark.parametrize(
    "url", ["smtps://u%40x:p%3Aw%2F@mail.example.com:465", "smtp://[::1]:25", "smtp+starttls://h:587"]
)
def test_an_address_is_kept_as_it_was_read(url: str) -> None:
    assert SmtpServer.parse(SmtpServer.parse(url).url()) == SmtpServer.parse(url)
