"""What settings, groups, roles and choices are called: message ids (product.md P6)."""

from __future__ import annotations

from integration.i18n import mark

LABELS: dict[str, str] = {
    "service_pipelines": mark("Pipelines of running work"),
    "service_stages": mark("Stages of running work"),
    "trouble_stages": mark("Stages in which we do not ask"),
    "since_field": mark("Works with us since"),
    "since_field_on": mark("The card with that date"),
    "end_field": mark("End of the work"),
    "city_field": mark("City of the client"),
    "current_months": mark("Still a client after the work has ended"),
    "min_age_months": mark("Works with us for at least"),
    "min_gap_days": mark("Not asked again for"),
    "max_respondents": mark("People per client at most"),
    "shared_mailboxes": mark("Shared mailboxes"),
    "wave_month": mark("Month of the survey"),
    "wave_day": mark("Day of the survey"),
    "plan_days_before": mark("Draft before the survey"),
    "announce_days": mark("Announcement before the survey"),
    "calling": mark("Calls"),
    "calling_days": mark("Calling lasts"),
    "reminder_days": mark("Reminders after the letter"),
    "closing_days": mark("Waiting for the last answers"),
    "edit_days": mark("Answers can be corrected for"),
    "letter_gap_days": mark("Between two letters to one person"),
    "letters_per_hour": mark("Letters an hour from one mailbox"),
    "hours_from": mark("Letters and calls from"),
    "hours_to": mark("Letters and calls until"),
    "snooze_days": mark("“Not a good moment” postpones by"),
    "attempts_per_day": mark("Calls to one person a day"),
    "max_attempts": mark("Calls to one person in all"),
    "readiness": mark("If last year’s promises are open"),
    "wave_owner": mark("Who approves the survey"),
    "country": mark("Country of the working days"),
    "time_zone": mark("Time zone"),
    "language": mark("Main language"),
    "languages": mark("Languages of the letters"),
    "senders": mark("Who signs"),
    "sender_by_city": mark("Who signs in which city"),
    "default_sender": mark("Signs everywhere else"),
    "head_sender": mark("Signs the announcement"),
    "head_user_id": mark("Head of the agency"),
    "director_by_city": mark("Account directors by city"),
    "default_owner": mark("Who gets a follow-up if nobody else is found"),
    "deadline_days": mark("Deadlines of follow-ups"),
    "silent_days": mark("Deadline of a check on the silent"),
    "direct_line_days": mark("Deadline of an answer on the direct line"),
    "disagreement_days": mark("Deadline of a disagreement"),
    "disagreement_spread": mark("Disagreement from a difference of"),
    "escalate_days": mark("The head is told after"),
    "silent_check": mark("Check on silent clients"),
    "systemic_share": mark("A common cause from a share of"),
    "callers": mark("Callers"),
    "account_rule": mark("One score of several people"),
    "role_weights": mark("Weights of the roles"),
    "min_group": mark("Figures from this many answers on"),
    "referral_sources": mark("Referral sources"),
    "recommending_sources": mark("Sources that mean a recommendation"),
    "referral_source_names": mark("Names of own sources"),
    "recommendation_id": mark("The portal’s own source “by recommendation”"),
    "retention_months": mark("Personal data is kept for"),
}  # fmt: skip
GROUPS = {"promoter": mark("Promoter"), "passive": mark("Passive"), "detractor": mark("Detractor")}
ROLES = {"decides": mark("Decides"), "daily": mark("Works with us daily"), "other": mark("Other")}
RULES = {
    "worst_decision_maker": mark("The lowest score among those who decide"),
    "weighted": mark("The mean, weighted by role"),
    "equal": mark("The plain mean of everybody"),
}
READINESS = {"warn": mark("Warn"), "refuse": mark("Do not let the survey start")}
SENDER_PARTS = {
    "name": mark("name"), "position": mark("position"), "email": mark("reply address"), "phone": mark("phone"),
    "user_id": mark("employee"),
}  # fmt: skip
