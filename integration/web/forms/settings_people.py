"""Forms of the sections about people: who signs, who acts (product.md W5, W6, F)."""

from __future__ import annotations

from integration.web.forms.settings import Chosen, Number, Section, Switch, Text, Words


class SenderRow(Section):
    """One person who signs. `person` is an employee as chosen or typed, `cities` those this person signs in."""

    key = Text()
    person = Text()
    name = Text()
    position = Text()
    email = Text()
    phone = Text()
    cities = Words()
    gone = Switch()


class FollowupsForm(Section):
    """Follow-ups and numbers; employees are read apart, since their names depend on the portal."""

    detractor_days = Number()
    passive_days = Number()
    promoter_days = Number()
    silent_check = Switch()
    triggers = Switch()
    silent_days = Number()
    direct_line_days = Number()
    disagreement_days = Number()
    disagreement_spread = Number()
    escalate_days = Number()
    systemic_share = Number()
    account_rule = Text()
    weight_decides = Number()
    weight_daily = Number()
    weight_other = Number()
    min_group = Number()


class SourcesForm(Section):
    """Which referral sources mean that somebody recommended us, the portal's own source for that, and the ladder."""

    recommending = Chosen()
    recommendation_id = Text()
    introduced = Chosen()
    talks = Chosen()
    paid = Chosen()
    thanked = Chosen()
    thanks_days = Number()
