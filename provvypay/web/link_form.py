"""The form of a payment link: what people type turned into details, and one link however often a form is sent.

A form that is sent twice (a double click, a reload, a lost answer) must not make two links. The page carries a key
made when it was drawn, and the new link's own id is derived from that key and from everything that was typed; so the
second sending meets the first one's primary key and gets its link. No table of used keys is needed, none has to be
cleaned, and two that arrive at the same moment are ordered by PostgreSQL. Who goes back, changes the amount and sends
again means a second link and gets it, because what was typed is part of the id. The organization and the person are
part of it too: nobody can aim at another's id.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Collection
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from provvypay.domain.currencies import CURRENCIES
from provvypay.domain.statuses import LinkStatus
from provvypay.kit.ids import uuid7
from provvypay.models.payment_link import PaymentLink
from provvypay.services.link_contacts import Contact
from provvypay.services.payment_links import LinkDetails
from provvypay.web import own_data
from provvypay.web.formatting import money, when_exact
from provvypay.web.forms import EXPIRIES, Fields, FormState
from provvypay.web.payment_methods import METHOD_FIELDS

TYPED = (
    "amount", "currency", "description", "reference", "expiry", "expires_at", "customer_name", "customer_email",
    "return_url", "own_data", *METHOD_FIELDS.values(),
)  # fmt: skip
LONGEST_TEXT = 255
LONGEST_NAME = 120
LONGEST_URL = 2000

_TIME_BITS = 80
"""a version 7 UUID keeps its time in the 48 bits above these"""


def currencies() -> list[tuple[str, str]]:
    """Return the currencies of the list, with their names."""
    return [(currency.code, currency.name) for currency in CURRENCIES.values()]


def blank(currency: str, methods: Collection[str]) -> FormState:
    """Return a new link's form with the usual choices made.

    :param methods: the ways to pay it begins with
    """
    return FormState({"currency": currency, "expiry": "7d", "form_key": uuid7().hex, **_ticked(methods)})


def of_link(link: PaymentLink, contact: Contact, zone: str) -> FormState:
    """Return the form of a link that is there.

    :param zone: the organization's, in which its expiry is shown
    """
    local = link.expires_at.astimezone(ZoneInfo(zone)) if link.expires_at else None
    digits = CURRENCIES[link.currency].digits
    whole, fraction = divmod(link.amount_minor, 10**digits)
    return FormState(
        {
            "amount": f"{whole}.{fraction:0{digits}d}" if digits else str(whole),
            "currency": link.currency,
            "description": link.description,
            "reference": link.reference,
            "expiry": "custom" if local else "never",
            "expires_at": local.strftime("%Y-%m-%dT%H:%M") if local else "",
            "customer_name": contact.name,
            "customer_email": contact.email,
            "return_url": link.return_url,
            "own_data": own_data.written(link.own_data),
            **_ticked(link.methods),
            "version": str(link.version),
        }
    )


def of_copy(link: PaymentLink, contact: Contact, zone: str) -> FormState:
    """Return a new link's form that says what another link says; its end is as far away as that one's was."""
    form = of_link(link, contact, zone)
    del form.values["version"]
    form.values["form_key"] = uuid7().hex
    if link.expires_at is not None:
        life = link.expires_at - (link.opened_at or link.created_at)
        near = (name for name, usual in EXPIRIES.items() if usual and abs(usual - life) < dt.timedelta(minutes=5))
        form.values |= {"expiry": next(near, "7d"), "expires_at": ""}
    return form


def read(
    fields: Fields, zone: str, now: dt.datetime, *, offered: Collection[str], link: PaymentLink | None = None
) -> LinkDetails:
    """Return what was typed; what is wrong is noted in the fields.

    :param zone: the organization's, in which a chosen day and hour are meant
    :param offered: the ways to pay the organization takes
    :param link: the one that is changed; of an open one the money is not asked for, it is frozen
    """
    frozen = link is not None and link.status == LinkStatus.OPEN
    amount_minor, currency = (link.amount_minor, link.currency) if link and frozen else fields.amount()
    expires_at = fields.expiry(zone, now)
    if link is not None and _minute(expires_at) == _minute(link.expires_at):
        # The form shows an end by the minute; who leaves it alone does not change it.
        expires_at = link.expires_at
    possible = {*offered, *(link.methods if link else ())}
    methods = tuple(link.methods) if link and frozen else _methods(fields, possible)
    return LinkDetails(
        amount_minor=amount_minor,
        currency=currency,
        description=fields.text("description", "Say what it is for; your customer reads it.", most=LONGEST_TEXT),
        reference=fields.text("reference", most=LONGEST_TEXT),
        expires_at=expires_at,
        contact=Contact(fields.text("customer_name", most=LONGEST_NAME), fields.email("customer_email")),
        return_url=_return_url(fields),
        own_data=own_data.read(fields, "own_data"),
        methods=methods,
    )


def _methods(fields: Fields, possible: Collection[str]) -> tuple[str, ...]:
    """Return the chosen ways to pay, cards first."""
    chosen = tuple(code for code, name in METHOD_FIELDS.items() if fields.raw(name) == "on")
    if not chosen:
        fields.refuse("method_card", "Choose at least one way to pay.")
    for code in chosen:
        if code not in possible:
            fields.refuse("method_card", f"You do not take {code} at the moment. Choose another way to pay.")
    return chosen


def _ticked(methods: Collection[str]) -> dict[str, str]:
    return {name: "on" if code in methods else "" for code, name in METHOD_FIELDS.items()}


def _return_url(fields: Fields) -> str:
    typed = fields.text("return_url", most=LONGEST_URL)
    if typed and not is_return_url(typed):
        fields.refuse("return_url", "Enter an address that begins with https://, like https://shop.example/thanks.")
        return ""
    return typed


def is_return_url(typed: str) -> bool:
    """Say whether a text is a whole https address that every browser reads alike."""
    if not typed.startswith("https://") or any(char.isspace() or char in '\\<>"' for char in typed):
        return False
    try:
        parts = urlsplit(typed)
        return bool(parts.hostname) and "@" not in parts.netloc and (parts.port or 443) > 0
    except ValueError:
        return False


def differences(link: PaymentLink, contact: Contact, typed: LinkDetails) -> dict[str, str]:
    """Say beside each field what a link holds by now, where something else was typed.

    The form shows an expiry by the minute, so seconds make no difference.
    """
    notes = {}
    if (link.amount_minor, link.currency) != (typed.amount_minor, typed.currency):
        notes["amount"] = f"It is {money(link.amount_minor, link.currency)} now."
    texts = {
        "description": (link.description, typed.description),
        "reference": (link.reference, typed.reference),
        "customer_name": (contact.name, typed.contact.name),
        "customer_email": (contact.email, typed.contact.email),
        "return_url": (link.return_url, typed.return_url),
        "own_data": (own_data.in_a_line(link.own_data), own_data.in_a_line(typed.own_data)),
    }
    for name, (kept, said) in texts.items():
        if kept != said:
            notes[name] = f"It is “{kept}” now." if kept else "It is empty now."
    if _minute(link.expires_at) != _minute(typed.expires_at):
        notes["expiry"] = f"It is {when_exact(link.expires_at)} now." if link.expires_at else "It has no end now."
    return notes


def state(fields: Fields, *more: str, summary: str | None = None) -> FormState:
    """Return a sent form as it comes back."""
    form = fields.state(*TYPED, *more, summary=summary)
    form.values["own_data"] = own_data.showable(fields.raw("own_data"))
    return form


def _minute(moment: dt.datetime | None) -> dt.datetime | None:
    return moment.replace(second=0, microsecond=0) if moment else None


def link_id(fields: Fields, action: str, organization_id: uuid.UUID, member_id: uuid.UUID) -> uuid.UUID:
    """Return the id of the link this sending makes; the same for the same form sent again by the same person.

    :param action: open or draft
    """
    key = _key(fields.raw("form_key"))
    parts = [organization_id.hex, member_id.hex, key.hex, action, *(fields.raw(name) for name in TYPED)]
    # Each part with its length, so that no text can pretend to be two.
    digest = hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode("utf-8", "replace")).digest()
    random_part = int.from_bytes(digest[:10]) & ~(0xF << 76) & ~(0b11 << 62)
    return uuid.UUID(int=key.int >> _TIME_BITS << _TIME_BITS | 0x7 << 76 | 0b10 << 62 | random_part)


def _key(typed: str) -> uuid.UUID:
    """Return the key of a form; a new one, which protects from nothing, for what is none of ours."""
    try:
        key = uuid.UUID(hex=typed)
    except ValueError:
        return uuid7()
    return key if key.version == 7 else uuid7()
