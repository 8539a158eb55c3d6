"""A merchant's account for crypto: found on the network, checked, chosen; and looked at again every few hours."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from provvypay.domain import hedera_checks
from provvypay.domain.hedera_assets import HTS, RegistryEntry
from provvypay.domain.hedera_checks import Check, Facts, Verdict
from provvypay.domain.hedera_ids import NotAnId, is_evm, normalize_account
from provvypay.errors import Invalid, ProvvypayError, Unavailable
from provvypay.integrations import hedera_mirror
from provvypay.integrations.hedera_mirror import MirrorNodeRefused
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.kit.settings import settings
from provvypay.services import hedera_accounts, hedera_assets
from provvypay.services.audit import Actor

log = structlog.get_logger(__name__)

MOST_PER_RUN = 50
_AWAY = "We cannot reach the Hedera network at the moment. Nothing was changed; try again in a minute."


@dataclass(frozen=True, slots=True)
class Checked:
    """An account as the network knows it, and what stands in the way of being paid on it."""

    account_id: str
    evm_address: str | None
    checks: tuple[Check, ...]

    @property
    def usable(self) -> bool:
        """Say whether it can receive anything at all."""
        return all(one.verdict is not Verdict.FAILED for one in self.checks if one.subject == "account")


def look_up(organization_id: uuid.UUID, typed: str) -> Checked:
    """Find what a person typed on the network and check it for every token of the registry.

    :param typed: `0.0.x`, with its checksum or without, or an EVM address
    :raises Invalid: when it names no account, or one of another organization; the sentence says which
    :raises Unavailable: when the network cannot be asked
    """
    network = settings().hedera_network
    try:
        account = normalize_account(typed, network)
    except NotAnId as error:
        raise Invalid({"account": str(error)}) from error
    with transaction(organization_id) as session:
        entries = hedera_assets.entries(session, network)
    checked = _checked(account, entries)
    if checked is None:
        raise Invalid({"account": f"There is no account with this address on {network}."})
    with transaction(organization_id) as session:
        if hedera_accounts.is_taken(session, network, checked.account_id):
            raise Invalid({"account": hedera_accounts.TAKEN})
    return checked


def choose(organization_id: uuid.UUID, checked: Checked, *, actor: Actor) -> None:
    """Let an organization be paid on an account that was just looked up.

    :raises Invalid: when it cannot receive anything, or was taken a moment ago
    """
    if not checked.usable:
        raise Invalid({"account": next(one.sentence for one in checked.checks if one.verdict is Verdict.FAILED)})
    with transaction(organization_id) as session:
        hedera_accounts.choose(
            session,
            organization_id,
            network=settings().hedera_network,
            account_id=checked.account_id,
            evm_address=checked.evm_address,
            checks=checked.checks,
            now=now(),
            actor=actor,
        )


def check_again(organization_id: uuid.UUID) -> None:
    """Check the organization's account once more, as after a token was associated.

    :raises Invalid: when it has none
    :raises Unavailable: when the network cannot be asked; the checks stay as they were
    """
    network = settings().hedera_network
    with transaction(organization_id) as session:
        account = hedera_accounts.active(session, organization_id, network)
    if account is None:
        raise Invalid({"account": "Enter your account first."})
    _check_one(organization_id, account.id, account.account_id)


def check_accounts() -> int:
    """Check the accounts whose last checks are old; return how many were. One that fails does not stop the others."""
    network = settings().crypto_network
    if network is None:
        return 0
    with transaction() as session:
        waiting = hedera_accounts.due(session, network, most=MOST_PER_RUN)
    done = 0
    for one in waiting:
        try:
            _check_one(one.organization_id, one.id, one.account_id)
        except Unavailable as error:
            log.warning("hedera.accounts_not_checked", left=len(waiting) - done, error=str(error))
            break
        except ProvvypayError as error:
            log.warning("hedera.account_not_checked", account=one.account_id, error=f"{type(error).__name__}: {error}")
            continue
        done += 1
    return done


def _check_one(organization_id: uuid.UUID, row_id: uuid.UUID, account_id: str) -> None:
    network = settings().hedera_network
    with transaction(organization_id) as session:
        entries = hedera_assets.entries(session, network)
    checked = _checked(account_id, entries)
    if checked is None:
        raise Invalid({"account": f"There is no account {account_id}."})
    with transaction(organization_id) as session:
        hedera_accounts.write_down(session, row_id, checked.checks, evm_address=checked.evm_address, now=now())
    failed = [one.subject for one in checked.checks if one.verdict is Verdict.FAILED]
    log.info("hedera.account_checked", account=account_id, failed=failed)


def _checked(account: str, entries: Sequence[RegistryEntry]) -> Checked | None:
    """Return an account with its checks; None for an alias nobody has.

    :raises Unavailable: when the network cannot be asked
    """
    client = hedera_mirror.client()
    try:
        state = client.account(account)
        if state is None:
            if is_evm(account):
                return None
            return Checked(account, None, hedera_checks.judge(account, Facts(None), entries))
        found = Facts(
            state,
            client.account_tokens(state.account),
            {entry.entity_id: client.token(entry.entity_id) for entry in entries if entry.kind == HTS},
        )
    except Unavailable as error:
        raise Unavailable(str(error), public_message=_AWAY) from error
    except MirrorNodeRefused as error:
        # What our own reading lets through and the network does not: an alias of a shape it refuses.
        raise Invalid({"account": "The Hedera network does not know this form of an account."}) from error
    return Checked(state.account, state.evm_address, hedera_checks.judge(state.account, found, entries))
