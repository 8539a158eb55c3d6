"""Balance transactions: Stripe's fee, which arrives after the payment, sometimes in another currency.

Fee model of the sandbox: 2.9 % and 30 minor units of the settlement currency, rounded half up (1099 costs 62).
"""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from provvypay.sandbox import fiat
from provvypay.sandbox.stripe import events
from provvypay.sandbox.stripe.state import StripeState, new_id

FEE_PERCENT = Decimal("2.9")
FEE_FIXED_MINOR = 30
AVAILABLE_AFTER_SECONDS = 2 * 24 * 60 * 60


def fee_minor(amount_minor: int) -> int:
    """Return the fee on an amount, both in minor units of the settlement currency."""
    return int((amount_minor * FEE_PERCENT / 100 + FEE_FIXED_MINOR).quantize(Decimal(1), ROUND_HALF_UP))


def schedule(state: StripeState, charge: dict[str, Any]) -> None:
    """Let the balance transaction of a charge that has just succeeded arrive a little later. Hold the lock."""
    wait = state.settings.fee_delay_seconds
    if fault := state.core.faults.take("stripe", ("no_fee",), charge["id"]).get("no_fee"):
        wait += float(fault.option("seconds"))
    state.core.timers.add(state.core.clock.exact() + wait, "stripe.fee", charge["id"])


def arrive(state: StripeState, charge_id: str) -> None:
    """Book the balance transaction of a charge and tell of it with charge.updated. Hold the lock."""
    charge = state.table("charges").get(charge_id)
    if charge is None or charge["status"] != "succeeded" or charge["balance_transaction"] is not None:
        return
    charge["balance_transaction"] = keep(state, _transaction(state, charge))["id"]
    events.emit(state, "charge.updated", charge, previous={"balance_transaction": None})


def keep(state: StripeState, transaction: dict[str, Any]) -> dict[str, Any]:
    """Store a balance transaction and let its money become available in time. Hold the lock."""
    state.put("balance_transactions", transaction)
    if transaction["status"] == "pending":
        state.core.timers.add(transaction["available_on"], "stripe.available", transaction["id"])
    return transaction


def settled(state: StripeState, charge: dict[str, Any], amount_minor: int) -> tuple[int, str, Decimal | None]:
    """Return what a part of a charge is in its settlement currency today, that currency, and the rate."""
    currency, rate = settlement(state, charge["currency"])
    if rate is None:
        return amount_minor, currency, None
    return fiat.convert(amount_minor, charge["currency"], currency, rate), currency, rate


def rename(state: StripeState, charge_id: str, fee: int) -> dict[str, Any] | None:
    """Let a charge name another balance transaction, with another fee, and tell of it. Hold the lock.

    :returns: the new one; None while the charge has none. The old one stays as it is, for whoever kept its id
    """
    charge = state.table("charges").get(charge_id)
    if charge is None or charge["balance_transaction"] is None:
        return None
    old = state.table("balance_transactions")[charge["balance_transaction"]]
    details = [{**old["fee_details"][0], "amount": fee}]
    changed = {"id": new_id("txn_3", 23), "created": state.core.clock.now(), "fee": fee, "fee_details": details}
    new = state.put("balance_transactions", {**old, **changed, "net": old["amount"] - fee})
    state.notes.setdefault(old["id"], {})["replaced"] = True
    charge["balance_transaction"] = new["id"]
    if new["status"] == "pending":
        state.core.timers.add(new["available_on"], "stripe.available", new["id"])
    events.emit(state, "charge.updated", charge, previous={"balance_transaction": old["id"]})
    return new


def become_available(state: StripeState, transaction_id: str) -> None:
    """Move a balance transaction's money from pending to available. Hold the lock."""
    if transaction := state.table("balance_transactions").get(transaction_id):
        transaction["status"] = "available"


def settlement(state: StripeState, currency: str) -> tuple[str, Decimal | None]:
    """Return the currency a charge settles in, and its units per unit of the charge's; None when it is the same."""
    accepted = state.settings.settlement_currencies
    if not accepted or currency in accepted:
        return currency, None
    target = accepted[0]
    given = state.settings.exchange_rates.get(currency)
    return target, Decimal(given) if given else fiat.rate(currency, target)


def _transaction(state: StripeState, charge: dict[str, Any]) -> dict[str, Any]:
    now = state.core.clock.now()
    currency, rate = settlement(state, charge["currency"])
    amount, description = charge["amount"], charge["description"]
    if rate is not None:
        amount = fiat.convert(charge["amount"], charge["currency"], currency, rate)
        description = f"{description or 'Payment'} (charged {charge['amount']} {charge['currency']})"
    fee = fee_minor(amount)
    at_once = state.notes.get(charge["id"], {}).get("available_at_once", False)
    return {
        "id": new_id("txn_3", 23),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": now if at_once else now + AVAILABLE_AFTER_SECONDS,
        "balance_type": "payments",
        "created": now,
        "currency": currency,
        "description": description,
        "exchange_rate": rate,
        "fee": fee,
        "fee_details": [
            {
                "amount": fee,
                "application": None,
                "currency": currency,
                "description": "Stripe processing fees",
                "type": "stripe_fee",
            }
        ],
        "net": amount - fee,
        "reporting_category": "charge",
        "source": charge["id"],
        "status": "available" if at_once else "pending",
        "type": "charge" if charge["payment_method_details"]["type"] == "card" else "payment",
    }
