"""What `deploy/` holds works as it stands, and agrees with `docs/install.md` and with the program."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import trustme
from gunicorn.config import Config as Gunicorn

from integration.app import MAX_REQUEST
from integration.bitrix.scopes import CODES
from integration.config import Config
from integration.web.partners import UPLOAD as SHEET
from integration.web.referral_import import PATH as IMPORT
from integration.web.referral_import import UPLOAD
from tests.server_stage import DEPLOY, GUIDE, ROOT, around, blocks, for_here, nginx, tool, unit
from tests.test_docs import _settings

UNITS = sorted(DEPLOY.glob("molva-*.service"))
JOURNEY = ROOT / "tests/journeys/test_install_guide.py"


def test_nginx_takes_the_file_as_it_stands(tmp_path: Path) -> None:
    """`nginx -t`, with certificates of a minute and ports that anybody may have; the last line is its verdict."""
    program = tool("nginx", nginx())
    certificate = trustme.CA().issue_cert("molva.example.com")
    certificate.private_key_pem.write_to_path(tmp_path / "privkey.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "fullchain.pem")
    (tmp_path / "tmp").mkdir()
    text = for_here((DEPLOY / "nginx.conf").read_text(encoding="utf-8"), {
        "/etc/letsencrypt/live/molva.example.com": str(tmp_path), "/var/log/nginx": str(tmp_path),
        "listen 80;": "listen 127.0.0.1:18080;", "listen [::]:80;": "", "listen 443": "listen 127.0.0.1:18443",
        "listen [::]:443": "listen 127.0.0.2:18443",
    })  # fmt: skip
    (tmp_path / "site.conf").write_text(text, encoding="utf-8")
    (tmp_path / "nginx.conf").write_text(around(tmp_path, tmp_path / "site.conf"), encoding="utf-8")
    done = subprocess.run(
        [program, "-t", "-c", str(tmp_path / "nginx.conf")],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "test is successful" in done.stderr
    warnings = [line for line in done.stderr.splitlines() if "[warn]" in line and "http2" not in line]
    assert warnings == []


def test_nginx_lets_through_what_the_program_takes() -> None:
    """The largest past referrals and sheet of a call centre, in memory; nothing else is so long, events short."""
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    outside, *places = re.split(r"\n    location ", text)
    sizes = {}
    for place in [f"everywhere else {outside}", *places]:
        found = re.findall(r"client_(?:max_body|body_buffer)_size (\d+)([km]);", place)
        if found:
            longest, kept = (int(number) * {"k": 1024, "m": 1024**2}[unit] for number, unit in found)
            assert longest == kept, "a body that does not fit into memory would lie in a file"
            sizes[place.partition("{")[0].strip()] = longest
    assert sizes.pop(f"= {IMPORT}") >= UPLOAD
    assert sizes.pop("~ ^/app/wave/[0-9]+/partners$") >= SHEET
    assert min(sizes.values()) == 64 * 1024
    assert MAX_REQUEST <= max(sizes.values()) < UPLOAD


def test_systemd_takes_the_units_and_finds_them_well_shut(tmp_path: Path) -> None:
    """`systemd-analyze verify` with programs that exist; exposure at most 2 of 10 where it can be told offline."""
    program = tool("systemd-analyze", shutil.which("systemd-analyze"))
    for path in [*UNITS, *DEPLOY.glob("*.timer")]:
        text = path.read_text(encoding="utf-8").replace("/opt/molva/bin/molva", sys.executable)
        (tmp_path / path.name).write_text(text.replace("file:///opt/molva/src", "file:///"), encoding="utf-8")
    files = sorted(str(path) for path in tmp_path.iterdir())
    done = subprocess.run(
        [program, "verify", *files], capture_output=True, text=True, timeout=200, check=False
    )
    ours = [line for line in done.stderr.splitlines() if "molva" in line]
    assert (done.returncode, ours) == (0, [])
    services = [name for name in files if name.endswith(".service")]
    shut = subprocess.run(
        [program, "security", "--offline=true", "--threshold=20", *services], capture_output=True, text=True,
        timeout=200, check=False,
    )  # fmt: skip
    if "unrecognized option" not in shut.stderr:  # before systemd 250
        assert shut.returncode == 0, shut.stdout


def test_gunicorn_takes_its_file_and_everybody_waits_longer_than_who_is_behind() -> None:
    """A request to a portal ends first, then the web process, then nginx; systemd lets requests end before it kills."""
    taken = Gunicorn()
    for name, value in runpy.run_path(str(ROOT / "gunicorn.conf.py")).items():
        if name in taken.settings:
            taken.set(name, value)
    site = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    (proxy,) = re.findall(r"proxy_read_timeout (\d+)s;", site)
    told = unit((DEPLOY / "molva-web.service").read_text(encoding="utf-8"))
    assert 60 < taken.timeout < int(proxy)
    assert taken.graceful_timeout < int(told["TimeoutStopSec"][0])
    assert taken.accesslog is None, "addresses of answer pages are personal; nginx keeps the access log"
    assert (taken.forwarded_allow_ips, taken.worker_class_str) == (["127.0.0.1"], "gthread")


def test_the_units_agree_with_each_other_and_with_the_guide() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    for path in UNITS:
        told = unit(path.read_text(encoding="utf-8"))
        assert told["User"] == told["Group"] == ["molva"], path.name
        assert told["WorkingDirectory"] == ["/etc/molva"], path.name
        assert "/opt/molva/bin/molva" in told["ExecStart"][0], path.name
        assert path.name in guide, path.name
    assert "proxy_pass http://molva;" in (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    assert "--host 127.0.0.1 --port 8000" in (DEPLOY / "molva-web.service").read_text(encoding="utf-8")


def test_the_sample_of_settings_names_all_of_them_and_is_taken_once_the_key_is_in(tmp_path: Path) -> None:
    text = (DEPLOY / "molva.env").read_text(encoding="utf-8")
    named = re.findall(r"^#?(MOLVA_\w+)=(.*)$", text, re.MULTILINE)
    assert {name for name, _ in named} == _settings()
    (tmp_path / ".env").write_text(text.replace("SECRET_KEY=", "SECRET_KEY=" + "k" * 32), encoding="utf-8")
    config = Config.from_env({}, tmp_path)
    assert config.public_url == "https://molva.example.com"
    everything = {name: value for name, value in named if value and name != "MOLVA_BITRIX_CLIENT_ID"}
    config = Config.from_env(everything | {"MOLVA_SECRET_KEY": "k" * 32}, ROOT / "deploy")
    assert len(config.operator.contacts) == 3


def test_every_command_of_the_guide_is_run_here_or_says_why_not() -> None:
    marks = [mark for mark, _ in blocks(GUIDE.read_text(encoding="utf-8"))]
    followed = set(re.findall(r'follow\(\s*"(\w+)"', JOURNEY.read_text(encoding="utf-8")))
    assert {mark for mark in marks if not mark.startswith("not tested: ")} == followed
    assert all(len(mark) > len("not tested: ") + 20 for mark in marks if mark.startswith("not tested: "))


def test_the_forms_of_the_guide_ask_for_the_rights_that_are_used_and_no_other() -> None:
    """One list (`bitrix.scopes`) behind guide, README, check-list and the privacy policy."""
    wanted = ", ".join(f"`{code}`" for code in CODES)
    assert GUIDE.read_text(encoding="utf-8").count(f"| {wanted} |") == 2
    assert f"`{', '.join(CODES)}`" in (ROOT / "README.md").read_text(encoding="utf-8")
    without_app = [code for code in CODES if code not in ("placement", "bizproc")]
    for code in without_app:
        assert f"`{code}`" in GUIDE.read_text(encoding="utf-8").split("## 5.")[1]
