"""Make and change accounts, associations and tokens, and fill the ledger with history."""

from collections.abc import Callable
from typing import Any

from provvypay.sandbox.mirror_node import assets, desk, ids, orders, readers
from provvypay.sandbox.mirror_node.drafts import Draft, Move
from provvypay.sandbox.mirror_node.execute import execute
from provvypay.sandbox.mirror_node.seed import COLLECTOR, CUSTOMER
from provvypay.sandbox.mirror_node.state import MirrorState
from provvypay.sandbox.mirror_node.world import FREEZE, FUNGIBLE, KYC, PAUSE, UNIQUE, Account, Token
from provvypay.sandbox.wishes import CannotDo

MOST_AT_ONCE = 200_000
ROLES = ("merchant", "customer", "other")
ACCOUNT_NAMES = (
    "account", "count", "name", "role", "hbar", "evm_alias", "receiver_sig_required", "deleted",
    "max_automatic_token_associations", "tokens", "all_tokens",
)  # fmt: skip
RELATION_NAMES = ("amount", "units", "automatic", "freeze_status", "kyc_status")
TOKEN_NAMES = (
    "token", "symbol", "name", "decimals", "type", "treasury", "pause_status", "deleted", "freeze_key", "kyc_key",
    "fixed_fees", "fractional_fees",
)  # fmt: skip
FILL_NAMES = ("accounts", "records", "over_seconds", "asset", "units", "memo")


def set_accounts(state: MirrorState, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """Make accounts, or change one; what is not named stays. Hold the lock.

    :raises CannotDo: when the wish cannot be understood
    """
    readers.only(wanted, ACCOUNT_NAMES)
    count = readers.whole(wanted, "count", 1, MOST_AT_ONCE)
    first = _number_of(state, wanted.get("account"))
    _checked(wanted)
    relations = _relations(state, wanted)
    for num in range(first, first + count):
        account = state.world.accounts.get(num) or state.world.add_account(Account(num, created=state.now()))
        _change(state, account, wanted)
        _associate(state, account, relations, everything=bool(wanted.get("all_tokens")))
    state.next_entity = max(state.next_entity, first + count - 1)
    state.core.touch()
    return [desk.account_row(state, num) for num in range(first, first + count)]


def _number_of(state: MirrorState, text: object) -> int:
    if text is None:
        return state.next_entity + 1
    num = ids.entity_num(str(text))
    if num is None or num in state.world.tokens or num in state.world.contracts:
        raise CannotDo(f"account must be an id that is no token's or contract's, not {text}")
    return num


def _checked(wanted: dict[str, Any]) -> None:
    """Refuse what an account cannot be, before anything is changed."""
    for name in ("receiver_sig_required", "deleted", "all_tokens"):
        if not isinstance(wanted.get(name, False), bool):
            raise CannotDo(f"{name} must be true or false")
    if wanted.get("role", "other") not in ROLES:
        raise CannotDo(f"role must be one of {', '.join(ROLES)}")
    slots = wanted.get("max_automatic_token_associations", 0)
    if isinstance(slots, bool) or not isinstance(slots, int) or not -1 <= slots <= 5000:
        raise CannotDo("max_automatic_token_associations must be -1 to 5000")
    alias = wanted.get("evm_alias")
    if alias not in (None, True, False) and not ids.evm(str(alias)):
        raise CannotDo("evm_alias must be true, false or 40 hex digits")
    if "hbar" in wanted:
        _units(assets.HBAR, wanted["hbar"])


def _change(state: MirrorState, account: Account, wanted: dict[str, Any]) -> None:
    for name in ("name", "role", "receiver_sig_required", "deleted", "max_automatic_token_associations"):
        if name in wanted:
            setattr(account, name, wanted[name])
    if "hbar" in wanted:
        account.balance = _units(assets.HBAR, wanted["hbar"])
    if "evm_alias" in wanted:
        state.world.by_alias.pop(account.evm_alias or "", None)
        alias = wanted["evm_alias"]
        account.evm_alias = ids.derived(f"alias of {account.num}", 20) if alias is True else ids.evm(str(alias))
        state.world.add_account(account)


def _relations(state: MirrorState, wanted: dict[str, Any]) -> list[tuple[assets.Asset, dict[str, Any] | None]]:
    rows = wanted.get("tokens") or {}
    if not isinstance(rows, dict):
        raise CannotDo('tokens must be such as {"USDC": {"amount": "10"}, "USDT": null}')
    found = []
    for name, relation in rows.items():
        asset = assets.find(state.world, str(name), state.settings.network)
        if asset.kind == "native" or not isinstance(relation, dict | None):
            raise CannotDo(f"tokens: {name} cannot be {relation}")
        given = relation or {}
        readers.only(given, RELATION_NAMES)
        if given.get("freeze_status", FREEZE[0]) not in FREEZE or given.get("kyc_status", KYC[0]) not in KYC:
            raise CannotDo(f"freeze_status is one of {', '.join(FREEZE)}; kyc_status of {', '.join(KYC)}")
        if "amount" in given:
            _units(asset, given["amount"])
        found.append((asset, relation))
    return found


def _associate(
    state: MirrorState,
    account: Account,
    relations: list[tuple[assets.Asset, dict[str, Any] | None]],
    *,
    everything: bool,
) -> None:
    if everything:
        for token in state.world.tokens.values():
            state.world.associate(account, token, at=state.now())
    for asset, given in relations:
        num = asset.num or 0
        units = None if given is None else given.get("units")
        if given and "amount" in given:
            units = _units(asset, given["amount"])
        if asset.kind == "erc20":
            state.world.contracts[num].balances[account.num] = units or 0
        elif given is None:
            account.tokens.pop(num, None)
        else:
            relation = state.world.associate(account, state.world.tokens[num], at=state.now())
            relation.balance = relation.balance if units is None else units
            relation.automatic = bool(given.get("automatic", relation.automatic))
            relation.freeze_status = given.get("freeze_status", relation.freeze_status)
            relation.kyc_status = given.get("kyc_status", relation.kyc_status)


def set_token(state: MirrorState, wanted: dict[str, Any]) -> Token:
    """Make a token, or change one; what is not named stays. Hold the lock.

    :raises CannotDo: when the wish cannot be understood
    """
    readers.only(wanted, TOKEN_NAMES)
    if wanted.get("token") is None:
        token = Token(state.next_entity + 1, "NEW", "New token", treasury=900, created=state.now())
    else:
        asset = assets.find(state.world, str(wanted["token"]), state.settings.network)
        if asset.num not in state.world.tokens:
            raise CannotDo(f"{wanted['token']} is no token of the token service")
        token = state.world.tokens[asset.num]
    changes = {name: TOKEN_CHECKS[name](wanted[name]) for name in TOKEN_CHECKS if name in wanted}
    if "treasury" in wanted:
        changes["treasury"] = orders.account(state, wanted["treasury"], "treasury").num
    for name, value in changes.items():
        setattr(token, name, value)
    if token.num not in state.world.tokens:
        state.world.tokens[state.new_entity()] = token
    state.world.associate(state.world.accounts[token.treasury], token, at=state.now())
    state.world.associate(state.world.accounts[COLLECTOR], token, at=state.now())
    state.core.touch()
    return token


TOKEN_CHECKS: dict[str, Callable[[object], Any]] = {
    "symbol": readers.text,
    "name": readers.text,
    "decimals": readers.decimals,
    "type": readers.one_of(FUNGIBLE, UNIQUE),
    "pause_status": readers.one_of(*PAUSE),
    "deleted": readers.flag,
    "freeze_key": readers.flag,
    "kyc_key": readers.flag,
    "fixed_fees": readers.fixed,
    "fractional_fees": readers.fractional,
}


def fill(state: MirrorState, wanted: dict[str, Any]) -> int:
    """Pay accounts in turn, spread evenly over the past, and return how many records there are now. Hold the lock.

    :raises CannotDo: when the wish cannot be understood
    """
    readers.only(wanted, FILL_NAMES)
    count, span = (
        readers.whole(wanted, "records", 1000, MOST_AT_ONCE),
        readers.whole(wanted, "over_seconds", 86_400, 10**9),
    )
    asset = assets.find(state.world, str(wanted.get("asset", "HBAR")), state.settings.network)
    if asset.kind not in ("native", "hts"):
        raise CannotDo("fill sends HBAR or a token of the token service")
    names = wanted.get("accounts") or ["0.0.1001"]
    if not isinstance(names, list):
        raise CannotDo("accounts must be a list of ids")
    accounts = [orders.account(state, name, "accounts").num for name in names]
    units, memo = readers.whole(wanted, "units", 1, 2**40), str(wanted.get("memo", "history"))
    begin, step = state.now() - span * ids.NANOS, span * ids.NANOS // count
    for place in range(count):
        at, receiver = begin + place * step, accounts[place % len(accounts)]
        moves = [Move(CUSTOMER, -units, asset.num), Move(receiver, units, asset.num)]
        execute(state, Draft(CUSTOMER, at, at - 1, memo=f"{memo} {place}".encode(), moves=moves, kind="fill"))
    return len(state.records)


def _units(asset: assets.Asset, amount: object) -> int:
    return 0 if str(amount).strip("0.") == "" else assets.units(asset, str(amount))
