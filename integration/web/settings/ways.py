"""Settings: by which way the letters of one sender leave, and how fast (product.md W19)."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, request

from integration.current import deps
from integration.i18n import mark
from integration.services import letter_tests, mailboxes, rights
from integration.services.frames import Viewer
from integration.services.letter_tests import NotSent
from integration.services.mailboxes import Own, Refused, Shown, Wish
from integration.web import forms
from integration.web.forms.mailboxes import MailboxFields, MailboxForm
from integration.web.pages import say
from integration.web.settings import letter_words, sections, way_words
from integration.web.settings.letters import fate_of
from integration.web.settings.problems import code_words

PATH = "/app/settings/senders/way"
PORTS = {"smtps": 465, "smtp+starttls": 587, "smtp": 25}
_FIELDS = ("way", "scheme", "host", "port", "user", "per_hour", "per_day", "dkim_selector")


@sections.part("senders", "way")
def show(who: Viewer) -> Response:
    """The page of one sender, after what was asked for."""
    form = forms.posted(MailboxForm, forms.PAGE)
    if mailboxes.shown(deps(), who.portal_id, form["sender"]) is None:
        abort(404)
    acts = {"save": _save, "check": _check, "test": _test}
    values = acts[form["do"]](who, form) if form["do"] in acts else {}
    return _page(who, form, values)


def _save(who: Viewer, form: dict[str, Any]) -> dict[str, Any]:
    raw = {name: request.form.get(name, "") for name in (*_FIELDS, "password")}
    if raw["way"] != "own":
        raw |= {"scheme": "smtps", "host": "", "port": "0", "user": "", "password": ""}
    found, wrong = MailboxFields().read(raw)
    problems = {name: code_words(code) for name, code in wrong.items()}
    if problems:
        return {"raw": raw, "problems": problems, "status": 422}
    own = Own(found["scheme"], found["host"], found["port"], found["user"], found["password"])
    wish = Wish(found["way"], own, found["per_hour"], found["per_day"], found["dkim_selector"])
    done = mailboxes.save(deps(), who.portal_id, form["sender"], wish, rights.recorded_as(deps(), who))
    if isinstance(done, Refused):
        return {"raw": raw, "problems": {done.field: way_words.refusal(done.code)}, "status": 422}
    line = say("The server let us in.") if wish.way == "own" else ""
    return {"notices": [{"tone": "good", "heading": say("Saved."), "line": line}]}


def _check(who: Viewer, form: dict[str, Any]) -> dict[str, Any]:
    code = mailboxes.check(deps(), who.portal_id, form["sender"])
    if code is None:
        return {}
    if code:
        notice = {"tone": "danger", "heading": say("The check failed."), "line": way_words.refusal(code)}
    else:
        notice = {"tone": "good", "heading": say("The server let us in."), "line": ""}
    return {"notices": [notice]}


def _test(who: Viewer, form: dict[str, Any]) -> dict[str, Any]:
    ordered = letter_tests.order_from(
        deps(), who.portal_id, form["sender"], form["address"], language=who.language, once=form["once"]
    )
    if isinstance(ordered, NotSent):
        return {"test_problem": letter_words.test_refused(ordered), "status": 422}
    return {"fate": fate_of(who, ordered)}


def _page(who: Viewer, form: dict[str, Any], values: dict[str, Any]) -> Response:
    box = mailboxes.shown(deps(), who.portal_id, form["sender"])
    if box is None:  # removed by somebody else meanwhile
        abort(404)
    address = form["address"] or letter_tests.own_address(deps(), who.portal_id, who.user_id)
    given: dict[str, Any] = {
        "raw": _filled(box),
        "problems": {},
        "fate": None,
        "test_problem": "",
        "notices": [],
        "status": 200,
    }
    given |= values
    return sections.page(
        who, "senders", "app/settings/way.html", status=given.pop("status"), path=PATH, box=box, address=address,
        once=deps().dice.token(), state=way_words.state(box), choices=way_words.choices(box),
        schemes=[[code, say(label)] for code, label in way_words.SCHEMES.items()],
        labels={name: say(label) for name, label in LABELS.items()}, **given,
    )  # fmt: skip


LABELS = {
    "way": mark("The letters leave"),
    "host": mark("Mail server"),
    "port": mark("Port"),
    "user": mark("Login"),
    "password": mark("Password"),
    "per_hour": mark("Letters an hour"),
    "per_day": mark("Letters a day"),
    "dkim_selector": mark("DKIM selector"),
}


def _filled(box: Shown) -> dict[str, Any]:
    scheme = box.own.scheme
    return {
        "way": box.way, "scheme": scheme, "host": box.own.host, "port": box.own.port or PORTS[scheme],
        "user": box.own.user, "per_hour": box.per_hour, "per_day": box.per_day, "dkim_selector": box.dkim_selector,
    }  # fmt: skip
