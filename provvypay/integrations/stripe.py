"""Stripe: Checkout Sessions, payment intents and signed events, in our words.

Reference: docs.stripe.com/api, API version 2026-10-28.endive, read November 2026. Limits: 100 calls a second live, 25
in test mode, 25 on one endpoint. What the vendor's answers mean for us:

=======================  =================================================================================
429, 409, 5xx, no answer  StripeUnavailable: the outcome is unknown; the same call with the same key later
400, 401, 402, 403, 404   StripeRefused: a person must look; carries Stripe's code
an answer we cannot read  StripeMisunderstood: an alarm, never a guess
=======================  =================================================================================

A `StripeObject` is no dict since SDK 15 (`.get()` raises): everything is turned into a dict once, here, and leaves as a
frozen dataclass. The SDK is imported when first used, because importing it costs half a second.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import quote

import structlog

from provvypay.errors import ProvvypayError, Unavailable
from provvypay.integrations import stripe_returns as returns
from provvypay.kit import db
from provvypay.kit.clock import from_unix
from provvypay.kit.settings import Settings, settings

log = structlog.get_logger(__name__)

API_VERSION = "2026-10-28.endive"
TOLERANCE_SECONDS = 300
_TIMEOUT = (3.05, 20)
_EXPAND = ["payment_intent.latest_charge.balance_transaction"]
_EXPAND_REFUND = ["balance_transaction", "failure_balance_transaction"]

Read = TypeVar("Read")


class StripeUnavailable(Unavailable):
    """No answer, or "not now": the outcome is unknown and the same call may be made again.

    :ivar key_is_spent: Stripe keeps a failure under this idempotency key for a day and repeats it; go on with another
    """

    code = "stripe_unavailable"
    public_message = "Our card partner does not answer at the moment. Nothing was charged; try again in a minute."

    def __init__(self, detail: str, *, key_is_spent: bool = False) -> None:
        super().__init__(detail)
        self.key_is_spent = key_is_spent


class StripeRefused(ProvvypayError):
    """Stripe says no, and saying it again will not help.

    :ivar vendor_code: Stripe's code, such as `resource_missing`
    """

    status = 502
    code = "stripe_refused"
    public_message = "Our card partner did not accept this. Nothing was charged. We have been told and will look at it."

    def __init__(self, vendor_code: str, detail: str) -> None:
        super().__init__(f"{vendor_code}: {detail}")
        self.vendor_code = vendor_code


class StripeMisunderstood(ProvvypayError):
    """Stripe's answer does not fit our reading of its contract."""

    status = 502
    code = "stripe_misunderstood"


class BadSignature(ProvvypayError):
    """The webhook is not from Stripe, or not from now."""

    status = 400
    code = "bad_signature"
    public_message = "This request is not signed as it must be."


class UnreadableEvent(BadSignature):
    """The webhook is signed as it must be, and its body is no event we can read."""

    code = "unreadable_event"
    public_message = "This request is signed, and its body is not an event that can be read."


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """A Checkout Session we ask for; repeated with the same key it is the same session."""

    amount: int
    """in Stripe's digits of the currency"""
    currency: str
    """ISO 4217, upper case"""
    product_name: str
    success_url: str
    """holds the literal {CHECKOUT_SESSION_ID}"""
    cancel_url: str
    client_reference_id: str
    metadata: dict[str, str]
    expires_at: dt.datetime
    idempotency_key: str
    method_types: tuple[str, ...] = ("card",)


@dataclass(frozen=True, slots=True)
class BalanceState:
    """What Stripe booked for a charge, in its settlement currency."""

    id: str
    amount: int
    fee: int
    currency: str
    exchange_rate: str | None
    available_on: dt.datetime
    created: dt.datetime


@dataclass(frozen=True, slots=True)
class ChargeState:
    """A charge that succeeded."""

    id: str
    amount: int
    currency: str
    created: dt.datetime
    balance: BalanceState | None
    """None until the charge is captured in Stripe's books, some seconds later"""


@dataclass(frozen=True, slots=True)
class DeclineState:
    """A charge that was refused."""

    charge_id: str
    code: str
    """the bank's decline code, or Stripe's error code where there is none"""


@dataclass(frozen=True, slots=True)
class CheckoutState:
    """A Checkout Session as Stripe sees it now: the authority on whether a card payment happened."""

    id: str
    status: str
    """open, complete or expired"""
    payment_status: str
    """unpaid, paid or no_payment_required"""
    amount: int
    currency: str
    url: str | None
    expires_at: dt.datetime
    livemode: bool
    payment_intent_id: str | None
    charge: ChargeState | None
    decline: DeclineState | None
    """the last card that was refused; the session stays open"""
    has_failed: bool
    """complete, but its delayed payment did not arrive and will not"""


@dataclass(frozen=True, slots=True)
class StripeEvent:
    """A verified event: a hint that something happened."""

    id: str
    type: str
    livemode: bool
    account: str | None
    payload: dict[str, Any]
    """the event as sent, for the inbox"""


@dataclass(frozen=True, slots=True)
class EndpointState:
    """A webhook endpoint of the account."""

    url: str
    api_version: str | None
    is_enabled: bool
    livemode: bool


@dataclass(frozen=True)
class Client:
    """Calls to one Stripe account."""

    api_key: str
    api_base: str
    webhook_secret: str

    def create_session(self, wanted: SessionRequest) -> CheckoutState:
        """Make a session, or get the one this key made before.

        :raises StripeUnavailable: outcome unknown, repeat with the same key
        :raises StripeRefused: nothing was made
        """
        params = {
            "mode": "payment",
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": wanted.currency.lower(),
                        "unit_amount": wanted.amount,
                        "product_data": {"name": wanted.product_name},
                    },
                }
            ],
            "success_url": wanted.success_url,
            "cancel_url": wanted.cancel_url,
            "client_reference_id": wanted.client_reference_id,
            # Only the payment intent's copy reaches the charge; only the session's copy stays on the session.
            "metadata": wanted.metadata,
            "payment_intent_data": {"metadata": wanted.metadata},
            "expires_at": int(wanted.expires_at.timestamp()),
            "allowed_payment_method_types": list(wanted.method_types),
            "adaptive_pricing": {"enabled": False},
        }
        options = {"idempotency_key": wanted.idempotency_key}
        return self._session(lambda sdk: sdk.v1.checkout.sessions.create(params=params, options=options))

    def session(self, session_id: str) -> CheckoutState:
        """Read a session with its payment, its charge and its fee.

        :raises StripeRefused: with `resource_missing` for a session this account does not have
        """
        # Raw: what the SDK makes objects of, and we dicts of those again, costs every payment a millisecond and a half.
        path = f"/v1/checkout/sessions/{quote(session_id, safe='')}"
        return self._session(lambda sdk: sdk.raw_request("get", path, expand=_EXPAND))

    def expire_session(self, session_id: str) -> CheckoutState:
        """End an open session.

        :raises StripeRefused: when it is not open any more; read it to learn how it ended
        """
        return self._session(lambda sdk: sdk.v1.checkout.sessions.expire(session_id))

    def session_of_intent(self, payment_intent_id: str) -> str | None:
        """Return the id of the session a payment intent belongs to, if any."""
        found = self._call(
            lambda sdk: sdk.v1.checkout.sessions.list(params={"payment_intent": payment_intent_id, "limit": 1})
        )
        return found["data"][0]["id"] if found["data"] else None

    def create_refund(self, wanted: returns.RefundRequest) -> returns.RefundReport:
        """Make a refund, or get the one this key made before.

        :raises StripeUnavailable: outcome unknown, repeat with the same key; when that is spent, look at refunds_of()
        :raises StripeRefused: nothing was refunded
        """
        params, options = returns.params_of(wanted), {"idempotency_key": wanted.refund_id}
        return self._read(returns.read_refund, lambda sdk: sdk.v1.refunds.create(params=params, options=options))

    def refund(self, refund_id: str) -> returns.RefundReport:
        """Read a refund by Stripe's id."""
        path = f"/v1/refunds/{quote(refund_id, safe='')}"
        return self._read(returns.read_refund, lambda sdk: sdk.raw_request("get", path, expand=_EXPAND_REFUND))

    def refunds_of(self, payment_intent_id: str) -> tuple[returns.RefundReport, ...]:
        """Return every refund of a payment, oldest first, whoever made it."""
        found: list[returns.RefundReport] = []
        after: dict[str, str] = {}
        while True:
            page = self._refund_page(payment_intent_id, after)
            found.extend(self._understood(returns.read_refund, raw) for raw in page["data"])
            if not page["has_more"] or not page["data"]:
                return tuple(reversed(found))
            after = {"starting_after": page["data"][-1]["id"]}

    def _refund_page(self, payment_intent_id: str, after: dict[str, str]) -> dict[str, Any]:
        asked = {"payment_intent": payment_intent_id, "limit": 100, **after}
        asked["expand"] = [f"data.{path}" for path in _EXPAND_REFUND]
        return self._call(lambda sdk: sdk.raw_request("get", "/v1/refunds", **asked))

    def dispute(self, dispute_id: str) -> returns.DisputeReport:
        """Read a dispute with what it has moved."""
        path = f"/v1/disputes/{quote(dispute_id, safe='')}"
        return self._read(returns.read_dispute, lambda sdk: sdk.raw_request("get", path))

    def events_since(self, moment: dt.datetime, *, most: int = 1000) -> tuple[StripeEvent, ...]:
        """Return the events made since a moment, oldest first; Stripe keeps them for 30 days.

        :param most: how many at the most, the oldest of them
        """
        found: list[StripeEvent] = []
        after: str | None = None
        while True:
            page = self._event_page(int(moment.timestamp()), after)
            found.extend(_read_event(raw) for raw in page["data"])
            if not page["has_more"] or not page["data"]:
                break
            after = page["data"][-1]["id"]
        # Stripe lists the newest first.
        return tuple(reversed(found))[:most]

    def _event_page(self, since: int, after: str | None) -> dict[str, Any]:
        params: dict[str, Any] = {"created": {"gte": since}, "limit": 100}
        if after:
            params["starting_after"] = after
        return self._call(lambda sdk: sdk.v1.events.list(params=params))

    def endpoints(self) -> tuple[EndpointState, ...]:
        """Return the account's webhook endpoints; their mode is the mode of the key."""
        page = self._call(lambda sdk: sdk.v1.webhook_endpoints.list(params={"limit": 100}))
        return tuple(
            EndpointState(raw["url"], raw.get("api_version"), raw["status"] == "enabled", bool(raw["livemode"]))
            for raw in page["data"]
        )

    def verify(self, raw_body: bytes, signature: str, *, now: dt.datetime) -> StripeEvent:
        """Check a webhook's signature over its raw bytes and read it.

        :raises BadSignature: wrong or missing signature, older or newer than five minutes, not UTF-8
        :raises UnreadableEvent: not JSON, or not an event
        """
        import stripe

        try:
            # Not construct_event(): it also makes an object of the event, which costs sixty times the check.
            stripe.WebhookSignature.verify_header(
                raw_body.decode(), signature, self.webhook_secret, tolerance=TOLERANCE_SECONDS
            )
            _refuse_future(signature, now)
        except (stripe.SignatureVerificationError, ValueError, TypeError, AttributeError) as error:
            raise BadSignature(f"{type(error).__name__}: {error}") from error
        try:
            payload = json.loads(raw_body)
            if payload["object"] != "event":
                raise UnreadableEvent(f"the body is no event but a {payload['object']}")
            # PostgreSQL's jsonb takes neither NUL nor half a surrogate pair; nothing true carries them.
            if "\x00" in json.dumps(payload, ensure_ascii=False).encode("utf-8").decode() or b"\\u0000" in raw_body:
                raise UnreadableEvent("the body holds a NUL character")
            return _read_event(payload)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UnreadableEvent(f"{type(error).__name__}: {error}") from error

    def _session(self, call: Callable[[Any], Any]) -> CheckoutState:
        return self._read(_read_session, call)

    def _read(self, reader: Callable[[dict[str, Any]], Read], call: Callable[[Any], Any]) -> Read:
        return self._understood(reader, self._call(call))

    @staticmethod
    def _understood(reader: Callable[[dict[str, Any]], Read], answer: dict[str, Any]) -> Read:
        try:
            return reader(answer)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            kind = answer.get("object", "answer")
            raise StripeMisunderstood(f"{kind}: {type(error).__name__}: {error}") from error

    def _call(self, call: Callable[[Any], Any]) -> dict[str, Any]:
        """Make one SDK call outside any transaction and return its answer as a plain dict."""
        import stripe

        db.assert_outside_transaction()
        try:
            # for_json: a Decimal has no place in the inbox, and nothing we read here is one.
            given = call(_sdk(self.api_key, self.api_base))
            answer: dict[str, Any] = given.to_dict(for_json=True) if hasattr(given, "to_dict") else given.data
        except (stripe.APIConnectionError, stripe.RateLimitError) as error:
            raise StripeUnavailable(str(error)) from error
        except stripe.APIError as error:  # 409 and every 5xx; their code is in the body only
            spent = str((error.headers or {}).get("Idempotent-Replayed", "")).lower() == "true"
            raise StripeUnavailable(f"{error.http_status}: {error}", key_is_spent=spent) from error
        except stripe.StripeError as error:
            raise StripeRefused(str(error.code or type(error).__name__), str(error)) from error
        return answer


@lru_cache(maxsize=4)
def _sdk(api_key: str, api_base: str) -> Any:
    import stripe

    stripe.enable_telemetry = False
    return stripe.StripeClient(
        api_key,
        stripe_version=API_VERSION,
        base_addresses={"api": api_base},
        # Without it the client does not retry at all; it repeats with the same key after 409, 5xx and lost answers.
        max_network_retries=2,
        http_client=stripe.RequestsClient(timeout=_TIMEOUT),
    )


def _read_event(payload: dict[str, Any]) -> StripeEvent:
    return StripeEvent(
        id=str(payload["id"]),
        type=str(payload["type"]),
        livemode=bool(payload["livemode"]),
        account=payload.get("account"),
        payload=payload,
    )


def _refuse_future(signature: str, now: dt.datetime) -> None:
    """Refuse a time stamp more than five minutes ahead: the SDK checks age only."""
    stamps = [part.partition("=")[2] for part in signature.split(",") if part.strip().startswith("t=")]
    if len(stamps) != 1 or int(stamps[0]) > now.timestamp() + TOLERANCE_SECONDS:
        raise BadSignature("signed in the future")


def _read_session(raw: dict[str, Any]) -> CheckoutState:
    intent = raw["payment_intent"]
    expanded = intent if isinstance(intent, dict) else None
    failure = (expanded or {}).get("last_payment_error") or {}
    return CheckoutState(
        id=raw["id"],
        status=raw["status"],
        payment_status=raw["payment_status"],
        amount=int(raw["amount_total"]),
        currency=raw["currency"].upper(),
        url=raw["url"],
        expires_at=from_unix(raw["expires_at"]),
        livemode=raw["livemode"],
        payment_intent_id=expanded["id"] if expanded else intent,
        charge=_read_charge(expanded["latest_charge"]) if expanded else None,
        decline=_read_decline(failure),
        has_failed=raw["status"] == "complete"
        and raw["payment_status"] == "unpaid"
        and (expanded or {}).get("status") in {"requires_payment_method", "canceled"},
    )


def _read_decline(failure: dict[str, Any]) -> DeclineState | None:
    # A failed authentication has no charge of its own; its code is then all that tells it from the next.
    code = failure.get("decline_code") or failure.get("code")
    return DeclineState(str(failure.get("charge") or code), str(code)) if code else None


def _read_charge(raw: Any) -> ChargeState | None:
    if not isinstance(raw, dict) or raw["status"] != "succeeded":
        return None
    balance = raw["balance_transaction"]
    return ChargeState(
        id=raw["id"],
        amount=int(raw["amount"]),
        currency=raw["currency"].upper(),
        created=from_unix(raw["created"]),
        balance=_read_balance(balance) if isinstance(balance, dict) else None,
    )


def _read_balance(raw: dict[str, Any]) -> BalanceState:
    rate = raw["exchange_rate"]
    return BalanceState(
        id=raw["id"],
        amount=int(raw["amount"]),
        fee=int(raw["fee"]),
        currency=raw["currency"].upper(),
        exchange_rate=None if rate is None else str(rate),
        available_on=from_unix(raw["available_on"]),
        created=from_unix(raw["created"]),
    )


@lru_cache(maxsize=4)
def _client(chosen: Settings) -> Client:
    if not chosen.stripe_secret_key or not chosen.stripe_webhook_secret:
        raise Unavailable("STRIPE_SECRET_KEY is not set", public_message="Card payments are not set up here.")
    return Client(chosen.stripe_secret_key, chosen.stripe_api_base, chosen.stripe_webhook_secret)


def client() -> Client:
    """Return the platform account's client.

    :raises Unavailable: while no key is set
    """
    return _client(settings())
