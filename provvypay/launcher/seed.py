"""The demo's data: a merchant with links in every state, made by driving the real flows and the sandbox's customers."""

from __future__ import annotations

import datetime as dt
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import httpx

from provvypay.domain.assets import ASSETS
from provvypay.domain.currencies import currency_of
from provvypay.domain.money import parse_amount
from provvypay.domain.roles import Role
from provvypay.flows import hedera_setup
from provvypay.flows.create_link import activate, cancel, create_link
from provvypay.flows.current_rates import current_rates
from provvypay.flows.sign_up import sign_up
from provvypay.flows.stripe_payment import start_checkout
from provvypay.kit.clock import now
from provvypay.kit.db import enter_organization, transaction
from provvypay.kit.passwords import hash_password
from provvypay.kit.settings import Settings
from provvypay.models.payment_link import PaymentLink
from provvypay.services import crypto_settings, hedera_assets, organizations, payment_links, sign_in
from provvypay.services.audit import Actor
from provvypay.services.payment_links import LinkDetails

Say = Callable[[str], None]

PASSWORD = "walnut-harbour-lantern"  # noqa: S105 - the demo's, printed for whoever starts it
PATIENCE_SECONDS = 60

PEOPLE = (
    ("Mara Lindqvist", "mara@harbourpine.example", Role.OWNER),
    ("Tom Achterberg", "tom@harbourpine.example", Role.ADMIN),
    ("Priya Nair", "priya@harbourpine.example", Role.ACCOUNTANT),
    ("Jonah Reyes", "jonah@harbourpine.example", Role.OPERATOR),
    ("Wen Li", "wen@harbourpine.example", Role.VIEWER),
)
ACCOUNT = "0.0.1001"
"""of the sandbox's ledger; associated with every token"""
ORGANIZATION = "Harbour & Pine Joinery"
OTHER_PERSON = ("Ada Okafor", "ada@kettlecrane.example")
OTHER_ORGANIZATION = "Kettle & Crane Coffee"


@dataclass(frozen=True, slots=True)
class Merchant:
    """Whose links are made."""

    organization_id: uuid.UUID
    actor: Actor


def seed_demo(settings: Settings, say: Say) -> None:
    """Make the data unless they are there, and print one JSON line per sign-in."""
    sandbox = httpx.Client(base_url=_origin(settings.stripe_api_base), timeout=20)
    with transaction() as session:
        there = sign_in.find_user(session, PEOPLE[0][1])
    if there is None:
        _wait_until("the first rates", lambda: len(current_rates()) > 0)
        merchant = _harbour_and_pine()
        _paid_in_crypto_too(merchant, settings)
        _links_in_every_state(merchant, sandbox)
        other = _organization(OTHER_PERSON, OTHER_ORGANIZATION, "GBP", "Europe/London")
        _make(other, "18.50", "GBP", "Filter coffee, 1 kg", reference="KC-77", expires_in=dt.timedelta(days=14))
    for _name, email, role in PEOPLE:
        say(json.dumps({"email": email, "password": PASSWORD, "role": role, "organization": ORGANIZATION}))
    say(
        json.dumps(
            {"email": OTHER_PERSON[1], "password": PASSWORD, "role": Role.OWNER, "organization": OTHER_ORGANIZATION}
        )
    )


def _harbour_and_pine() -> Merchant:
    name, email, _role = PEOPLE[0]
    merchant = _organization((name, email), ORGANIZATION, "AUD", "Australia/Sydney")
    password_hash = hash_password(PASSWORD)
    with transaction(merchant.organization_id) as session:
        for member_name, member_email, role in PEOPLE[1:]:
            user_id = sign_in.register(session, email=member_email, name=member_name, password_hash=password_hash)
            organizations.add_member(session, merchant.organization_id, user_id, role, actor=merchant.actor)
        row = organizations.get(session, merchant.organization_id)
        organizations.update_profile(
            session,
            merchant.organization_id,
            version=row.version,
            name=row.name,
            time_zone=row.time_zone,
            legal_name="Harbour & Pine Joinery Pty Ltd",
            legal_id="ABN 00 000 000 000",
            support_email="accounts@harbourpine.example",
            actor=merchant.actor,
        )
    return merchant


def _paid_in_crypto_too(merchant: Merchant, settings: Settings) -> None:
    """Give the merchant the ledger's own account, which can receive every token, and let it take them all."""
    network = settings.hedera_network

    def checked() -> bool:
        with transaction() as session:
            return {one.asset for one in hedera_assets.views(session, network) if one.state == "OK"} == set(ASSETS)

    _wait_until("the tokens to be checked", checked)
    account = hedera_setup.look_up(merchant.organization_id, ACCOUNT)
    hedera_setup.choose(merchant.organization_id, account, actor=merchant.actor)
    with transaction(merchant.organization_id) as session:
        chosen, version = crypto_settings.read(session, merchant.organization_id)
        crypto_settings.change(
            session, merchant.organization_id, replace(chosen, enabled=True), version=version, actor=merchant.actor
        )


def _organization(person: tuple[str, str], organization: str, currency: str, time_zone: str) -> Merchant:
    name, email = person
    sign_up(
        name=name,
        email=email,
        password=PASSWORD,
        organization=organization,
        currency=currency,
        time_zone=time_zone,
        user_agent="demo",
        actor=Actor("ANONYMOUS"),
    )
    with transaction() as session:
        user = sign_in.find_user(session, email)
        assert user is not None  # noqa: S101 - made two lines above
        membership = organizations.memberships_of(session, user.id)[0]
    return Merchant(membership.organization_id, Actor("USER", user.id))


def _links_in_every_state(merchant: Merchant, sandbox: httpx.Client) -> None:
    """Make drafts, open, paid, expired and canceled links, one declined card, and money that came too late."""
    week = dt.timedelta(days=7)
    bench = _make(merchant, "1,240.00", "AUD", "Oak bench, 1.8 m: deposit", reference="INV-2041", expires_in=week)
    stool = _make(merchant, "385", "AUD", "Blackwood stool, pair", reference="INV-2038", expires_in=week)
    oak = _make(merchant, "2,960.00", "AUD", "Dining table, river oak: balance", reference="INV-2029", expires_in=week)
    yen = _make(merchant, "48000", "JPY", "Shoji screen, shipped to Osaka", reference="INV-2033", expires_in=week)
    for paid in (stool, oak, yen):
        _pay(sandbox, start_checkout(paid.short_code), "4242424242424242")
    for paid in (stool, oak, yen):
        _wait_for(merchant, paid.id, "PAID")
    _pay(sandbox, start_checkout(bench.short_code), "4000000000009995")

    _make(merchant, "92.40", "AUD", "Beeswax polish, 6 tins", reference="INV-2044", expires_in=dt.timedelta(hours=20))
    _make(merchant, "640", "USD", "Cedar chest, crated for export", reference="INV-2045")
    _make(merchant, "150.00", "AUD", "Site measure, Freshwater", open_now=False)
    ready = _make(
        merchant,
        "715.00",
        "AUD",
        "Bookshelf, spotted gum: deposit",
        reference="INV-2046",
        open_now=False,
        expires_in=week,
    )
    activate(merchant.organization_id, ready.id, actor=merchant.actor)
    withdrawn = _make(merchant, "560.00", "AUD", "Door repair, quote withdrawn", reference="INV-2031", expires_in=week)
    cancel(merchant.organization_id, withdrawn.id, actor=merchant.actor)
    overdue = _overdue(merchant, "275.00", "AUD", "Cutting board set", reference="INV-2017")
    _paid_too_late(merchant, sandbox)
    _wait_for(merchant, overdue.id, "EXPIRED")


def _paid_too_late(merchant: Merchant, sandbox: httpx.Client) -> None:
    """Let a customer pay in the moment the merchant cancels: the money is held, and waits for a person."""
    link = _make(
        merchant, "430.00", "AUD", "Hallway mirror, jarrah", reference="INV-2036", expires_in=dt.timedelta(days=2)
    )
    address = start_checkout(link.short_code)
    sandbox.post("/_control/stripe/hold").raise_for_status()
    try:
        _pay(sandbox, address, "4242424242424242")
        cancel(merchant.organization_id, link.id, actor=merchant.actor)
    finally:
        sandbox.post("/_control/stripe/release").raise_for_status()


def _make(
    merchant: Merchant,
    amount: str,
    currency: str,
    description: str,
    *,
    reference: str = "",
    expires_in: dt.timedelta | None = None,
    open_now: bool = True,
) -> PaymentLink:
    details = LinkDetails(
        amount_minor=parse_amount(amount, currency_of(currency)),
        currency=currency,
        description=description,
        reference=reference,
        expires_at=now() + expires_in if expires_in else None,
        methods=("CARD", *ASSETS) if currency == "AUD" else ("CARD",),
    )
    return create_link(merchant.organization_id, details, actor=merchant.actor, open_now=open_now)


def _overdue(merchant: Merchant, amount: str, currency: str, description: str, *, reference: str) -> PaymentLink:
    """Make a link as of three days ago for two days: the clock's sweep will expire it."""
    made = now() - dt.timedelta(days=3)
    details = LinkDetails(
        amount_minor=parse_amount(amount, currency_of(currency)),
        currency=currency,
        description=description,
        reference=reference,
        expires_at=made + dt.timedelta(days=2),
    )
    rates = current_rates()
    with transaction(merchant.organization_id) as session:
        return payment_links.create(session, merchant.organization_id, details, rates, actor=merchant.actor, now=made)


def _pay(sandbox: httpx.Client, checkout_address: str, card: str) -> None:
    """Do what a customer does on the hosted page; a declined card is an answer too."""
    session_id = urlsplit(checkout_address).path.rsplit("/", 1)[-1]
    sandbox.post(f"/_control/stripe/sessions/{session_id}/pay", json={"card": card})


def _wait_for(merchant: Merchant, link_id: uuid.UUID, status: str) -> None:
    def reached() -> bool:
        with transaction() as session:
            enter_organization(session, merchant.organization_id)
            return payment_links.get(session, link_id).status == status

    _wait_until(f"a link to be {status}", reached)


def _wait_until(what: str, done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not done():
        if time.monotonic() > deadline:
            raise SystemExit(
                f"Waited {PATIENCE_SECONDS} s for {what}; the lines of worker and clock above say why it did not come."
            )
        time.sleep(0.2)


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
