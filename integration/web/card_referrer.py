"""Who recommended this client: searching and choosing in the tab of a card, in two clicks (product.md R3, R4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, abort, request

from integration.current import deps
from integration.nps.people import CardKey, ClientKey
from integration.services import (
    card_referrals,
    card_rights,
    referral_claims,
    referral_rewards,
    referral_search,
    referral_thanks,
)
from integration.services.card_referrals import names_for
from integration.services.card_rights import Denied, Subject
from integration.services.frames import Viewer
from integration.services.referral_claims import Said
from integration.services.referral_search import Found
from integration.web import card, card_words, forms, frame
from integration.web import referral_words as words
from integration.web.forms.card_referrer import ReferrerForm, picked
from integration.web.forms.referrals import said
from integration.web.frame import Refusal

blueprint = Blueprint("card_referrer", __name__)
Told = dict[str, Any]


@blueprint.post("/app/card/<kind>/<int:card_id>/referrer")
def act(kind: str, card_id: int) -> Response:
    """The tab again: with what was found, or with what became of the entry."""
    who, subject, form = _entered(kind, card_id)
    if form["do"] and subject is None:
        return card.page(who, kind, card_id, told={"status": 403, **card_words.denied("not_yours")})
    found = _found(who, form) if form["do"] in ("search", "choose") and form["query"] else None
    if form["do"] in ("", "search") or subject is None:
        return card.page(who, kind, card_id, found=found, said=form)
    told = DOINGS[form["do"]](who, subject, form)
    if told.get("status", 200) == 200:
        return card.page(who, kind, card_id, told=told)
    return card.page(who, kind, card_id, told=told, found=found, said=form)


@blueprint.post("/app/card/<kind>/<int:card_id>/referrer/found")
def found(kind: str, card_id: int) -> Response:
    """What fits so far, while somebody types."""
    who, subject, form = _entered(kind, card_id)
    if subject is None:
        raise Refusal("foreign", who)
    seen = card.look(who, kind, card_id)
    return frame.fragment(
        "app/tab/_found.html", who, came=seen.came, found=_found(who, form), said=form, referral=words,
        path=f"/app/card/{kind}/{card_id}/referrer", problems={},
    )  # fmt: skip


def _entered(kind: str, card_id: int) -> tuple[Viewer, Subject | None, Mapping[str, Any]]:
    """Who posts, their card, and the form; no subject for those who may look only."""
    if kind not in card.KINDS:
        abort(404)
    who = frame.entered()
    form = forms.posted(ReferrerForm, forms.PAGE)
    if who.card != (kind, card_id):
        raise Refusal("no_card", who)
    try:
        subject: Subject | None = card_rights.serving(deps(), who, kind, card_id)
    except Denied:
        subject = None
    return who, subject, form


def _found(who: Viewer, form: Mapping[str, Any]) -> Found:
    return referral_search.search(deps(), who, form["query"])


def _choose(who: Viewer, subject: Subject, form: Mapping[str, Any]) -> Told:
    named = picked(form["pick"])
    if named is None:
        return words.told("no_pick")
    said = referral_claims.choose(deps(), who, subject, named, form["source"] or "client", form["note"])
    return _told(who, subject, said)


def _source(who: Viewer, subject: Subject, form: Mapping[str, Any]) -> Told:
    return _told(
        who, subject, referral_claims.choose(deps(), who, subject, None, form["source"], form["note"])
    )


def _clear(who: Viewer, subject: Subject, form: Mapping[str, Any]) -> Told:
    said = referral_claims.clear(deps(), subject, form["note"])
    return words.told("cleared") if said.status == "done" else _told(who, subject, said)


def _rule(who: Viewer, subject: Subject, form: Mapping[str, Any]) -> Told:
    said = referral_claims.by_rule(deps(), subject)
    return words.told("rule") if said.status == "done" else _told(who, subject, said)


def _told(who: Viewer, subject: Subject, said: Said) -> Told:
    if said.flag is not None:
        keys = [ClientKey(key.kind, key.id) for key in said.flag.chain]
        return words.refused(said, names_for(deps(), who, subject, keys))
    told = words.told(said.status)
    if said.rival is not None:
        row = said.rival
        name = words.source(row.source, ())
        if row.named_id:
            key = ClientKey("company" if row.named_kind == "company" else "contact", row.named_id)
            ((shown, text),) = names_for(deps(), who, subject, [key])
            name = words.card(CardKey(shown.kind, shown.id), text)
        told["notice"]["line"] = told["why"] = words.rival(name, row.claimed_on)
    return told


def _say(who: Viewer, subject: Subject, form: Mapping[str, Any]) -> Told:
    """Thanks or a reward, for a referral that this client came by or brought."""
    code, referral_id, value = said(form["say"])
    if not code or not card_referrals.belongs(deps(), who, subject, referral_id):
        return words.told("gone")
    note = request.form.get(f"note-{referral_id}", "").strip()
    if code == "thank":
        thanked = referral_thanks.thank(deps(), who.portal_id, referral_id, who=subject.actor, note=note)
        return words.told(thanked, "thanked")
    done = referral_rewards.say(deps(), who.portal_id, referral_id, value, who=subject.actor, note=note)
    return words.told(done, "rewarded")


DOINGS = {"choose": _choose, "source": _source, "clear": _clear, "rule": _rule, "say": _say}
