"""The portal's pages for a browser: a page that opens an application in a frame, and the frame's script."""

from __future__ import annotations

import html
import json

from flask import Blueprint, Response, jsonify, request

from .agency import Json
from .install import Frame, finish_install, frame
from .portal import Context, Portal
from .rest import Request, handle, method_name
from .values import to_int

_PAGE = """<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8"><title>{title} - sandbox portal</title>
<style>body{{margin:0;font:14px sans-serif;background:#eef2f4}}header{{padding:10px 16px;background:#2b3b4e;color:#fff}}
iframe{{border:0;width:100%;height:calc(100vh - 42px);background:#fff}}</style></head>
<body><header>{title} &middot; {who}</header>
<iframe name="app" title="{title}"></iframe>
<form id="open" method="post" target="app" action="{url}">{inputs}</form>
<script>
const auth = {auth};
async function ask(path, data) {{
  const answer = await fetch(path, {{method: 'POST', headers: {{'Content-Type': 'application/json'}},
    body: JSON.stringify({{...data, AUTH_ID: auth.AUTH_ID}})}});
  return answer.json();
}}
const commands = {{
  installFinish: async () => {{ await ask('/frame-api/finish', {{}}); location.reload(); return true; }},
  call: (p) => ask('/frame-api/call', p),
  isAdmin: async () => (await ask('/frame-api/call', {{method: 'user.admin', params: {{}}}})).result,
  openPath: (p) => ({{result: 'close', path: p}}),
}};
addEventListener('message', async (event) => {{
  const m = event.data || {{}};
  if (!m.sandbox || !commands[m.command]) return;
  event.source.postMessage({{sandbox: true, id: m.id, answer: await commands[m.command](m.params)}}, event.origin);
}});
document.getElementById('open').submit();
</script></body></html>
"""

SCRIPT = """(function () {
  const query = new URLSearchParams(location.search);
  const waiting = new Map();
  let number = 0;
  function send(command, params, done) {
    const id = ++number;
    waiting.set(id, done || function () {});
    window.parent.postMessage({sandbox: true, id: id, command: command, params: params}, '*');
  }
  window.addEventListener('message', function (event) {
    const m = event.data || {};
    if (m.sandbox && waiting.has(m.id)) { waiting.get(m.id)(m.answer); waiting.delete(m.id); }
  });
  function result(answer) {
    return {data: () => answer.result, error: () => answer.error || false, more: () => 'next' in answer,
            total: () => answer.total || 0, time: () => answer.time};
  }
  window.BX24 = {
    init: function (cb) { if (document.readyState === 'loading') addEventListener('DOMContentLoaded', () => cb());
                          else setTimeout(cb, 0); },
    ready: function (cb) { this.init(cb); },
    install: function (cb) { this.init(cb); },
    installFinish: function () { send('installFinish'); },
    callMethod: function (method, params, cb) {
      send('call', {method: method, params: params || {}}, (a) => cb && cb(result(a)));
    },
    isAdmin: function () { return undefined; },
    getLang: () => query.get('LANG'),
    getDomain: () => query.get('DOMAIN'),
    getAuth: () => false,
    fitWindow: function (cb) { if (cb) cb(); },
    resizeWindow: function (w, h, cb) { if (cb) cb(); },
    scrollParentWindow: function (y, cb) { if (cb) cb(); },
    setTitle: function (t, cb) { if (cb) cb(); },
    openPath: function (path, cb) { send('openPath', path, cb); },
    openApplication: function (p, cb) { if (cb) cb(); },
    closeApplication: function () {},
    placement: {info: () => ({placement: 'DEFAULT', options: {}}), call: function (c, p, cb) { if (cb) cb(); },
                getInterface: function (cb) { cb({command: [], event: []}); }, bindEvent: function () {}}
  };
})();
"""


def pages_blueprint(portal: Portal) -> Blueprint:
    """``/frame/<client_id>``, ``/bx24.js`` and what the frame's script asks of the page around it."""
    views = Blueprint("pages", __name__)

    @views.get("/bx24.js")
    def script() -> Response:
        return Response(SCRIPT, mimetype="text/javascript")

    @views.get("/frame/<client_id>")
    def opened(client_id: str) -> Response:
        app = portal.state.apps[client_id]
        options = {k: v for k, v in request.args.items() if k not in ("user", "placement", "lang")}
        user, place = to_int(request.args.get("user")) or 1, request.args.get("placement", "DEFAULT")
        shown = frame(portal, app, user, place, options, request.args.get("lang"))
        return Response(_page(shown, app.title, f"user {user}"), mimetype="text/html")

    @views.post("/frame-api/finish")
    def finish() -> Response:
        ctx = _user(portal, request.get_json())
        if ctx and ctx.app and ctx.admin:
            finish_install(portal, ctx.app)
        return jsonify(result=bool(ctx))

    @views.post("/frame-api/call")
    def call() -> Response:
        data = request.get_json()
        params = dict(data.get("params") or {}) | {"auth": data["AUTH_ID"]}
        _, body = handle(portal, Request(method_name(str(data["method"])), params, "browser"))
        return jsonify(body)

    return views


def _user(portal: Portal, data: Json) -> Context | None:
    pair = portal.tokens.by_access.get(str(data.get("AUTH_ID")))
    return Context(portal, pair.user_id, app=pair.app) if pair else None


def _page(shown: Frame, title: str, who: str) -> str:
    inputs = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in shown.fields.items()
    )
    auth = json.dumps({"AUTH_ID": shown.fields["AUTH_ID"]})
    return _PAGE.format(
        lang="en",
        title=html.escape(title),
        who=html.escape(who),
        url=html.escape(shown.url),
        inputs=inputs,
        auth=auth,
    )
