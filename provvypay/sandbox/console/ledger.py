"""The console's ledger: ways to pay for a person to press, and the rows the page shows."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any

from provvypay.sandbox.mirror_node import assets, desk, ids, seed, service, traffic
from provvypay.sandbox.mirror_node.records import Record
from provvypay.sandbox.mirror_node.state import MirrorState
from provvypay.sandbox.wishes import CannotDo

MOST_ROWS, MOST_ACCOUNTS = 25, 40
FIELDS = ("to", "asset", "amount", "memo", "payer")
FIRST_TYPED = {"to": f"0.0.{seed.MERCHANT}", "asset": "USDC", "amount": "", "memo": "", "payer": f"0.0.{seed.CUSTOMER}"}
CHOICES = ("HBAR", *assets.NAMED["testnet"], *(name for name in assets.NICKNAMES if name != "NFT"))
Wish = dict[str, Any]
Way = Callable[[Wish], list[Wish]]


def _like(**more: Any) -> Way:
    return lambda wish: [{**wish, **more}]


def _times(factor: str) -> Way:
    return lambda wish: [{**wish, "amount": _scaled(wish["amount"], factor)}]


def _other_token(wish: Wish) -> list[Wish]:
    return [{**wish, "asset": "USDT" if wish["asset"] == "USDC" else "USDC"}]


def _scaled(amount: str, factor: str) -> str:
    try:
        scaled = Decimal(amount.replace(",", "")) * Decimal(factor)
    except InvalidOperation:
        raise CannotDo(f"amount must be a number such as 12.5, not {amount}") from None
    return format(scaled.quantize(Decimal("0.000001")).normalize(), "f")


USUAL: dict[str, Way] = {
    "Pay": _like(),
    "Pay half": _times("0.5"),
    "Pay a tenth too much": _times("1.1"),
    "Pay twice": lambda wish: [wish, wish],
    "No memo": _like(memo=""),
    "Somebody else's memo": _like(memo="PV-NOBODY"),
    "Another token": _other_token,
    "Look-alike USDC": _like(asset="FAKE-USDC"),
}
ODD: dict[str, dict[str, Way]] = {
    "When": {
        "An hour ago": _like(seconds_ago=3600),
        "In a minute": _like(seconds_ago=-60),
        "Seen a minute late": _like(visible_after_seconds=60),
    },
    "Through what": {
        "Scheduled": _like(kind="scheduled"),
        "Scheduled, carried out in a minute": _like(kind="scheduled", execute_after_seconds=60),
        "A contract's child": _like(kind="child"),
        "A contract sends HBAR": _like(kind="contract_call", asset="HBAR"),
        "An EVM wallet sends HBAR": _like(kind="ethereum", asset="HBAR"),
        "An EVM wallet sends USDC": _like(kind="ethereum", asset="USDC", synthetic_log=True),
        "An EVM wallet sends AUDD": _like(kind="ethereum", asset="AUDD"),
        "Atomic batch": _like(kind="batch"),
        "Allowance": _like(kind="approval"),
        "Airdrop of USDC": _like(kind="airdrop", asset="USDC"),
        "Airdrop of USDC, pending": _like(kind="airdrop", asset="USDC", pending=True),
    },
    "With what beside": {
        "USDC and HBAR at once": lambda wish: [
            {**wish, "asset": "USDC", "also": [{"asset": "HBAR", "amount": wish["amount"]}]}
        ],
        "Staking reward of 0.25": _like(asset="HBAR", staking_reward=25_000_000),
        "Receiver pays the fee": lambda wish: [{**wish, "asset": "HBAR", "fee_payer": wish["to"]}],
        "Fractional fee of 1 %": _like(asset="USDC", fractional_fee={"numerator": 1, "denominator": 100}),
        "Token lines doubled": _like(asset="USDC", doubled=True),
        "Logs of a token": _like(asset="USDC", synthetic_log=True),
        "AUDD to the long-zero address": _like(asset="AUDD", to_form="long_zero"),
    },
    "Not a payment": {
        "Sent to two nodes": _like(kind="duplicate"),
        "Failed": _like(kind="failed"),
        "Failed, but shows transfers": _like(kind="failed", with_transfers=True),
        "Failed AUDD": _like(kind="failed", asset="AUDD"),
        "An NFT": _like(kind="nft", asset="NFT"),
        "Receiver pays itself": _like(kind="self"),
        "Receiver sends it back": lambda wish: [{**wish, "to": wish["payer"], "payer": wish["to"]}],
        "Minted to the treasury": _like(kind="mint", asset="USDC"),
        "Fake AUDD": _like(asset="FAKE-AUDD"),
    },
}
WAYS = USUAL | {label: way for group in ODD.values() for label, way in group.items()}


def actions(state: MirrorState) -> dict[tuple[str, str], Callable[[dict[str, str]], str | None]]:
    """Return what the ledger's buttons do."""

    def pay(form: dict[str, str]) -> str:
        wish = {name: form[name] for name in FIELDS}
        with state.core.lock:
            state.typed = wish
            outcomes = [desk.pay(state, one) for one in WAYS[form["way"]](wish)]
        return "sent" if all(outcome["result"] == "SUCCESS" for outcome in outcomes) else "refused"

    def claim(form: dict[str, str]) -> str:
        with state.core.lock:
            return "sent" if desk.claim_airdrop(state, form["airdrop"])["result"] == "SUCCESS" else "refused"

    def head(form: dict[str, str]) -> None:
        with state.core.lock:
            stalled = form["lag"] == "still"
            service.tune(state, {"stalled": stalled, **({} if stalled else {"lag_seconds": int(form["lag"])})})

    def network(form: dict[str, str]) -> None:
        with state.core.lock:
            service.tune(state, {"network": form["network"]})

    def forget(_: dict[str, str]) -> None:
        with state.core.lock:
            state.forget_requests()

    return {
        ("ledger", "pay"): pay,
        ("ledger", "claim"): claim,
        ("ledger", "head"): head,
        ("ledger", "network"): network,
        ("ledger", "requests"): forget,
    }


def shown(state: MirrorState, asked: dict[str, str]) -> dict[str, Any]:
    """Return the ledger's part of the page.

    :param asked: what a link to the console fills the form with
    """
    newest = list(islice(reversed(state.records.by_time.values()), MOST_ROWS))
    now, head = state.now(), state.head()
    everyone = sorted(state.world.accounts.values(), key=lambda account: account.num)
    listed = [account for account in everyone if account.role in ("merchant", "customer")]
    return {
        "typed": {**FIRST_TYPED, **state.typed, **{name: asked[name] for name in FIELDS if asked.get(name)}},
        "payers": [(f"0.0.{one.num}", one.name or f"0.0.{one.num}") for one in listed[:MOST_ACCOUNTS]],
        "choices": CHOICES,
        "usual": list(USUAL),
        "odd": {group: list(ways) for group, ways in ODD.items()},
        "records": [_record(state, record, shown=state.shows(record, head, now)) for record in newest],
        "record_count": len(state.records),
        "airdrops": [_airdrop(state, row) for row in state.airdrops.values() if not row["claimed"]],
        "accounts": [_account(state, one.num) for one in listed[:MOST_ACCOUNTS]],
        "account_count": len(listed),
        "named": ("HBAR", *assets.NAMED[state.settings.network]),
        "settings": state.settings,
        "networks": assets.NETWORKS,
        "head": datetime.fromtimestamp(head // ids.NANOS, UTC).strftime("%d %b %H:%M:%S"),
        "behind": max((now - head) // ids.NANOS, 0),
        "requests": traffic.shown(state),
    }


def _record(state: MirrorState, record: Record, *, shown: bool) -> dict[str, Any]:
    body = record.body
    stamp = body["consensus_timestamp"]
    credited = [row for row in state.credits[-10 * MOST_ROWS :] if row["consensus_timestamp"] == stamp]
    return {
        "id": body["transaction_id"],
        "name": body["name"],
        "result": body["result"],
        "tone": "good" if body["result"] == "SUCCESS" else "bad",
        "shown": shown,
        "when": datetime.fromtimestamp(record.at // ids.NANOS, UTC).strftime("%d %b %H:%M:%S"),
        "memo": base64.b64decode(body["memo_base64"]).decode("utf-8", "replace"),
        "credits": [f"{_money(state, row['asset'], row['units'])} to {row['account']}" for row in credited],
        "nonce": body["nonce"],
        "scheduled": body["scheduled"],
    }


def _airdrop(state: MirrorState, row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "money": _money(state, row["asset"], row["units"])}


def _money(state: MirrorState, key: str, units: int) -> str:
    asset = assets.find(state.world, key, state.settings.network)
    return f"{assets.written(asset, units)} {asset.symbol}"


def _account(state: MirrorState, num: int) -> dict[str, Any]:
    account = state.world.accounts[num]
    held = desk.balances(state, num)
    found = [assets.find(state.world, name, state.settings.network) for name in ("HBAR", *assets.NAMED["testnet"])]
    return {
        "id": ids.entity(num),
        "name": account.name,
        "role": account.role,
        "alias": f"0x{account.evm_alias}" if account.evm_alias else "",
        "balances": [assets.written(one, held[one.key]) if one.key in held else "–" for one in found],
    }
