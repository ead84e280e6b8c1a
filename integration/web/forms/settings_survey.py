"""Forms of the sections about the survey itself: who is a client, when, how (product.md E, W)."""

from __future__ import annotations

from integration.web.forms.settings import Chosen, Days, Number, Section, Switch, Text, Words


class ClientsForm(Section):
    """Who is a client and who is asked. `since`: the kind of card and the field, e.g. `deal:UF_CRM_1`."""

    pipelines = Chosen()
    stages = Chosen()
    trouble = Chosen()
    since = Text()
    end_field = Text()
    city_field = Text()
    manager_field = Text()
    sales_field = Text()
    revenue_field = Text()
    zone_field = Text()
    critical_tasks = Switch()
    current_months = Number()
    min_age_months = Number()
    min_gap_days = Number()
    max_respondents = Number()
    shared_mailboxes = Words()


class ProjectsForm(Section):
    """After which stages a client is asked about the project, and how patiently."""

    project_surveys = Switch()
    stages = Chosen()
    project_delay_days = Number()
    project_gap_days = Number()
    project_reminder_days = Number()
    project_closing_days = Number()


class WaveForm(Section):
    """When the survey is and how it runs."""

    wave_month = Number()
    wave_day = Number()
    plan_days_before = Number()
    announce_days = Number()
    letter_gap_days = Number()
    calling = Switch()
    calling_days = Number()
    attempts_per_day = Number()
    max_attempts = Number()
    wait_no_answer = Number()
    wait_busy = Number()
    wait_not_now = Number()
    wait_out_of_service = Number()
    reminder_days = Days()
    closing_days = Number()
    edit_days = Number()
    snooze_days = Number()
    hours_from = Number()
    hours_to = Number()
    letters_per_hour = Number()
    letters_per_day = Number()
    thanks_letters = Switch()
    thanks_after_hours = Number()
    offer_colleague = Switch()
    direct_line = Switch()
    country = Text(2)
    time_zone = Text(64)
    language = Text(8)
    languages = Chosen()
    readiness = Text(16)
