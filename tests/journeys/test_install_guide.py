"""`docs/install.md` alone leads to a Molva that works: as a local application, from the Market, by a webhook.

The guide's own commands are run, in order, in a folder instead of the system's paths (`tests.server_stage`). Simulated
are Bitrix24 and systemd as a whole; nginx, TLS, the web and worker processes and every command are real.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from html import unescape
from typing import Any

import pytest
import requests

from integration.bitrix.sandbox.server import Sandbox, start
from integration.bitrix.scopes import CODES
from tests.bitrix.sandbox.agencies import small_agency
from tests.server_stage import GUIDE, HOST, Stage, nginx, tool
from tests.web.portal_site import session_of

pytestmark = [pytest.mark.journey, pytest.mark.timeout(500)]

PATIENCE = 120.0
#: Keys that the vendor's console shows.
MARKET = {"YOUR.ID": "app.6512ab.77", "YOUR.SECRET": "s3cret-of-the-market"}


@dataclass
class Scene:
    """The server, and four portals: one with a local application, two that know the one of the Market, one without."""

    stage: Stage
    own: Sandbox
    first: Sandbox
    second: Sandbox
    hooked: Sandbox

    def get(self, path: str, **more: Any) -> requests.Response:
        """What somebody out in the world gets from the server."""
        return requests.get(self.stage.url + path, timeout=90, allow_redirects=False, **more)

    def click(self, box: Sandbox, path: str, **form: Any) -> requests.Response:
        """An administrator of a portal presses a button of one of its pages."""
        return requests.post(
            box.portal_url + path,
            data=form,
            cookies={"portal_viewer": "1"},
            headers={"Origin": box.portal_url},
            timeout=90,
        )

    def opened(self, box: Sandbox, client_id: str, user: int = 1) -> dict[str, Any]:
        """Somebody opens the application from the portal's menu; status, headers and body of its page."""
        answer: dict[str, Any] = box.control(f"/apps/{client_id}/open", {"user_id": user, "lang": "en"})
        return answer

    def installed(self, box: Sandbox, client_id: str, *, anew: bool = False) -> None:
        """What the installer's page does in the administrator's browser, to its end.

        `anew`: it asks first what becomes of earlier data, and they are to be forgotten.
        """
        page = self.opened(box, client_id)
        assert page["status"] == 200, page["body"][:500]
        assert 'action="/bitrix/install/earlier"' in page["body"] if anew else "installFinish" in page["body"]
        session = session_of(page["body"])
        if anew:
            said = {"session": session, "do": "anew", "sure": "1", "back": "install"}
            session = session_of(
                requests.post(f"{self.stage.url}/bitrix/install/earlier", data=said, timeout=90).text
            )
        bearer = {"Authorization": f"Bearer {session}"}
        until(lambda: self.get("/bitrix/install/status", headers=bearer).json()["ready"], self.stage.tails)
        box.control(f"/apps/{client_id}/finish")
        main = self.opened(box, client_id)
        assert (main["status"], "installFinish" in main["body"]) == (200, False)

    def portals(self) -> dict[str, float]:
        """How many portals are in which state, as the metrics say."""
        text = requests.get(f"http://127.0.0.1:{self.stage.web}/metrics", timeout=90).text
        return {
            state: float(n)
            for state, n in re.findall(r'^molva_portals\{status="(\w+)"\} (\S+)', text, re.M)
            if float(n)
        }

    def erasures(self) -> int:
        """How many portals are to be erased."""
        (path,) = self.stage.folder.glob("**/molva.db")
        with closing(sqlite3.connect(path)) as database:
            row = database.execute("SELECT count(*) FROM portals WHERE erase_after IS NOT NULL").fetchone()
        return int(row[0])


def until(true: Callable[[], Any], why: Callable[[], str]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, why()
        time.sleep(0.2)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    tool("Linux", sys.platform if sys.platform == "linux" else None)
    tool("nginx", nginx())
    tool("curl", shutil.which("curl"))
    stage = Stage(tmp_path_factory.mktemp("server"))
    names = ("own", "first", "second", "hooked")
    boxes = [start(small_agency(member_id=f"member-{name}", domain=f"{name}.example")) for name in names]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REQUESTS_CA_BUNDLE", str(stage.bundle))
        try:
            _set_up(stage, boxes)
            yield Scene(stage, *boxes)
        finally:
            stage.close()
            for box in boxes:
                box.close()


def _set_up(stage: Stage, boxes: list[Sandbox]) -> None:
    """Part 2 of the guide, the keys of part 4, and what only a sandbox needs added to the settings."""
    stage.follow("settings")
    clock = stage.folder / "clock"
    clock.write_text("0\n", encoding="ascii")
    stage.add_settings(
        MOLVA_ALLOW_HTTP_PORTALS="1", MOLVA_BITRIX_OAUTH_URL=",".join(box.oauth_url for box in boxes),
        MOLVA_BX24_SCRIPT_URL=f"{boxes[0].portal_url}/bx24.js", MOLVA_TEST_CLOCK=str(clock),
        MOLVA_OPERATOR_NAME="Example Agency Ltd", MOLVA_OPERATOR_CONTACTS="help@example.com",
    )  # fmt: skip
    stage.follow("market", obey=False, **MARKET)
    stage.follow("services")
    stage.follow("proxy")


def _form(name: str, stage: Stage) -> dict[str, str]:
    """A table of fields in the guide, as somebody copies it from there."""
    table = GUIDE.read_text(encoding="utf-8").split(f"<!-- form: {name} -->")[1].split("\n\n")[0]
    rows = re.findall(r"^\| (?!field|-)(.*?) \| (.*?) \|$", stage.here(table), re.MULTILINE)
    return {field: value.strip("`") for field, value in rows}


def test_the_guide_ends_at_a_server_that_answers_as_the_portal_will_ask(scene: Scene) -> None:
    ready = f"http://127.0.0.1:{scene.stage.web}/readyz"
    until(
        lambda: requests.get(ready, timeout=90).ok, scene.stage.tails
    )  # nobody waits for the worker's start
    said = scene.stage.follow("look")
    assert '"status":"ok"' in said.replace(" ", "")
    assert said.count("200\n") == 4
    assert "in the background is running" in said
    assert "There are no portals yet" in said
    assert (scene.stage.folder / "var/molva.db").stat().st_mode & 0o777 == 0o600
    assert (scene.stage.folder / "etc/.env").stat().st_mode & 0o777 == 0o640


def test_a_newcomer_connects_a_portal_by_a_local_application(scene: Scene) -> None:
    """Keys of its own, shown once by the portal; anything the portal changes then arrives through nginx."""
    stage, own = scene.stage, scene.own
    form = _form("local application", stage)
    made = scene.click(
        own, "/devops/edit/application/", title=form["Name in the menu"], app_url=form["Path of the handler"],
        install_url=form["Path of the initial installation"], scope=re.findall(r"\w+", form["Assign rights"]),
    )  # fmt: skip
    client_id, secret = (unescape(key) for key in re.findall(r"<code>(.*?)</code>", made.text))
    assert scene.opened(own, client_id)["status"] == 403, "before Molva has the keys nobody is let in"
    stage.follow("local", typed=f"{secret}\n", **{"YOUR.PORTAL": own.domain, "YOUR.ID": client_id})
    assert scene.opened(own, client_id, user=6)["status"] == 403, "an employee is told whom to ask"
    scene.installed(own, client_id)
    assert scene.portals() == {"active": 1}
    page = scene.opened(own, client_id, user=6)
    assert (page["status"], "X-Frame-Options" in page["headers"]) == (200, False)
    assert f"frame-ancestors 'self' {own.portal_url};" in page["headers"]["Content-Security-Policy"]
    own.control("/events/flush", {"timeout": 60})
    received = '"POST /bitrix/events HTTP/1.1" 200 '
    before = logged(stage, "access").count(received)
    own.control("/as/6/crm.item.update", {"entityTypeId": 2, "id": 10, "fields": {"title": "Another"}})
    own.control("/events/flush", {"timeout": 60})
    until(lambda: logged(stage, "access").count(received) > before, stage.tails)


def logged(stage: Stage, kind: str, until_it_says: str = "") -> str:
    """What nginx has written into one of its logs; it writes a line only after the answer has left."""
    path = stage.log / f"molva.{kind}.log"
    until(lambda: until_it_says in path.read_text(encoding="utf-8"), stage.tails)
    return path.read_text(encoding="utf-8")


def test_two_portals_install_the_market_application_with_one_pair_of_keys(scene: Scene) -> None:
    """One of them removes it with its data and comes back; the other and the local one notice nothing."""
    stage, client_id = scene.stage, MARKET["YOUR.ID"]
    form = _form("market application", stage)
    for name in ("Use my license agreement", "Use my privacy policy"):
        assert "Example Agency Ltd" in requests.get(form[name], timeout=90).text
    rights = re.findall(r"\w+", form["The application will work with system sections"])
    card = {
        "client_id": client_id, "client_secret": MARKET["YOUR.SECRET"], "title": "Molva",
        "app_url": form["Application URL"], "install_url": form["Application installer URL"], "scope": rights,
    }  # fmt: skip
    for box in (scene.first, scene.second):
        box.control("/market", card)
        assert scene.click(box, f"/marketplace/{client_id}/install").ok
        scene.installed(box, client_id)
    assert scene.portals() == {"active": 3}
    scene.click(scene.second, f"/marketplace/{client_id}/remove", clean="1")
    until(lambda: scene.portals() == {"active": 2, "uninstalled": 1}, stage.tails)
    until(
        scene.erasures, stage.tails
    )  # a worker that asks the portal may notice the removal before its event comes
    assert scene.opened(scene.first, client_id)["status"] == 200
    scene.click(scene.second, f"/marketplace/{client_id}/install")
    scene.installed(scene.second, client_id, anew=True)
    assert scene.portals() == {"active": 3}


def test_a_webhook_and_a_new_version_go_by_the_guide_too(scene: Scene) -> None:
    stage = scene.stage
    hook = scene.hooked.control("/webhooks", {"user_id": 1, "scope": list(CODES)})["url"]
    stage.follow("webhook", **{"https://YOUR.PORTAL/rest/1/CODE/": hook})
    until(lambda: scene.portals() == {"active": 4}, stage.tails)
    ended = [stage.running[name].process for name in ("molva-web", "molva-worker")]
    stage.follow("update")
    assert [process and process.returncode for process in ended] == [0, 0], "stopped in peace, not killed"
    (copy,) = (stage.folder / "var/backups").glob("*.backup")
    assert copy.stat().st_mode & 0o777 == 0o600


# --- nginx in front of it


def test_the_proxy_speaks_modern_tls_http_2_and_adds_nothing_that_empties_a_frame(scene: Scene) -> None:
    with scene.stage.secure("h2", "http/1.1") as connection:
        assert (connection.version(), connection.selected_alpn_protocol()) == ("TLSv1.3", "h2")
    plain = requests.get(f"http://{HOST}:{scene.stage.http}/legal/privacy", timeout=90, allow_redirects=False)
    assert (plain.status_code, plain.headers["Location"]) == (301, f"https://{HOST}/legal/privacy")
    framed = requests.post(f"{scene.stage.url}/bitrix/app", data={"DOMAIN": "x"}, timeout=90)
    for answer in (scene.get("/bitrix/app"), scene.get("/nowhere"), framed):
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        assert "/" not in answer.headers["Server"], "no version"
        assert "," not in answer.headers["Content-Security-Policy"], "Molva's own policy, once"
    assert "default-src 'none'" in framed.headers["Content-Security-Policy"]
    packed, page = scene.get("/assets/kit.css"), scene.get("/legal/privacy")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in page.headers, "nothing with a session in it is compressed (BREACH)"
    assert scene.get("/metrics").status_code == 404


def test_the_proxy_tells_who_asks_whatever_they_say_of_themselves(scene: Scene) -> None:
    forged = "\r\n".join([
        "POST /bitrix/events HTTP/1.1", f"Host: {HOST}", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: http",
        "Forwarded: for=203.0.113.9", "Content-Type: application/x-www-form-urlencoded", "Content-Length: 3",
        "Connection: close", "", "a=b",
    ])  # fmt: skip
    with scene.stage.secure("http/1.1", source="127.0.0.2") as connection:
        connection.sendall(forged.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 400")
    refused: list[str] = []

    def written() -> list[str]:
        lines = scene.stage.running["molva-web"].tail(50).splitlines()
        refused[:] = [line for line in lines if "event.refused" in line and "127.0.0.2" in line]
        return refused

    until(written, scene.stage.tails)
    assert "203.0.113.9" not in "".join(refused) + logged(scene.stage, "access", until_it_says="127.0.0.2 [")


def test_the_proxy_refuses_floods_and_keeps_personal_links_out_of_its_logs(scene: Scene) -> None:
    """Also where something fails: nginx writes the whole first line of a request into its error log."""
    stage, token = scene.stage, "Tm9ib2R5LXNob3VsZC1zZWUtdGhpcw"
    for path, size in (("/bitrix/events", 70_000), ("/app/main", 2_200_000), (f"/s/{token}", 2_200_000)):
        answer = requests.post(stage.url + path, data={"x": "y" * size}, timeout=90)
        assert (answer.status_code, "X-Request-Id" in answer.headers) == (413, False), (
            "by the proxy, not by Molva"
        )
    long = requests.post(f"{stage.url}/app/main", data={"x": "y" * 300_000}, timeout=90)
    assert (long.status_code, "X-Request-Id" in long.headers) == (413, True), "by Molva, with words"
    for kind in "sud":
        assert scene.get(f"/{kind}/{token}?score=9").status_code in (200, 404)
    assert scene.get(f"//s/../s/{token}").status_code in (200, 404)
    stage.stop("molva-web")
    assert scene.get(f"/s/{token}").status_code == 502
    written = logged(stage, "access", until_it_says='"GET /s/- HTTP/1.1" 502')
    for text in (written, logged(stage, "error"), stage.running["nginx"].tail(200)):
        assert token not in text
        assert "score" not in text
        assert "APP_SID" not in text


def test_a_copy_goes_into_an_empty_database_and_a_portal_can_be_erased_at_once(scene: Scene) -> None:
    stage = scene.stage
    stage.stop("molva-web")
    stage.stop("molva-worker")
    (copy,) = (stage.folder / "var/backups").glob("*.backup")
    stage.add_settings(MOLVA_DATABASE_URL=f"sqlite:///{stage.folder}/var/other.db")
    stage.follow("restore", DATE=copy.stem)
    with closing(sqlite3.connect(stage.folder / "var/other.db")) as database:
        rows = database.execute("SELECT kind, status, domain FROM portals ORDER BY id").fetchall()
    boxes = {"local": [scene.own], "market": [scene.first, scene.second], "webhook": [scene.hooked]}
    assert sorted(rows) == sorted(
        (kind, "active", box.domain) for kind, some in boxes.items() for box in some
    )
    assert "Portal 1 is erased" in stage.follow("remove", NUMBER="1")


def test_the_last_part_of_the_guide_leaves_nothing_behind(scene: Scene) -> None:
    stage = scene.stage
    stage.follow("away")
    assert set(stage.running) <= {"nginx"}
    assert [path.name for name in ("etc", "var") for path in stage.folder.glob(name)] == []
    assert list((stage.folder / "units").iterdir()) + list((stage.folder / "conf.d").iterdir()) == []
