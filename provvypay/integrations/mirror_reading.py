"""Read a mirror node's JSON, strictly.

What does not fit our reading raises MirrorNodeMisunderstood; names we do not know are passed over, new ones arrive with
every release of theirs.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from provvypay.domain import hedera_ids as ids
from provvypay.domain.hedera_records import (
    AccountState,
    AccountToken,
    ContractState,
    FixedFee,
    FractionalFee,
    Line,
    LogEntry,
    NftLine,
    TokenLine,
    TokenState,
    TransactionRecord,
)
from provvypay.integrations.mirror_transport import MirrorNodeMisunderstood

Json = dict[str, Any]


def record(body: Json) -> TransactionRecord:
    """Read one record of `/transactions`."""
    name = f"record {body.get('consensus_timestamp')}"
    try:
        transaction = ids.transaction_id(_text(body, "transaction_id"))
        parent = body.get("parent_consensus_timestamp")
        memo_base64 = body.get("memo_base64") or ""
        return TransactionRecord(
            consensus_timestamp=ids.canonical_timestamp(_text(body, "consensus_timestamp")),
            transaction_id=transaction.mirror,
            valid_start=transaction.valid_start,
            nonce=_whole(body, "nonce"),
            scheduled=_yes(body, "scheduled"),
            parent_consensus_timestamp=ids.canonical_timestamp(str(parent)) if parent else None,
            name=_text(body, "name"),
            result=_text(body, "result"),
            payer=transaction.payer,
            entity_id=_text_or_none(body, "entity_id"),
            charged_fee_units=_whole(body, "charged_tx_fee"),
            memo=_memo(memo_base64),
            memo_base64=str(memo_base64),
            transaction_hash=_text(body, "transaction_hash"),
            transfers=tuple(_line(one) for one in _list(body, "transfers")),
            token_transfers=tuple(_token_line(one) for one in _list(body, "token_transfers")),
            nft_transfers=tuple(_nft_line(one) for one in _list(body, "nft_transfers")),
            staking_rewards=tuple(_line(one) for one in _list(body, "staking_reward_transfers")),
            raw=_raw(body),
        )
    except (ids.NotAnId, KeyError, TypeError, ValueError) as error:
        raise MirrorNodeMisunderstood(f"{name}: {error}") from error


def account(body: Json) -> AccountState:
    """Read an answer of `/accounts/{id}`."""
    try:
        number = ids.account_id(_text(body, "account"))
        evm = (_text_or_none(body, "evm_address") or "").lower()
        return AccountState(
            account=number,
            evm_address=evm if ids.is_evm(evm) and ids.of_long_zero(evm) is None else None,
            deleted=bool(body.get("deleted")),
            receiver_sig_required=bool(body.get("receiver_sig_required")),
            max_automatic_token_associations=_whole_or(body, "max_automatic_token_associations", 0),
            balance_units=_whole(body.get("balance") or {"balance": 0}, "balance"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MirrorNodeMisunderstood(f"account {body.get('account')}: {error}") from error


def account_token(body: Json) -> AccountToken:
    """Read one association of `/accounts/{id}/tokens`."""
    try:
        decimals = body.get("decimals")
        return AccountToken(
            token_id=ids.account_id(_text(body, "token_id")),
            balance_units=_whole(body, "balance"),
            decimals=None if decimals is None else int(decimals),
            automatic=bool(body.get("automatic_association")),
            freeze_status=_text_or_none(body, "freeze_status") or "NOT_APPLICABLE",
            kyc_status=_text_or_none(body, "kyc_status") or "NOT_APPLICABLE",
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MirrorNodeMisunderstood(f"association {body.get('token_id')}: {error}") from error


def token(body: Json) -> TokenState:
    """Read an answer of `/tokens/{id}`, where decimals are text."""
    try:
        fees = body.get("custom_fees") or {}
        return TokenState(
            token_id=ids.account_id(_text(body, "token_id")),
            symbol=_text(body, "symbol"),
            name=_text(body, "name"),
            decimals=int(body["decimals"]),
            type=_text(body, "type"),
            treasury=_text_or_none(body, "treasury_account_id"),
            deleted=bool(body.get("deleted")),
            paused=body.get("pause_status") == "PAUSED",
            has_freeze_key=body.get("freeze_key") is not None,
            has_kyc_key=body.get("kyc_key") is not None,
            freeze_default=bool(body.get("freeze_default")),
            fixed_fees=tuple(
                FixedFee(_whole(one, "amount"), _text_or_none(one, "denominating_token_id"))
                for one in _list(fees, "fixed_fees")
            ),
            fractional_fees=tuple(_fractional(one) for one in _list(fees, "fractional_fees")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MirrorNodeMisunderstood(f"token {body.get('token_id')}: {error}") from error


def log_entry(body: Json) -> LogEntry:
    """Read one log of `/contracts/{id}/results/logs`."""
    try:
        data = _text_or_none(body, "data") or "0x"
        return LogEntry(
            contract_id=ids.account_id(_text(body, "contract_id")),
            consensus_timestamp=ids.canonical_timestamp(_text(body, "timestamp")),
            transaction_hash=_text(body, "transaction_hash"),
            index=_whole(body, "index"),
            topics=tuple(str(topic).lower() for topic in _list(body, "topics")),
            data=bytes.fromhex(data.removeprefix("0x")),
            raw=_raw(body),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MirrorNodeMisunderstood(f"log at {body.get('timestamp')}: {error}") from error


def contract(body: Json, symbol: str | None = None, decimals: str | None = None) -> ContractState:
    """Read an answer of `/contracts/{id}`, and what the contract answered to `symbol()` and `decimals()`."""
    try:
        return ContractState(
            contract_id=ids.account_id(_text(body, "contract_id")),
            evm_address=_text(body, "evm_address").lower(),
            deleted=bool(body.get("deleted")),
            symbol=_abi_text(symbol),
            decimals=_abi_number(decimals),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MirrorNodeMisunderstood(f"contract {body.get('contract_id')}: {error}") from error


def _line(one: Json) -> Line:
    return Line(_account(one, "account"), _whole(one, "amount"), bool(one.get("is_approval")))


def _token_line(one: Json) -> TokenLine:
    return TokenLine(
        _account(one, "token_id"), _account(one, "account"), _whole(one, "amount"), bool(one.get("is_approval"))
    )


def _nft_line(one: Json) -> NftLine:
    return NftLine(
        _account(one, "token_id"),
        _whole(one, "serial_number"),
        _text_or_none(one, "sender_account_id"),
        _text_or_none(one, "receiver_account_id"),
    )


def _fractional(one: Json) -> FractionalFee:
    share = one["amount"]
    maximum = one.get("maximum")
    return FractionalFee(
        numerator=_whole(share, "numerator"),
        denominator=_whole(share, "denominator"),
        minimum=_whole_or(one, "minimum", 0),
        maximum=None if maximum is None else int(maximum),
        net_of_transfers=bool(one.get("net_of_transfers")),
    )


def _abi_text(answer: str | None) -> str | None:
    """Read an answer of one text: where it begins, how long it is, its bytes; None for what is none."""
    try:
        words = bytes.fromhex((answer or "").removeprefix("0x"))
        begins = int.from_bytes(words[:32])
        length = int.from_bytes(words[begins : begins + 32])
        text = words[begins + 32 : begins + 32 + length]
        return text.decode() if 0 < len(text) == length <= 100 else None
    except (ValueError, OverflowError):
        return None


def _abi_number(answer: str | None) -> int | None:
    try:
        word = bytes.fromhex((answer or "").removeprefix("0x"))
    except ValueError:
        return None
    return int.from_bytes(word) if len(word) == 32 else None


def _account(body: Json, name: str) -> str:
    return ids.account_id(_text(body, name))


def _memo(memo_base64: object) -> bytes:
    """Return a memo's bytes; what is not base64 is no memo, and the money is looked at by a person all the same."""
    try:
        return base64.b64decode(str(memo_base64), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _raw(body: Json) -> str:
    return json.dumps(body, separators=(",", ":"), default=str)


def _list(body: Json, name: str) -> list[Any]:
    found = body.get(name)
    if found is None:
        return []
    if not isinstance(found, list):
        raise TypeError(f"{name} is no list")
    return found


def _text(body: Json, name: str) -> str:
    found = body[name]
    if not isinstance(found, str):
        raise TypeError(f"{name} is no text")
    return found


def _text_or_none(body: Json, name: str) -> str | None:
    return None if body.get(name) is None else _text(body, name)


def _whole(body: Json, name: str) -> int:
    found = body[name]
    if not isinstance(found, int) or isinstance(found, bool):
        raise TypeError(f"{name} is no whole number")
    return found


def _whole_or(body: Json, name: str, default: int) -> int:
    return default if body.get(name) is None else _whole(body, name)


def _yes(body: Json, name: str) -> bool:
    found = body[name]
    if not isinstance(found, bool):
        raise TypeError(f"{name} is neither true nor false")
    return found
