"""Can an account receive what it shall be paid? Each check in words for the merchant, who can mend most of them.

Hedera refuses a transfer of a token to an account that is not associated with it and has no free slot, is frozen for it
or lacks KYC; the customer sees the failure, the merchant's account shows nothing. So we ask before we offer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from provvypay.domain.assets import ASSETS
from provvypay.domain.hedera_assets import ERC20, NATIVE, RegistryEntry
from provvypay.domain.hedera_records import AccountState, AccountToken, FixedFee, FractionalFee, TokenState


class Verdict(StrEnum):
    """What a check found."""

    OK = "OK"
    WARN = "WARN"
    """it works, and there is something to know"""
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Check:
    """One question asked of the network, and the answer in words."""

    subject: str
    """`account`, or the token's id in the registry"""
    title: str
    verdict: Verdict
    sentence: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What the mirror node said of an account and of the tokens it shall receive."""

    account: AccountState | None
    associations: tuple[AccountToken, ...] = ()
    tokens: dict[str, TokenState | None] = field(default_factory=dict)
    """by id; of the token service only"""


def judge(account_id: str, facts: Facts, entries: Sequence[RegistryEntry]) -> tuple[Check, ...]:
    """Return what stands in the way: first of the account, then of each token."""
    account = _account(account_id, facts)
    if account.verdict is Verdict.FAILED or facts.account is None:
        return (account,)
    return (account, *(_token(facts.account, facts, entry) for entry in entries))


def _account(account_id: str, facts: Facts) -> Check:
    state = facts.account
    if state is None:
        sentence = f"There is no account {account_id} on this network. Check the number, and which network it is of."
    elif state.deleted:
        sentence = "This account was deleted and can receive nothing."
    elif state.receiver_sig_required:
        sentence = (
            "This account must sign everything it receives, so customers’ payments would fail. "
            "Switch “receiver signature required” off in your wallet, then check again."
        )
    else:
        return Check("account", account_id, Verdict.OK, "It exists and can receive.")
    return Check("account", account_id, Verdict.FAILED, sentence)


def _token(account: AccountState, facts: Facts, entry: RegistryEntry) -> Check:
    if entry.kind == NATIVE:
        return Check(entry.entity_id, entry.asset, Verdict.OK, "Every account can receive it.")
    if entry.kind == ERC20:
        sentence = "A contract’s token: it needs no association. Many wallets do not show it."
        return Check(entry.entity_id, entry.asset, Verdict.OK, sentence)
    token = facts.tokens.get(entry.entity_id)
    held = next((one for one in facts.associations if one.token_id == entry.entity_id), None)
    refused = _refused(account, facts, entry, token, held)
    if refused or token is None:
        return Check(entry.entity_id, entry.asset, Verdict.FAILED, refused)
    associated = "Associated." if held else "Not associated yet; a free slot takes it when the first payment comes."
    fees = _fees(token, entry)
    return Check(entry.entity_id, entry.asset, Verdict.WARN if fees else Verdict.OK, f"{associated} {fees}".strip())


def _refused(
    account: AccountState, facts: Facts, entry: RegistryEntry, token: TokenState | None, held: AccountToken | None
) -> str:
    """Say why the account cannot receive a token; empty when it can."""
    asset = entry.asset
    if token is None:
        return f"There is no token {entry.entity_id} on this network."
    refusals = {
        f"{asset} {entry.entity_id} was deleted.": token.deleted,
        f"Its issuer has paused {asset} for everybody. Check again later.": token.paused,
        f"This account is the treasury of {asset}: what is minted would look like payments. Use another account.": (
            token.treasury == account.account
        ),
    }
    if held is not None:
        refusals |= {
            f"The issuer of {asset} has frozen this account. Ask the issuer.": held.freeze_status == "FROZEN",
            f"The issuer of {asset} has not granted this account KYC. Ask the issuer.": held.kyc_status == "REVOKED",
        }
    else:
        mend = f"Associate token {entry.entity_id} in your wallet"
        refusals |= {
            f"It is not associated with {asset}. {mend}, then check again.": not _has_free_slot(account, facts),
            f"{asset} asks for KYC of its issuer. {mend}, then ask the issuer.": token.has_kyc_key,
            f"{asset} begins frozen on every account. {mend}, then ask its issuer.": token.freeze_default,
        }
    return next((sentence for sentence, stands in refusals.items() if stands), "")


def _has_free_slot(account: AccountState, facts: Facts) -> bool:
    """Say whether one more token may associate itself; -1 means any number."""
    most = account.max_automatic_token_associations
    return most < 0 or most > sum(one.automatic for one in facts.associations)


def _fees(token: TokenState, entry: RegistryEntry) -> str:
    said = [_fractional(one, entry) for one in token.fractional_fees]
    said += [_fixed(one, entry) for one in token.fixed_fees]
    return " ".join(said)


def _fractional(fee: FractionalFee, entry: RegistryEntry) -> str:
    percent = Decimal(fee.numerator * 10_000 // max(1, fee.denominator)).scaleb(-2).normalize()
    if fee.net_of_transfers:
        return f"{entry.asset} charges your customer {percent:f} % on top of each payment."
    return f"{entry.asset} keeps {percent:f} % of each payment: you receive less than your customer sends."


def _fixed(fee: FixedFee, entry: RegistryEntry) -> str:
    if fee.denominating_token_id is None:
        amount, unit = Decimal(fee.amount_units).scaleb(-8), "HBAR"
    elif fee.denominating_token_id == entry.entity_id:
        amount, unit = Decimal(fee.amount_units).scaleb(-ASSETS[entry.asset].decimals), entry.asset
    else:
        return f"{entry.asset} charges your customer a fee in another token on each payment."
    return f"{entry.asset} charges your customer {amount.normalize():f} {unit} on each payment."


# ------------------------------------------------------------------------------------------------- as they are kept


def stored(checks: Sequence[Check]) -> dict[str, Any]:
    """Return checks as JSON, by subject."""
    return {one.subject: {"title": one.title, "verdict": one.verdict.value, "sentence": one.sentence} for one in checks}


def read(kept: dict[str, Any]) -> tuple[Check, ...]:
    """Return checks that were stored, the account's first; those of another release's shape are left out."""
    found = [
        Check(subject, str(one.get("title", "")), Verdict(one["verdict"]), str(one.get("sentence", "")))
        for subject, one in kept.items()
        if isinstance(one, dict) and one.get("verdict") in set(Verdict)
    ]
    return tuple(sorted(found, key=_place))


def _place(one: Check) -> tuple[int, str]:
    """Return where a check stands: the account's first, then as tokens are offered."""
    order = [*ASSETS]
    return (0 if one.subject == "account" else 1 + order.index(one.title) if one.title in order else 9), one.subject


def can_receive(kept: dict[str, Any], entity_id: str) -> bool:
    """Say whether the last checks let an account be paid in a token; what was never checked does not pass."""
    verdicts = {one.subject: one.verdict for one in read(kept)}
    passing = {Verdict.OK, Verdict.WARN}
    return verdicts.get("account") in passing and verdicts.get(entity_id) in passing
