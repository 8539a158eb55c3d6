"""The three ways a call to Xero can fail, with what each means for whoever called.

What Xero's answers mean stands in docs/explanation/xero.md, "What Xero's answers mean".
"""

from __future__ import annotations

from provvypay.errors import ProvvypayError, Unavailable


class XeroUnavailable(Unavailable):
    """No answer, "not now", or a limit: the same may be asked again later.

    :ivar pause: which limit (MINUTE, DAY, CONCURRENT, APP) or OFFLINE; the whole company waits, and no try is burned
    :ivar answered: Xero did answer, with a failure that it may keep under the idempotency key
    :ivar may_be_done: the outcome is unknown: look before writing again
    """

    code = "xero_unavailable"
    public_message = "Xero does not answer at the moment. Nothing is lost; try again in a minute."

    def __init__(
        self,
        detail: str,
        *,
        pause: str | None = None,
        retry_after: int | None = None,
        may_be_done: bool = True,
        answered: bool = False,
    ) -> None:
        super().__init__(detail)
        self.pause = pause
        self.retry_after = retry_after
        self.may_be_done = may_be_done
        self.answered = answered


class XeroRefused(ProvvypayError):
    """Xero says no, and saying it again will not help.

    :ivar reason: `validation`, `not_found`, `key_reused`, `reconnect` (the company is not ours to write to any more),
        `expired` (the access token is too old), or `request` (our mistake)
    :ivar messages: Xero's own words, one sentence each
    """

    status = 502
    code = "xero_refused"
    public_message = "Xero did not accept this."

    def __init__(self, reason: str, messages: tuple[str, ...]) -> None:
        super().__init__(f"{reason}: {'; '.join(messages)}")
        self.reason = reason
        self.messages = messages


class XeroMisunderstood(ProvvypayError):
    """Xero's answer does not fit our reading of its contract; what was asked for may have been done."""

    status = 502
    code = "xero_misunderstood"
