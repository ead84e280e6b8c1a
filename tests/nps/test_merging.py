"""What one card of a client leaves to the card it was merged into, value by value."""

from __future__ import annotations

from datetime import date

from integration.nps.merging import newer, silence

TODAY, SOON, LATER, PAST = date(2026, 3, 1), date(2026, 3, 2), date(2026, 5, 1), date(2026, 2, 1)


def test_the_longer_silence_counts_and_one_that_is_over_does_not() -> None:
    assert silence(None, None, TODAY) is None
    assert silence(None, LATER, TODAY) is None
    assert silence(PAST, None, TODAY) is None
    assert silence(TODAY, None, TODAY) is None, "the first day on which the client may be asked again"
    assert silence(SOON, None, TODAY) == SOON
    assert silence(SOON, PAST, TODAY) == SOON
    assert silence(LATER, SOON, TODAY) == LATER
    assert silence(SOON, LATER, TODAY) is None
    assert silence(SOON, SOON, TODAY) is None


def test_a_score_takes_the_place_of_an_older_one_or_of_none() -> None:
    assert newer(SOON, None)
    assert newer(SOON, TODAY)
    assert not newer(TODAY, SOON)
    assert not newer(TODAY, TODAY), "given on one day: that of the card that stays"
    assert not newer(None, None)
    assert not newer(None, TODAY)
