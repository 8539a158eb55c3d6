"""What the console shows, as plain rows: read from the states, formatted for people. Hold the lock."""

from datetime import UTC, datetime
from typing import Any

from provvypay.sandbox import fiat
from provvypay.sandbox.coingecko import service as gecko_service
from provvypay.sandbox.coingecko.state import COINS, GeckoState
from provvypay.sandbox.core import Core
from provvypay.sandbox.faults import KINDS, VENDORS
from provvypay.sandbox.mirror_node import service as mirror_service
from provvypay.sandbox.mirror_node.state import MirrorState
from provvypay.sandbox.stripe import books
from provvypay.sandbox.stripe.disputes import OPEN
from provvypay.sandbox.stripe.refund_objects import INQUIRY_STATUSES
from provvypay.sandbox.stripe.state import StripeState

MOST_ROWS = 40
TONES = {
    "open": "accent",
    "complete": "good",
    "expired": "quiet",
    "delivered": "good",
    "queued": "accent",
    "sending": "accent",
    "held": "warn",
    "dropped": "warn",
    "failed": "bad",
    "succeeded": "good",
    "pending": "accent",
    "canceled": "quiet",
    "needs_response": "bad",
    "under_review": "accent",
    "won": "good",
    "lost": "bad",
    "warning_needs_response": "warn",
    "warning_under_review": "warn",
    "warning_closed": "quiet",
}
STEP_WORDS = {
    "respond": "Hand evidence in",
    "escalate": "Make it a dispute",
    "won": "Win",
    "lost": "Lose",
    "warning_closed": "Close",
}
_NEXT_SESSION = {"pattern": "/v1/checkout/sessions", "method": "POST", "remaining": 1}
_NEXT_REFUND = {"pattern": "/v1/refunds", "method": "POST", "remaining": 1}
_XERO_WRITE = {"vendor": "xero", "pattern": "/api.xro/*", "method": "PUT", "remaining": 1}
_XERO_TOKEN = {"vendor": "xero", "pattern": "/connect/token", "remaining": 1}
PRESETS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Deliver every event three times", {"kind": "webhook_duplicate", "times": 3}),
    ("Shuffle events within a second", {"kind": "webhook_shuffle", "window_seconds": 1}),
    ("Delay events by 5 s", {"kind": "webhook_delay", "seconds": 5}),
    ("Lose every event", {"kind": "webhook_drop"}),
    ("No fee for 60 s after a charge", {"kind": "no_fee", "seconds": 60}),
    ("Next refund stays pending", {"kind": "refund_pending", "remaining": 1}),
    ("Next refund waits for money", {"kind": "refund_pending", "reason": "insufficient_funds", "remaining": 1}),
    ("Next refund: made, but the line is cut", {"kind": "drop_after_commit", **_NEXT_REFUND}),
    ("Next session: made, but answered with 500", {"kind": "error_after_commit", **_NEXT_SESSION}),
    ("Next session: made, but the line is cut", {"kind": "drop_after_commit", **_NEXT_SESSION}),
    ("Next Stripe call: 500", {"kind": "error", "remaining": 1}),
    ("Stripe answers 3 s late", {"kind": "slow", "seconds": 3}),
    ("Stripe's rate limit is reached", {"kind": "rate_limit"}),
    ("CoinGecko's rate limit is reached", {"vendor": "coingecko", "kind": "rate_limit", "retry_after": 60}),
    ("CoinGecko's rate limit, with status 200", {"vendor": "coingecko", "kind": "rate_limit", "status": 200}),
    ("CoinGecko misses its key", {"vendor": "coingecko", "kind": "unauthorized", "code": 10002}),
    ("CoinGecko is down", {"vendor": "coingecko", "kind": "error", "status": 503}),
    ("CoinGecko answers with a page of HTML", {"vendor": "coingecko", "kind": "forbidden"}),
    ("The mirror node is down", {"vendor": "mirror_node", "kind": "error", "status": 503}),
    ("The mirror node's balancer answers 502", {"vendor": "mirror_node", "kind": "error", "status": 502}),
    ("The mirror node's rate limit is reached", {"vendor": "mirror_node", "kind": "rate_limit"}),
    ("The mirror node's rate limit, wait 5 s", {"vendor": "mirror_node", "kind": "rate_limit", "retry_after": 5}),
    ("The mirror node answers 3 s late", {"vendor": "mirror_node", "kind": "slow", "seconds": 3}),
    ("The mirror node is silent for 20 s", {"vendor": "mirror_node", "kind": "slow", "seconds": 20}),
    ("The mirror node cuts the line", {"vendor": "mirror_node", "kind": "drop"}),
    ("Next Xero write: saved, but the line is cut", {**_XERO_WRITE, "kind": "drop_after_commit"}),
    ("Next Xero write: saved, but answered with 500", {**_XERO_WRITE, "kind": "error_after_commit"}),
    ("Next Xero write: refused, nothing saved", {**_XERO_WRITE, "kind": "validation"}),
    ("Next Xero call: its token has expired", {"vendor": "xero", "kind": "token_expired", "remaining": 1}),
    ("Xero's minute is used up", {"vendor": "xero", "kind": "rate_limit", "reason": "minute", "remaining": 1}),
    ("Xero's day is used up", {"vendor": "xero", "kind": "rate_limit", "reason": "day", "retry_after": 73451}),
    ("Too many Xero calls at once", {"vendor": "xero", "kind": "rate_limit", "reason": "concurrent", "remaining": 1}),
    ("The Xero app's minute is used up", {"vendor": "xero", "kind": "rate_limit", "reason": "appminute"}),
    ("Xero answers 503", {"vendor": "xero", "kind": "error", "status": 503}),
    ("Xero answers 3 s late", {"vendor": "xero", "kind": "slow", "seconds": 3}),
    ("The next refresh's answer is lost", {**_XERO_TOKEN, "kind": "drop_after_commit"}),
)  # fmt: skip


def everything(core: Core, stripe: StripeState, gecko: GeckoState, mirror: MirrorState) -> dict[str, Any]:
    """Return all the page's variables."""
    return {
        "now": moment(core.clock.now()),
        "clock": core.clock,
        "sessions": [_session(stripe, row) for row in _latest(stripe.table("sessions"))],
        "session_count": len(stripe.table("sessions")),
        "endpoints": list(stripe.table("webhook_endpoints").values()),
        "held": stripe.held,
        "deliveries": [_delivery(row) for row in _latest(stripe.deliveries)],
        "delivery_count": len(stripe.deliveries),
        "coins": [_coin(gecko, coin_id) for coin_id in COINS],
        "currencies": gecko_service.SHOWN_CURRENCIES,
        "switches": gecko.switches,
        "network": _network(mirror),
        "faults": core.faults.faults,
        "presets": PRESETS,
        "kinds": list(KINDS),
        "vendors": VENDORS,
        "books": _books(stripe),
        "refunds": [_refund(row) for row in _latest(stripe.table("refunds"))],
        "disputes": [_dispute(row) for row in _latest(stripe.table("disputes"))],
        "settings": stripe.settings,
    }


def moment(seconds: float) -> str:
    """Return a moment as people read it, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%d %b %H:%M:%S")


def _latest(table: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return list(reversed(list(table.values())[-MOST_ROWS:]))


def _session(stripe: StripeState, row: dict[str, Any]) -> dict[str, Any]:
    intent = stripe.table("payment_intents").get(row["payment_intent"] or "")
    return {
        "id": row["id"],
        "amount": fiat.formatted(row["amount_total"], row["currency"]),
        "reference": row["client_reference_id"] or "",
        "status": row["status"],
        "tone": TONES[row["status"]],
        "payment_status": row["payment_status"],
        "intent": intent["status"] if intent else "",
        "created": moment(row["created"]),
        "expires": moment(row["expires_at"]),
        "challenge": row["status"] == "open" and "authentication" in stripe.notes[row["id"]],
        "debit": bool(intent and intent["status"] == "processing"),
    }


def _delivery(row: dict[str, Any]) -> dict[str, Any]:
    last = row["attempts"][-1] if row["attempts"] else None
    return {
        **row,
        "tone": TONES[row["status"]],
        "tries": len(row["attempts"]),
        "when": moment(last["at"]) if last else "",
        "answer": (last["http_status"] or last["error"]) if last else "",
    }


def _refund(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "shown": fiat.formatted(row["amount"], row["currency"]),
        "tone": TONES[row["status"]],
        "why": row["pending_reason"] or row["failure_reason"] or "",
        "when": moment(row["created"]),
    }


def _dispute(row: dict[str, Any]) -> dict[str, Any]:
    inquiry = row["status"] in INQUIRY_STATUSES[:2]
    steps = {"needs_response": ["respond"], "warning_needs_response": ["respond"]}.get(row["status"], [])
    if row["status"] in OPEN:
        steps = steps + (["escalate", "warning_closed"] if inquiry else ["won", "lost"])
    return {
        **row,
        "shown": fiat.formatted(row["amount"], row["currency"]),
        "tone": TONES[row["status"]],
        "steps": [(step, STEP_WORDS[step]) for step in steps],
        "when": moment(row["created"]),
    }


def _coin(gecko: GeckoState, coin_id: str) -> dict[str, Any]:
    row = gecko_service.shown(gecko)["prices"][coin_id]
    switches = gecko.switches
    return {
        "id": coin_id,
        "name": COINS[coin_id].name,
        "symbol": COINS[coin_id].symbol.upper(),
        "prices": [(currency, row[currency]) for currency in gecko_service.SHOWN_CURRENCIES],
        "updated": moment(row["last_updated_at"]),
        "fixed": bool(switches.prices.get(coin_id)),
        "missing": coin_id in switches.missing_coins,
        "unpriced": coin_id in switches.null_coins,
        "depeg": switches.depeg.get(coin_id, ""),
    }


def _network(mirror: MirrorState) -> dict[str, Any]:
    found = mirror_service.shown(mirror)
    switches = mirror.switches
    return {
        "price": found["usd_per_hbar"],
        "fixed": switches.usd_per_hbar or "",
        "expires": moment(found["expires"]),
        "expired": switches.expired,
        "choices": mirror_service.EXPIRED,
        "missing": switches.missing,
    }


def _books(stripe: StripeState) -> dict[str, Any]:
    found = books.books(stripe)
    lines = [
        {
            **line,
            "tone": TONES.get(line["status"], "quiet"),
            "shown": fiat.formatted(line["amount"], line["currency"]),
            "shown_fee": _optional(line["fee"], line["settlement_currency"]),
            "shown_net": _optional(line["net"], line["settlement_currency"]),
            "when": moment(line["created"]),
            "refundable": line["status"] == "succeeded" and line["amount_refunded"] < line["amount"],
            "half": max(1, (line["amount"] - line["amount_refunded"]) // 2),
            "back": fiat.formatted(line["amount_refunded"], line["currency"]) if line["amount_refunded"] else "",
        }
        for line in reversed(found["charges"][-MOST_ROWS:])
    ]
    settled = [
        [
            currency.upper(),
            total["count"],
            *(fiat.formatted(total[name], currency) for name in ("amount", "fee", "net")),
        ]
        for currency, total in found["settled"].items()
    ]
    return {"lines": lines, "settled": settled, "fees_pending": found["fees_pending"]}


def _optional(minor: int | None, currency: str | None) -> str:
    return "not known yet" if minor is None or currency is None else fiat.formatted(minor, currency)
