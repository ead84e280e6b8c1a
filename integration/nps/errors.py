"""The errors of the rules."""


class NpsError(Exception):
    """Root of every error the rules raise; ``code`` is for catalogues and logs, never shown as it is."""

    code = "nps_error"

    def __init__(self, message: str = "", *, code: str | None = None) -> None:
        super().__init__(message or code or self.code)
        if code is not None:
            self.code = code


class OutOfRange(NpsError, ValueError):
    """A value outside what a definition allows (a score of 11, more answers than clients)."""

    code = "out_of_range"


class NotAllowed(NpsError):
    """A step the state does not allow (product.md W14: closing while an outcome is missing)."""

    code = "not_allowed"


class NoWorkingDay(NpsError):
    """The calendar has no working day within two years; its settings cannot be right."""

    code = "no_working_day"


class UnknownZone(NpsError, ValueError):
    """A time zone name that the zone database does not have."""

    code = "unknown_zone"
