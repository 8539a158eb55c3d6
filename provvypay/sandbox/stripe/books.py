"""The oracle: what really happened in the Stripe stand-in, for a test or a person to compare with."""

from collections import Counter
from typing import Any

from provvypay.sandbox.stripe.state import StripeState


def books(state: StripeState) -> dict[str, Any]:
    """Return every charge with its fee and its session, and totals. Hold the lock."""
    charges = [_line(state, charge) for charge in state.table("charges").values()]
    return {
        "charges": charges,
        "charged": _charged(charges),
        "refunds": [_refund(row) for row in state.table("refunds").values()],
        "disputes": [_dispute(row) for row in state.table("disputes").values()],
        "settled": _settled(state),
        "fees_pending": sum(1 for line in charges if line["status"] == "succeeded" and line["fee"] is None),
        "sessions": dict(Counter(session["status"] for session in state.table("sessions").values())),
        "payment_intents": dict(Counter(intent["status"] for intent in state.table("payment_intents").values())),
        "events": dict(Counter(event["type"] for event in state.table("events").values())),
    }


def _line(state: StripeState, charge: dict[str, Any]) -> dict[str, Any]:
    session = state.table("sessions")[state.notes[charge["id"]]["session"]]
    transaction = state.table("balance_transactions").get(charge["balance_transaction"] or "")
    return {
        "charge": charge["id"],
        "payment_intent": charge["payment_intent"],
        "session": session["id"],
        "client_reference_id": session["client_reference_id"],
        "metadata": charge["metadata"],
        "status": charge["status"],
        "failure_code": charge["failure_code"],
        "amount": charge["amount"],
        "currency": charge["currency"],
        "created": charge["created"],
        "balance_transaction": charge["balance_transaction"],
        "settlement_amount": transaction["amount"] if transaction else None,
        "settlement_currency": transaction["currency"] if transaction else None,
        "exchange_rate": transaction["exchange_rate"] if transaction else None,
        "fee": transaction["fee"] if transaction else None,
        "net": transaction["net"] if transaction else None,
        "amount_refunded": charge["amount_refunded"],
        "disputed": charge["disputed"],
    }


def _refund(row: dict[str, Any]) -> dict[str, Any]:
    names = (
        "charge payment_intent amount currency status pending_reason failure_reason reason created balance_transaction "
        "failure_balance_transaction metadata"
    ).split()
    return {"refund": row["id"], **{name: row[name] for name in names}}


def _dispute(row: dict[str, Any]) -> dict[str, Any]:
    """Return a dispute with what it has moved so far, in the settlement currency."""
    lines = row["balance_transactions"]
    names = "charge payment_intent amount currency status reason created".split()
    return {
        "dispute": row["id"],
        **{name: row[name] for name in names},
        "balance_transactions": [line["id"] for line in lines],
        "moved": sum(line["amount"] for line in lines),
        "fee": sum(line["fee"] for line in lines),
        "settlement_currency": lines[0]["currency"] if lines else None,
    }


def _charged(charges: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """Return, by the charge's currency, how many charges succeeded and their sum in minor units."""
    totals: dict[str, dict[str, int]] = {}
    for line in charges:
        if line["status"] == "succeeded":
            total = totals.setdefault(line["currency"], {"count": 0, "amount": 0})
            total["count"] += 1
            total["amount"] += line["amount"]
    return totals


def _settled(state: StripeState) -> dict[str, dict[str, int]]:
    """Return, by settlement currency, what the balance transactions that are named add up to in minor units."""
    totals: dict[str, dict[str, int]] = {}
    for transaction in state.table("balance_transactions").values():
        if state.notes.get(transaction["id"], {}).get("replaced"):
            continue
        total = totals.setdefault(transaction["currency"], {"count": 0, "amount": 0, "fee": 0, "net": 0})
        total["count"] += 1
        for name in ("amount", "fee", "net"):
            total[name] += transaction[name]
    return totals
