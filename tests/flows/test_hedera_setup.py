"""Tokens and merchants' accounts, checked against the sandbox's ledger: what is offered, and what stops at once."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from provvypay.domain.hedera_ids import long_zero, with_checksum
from provvypay.errors import Invalid, Unavailable
from provvypay.flows import hedera_setup
from provvypay.flows.check_assets import check_assets
from provvypay.flows.current_rates import current_rates
from provvypay.kit import cache
from provvypay.kit import settings as kit_settings
from provvypay.kit.clock import now
from provvypay.kit.db import transaction
from provvypay.services import crypto_settings, hedera_accounts, hedera_offers
from provvypay.services.hedera_offers import Why
from tests.support.database import acting_as
from tests.support.rates import forget_rates, refresh

ALL = ("CARD", "HBAR", "USDC", "USDT", "AUDD")


@pytest.fixture(autouse=True)
def tokens_are_checked(make, sandbox, observer) -> Iterator[None]:
    """Leave the registry as the settings say, and no pause of the mirror node behind."""
    with acting_as("web"):
        assert make.merchant
    forget_rates(observer)
    check_assets()
    yield
    cache.ask(lambda redis: [redis.delete(key) for key in redis.scan_iter("budget:*")])
    observer.sql("DELETE FROM hedera_assets WHERE network = 'testnet'")
    sandbox.calm()
    check_assets()


@pytest.fixture
def account(sandbox):
    """Make accounts on the sandbox's ledger."""

    def make_one(**wish: Any) -> str:
        made = sandbox.post("/mirror_node/accounts", **{"role": "merchant", "all_tokens": True} | wish)
        return str(made["accounts"][0]["account"])

    return make_one


@pytest.fixture
def choose(make):
    def chosen(typed: str, merchant: Any = None) -> str:
        merchant = merchant or make.merchant
        with acting_as("web"):
            found = hedera_setup.look_up(merchant.organization_id, typed)
            hedera_setup.choose(merchant.organization_id, found, actor=merchant.actor)
        return found.account_id

    return chosen


def take_crypto(make, **changes: Any) -> None:
    with acting_as("web"), transaction(make.merchant.organization_id) as session:
        chosen, version = crypto_settings.read(session, make.merchant.organization_id)
        changed = dataclasses.replace(chosen, **{"enabled": True} | changes)
        crypto_settings.change(
            session, make.merchant.organization_id, changed, version=version, actor=make.merchant.actor
        )


def offers(make, **more: Any) -> dict[str, hedera_offers.TokenOffer]:
    table = current_rates()
    asked: dict[str, Any] = {"methods": ALL, "currency": "AUD", "network": "testnet", "table": table, "now": now()}
    with acting_as("web"), transaction(make.merchant.organization_id) as session:
        return {one.asset: one for one in hedera_offers.of_link(session, make.merchant.organization_id, **asked | more)}


def active(make) -> hedera_accounts.AccountView | None:
    with transaction(make.merchant.organization_id) as session:
        return hedera_accounts.active(session, make.merchant.organization_id, "testnet")


def registry(observer) -> dict[str, tuple[str, str]]:
    rows = observer.sql("SELECT asset, entity_id, state FROM hedera_assets WHERE network = 'testnet' AND is_configured")
    return {row.asset: (row.entity_id, row.state) for row in rows}


# ---------------------------------------------------------------- the registry


def test_every_configured_token_is_checked(observer):
    assert registry(observer) == {
        "HBAR": ("HBAR", "OK"),
        "USDC": ("0.0.429274", "OK"),
        "USDT": ("0.0.5000101", "OK"),
        "AUDD": ("0.0.5000202", "OK"),
    }


def test_case_65_a_wrong_id_is_switched_off_loudly_and_only_that_token(
    make, observer, settings, monkeypatch, choose, account
):
    refresh()
    take_crypto(make)
    choose(account())
    monkeypatch.setattr(
        kit_settings, "_current", dataclasses.replace(settings, hedera_assets="USDT=hts:0.0.5000666 AUDD=erc20:0.0.999")
    )

    with capture_logs() as logs:
        assert check_assets() == 2

    assert {one["what"] for one in logs if one["event"] == "hedera.asset_switched_off"} == {
        "USDT 0.0.5000666: its symbol is USDC, not USDT.",
        "There is no contract 0.0.999 on this network.",
    }
    found = offers(make)
    assert [asset for asset, one in found.items() if one.available] == ["HBAR", "USDC"]
    assert {found["USDT"].why_not, found["AUDD"].why_not} == {Why.REGISTRY}
    with capture_logs() as again:
        check_assets()
    assert not [one for one in again if one["log_level"] == "error"], "what is known is not told every day"
    assert registry(observer)["USDT"] == ("0.0.5000666", "MISMATCH")
    assert len(observer.sql("SELECT 1 FROM hedera_assets WHERE entity_id = '0.0.5000101'")) == 1, "money in it is known"


def test_while_the_mirror_node_is_away_everything_stays_as_it_was(observer, sandbox):
    before = registry(observer)
    sandbox.fault(vendor="mirror_node", kind="error", status=503)

    with pytest.raises(Unavailable):
        check_assets()

    assert registry(observer) == before


def test_a_token_that_was_never_checked_is_not_offered(make, observer, sandbox, choose, account):
    refresh()
    take_crypto(make)
    choose(account())
    observer.sql("UPDATE hedera_assets SET state = 'UNCHECKED', checked_at = NULL WHERE asset = 'USDC'")

    assert offers(make)["USDC"].why_not is Why.REGISTRY
    assert offers(make)["HBAR"].available


# ---------------------------------------------------------------- the account


def test_an_account_is_found_in_every_form_and_kept_as_its_number(make, account, choose):
    number = account(evm_alias=True)
    with acting_as("web"):
        found = {
            hedera_setup.look_up(make.merchant.organization_id, form)
            for form in (number, with_checksum(number, "testnet"), long_zero(number))
        }
        (one,) = found
        by_alias = hedera_setup.look_up(make.merchant.organization_id, one.evm_address)

    assert by_alias == one
    assert choose(one.evm_address.upper().replace("0X", "0x")) == number
    kept = active(make)
    assert (kept.account_id, kept.evm_address) == (number, one.evm_address)
    assert kept.with_checksum == with_checksum(number, "testnet")


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"deleted": True}, "was deleted"),
        ({"receiver_sig_required": True}, "must sign everything"),
    ],
)
def test_an_account_that_cannot_receive_is_never_chosen(make, account, choose, wish, said):
    with pytest.raises(Invalid, match=said):
        choose(account(**wish))

    assert active(make) is None


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("0.0.999999999", "no account 0.0.999999999"),
        ("0x" + "ab" * 20, "no account with this address"),
        ("me", "0.0.1"),
    ],
)
def test_what_is_no_account_is_told(make, choose, typed, said):
    with pytest.raises(Invalid, match=said):
        choose(typed)


def test_while_the_network_cannot_be_asked_nothing_is_chosen(make, account, choose, sandbox):
    number = account()
    sandbox.fault(vendor="mirror_node", kind="error", status=502, remaining=1)

    with pytest.raises(Unavailable) as told:
        choose(number)

    assert "cannot reach the Hedera network" in told.value.public_message
    assert active(make) is None


def test_an_account_has_one_organization_at_a_time(make, account, choose):
    number = account()
    with acting_as("web"):
        others = [make.organization(), make.organization()]

    outcomes: list[str] = []

    def claim(merchant: Any) -> None:
        try:
            choose(number, merchant)
            outcomes.append("chosen")
        except Invalid as error:
            outcomes.append(error.fields["account"])

    threads = [threading.Thread(target=claim, args=(merchant,)) for merchant in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == [hedera_accounts.TAKEN, "chosen"]
    with pytest.raises(Invalid, match="Another organization"):
        choose(number)


def test_case_64_a_replaced_account_is_kept_and_may_come_back(make, account, choose, observer):
    first, second = account(), account()
    choose(first)
    before = observer.sql("SELECT seen_until FROM hedera_cursors WHERE account_id = :id", id=first)[0].seen_until

    choose(second)
    states = observer.sql(
        "SELECT account_id, state FROM hedera_accounts WHERE organization_id = :org ORDER BY created_at",
        org=make.merchant.organization_id,
    )
    choose(first)

    assert [tuple(row) for row in states] == [(first, "RETIRED"), (second, "ACTIVE")]
    assert active(make).account_id == first
    cursor = observer.sql(
        "SELECT seen_until, next_poll_at <= now() AS due FROM hedera_cursors WHERE account_id = :id", id=first
    )[0]
    assert cursor.seen_until == before, "what came while it was retired is read first"
    assert cursor.due
    written = observer.sql(
        "SELECT detail FROM audit_logs WHERE action = 'hedera_account.chosen' AND organization_id = :org ORDER BY id",
        org=make.merchant.organization_id,
    )
    assert [(row.detail["before"], row.detail["account"]) for row in written] == [
        (None, first), (first, second), (second, first),
    ]  # fmt: skip


def test_accounts_are_looked_at_again_every_few_hours(make, account, choose, observer, sandbox):
    refresh()
    take_crypto(make)
    number = choose(account())
    assert offers(make)["USDC"].available
    sandbox.post("/mirror_node/accounts", account=number, tokens={"USDC": {"freeze_status": "FROZEN"}})
    observer.sql("UPDATE hedera_accounts SET checked_at = now() WHERE account_id <> :id", id=number)
    assert hedera_setup.check_accounts() == 0, "not yet"
    observer.sql("UPDATE hedera_accounts SET checked_at = now() - interval '7 hours' WHERE account_id = :id", id=number)

    assert hedera_setup.check_accounts() == 1

    assert (offers(make)["USDC"].available, offers(make)["USDC"].why_not) == (False, Why.ACCOUNT)
    assert offers(make)["USDT"].available


# ---------------------------------------------------------------- what is offered


def test_all_four_are_offered_with_their_rates_when_everything_is_ready(make, account, choose):
    refresh()
    take_crypto(make)
    number = choose(account())

    found = offers(make)

    assert [(one.asset, one.entity_id, one.kind, one.available) for one in found.values()] == [
        ("HBAR", "HBAR", "native", True), ("USDC", "0.0.429274", "hts", True), ("USDT", "0.0.5000101", "hts", True),
        ("AUDD", "0.0.5000202", "erc20", True),
    ]  # fmt: skip
    assert {one.account_id for one in found.values()} == {number}
    assert {one.hedera_account_id for one in found.values()} == {active(make).id}
    assert all(one.rate.value > 0 and one.reason is None for one in found.values())


def test_what_is_not_offered_is_said_in_the_order_a_merchant_would_mend_it(make, account, choose):
    refresh()
    take_crypto(make, enabled=False)
    assert offers(make, methods=("CARD",)) == {}
    assert {one.why_not for one in offers(make, network=None).values()} == {Why.OFF}
    assert {one.why_not for one in offers(make).values()} == {Why.OFF}
    take_crypto(make, accepted_assets=("HBAR", "USDC"))
    assert {asset: one.why_not for asset, one in offers(make).items()} == {
        "HBAR": Why.NO_ACCOUNT, "USDC": Why.NO_ACCOUNT, "USDT": Why.NOT_ACCEPTED, "AUDD": Why.NOT_ACCEPTED,
    }  # fmt: skip
    choose(account(all_tokens=False))
    assert {asset: one.why_not for asset, one in offers(make).items() if one.why_not} == {
        "USDC": Why.ACCOUNT, "USDT": Why.NOT_ACCEPTED, "AUDD": Why.NOT_ACCEPTED,
    }  # fmt: skip


def test_case_66_and_67_without_a_good_rate_a_token_waits(make, account, choose, sandbox):
    take_crypto(make)
    choose(account())
    sandbox.post("/rates", depeg={"usd-coin": "0.95"})
    refresh()

    found = offers(make)

    assert {asset for asset, one in found.items() if not one.available} == {"USDC"}
    assert found["USDC"].why_not is Why.RATE
    assert "more than 2 % off its peg" in found["USDC"].reason
    assert {one.why_not for one in offers(make, currency="ISK").values()} == {Why.RATE}
