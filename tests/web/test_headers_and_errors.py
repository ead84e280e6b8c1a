"""Headers, limits, error pages: the same on every address, never a traceback (product.md S2, T6)."""

from __future__ import annotations

import io
import logging
import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from gunicorn.http.errors import InvalidChunkSize
from werkzeug.wsgi import ClosingIterator

from integration.web.bodies import PIECE, Patient
from tests.services.survey_world import World
from tests.web.conftest import make_app

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PUBLIC = [
    "/s/{t}",
    "/s/nobody",
    "/s/{t}/later",
    "/u/{t}",
    "/u/nobody",
    "/bitrix/install",
    "/bitrix/app",
    "/bitrix/session",
    "/app/main",
    "/app/settings/senders",
    "/app/parts",
    "/nowhere",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_pages_cannot_be_framed_cached_indexed_or_leak_their_address(
    client: FlaskClient, world: World, address: str
) -> None:
    headers = client.get(address.format(t=world.token)).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert (
        policy["script-src"]
        == policy["style-src"]
        == policy["connect-src"]
        == policy["form-action"]
        == "'self'"
    )
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "noindex" in headers["X-Robots-Tag"]
    assert "Set-Cookie" not in headers


class Half(io.BytesIO):
    """A body whose sender falls silent: what gunicorn's socket, or its reader of chunks, raises then."""

    def __init__(self, fault: Exception) -> None:
        super().__init__()
        self.fault = fault

    def read(self, *_: Any) -> bytes:
        raise self.fault

    readline = readinto = read  # type: ignore[assignment]


def test_a_body_that_does_not_come_is_the_sender_s_fault(
    client: FlaskClient, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Wherever a body is read: no failure of ours, no traceback; the socket's own patience has an end."""
    app = client.application
    app.wsgi_app = Patient(app.wsgi_app, 7.0)  # type: ignore[method-assign]
    ours, theirs = socket.socketpair()
    for rule in app.url_map.iter_rules():
        if "POST" not in (rule.methods or ()):
            continue
        values = {name: 1 if "id" in name else "x" for name in rule.arguments} | {"token": world.token}
        path = rule.build(values | {"kind": "deal", "language": "en"})
        assert path is not None
        for kind, fault in (
            ("application/x-www-form-urlencoded", TimeoutError("timed out")),
            ("multipart/form-data; boundary=b", TimeoutError("timed out")),
            ("application/x-www-form-urlencoded", InvalidChunkSize(b"ZZ")),
        ):
            answer = client.post(
                path[1], input_stream=Half(fault), content_length=500, content_type=kind,
                environ_overrides={"gunicorn.socket": ours},
            )  # fmt: skip
            assert answer.status_code < 500, (path, answer.status_code)
    assert ours.gettimeout() == 7.0
    ours.close()
    theirs.close()
    assert "Traceback" not in caplog.text


def test_a_long_answer_leaves_in_pieces_and_is_closed_like_any_other() -> None:
    """A server gives each piece the same patience: a list of megabytes reaches those with a slow line whole."""
    ended: list[bool] = []
    long = bytes(range(256)) * 20_000

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return ClosingIterator([b"", long, b"end"], [lambda: ended.append(True)])

    answer = Patient(app)({"wsgi.input": io.BytesIO()}, lambda *_: lambda _: None)
    pieces = list(answer)
    assert b"".join(pieces) == long + b"end"
    assert max(map(len, pieces)) == PIECE
    answer.close()  # type: ignore[attr-defined]
    assert ended == [True]


@pytest.mark.parametrize("address", PUBLIC)
def test_pages_carry_no_inline_script_style_or_foreign_address(
    client: FlaskClient, world: World, address: str
) -> None:
    body = client.get(address.format(t=world.token)).text
    assert "<style" not in body
    assert " style=" not in body
    assert "<script>" not in body
    assert "http://" not in body
    assert "https://" not in body


@pytest.mark.parametrize("address", ["/bitrix/install", "/bitrix/app"])
def test_entry_addresses_answer_get_and_head_with_200(client: FlaskClient, address: str) -> None:
    assert client.get(address).status_code == 200
    assert client.head(address).status_code == 200


def test_assets_are_cached_for_good_under_their_version_only(client: FlaskClient) -> None:
    body = client.get("/bitrix/app").text
    address = body.split('href="')[2].split('"')[0]
    assert address.startswith("/assets/")
    assert "immutable" in client.get(address).headers["Cache-Control"]
    assert client.get(address.split("?")[0]).headers["Cache-Control"] == "no-cache"
    assert client.get("/assets/../survey.py").status_code == 404


@pytest.mark.parametrize(("address", "size"), [("/s/{t}", 200_000), ("/s/{t}/proof", 5_000), ("/s/{t}/later", 5_000),
                                               ("/u/{t}", 5_000), ("/u/{t}/page", 5_000), ("/bitrix/install", 70_000),
                                               ("/bitrix/app", 70_000), ("/bitrix/session", 9_000),
                                               ("/app/main", 300_000)])  # fmt: skip
def test_a_body_over_the_limit_is_refused_with_413(
    client: FlaskClient, world: World, address: str, size: int
) -> None:
    answer = client.post(address.format(t=world.token), data={"comment": "x" * size})
    assert answer.status_code == 413
    assert world.response() is None


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_other_methods_are_refused_with_what_is_allowed(
    client: FlaskClient, world: World, method: str
) -> None:
    answer = getattr(client, method)(f"/s/{world.token}")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize(
    "form", [{"nonce": "x" * 2001}, {"lang": "xx"}, {"proof": "y" * 201}, {"switch": "perhaps"}]
)
def test_a_form_of_a_wrong_shape_is_a_400_page(
    client: FlaskClient, world: World, form: dict[str, str]
) -> None:
    answer = client.post(f"/s/{world.token}", data=form | {"score": "9"})
    assert answer.status_code == 400
    assert "cannot be read" in answer.text
    assert world.response() is None


@pytest.mark.parametrize(("language", "words"), [("ru", "Такой страницы нет"), ("uk", "Такої сторінки немає"),
                                                 ("fr", "There is no such page")])  # fmt: skip
def test_error_pages_speak_the_browsers_language(client: FlaskClient, language: str, words: str) -> None:
    answer = client.get("/nowhere", headers={"Accept-Language": language})
    assert answer.status_code == 404
    assert words in answer.text


@pytest.fixture
def broken(world: World) -> Flask:
    app = make_app(world.deps)

    @app.get("/broken")
    @app.get("/api/v1/broken")
    def fail() -> str:
        raise RuntimeError("secret words of a fault")

    return app


def test_a_failure_is_a_page_without_its_reason_and_a_line_in_the_log(
    broken: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = broken.test_client().get("/broken")
    assert answer.status_code == 500
    assert "secret words" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["Content-Security-Policy"]
    assert any(record.exc_info for record in caplog.records)


def test_programs_get_problem_details(broken: Flask) -> None:
    for address, status in (("/api/v1/broken", 500), ("/api/v1/nothing", 404)):
        answer = broken.test_client().get(address)
        assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
        assert answer.get_json()["status"] == status
        assert "secret words" not in answer.text


def test_every_answer_has_a_request_id_and_a_usable_one_is_kept(client: FlaskClient) -> None:
    made = {client.get("/healthz").headers["X-Request-Id"] for _ in range(3)}
    assert len(made) == 3
    for given, kept in (("proxy-12345", True), ("x", False), ("a b c d e f g h", False), ("y" * 65, False)):
        answer = client.get("/nowhere", headers={"X-Request-Id": given})
        assert (answer.headers["X-Request-Id"] == given) is kept
