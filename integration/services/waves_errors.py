"""What a use case about a wave answers when it cannot be done."""

from __future__ import annotations


class WaveError(Exception):
    """`code` for the catalogue, `detail` names what it is about; the text is one line for operators.

    Codes: `no_such_wave`, `list_is_final`, `not_frozen`, `wrong_stage`, `not_running`, `not_paused`, `is_over`,
    `is_out`, `has_answered`, `no_reason`, `portal_busy`, and those of `approve`.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail
