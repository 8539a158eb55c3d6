"""What a person or a test wants sent, read from JSON or a form: whom, what, how much, when, in which way."""

import base64
import binascii
from dataclasses import dataclass, field
from typing import Any

from provvypay.sandbox.mirror_node import assets, ids, readers, seed
from provvypay.sandbox.mirror_node.assets import Asset
from provvypay.sandbox.mirror_node.state import MirrorState
from provvypay.sandbox.mirror_node.world import Account
from provvypay.sandbox.wishes import CannotDo

MOST_MEMO_BYTES = 100
USUAL_DELAY = 3 * ids.NANOS
"""From a transaction's valid start, the wallet's clock, to consensus."""
COMMON = (
    "to", "asset", "amount", "units", "memo", "memo_base64", "payer", "fee_payer", "kind", "network",
    "consensus_timestamp", "seconds_ago", "visible_after_seconds", "transaction_id",
)  # fmt: skip
OPTIONS = (
    "also", "result", "with_transfers", "doubled", "staking_reward", "fractional_fee", "synthetic_log", "to_form",
    "execute_after_seconds", "pending",
)  # fmt: skip


@dataclass
class Order:
    """One wish, understood."""

    receiver: Account
    asset: Asset
    units: int
    sender: Account
    fee_payer: Account
    memo: bytes
    at: int
    valid_start: int
    visible_from: int
    kind: str
    also: list[tuple[Account, Asset, int]] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)


def read(state: MirrorState, wanted: dict[str, Any]) -> Order:
    """Return the order a wish describes.

    :raises CannotDo: when it cannot be understood
    """
    if unknown := set(wanted) - {*COMMON, *OPTIONS}:
        raise CannotDo(f"Unknown name {', '.join(sorted(unknown))}; there are {', '.join((*COMMON, *OPTIONS))}")
    network = str(wanted.get("network") or state.settings.network)
    if network not in assets.NETWORKS:
        raise CannotDo(f"network must be one of {', '.join(assets.NETWORKS)}")
    asset = assets.find(state.world, str(wanted.get("asset", "HBAR")), network)
    sender = account(state, wanted.get("payer") or ids.entity(seed.CUSTOMER), "payer")
    fee_payer = account(state, wanted["fee_payer"], "fee_payer") if wanted.get("fee_payer") else sender
    at = moment(state, wanted)
    return Order(
        receiver=account(state, wanted.get("to"), "to"),
        asset=asset,
        units=amount(asset, wanted),
        sender=sender,
        fee_payer=fee_payer,
        memo=memo(wanted),
        at=at,
        valid_start=valid_start(state, wanted, fee_payer, at),
        visible_from=shown_from(state, wanted),
        kind=str(wanted.get("kind") or "transfer"),
        also=_also(state, wanted, network),
        options=_options(wanted),
    )


def account(state: MirrorState, text: object, name: str) -> Account:
    """Return an account of the ledger.

    :raises CannotDo: when the text names none
    """
    if found := state.world.account_of(str(text).strip()) if text else None:
        return found
    raise CannotDo(f"{name}: there is no account {text}", 404 if text else 422)


def amount(asset: Asset, wanted: dict[str, Any]) -> int:
    """Return the smallest units of `units`, or of `amount` in whole ones; an NFT is one.

    :raises CannotDo: when there is neither
    """
    units = wanted.get("units")
    if units is not None:
        if isinstance(units, bool) or not isinstance(units, int) or not 0 < units < 2**63:
            raise CannotDo("units must be a whole number above zero")
        return units
    if asset.kind == "nft":
        return 1
    if wanted.get("amount") in (None, ""):
        raise CannotDo("amount is missing")
    return assets.units(asset, str(wanted["amount"]))


def memo(wanted: dict[str, Any]) -> bytes:
    """Return the memo's bytes.

    :raises CannotDo: when it is no text, no base64, or longer than the network takes
    """
    try:
        raw = base64.b64decode(wanted["memo_base64"], validate=True) if "memo_base64" in wanted else None
    except (binascii.Error, TypeError, ValueError):
        raise CannotDo("memo_base64 is not base64") from None
    found = str(wanted.get("memo") or "").encode() if raw is None else raw
    if len(found) > MOST_MEMO_BYTES:
        raise CannotDo(f"MEMO_TOO_LONG: a memo has at most {MOST_MEMO_BYTES} bytes")
    return found


def moment(state: MirrorState, wanted: dict[str, Any]) -> int:
    """Return the consensus time in nanoseconds: as it stands, or so many seconds ago, or now.

    :raises CannotDo: when it is no moment
    """
    if wanted.get("consensus_timestamp"):
        if (found := ids.nanos(str(wanted["consensus_timestamp"]))) is None:
            raise CannotDo("consensus_timestamp must be seconds, or seconds.nanoseconds")
        return found
    return state.now() - seconds(wanted, "seconds_ago")


def shown_from(state: MirrorState, wanted: dict[str, Any]) -> int:
    """Return the moment from which the mirror node shows the record."""
    wait = seconds(wanted, "visible_after_seconds")
    return state.now() + wait if wait else 0


def seconds(wanted: dict[str, Any], name: str) -> int:
    """Return a number of seconds as nanoseconds.

    :raises CannotDo: when it is no number
    """
    value = wanted.get(name) or 0
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CannotDo(f"{name} must be a number of seconds")
    return int(value * ids.NANOS)


def valid_start(state: MirrorState, wanted: dict[str, Any], payer: Account, at: int) -> int:
    """Return the valid start of the id asked for, or one that is free.

    :raises CannotDo: when the id is none, or not the fee payer's
    """
    if wanted.get("transaction_id"):
        found = ids.read_any_id(str(wanted["transaction_id"]))
        if found is None or found[0] != payer.num:
            raise CannotDo(f"transaction_id must be one of {ids.entity(payer.num)}, such as 0.0.2001@1767300030.5")
        return found[1]
    start = at - USUAL_DELAY
    while ids.transaction_id(payer.num, start) in state.records.of_id:
        start += 1
    return start


def _options(wanted: dict[str, Any]) -> dict[str, Any]:
    """Return what else a wish says, read and checked."""
    found = {name: wanted[name] for name in OPTIONS if wanted.get(name) not in (None, False)}
    for name in ("with_transfers", "doubled", "synthetic_log", "pending"):
        readers.flag(wanted.get(name, False))
    if "staking_reward" in found:
        readers.whole(found, "staking_reward", 1, readers.MOST_UNITS)
    if "fractional_fee" in found:
        (found["fractional_fee"],) = readers.fractional([found["fractional_fee"]])
    if "result" in found:
        found["result"] = readers.text(found["result"])
    seconds(found, "execute_after_seconds")
    return found


def _also(state: MirrorState, wanted: dict[str, Any], network: str) -> list[tuple[Account, Asset, int]]:
    rows = wanted.get("also") or []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise CannotDo('also must be a list such as [{"to": "0.0.1001", "asset": "HBAR", "amount": "1"}]')
    found = []
    for row in rows:
        asset = assets.find(state.world, str(row.get("asset", "HBAR")), network)
        found.append((account(state, row.get("to") or wanted.get("to"), "to"), asset, amount(asset, row)))
    return found
