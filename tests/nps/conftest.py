"""No fixtures here: rules are tested by values."""

from __future__ import annotations

from hypothesis import settings

settings.load_profile("molva")
