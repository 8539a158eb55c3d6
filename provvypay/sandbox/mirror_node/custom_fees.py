"""Custom fees of tokens: what a transfer costs beside the network's own fee, and whom.

Fixed fees hit the sender. A fractional fee is taken from what the receiver gets, or, net of transfers, from the sender
on top. Treasury and collectors pay none.
"""

from dataclasses import dataclass, field
from typing import Any

from provvypay.sandbox.mirror_node.drafts import Draft, Move
from provvypay.sandbox.mirror_node.seed import COLLECTOR
from provvypay.sandbox.mirror_node.world import World


@dataclass
class Assessed:
    """A transaction's moves with the custom fees in them, and those fees."""

    moves: list[Move]
    fees: list[dict[str, Any]] = field(default_factory=list)
    """amount, collector, payers, token (None for HBAR)."""


def assess(world: World, draft: Draft) -> Assessed:
    """Return the moves of a draft after custom fees."""
    result = Assessed(list(draft.moves))
    if draft.name == "TOKENMINT":
        return result
    for num in dict.fromkeys(move.token for move in draft.moves if move.token is not None):
        token = world.tokens[num]
        moves = [move for move in draft.moves if move.token == num]
        senders = [move.account for move in moves if move.amount < 0]
        fractional = [draft.fractional] if draft.fractional else token.fractional_fees
        exempt = {token.treasury} | {fee["collector"] for fee in (*token.fixed_fees, *fractional)}
        if exempt & set(senders):
            continue
        for fee in token.fixed_fees:
            for sender in senders:
                _charge(result, fee, Move(sender, -fee["amount"], fee["denominating_token"]), sender)
        for fee in fractional:
            receivers = [move for move in moves if move.amount > 0 and move.account not in exempt]
            for move in receivers:
                amount = max(move.amount * fee["numerator"] // fee["denominator"], fee.get("minimum") or 0)
                amount = min(amount, fee.get("maximum") or amount, move.amount)
                bearer = senders[0] if fee.get("net_of_transfers") and senders else move.account
                _charge(result, fee, Move(bearer, -amount, num), move.account)
    return result


def _charge(result: Assessed, fee: dict[str, Any], borne: Move, payer: int) -> None:
    """Take a fee from whoever bears it; `payer` is whom the network names for it."""
    if borne.amount:
        collector = fee.get("collector", COLLECTOR)
        result.moves += [borne, Move(collector, -borne.amount, borne.token)]
        result.fees.append({"amount": -borne.amount, "collector": collector, "payers": [payer], "token": borne.token})
