"""No fixtures here: rules are tested by values. Properties have no time limit per example, only pytest's."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("nps", deadline=None)
settings.load_profile("nps")
