"""GET /accounts/{…}, /accounts/{…}/tokens, /tokens/{id}: what a merchant's account can receive, and in which tokens."""

import re
from typing import Any

from werkzeug.datastructures import MultiDict

from provvypay.sandbox.mirror_node import ids, params, transactions
from provvypay.sandbox.mirror_node.params import Query, Refused
from provvypay.sandbox.mirror_node.state import MirrorState
from provvypay.sandbox.mirror_node.world import Account, Token

_ID = re.compile(r"(?:\d{1,5}\.)?(?:\d{1,5}\.)?\d{1,12}")
_ALIAS = re.compile(r"(?:0\.0\.)?[A-Z2-7]{32,70}")
BALANCE_EVERY = 900 * ids.NANOS
RENEWED_EVERY_SECONDS = 7_776_000
LATER = 400 * 86_400 * ids.NANOS
MOST_TOKENS_SHOWN = 1000


def account(state: MirrorState, name: str, query: Query) -> dict[str, Any]:
    """Answer GET /accounts/{id, alias or EVM address}. Hold the lock.

    :raises Refused: 400 for what is none of them, 404 for nobody
    """
    params.only(query, "limit", "order", "timestamp", "transactiontype", "transactions")
    found = find(state, name)
    with_transactions = (params.last(query, "transactions") or "true").lower()
    if with_transactions not in ("true", "false"):
        raise params.invalid("transactions")
    listing: dict[str, Any] = {"transactions": [], "links": {"next": None}}
    if with_transactions == "true":
        pairs = [(key, value) for key, value in query.items(multi=True) if key != "transactions"]
        listing = transactions.listed(state, MultiDict([*pairs, ("account.id", f"0.0.{found.num}")]))
        if listing["links"]["next"]:
            query_part = listing["links"]["next"].split("?", 1)[1]
            kept = "&".join(part for part in query_part.split("&") if not part.startswith("account.id="))
            listing["links"]["next"] = f"/api/v1/accounts/{name}?{kept}"
    return {**_body(state, found), **listing}


def find(state: MirrorState, name: str) -> Account:
    """Return the account of a path.

    :raises Refused: 400 for what is no id, alias or EVM address; 404 for nobody
    """
    if not (_ID.fullmatch(name) or ids.evm(name) or _ALIAS.fullmatch(name)):
        raise params.invalid("idOrAliasOrEvmAddress")
    if found := state.world.account_of(name):
        return found
    raise Refused(404, "Not found")


def _body(state: MirrorState, found: Account) -> dict[str, Any]:
    kind = "ECDSA_SECP256K1" if found.evm_alias else "ED25519"
    key = ids.derived(f"key of {found.num}", 33 if found.evm_alias else 32)
    tokens = [
        {"token_id": ids.entity(num), "balance": relation.balance} for num, relation in sorted(found.tokens.items())
    ]
    taken = state.head() // BALANCE_EVERY * BALANCE_EVERY
    return {
        "account": ids.entity(found.num),
        "alias": ids.base32(found.evm_alias) if found.evm_alias else None,
        "auto_renew_period": RENEWED_EVERY_SECONDS,
        "balance": {
            "balance": found.balance,
            "timestamp": ids.stamp(taken),
            "tokens": [] if found.deleted else tokens[:MOST_TOKENS_SHOWN],
        },
        "created_timestamp": ids.stamp(found.created),
        "decline_reward": False,
        "delegation_address": None,
        "deleted": found.deleted,
        "ethereum_nonce": 0,
        "evm_address": f"0x{found.evm_address}",
        "expiry_timestamp": ids.stamp(found.created + LATER * 4),
        "key": {"_type": kind, "key": f"02{key[2:]}" if found.evm_alias else key},
        "max_automatic_token_associations": found.max_automatic_token_associations,
        "memo": "",
        "pending_reward": 0,
        "receiver_sig_required": found.receiver_sig_required,
        "staked_account_id": None,
        "staked_node_id": None,
        "stake_period_start": None,
    }


def associations(state: MirrorState, name: str, query: Query) -> dict[str, Any]:
    """Answer GET /accounts/{…}/tokens: an empty list when nothing is associated. Hold the lock.

    :raises Refused: 404 for an account that is not there
    """
    params.only(query, "limit", "order", "token.id")
    most, newest_first = params.limit(query), params.descending(query, default=False)
    found = find(state, name)
    wanted = [_comparison(value) for value in query.getlist("token.id")]
    equal = {num for sign, num in wanted if sign == "eq"}
    nums = [
        num
        for num in sorted(found.tokens, reverse=newest_first)
        if (not equal or num in equal) and all(_holds(sign, num, bound) for sign, bound in wanted if sign != "eq")
    ]
    link = None
    if len(nums) >= most and nums[most - 1 :]:
        sign = "lt" if newest_first else "gt"
        order = "desc" if newest_first else "asc"
        link = f"/api/v1/accounts/{name}/tokens?limit={most}&order={order}&token.id={sign}:{ids.entity(nums[most - 1])}"
    return {"tokens": [_relation(state, found, num) for num in nums[:most]], "links": {"next": link}}


def _comparison(value: str) -> tuple[str, int]:
    sign, text = params.operator(value)
    num = None if "-" in text else ids.entity_num(text)
    if num is None or sign == "ne":
        raise params.invalid("token.id")
    return sign, num


def _holds(sign: str, num: int, bound: int) -> bool:
    return {"gt": num > bound, "gte": num >= bound, "lt": num < bound, "lte": num <= bound}[sign]


def _relation(state: MirrorState, found: Account, num: int) -> dict[str, Any]:
    relation = found.tokens[num]
    return {
        "automatic_association": relation.automatic,
        "balance": relation.balance,
        "created_timestamp": ids.stamp(relation.created),
        "decimals": state.world.tokens[num].decimals,
        "freeze_status": relation.freeze_status,
        "kyc_status": relation.kyc_status,
        "token_id": ids.entity(num),
    }


def token(state: MirrorState, name: str, query: Query) -> dict[str, Any]:
    """Answer GET /tokens/{id}; an ERC-20 contract is no token. Hold the lock.

    :raises Refused: 400 for what is no id, 404 for no token
    """
    params.only(query, "timestamp")
    num = None if "-" in name else ids.entity_num(name)
    if num is None and (address := ids.evm(name)):
        num = ids.num_of_long_zero(address)
    if num is None:
        raise params.invalid("token.id")
    if num not in state.world.tokens:
        raise Refused(404, "Not found")
    return token_body(state.world.tokens[num])


def token_body(found: Token) -> dict[str, Any]:
    """Return a token as the mirror node shows it."""
    admin = {"_type": "ED25519", "key": ids.derived(f"admin key of {found.num}", 32)}
    unique = found.decimals == 0 and found.type == "NON_FUNGIBLE_UNIQUE"
    return {
        "admin_key": admin,
        "auto_renew_account": ids.entity(found.treasury),
        "auto_renew_period": RENEWED_EVERY_SECONDS,
        "created_timestamp": ids.stamp(found.created),
        "custom_fees": _custom_fees(found, unique=unique),
        "decimals": str(found.decimals),
        "deleted": found.deleted,
        "expiry_timestamp": found.created + LATER * 4,
        "fee_schedule_key": admin if found.fractional_fees or found.fixed_fees else None,
        "freeze_default": False,
        "freeze_key": admin if found.freeze_key else None,
        "initial_supply": "0",
        "kyc_key": admin if found.kyc_key else None,
        "max_supply": "0",
        "memo": "",
        "metadata": "",
        "metadata_key": None,
        "modified_timestamp": ids.stamp(found.created),
        "name": found.name,
        "pause_key": admin if found.pause_status != "NOT_APPLICABLE" else None,
        "pause_status": found.pause_status,
        "supply_key": admin,
        "supply_type": "INFINITE",
        "symbol": found.symbol,
        "token_id": ids.entity(found.num),
        "total_supply": str(found.total_supply),
        "treasury_account_id": ids.entity(found.treasury),
        "type": found.type,
        "wipe_key": admin if found.freeze_key else None,
    }


def _custom_fees(found: Token, *, unique: bool) -> dict[str, Any]:
    fixed = [
        {
            "all_collectors_are_exempt": False,
            "amount": fee["amount"],
            "collector_account_id": ids.entity(fee["collector"]),
            "denominating_token_id": ids.entity(fee["denominating_token"]),
        }
        for fee in found.fixed_fees
    ]
    fractional = [
        {
            "all_collectors_are_exempt": False,
            "amount": {"numerator": fee["numerator"], "denominator": fee["denominator"]},
            "collector_account_id": ids.entity(fee["collector"]),
            "denominating_token_id": ids.entity(found.num),
            "maximum": fee.get("maximum"),
            "minimum": fee.get("minimum") or 0,
            "net_of_transfers": bool(fee.get("net_of_transfers")),
        }
        for fee in found.fractional_fees
    ]
    kind, rows = ("royalty_fees", []) if unique else ("fractional_fees", fractional)
    return {"created_timestamp": ids.stamp(found.created), "fixed_fees": fixed, kind: rows}
