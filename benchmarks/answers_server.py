"""The two web servers of the benchmark of answers: `python -m benchmarks.answers_server molva|bare ADDRESS`.

Both under gunicorn with Molva's options; the database is named by MOLVA_DATABASE_URL.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask, Response, abort, redirect, render_template_string, request
from sqlalchemy import Connection, Row, insert, select, update

from benchmarks.advancing_rows import LINK
from benchmarks.answers_rows import KINDS, PLAIN
from benchmarks.intake_server import Server, molva
from integration.bitrix.calls import comment_add, item_update, task_add
from integration.services.survey_guard import digest
from integration.store.base import make_engine
from integration.store.direct_lines import DirectLink
from integration.store.followups import FollowUp
from integration.store.letters import LetterRow
from integration.store.outbox import OutboxRow
from integration.store.responses import Proof, ResponseRevision
from integration.store.responses import Response as ResponseRow
from integration.store.waves import Invitation

FORM = """<!doctype html>
<html lang="{{ lang }}"><head><meta charset="utf-8"><title>{{ title }}</title></head><body>
<h1>{{ title }}</h1><p>{{ name }}</p>
<form method="post"><fieldset>{% for n in range(11) %}
<label><input type="radio" name="score" value="{{ n }}"{% if chosen == n %} checked{% endif %}>{{ n }}</label>
{% endfor %}</fieldset>
<textarea name="comment"></textarea><input type="hidden" name="proof"><button>Send</button></form></body></html>
"""

_people: Any = Invitation.__table__


def bare() -> Flask:
    """A form that looks its person up, and stores what the product stores for this very answer, deciding nothing."""
    app = Flask("bare")
    engine = make_engine(os.environ["MOLVA_DATABASE_URL"])

    @app.get("/s/<token>")
    def show(token: str) -> str:
        with engine.connect().execution_options(molva_read_only=True) as connection:
            person = _person(connection, token)
        chosen = request.args.get("score", type=int)
        return render_template_string(
            FORM, title="How likely are you to recommend us?", name=person.name, lang=person.language, chosen=chosen
        )  # fmt: skip

    @app.post("/s/<token>")
    def take(token: str) -> Response:
        score, comment = int(request.form["score"]), request.form["comment"]
        with engine.begin() as connection:
            _store(connection, _person(connection, token), score, comment, request.form["proof"])
        return redirect(f"/s/{token}", 303)  # type: ignore[return-value]

    return app


def _person(connection: Connection, token: str) -> Row[Any]:
    row = connection.execute(select(_people).where(_people.c.token == token)).one_or_none()
    return row if row is not None else abort(404)


def _store(connection: Connection, person: Row[Any], score: int, comment: str, value: str) -> None:
    now = datetime.now(UTC)
    proofs: Any = Proof.__table__
    connection.execute(update(proofs).where(proofs.c.value == digest(value)).values(used_at=now))
    kept = {"portal_id": 1, "score": score, "comment": comment, "status": "counted"}
    answer = insert(ResponseRow.__table__).values(  # type: ignore[arg-type]
        **kept, wave_id=person.wave_id, invitation_id=person.id, channel="email", answered_at=now
    )
    made = connection.execute(answer.returning(ResponseRow.__table__.c.id)).scalar_one()
    connection.execute(
        insert(ResponseRevision.__table__).values(**kept, response_id=made, revision=1, at=now)  # type: ignore[arg-type]
    )
    ended = update(_people).where(_people.c.id == person.id)
    connection.execute(ended.values(outcome="answered", outcome_at=now, due_at=None))
    connection.execute(insert(OutboxRow.__table__), _calls(person.id, made, score, comment, now))  # type: ignore[arg-type]
    connection.execute(
        insert(FollowUp.__table__).values(  # type: ignore[arg-type]
            portal_id=1, key=f"response:{made}", kind="call", wave_id=1, response_id=made, client_kind="company",
            client_id=person.id, owner_id=5, observers=[], deadline=now + timedelta(days=5), facts={"comment": comment},
            opened_at=now,
        )
    )  # fmt: skip
    connection.execute(
        insert(DirectLink.__table__).values(  # type: ignore[arg-type]
            portal_id=1, client_kind="company", client_id=person.id, token=f"d-{person.token}", made_at=now
        )
    )
    connection.execute(insert(LetterRow.__table__).values(_thanks(person, now)))  # type: ignore[arg-type]


def _calls(n: int, made: int, score: int, comment: str, now: datetime) -> list[dict[str, Any]]:
    """Score fields of three cards, two comments, one task."""
    values = dict.fromkeys(PLAIN, comment) | {PLAIN[0]: score, LINK: ""}
    calls = [(f"{kind}:{n}", item_update(kind, n, values)) for kind in KINDS]
    calls += [(f"{kind}:{n}", comment_add(kind, n, comment, f"{made}")) for kind in KINDS[:2]]
    calls.append((f"followup:{made}", task_add({"TITLE": "Call", "RESPONSIBLE_ID": 5}, f"molva:{made}")))
    return [
        {
            "portal_id": 1, "lane": lane, "status": "waiting", "due_at": now, "created_at": now, "attempts": 0,
            "error": "", "key": f"response:{made}:{number}", "purpose": "score", "method": call.method,
            "call": call.to_json(), "cause_kind": "response", "cause_id": made,
        }
        for number, (lane, call) in enumerate(calls)
    ]  # fmt: skip


def _thanks(person: Row[Any], now: datetime) -> dict[str, Any]:
    body = f"Dear {person.name}, thank you. " * 60
    return {
        "portal_id": 1, "lane": person.address, "status": "waiting", "due_at": now, "created_at": now, "attempts": 0,
        "error": "", "key": f"thanks:{person.id}", "kind": "thanks_passive", "wave_id": 1, "invitation_id": person.id,
        "language": "ru", "wording": "", "sender_key": "branch", "sender_name": "Olga Branch",
        "sender_address": "branch@agency.example.com", "recipient_name": person.name,
        "recipient_address": person.address, "subject": "Thank you", "body_text": body, "body_html": body * 3,
        "headers": {}, "message_id": f"<{person.token}@agency.example.com>", "way": "",
    }  # fmt: skip


class Answers(Server):
    """The same server with another application."""

    def load(self) -> Flask:
        """In each worker, after the fork."""
        return {"molva": molva, "bare": bare}[self._name]()


if __name__ == "__main__":
    Answers(sys.argv[1], sys.argv[2]).run()
