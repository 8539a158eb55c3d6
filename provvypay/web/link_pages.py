"""The pages around the form of a payment link: a new one, a changed one, and one that somebody else was faster with."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from flask import Response
from sqlalchemy.orm import Session

from provvypay.domain.roles import Permission
from provvypay.domain.statuses import LinkStatus
from provvypay.errors import Conflict
from provvypay.kit.db import transaction
from provvypay.kit.settings import settings
from provvypay.models.payment_link import PaymentLink
from provvypay.services import link_contacts, link_views, payment_links
from provvypay.services.link_changes import CHANGEABLE
from provvypay.services.link_contacts import Contact
from provvypay.services.payment_links import LinkDetails
from provvypay.web import link_form
from provvypay.web.forms import Fields, FormState
from provvypay.web.guards import current_org
from provvypay.web.htmx import render
from provvypay.web.payment_methods import Choice, choices

_FASTER = (
    "Somebody saved this {thing} in the meantime. What you typed is not saved yet; "
    "save again to put it in place of theirs."
)


def stored(link_id: uuid.UUID) -> PaymentLink:
    """Return a link of the member's organization.

    :raises NotFound: for any other
    """
    with transaction(current_org.id) as session:
        return payment_links.get(session, link_id)


def stored_with_contact(link_id: uuid.UUID) -> tuple[PaymentLink, Contact]:
    """Return a link and whom it is for, see stored()."""
    with transaction(current_org.id) as session:
        return payment_links.get(session, link_id), link_contacts.of_link(session, link_id)


def view(session: Session, link_id: uuid.UUID) -> link_views.LinkView:
    """Return a link as its page shows it to this member.

    :raises NotFound: for another organization's
    """
    return link_views.one(
        session,
        current_org.id,
        link_id,
        public_base_url=base_url(),
        may_manage=current_org.allows(Permission.LINKS_MANAGE),
        may_correct=current_org.allows(Permission.CORRECTIONS_MAKE),
    )


def new_page(form: FormState, http_status: int = 200) -> Response:
    """Show the form of a new link."""
    return render(
        "links/new.html",
        fragments=("link_form",),
        http_status=http_status,
        form=form,
        currencies=link_form.currencies(),
        methods=_methods(),
        frozen=False,
    )


def edit_page(link: PaymentLink, form: FormState, http_status: int = 200) -> Response:
    """Show the form of a draft or of an open link, whose money stands there as text."""
    return render(
        "links/edit.html",
        fragments=("link_form",),
        http_status=http_status,
        form=form,
        currencies=link_form.currencies(),
        methods=_methods(link.methods),
        link=link,
        frozen=link.status == LinkStatus.OPEN,
    )


def changed_meanwhile(link_id: uuid.UUID, fields: Fields, typed: LinkDetails, error: Conflict) -> Response:
    """Keep what was typed and say beside it what the link holds by now; sending the form again replaces that.

    :raises Conflict: for what can only be looked at by now: a link that has ended, or was opened while its money was
        typed anew
    """
    link, contact = stored_with_contact(link_id)
    # Only the form of a draft sends money; what was read into `typed` is the frozen one of the link.
    sent = fields.amount() if fields.raw("amount") else (link.amount_minor, link.currency)
    if link.status not in CHANGEABLE:
        raise ended(link) from error
    if link.status == LinkStatus.OPEN and sent != (link.amount_minor, link.currency):
        raise Conflict(
            f"link {link_id} is {link.status}",
            public_message="This link was opened in the meantime, so its amount can’t be changed any more.",
        ) from error
    thing = "draft" if link.status == LinkStatus.DRAFT else "link"
    form = link_form.state(fields, summary=_FASTER.format(thing=thing))
    form.values["version"] = str(link.version)
    form.errors = link_form.differences(link, contact, typed)
    response = edit_page(link, form, 409)
    # The page puts a 409 into its alerts; this one brings the form itself.
    response.headers["HX-Retarget"] = "#link_form"
    response.headers["HX-Reswap"] = "outerHTML"
    return response


def ended(link: PaymentLink) -> Conflict:
    """Return why a link that was paid, canceled or expired while its form lay open takes no change."""
    return Conflict(
        f"link {link.id} is {link.status}",
        public_message="This link has ended in the meantime, so it can’t be edited any more.",
    )


def base_url() -> str:
    """Return the address this installation is reached at."""
    return settings().public_base_url


def _methods(kept: Collection[str] = ()) -> list[Choice]:
    """Return the ways to pay that a link's form offers."""
    with transaction(current_org.id) as session:
        return choices(session, current_org.id, kept=kept)


def offered() -> list[str]:
    """Return the codes of the ways to pay that a new link begins with: cards, and all the organization takes."""
    return [one.code for one in _methods()]
