"""The ways money reaches an account: what is handed to the network for each, in the order of consensus."""

from collections.abc import Callable
from dataclasses import replace

from provvypay.sandbox.mirror_node import ids, seed
from provvypay.sandbox.mirror_node.assets import HBAR, NFT, PAYOUT_CONTRACT, Asset
from provvypay.sandbox.mirror_node.drafts import ContractMove, Draft, Move, NftMove
from provvypay.sandbox.mirror_node.execute import execute
from provvypay.sandbox.mirror_node.orders import Order, seconds, valid_start
from provvypay.sandbox.mirror_node.records import Record
from provvypay.sandbox.mirror_node.state import MirrorState
from provvypay.sandbox.mirror_node.world import Account
from provvypay.sandbox.wishes import CannotDo

Way = Callable[[MirrorState, Order], list[Record]]
TO_FORMS = ("auto", "long_zero", "alias")
ALLOWANCE_SPENDER = seed.EXCHANGE


def draft(order: Order) -> Draft:
    """Return the plain transfer of an order, with all its options."""
    options = order.options
    made = Draft(
        order.fee_payer.num,
        order.at,
        order.valid_start,
        memo=order.memo,
        visible_from=order.visible_from,
        kind=order.kind,
        result=options.get("result"),
        spurious=bool(options.get("with_transfers")),
        doubled=bool(options.get("doubled")),
        synthetic_log=bool(options.get("synthetic_log")),
    )
    for receiver, asset, units in ((order.receiver, order.asset, order.units), *order.also):
        _add(made, order, receiver, (asset, units))
    if options.get("staking_reward"):
        made.rewards = {order.receiver.num: options["staking_reward"]}
    if options.get("fractional_fee"):
        made.fractional = options["fractional_fee"]
    return made


def _add(made: Draft, order: Order, receiver: Account, money: tuple[Asset, int]) -> None:
    (asset, units), sender = money, order.sender.num
    if asset.kind == "erc20":
        made.name, made.entity = "CONTRACTCALL", asset.num
        topic = _topic(receiver, str(order.options.get("to_form", "auto")))
        made.contract_moves.append(ContractMove(asset.num or 0, sender, receiver.num, units, topic))
    elif asset.kind == "nft":
        held = order.sender.tokens.get(asset.num or NFT)
        if not held or not held.serials:
            raise CannotDo(f"{ids.entity(sender)} holds no {asset.symbol}", 409)
        made.nfts.append(NftMove(asset.num or NFT, held.serials[0], sender, receiver.num))
    else:
        made.moves += [Move(sender, -units, asset.num), Move(receiver.num, units, asset.num)]


def _topic(receiver: Account, form: str) -> str:
    if form not in TO_FORMS:
        raise CannotDo(f"to_form must be one of {', '.join(TO_FORMS)}")
    if form == "alias" and not receiver.evm_alias:
        raise CannotDo(f"{ids.entity(receiver.num)} has no alias", 409)
    return ids.long_zero(receiver.num) if form == "long_zero" else receiver.evm_address


def _transfer(state: MirrorState, order: Order) -> list[Record]:
    return [execute(state, draft(order))]


def _scheduled(state: MirrorState, order: Order) -> list[Record]:
    """Create a schedule; the transfer is carried out under the same id when the last signature is there."""
    plain = draft(order)
    schedule = state.new_entity()
    created = execute(
        state,
        Draft(plain.payer, plain.at, plain.valid_start, "SCHEDULECREATE", entity=schedule,
              visible_from=plain.visible_from),
    )  # fmt: skip
    later = seconds(order.options, "execute_after_seconds")
    plain.at, plain.node, plain.scheduled = created.at + max(later, 1), None, True
    return [created, execute(state, plain)]


def _child(state: MirrorState, order: Order) -> list[Record]:
    """Call a contract that moves the money in a child transaction; the memo is on the parent alone."""
    child = draft(order)
    return _with_child(state, replace(child, name="CONTRACTCALL", entity=PAYOUT_CONTRACT), child)


def _with_child(state: MirrorState, parent: Draft, child: Draft) -> list[Record]:
    """Carry out a call that moves nothing itself, and the child that does."""
    parent = replace(parent, moves=[], nfts=[], contract_moves=[], rewards={}, synthetic_log=False)
    called = execute(state, parent)
    child.at, child.nonce, child.parent, child.node, child.fee, child.memo = called.at + 1, 1, called.at, None, 0, b""
    return [called, execute(state, child)]


def _ethereum(state: MirrorState, order: Order) -> list[Record]:
    """Send from an EVM wallet through a relay, which pays the fee; there is no memo.

    A token of the token service is moved by a child: what the wallet calls is a system contract.
    """
    _paid_by(state, order, state.world.accounts[seed.RELAYER])
    made = draft(order)
    made.name, made.memo, made.short_hash = "ETHEREUMTRANSACTION", b"", True
    made.entity = order.asset.num or order.receiver.num
    if order.asset.kind in ("native", "erc20"):
        return [execute(state, made)]
    return _with_child(state, made, replace(made, name="CRYPTOTRANSFER", entity=None))


def _contract_call(state: MirrorState, order: Order) -> list[Record]:
    """Call a contract that sends on the HBAR it was given; the lines are on the call's own record."""
    _only(order, "native")
    made = draft(order)
    made.name, made.entity = "CONTRACTCALL", PAYOUT_CONTRACT
    return [execute(state, made)]


def _airdrop(state: MirrorState, order: Order) -> list[Record]:
    """Airdrop a token: to an account that cannot take it, it stays pending until claimed."""
    _only(order, "hts")
    made = draft(order)
    made.name = "TOKENAIRDROP"
    ready = order.asset.num in order.receiver.tokens or order.receiver.free_slots() != 0
    if ready and not order.options.get("pending"):
        return [execute(state, made)]
    made.moves = []
    record = execute(state, made)
    if record.body["result"] == "SUCCESS":
        name = f"airdrop_{len(state.airdrops) + 1}"
        state.airdrops[name] = {
            "id": name,
            "from": ids.entity(order.sender.num),
            "to": ids.entity(order.receiver.num),
            "asset": order.asset.key,
            "units": order.units,
            "claimed": False,
        }
    return [record]


def claim(state: MirrorState, name: str) -> list[Record]:
    """Let the receiver of a pending airdrop claim it: only now the money moves, and it has an association.

    :raises CannotDo: when there is no such airdrop, or it was claimed already
    """
    found = state.airdrops.get(name)
    if found is None or found["claimed"]:
        raise CannotDo(f"There is no pending airdrop {name}", 404 if found is None else 409)
    world = state.world
    receiver, sender = world.account_of(found["to"]), world.account_of(found["from"])
    token = ids.entity_num(found["asset"])
    if receiver is None or sender is None or token is None:
        raise CannotDo(f"The accounts of {name} are gone", 409)
    world.associate(receiver, world.tokens[token], at=state.now())
    moves = [Move(sender.num, -found["units"], token), Move(receiver.num, found["units"], token)]
    at = state.now()
    made = Draft(receiver.num, at, at - 3 * ids.NANOS, "TOKENCLAIMAIRDROP", moves=moves, kind="airdrop")
    record = execute(state, made)
    found["claimed"] = record.body["result"] == "SUCCESS"
    return [record]


def _batch(state: MirrorState, order: Order) -> list[Record]:
    """Carry the transfer out inside an atomic batch of the exchange."""
    inner = draft(order)
    _paid_by(state, order, state.world.accounts[ALLOWANCE_SPENDER])
    outer = Draft(order.fee_payer.num, order.at, order.valid_start, "ATOMICBATCH", visible_from=order.visible_from)
    batch = execute(state, outer)
    inner.at, inner.parent, inner.batch_key = batch.at + 1, batch.at, True
    inner.part_of = batch.body["transaction_id"]
    return [batch, execute(state, inner)]


def _approval(state: MirrorState, order: Order) -> list[Record]:
    """Move the payer's money under an allowance; the spender pays the fee and is in the id."""
    if order.fee_payer is order.sender:
        _paid_by(state, order, state.world.accounts[ALLOWANCE_SPENDER])
    made = draft(order)
    made.moves = [move._replace(approval=move.amount < 0) for move in made.moves]
    return [execute(state, made)]


def _duplicate(state: MirrorState, order: Order) -> list[Record]:
    """Send the same signed transaction to two nodes: one succeeds, the other only costs its fee."""
    made = draft(order)
    twin = replace(made, at=made.at + 1, result="DUPLICATE_TRANSACTION", node=seed.OTHER_NODE, rewards={})
    return [execute(state, made), execute(state, twin)]


def _failed(state: MirrorState, order: Order) -> list[Record]:
    """Fail with the result asked for; `with_transfers` shows lines that never moved anything."""
    usual = "CONTRACT_REVERT_EXECUTED" if order.asset.kind == "erc20" else "FAIL_INVALID"
    order.options = {"result": usual, **order.options}
    return [execute(state, draft(order))]


def _doubled(state: MirrorState, order: Order) -> list[Record]:
    """Show each token line twice; the money moved once."""
    order.options = {**order.options, "doubled": True}
    return [execute(state, draft(order))]


def _mint(state: MirrorState, order: Order) -> list[Record]:
    """Mint to the token's treasury, which is credited without a sender."""
    _only(order, "hts")
    token = state.world.tokens[order.asset.num or 0]
    made = draft(order)
    made.name, made.entity, made.moves = "TOKENMINT", token.num, [Move(token.treasury, order.units, token.num)]
    record = execute(state, made)
    if record.body["result"] == "SUCCESS":
        token.total_supply += order.units
    return [record]


def _self(state: MirrorState, order: Order) -> list[Record]:
    """Let the receiver pay itself: nothing moves but the fee."""
    order.sender = order.receiver
    _paid_by(state, order, order.receiver)
    return [execute(state, draft(order))]


def _paid_by(state: MirrorState, order: Order, payer: Account) -> None:
    """Let another account pay the fee: it stands in the transaction's id."""
    order.fee_payer = payer
    order.valid_start = valid_start(state, {}, payer, order.at)


def _nft(state: MirrorState, order: Order) -> list[Record]:
    """Send an NFT instead of money."""
    _only(order, "nft")
    return [execute(state, draft(order))]


def _only(order: Order, kind: str) -> None:
    if order.asset.kind != kind:
        words = {"native": HBAR.symbol, "hts": "a token of the token service", "nft": "an NFT"}
        raise CannotDo(f"{order.kind} sends {words[kind]}, not {order.asset.symbol}")


KINDS: dict[str, Way] = {
    "transfer": _transfer,
    "scheduled": _scheduled,
    "child": _child,
    "ethereum": _ethereum,
    "contract_call": _contract_call,
    "airdrop": _airdrop,
    "batch": _batch,
    "approval": _approval,
    "duplicate": _duplicate,
    "failed": _failed,
    "doubled": _doubled,
    "mint": _mint,
    "self": _self,
    "nft": _nft,
}
