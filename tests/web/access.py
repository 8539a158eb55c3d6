"""Who may ask for what: one line for every route and method. A route that is missing here fails the tests.

The statuses are those of an empty form with a good token, or of a plain visit.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from provvypay.domain.roles import Role

EVERY_ROLE = frozenset(Role)
MAKERS = frozenset({Role.OWNER, Role.ADMIN, Role.OPERATOR})
BOOKKEEPERS = frozenset({Role.OWNER, Role.ADMIN, Role.ACCOUNTANT})
REFUNDERS = MAKERS | BOOKKEEPERS
KEEPERS = frozenset({Role.OWNER, Role.ADMIN})

NOBODY = "01a20f10-0000-7000-8000-000000000000"
"""an id of nothing"""

NOTHING = "00000000-0000-7000-8000-000000000000"

SIGN_IN = 303
"""Visitors are sent to the sign-in."""


@dataclass(frozen=True)
class Access:
    """What each kind of visitor gets."""

    roles: frozenset[Role]
    """the roles that may; other members get 403"""
    allowed: int
    """what those get"""
    visitor: int = SIGN_IN
    """what somebody who is not signed in gets"""
    stranger: int | None = None
    """what an owner of another organization gets; default: the same as an owner, as nothing of ours is asked for"""
    values: dict[str, str] = field(default_factory=dict)
    """values of the route: names of what the test made, or literals"""

    def status_of(self, role: Role) -> int:
        """Return what a member in a role gets."""
        return self.allowed if role in self.roles else 403

    @property
    def for_stranger(self) -> int:
        """Return what another organization's owner gets."""
        return self.allowed if self.stranger is None else self.stranger


def public(status: int, **values: str) -> Access:
    """A route that asks nobody who they are."""
    return Access(EVERY_ROLE, status, visitor=status, values=values)


def door(visitor: int, member: int) -> Access:
    """A route that answers members otherwise than visitors."""
    return Access(EVERY_ROLE, member, visitor=visitor)


def members(status: int, roles: frozenset[Role] = EVERY_ROLE) -> Access:
    """A route of the organization one works in."""
    return Access(roles, status)


def thing(status: int, roles: frozenset[Role] = EVERY_ROLE, **values: str) -> Access:
    """A route of one thing: another organization's owner learns nothing, not even that it exists."""
    return Access(roles, status, stranger=404, values=values)


ACCESS: dict[str, Access] = {
    "GET /static/<path:filename>": public(404, filename="no-such-file.css"),
    "GET /": door(visitor=200, member=303),
    "GET /privacy": public(200),
    "GET /terms": public(200),
    "GET /login": door(visitor=200, member=303),
    "POST /login": public(422),
    "GET /signup": door(visitor=200, member=303),
    "POST /signup": public(422),
    "POST /logout": public(303),
    "POST /organization": members(404),
    "GET /dashboard": members(200),
    "GET /notifications": members(200),
    "POST /notifications/readings": members(303),
    "GET /settings/organization": members(200),
    "POST /settings/organization": members(422, KEEPERS),
    "GET /settings/payments": members(200),
    "POST /settings/payments/crypto": members(422, KEEPERS),
    "POST /settings/payments/hedera-account": members(422, frozenset({Role.OWNER})),
    "POST /settings/payments/hedera-account/checks": members(303, KEEPERS),
    "GET /settings/rates": members(200),
    "GET /settings/xero": members(200),
    "POST /settings/xero/connection": members(303, KEEPERS),
    # 400: nobody was sent to Xero
    "GET /xero/callback": members(400, KEEPERS),
    "GET /api/xero/callback": members(400, KEEPERS),
    # 404: there was no consent
    "GET /settings/xero/companies/<uuid:grant_id>": thing(404, KEEPERS, grant_id=NOBODY),
    "POST /settings/xero/companies/<uuid:grant_id>": thing(404, KEEPERS, grant_id=NOBODY),
    # 303: no company is connected
    "GET /settings/xero/mapping": members(303, KEEPERS),
    "POST /settings/xero/mapping": members(303, KEEPERS),
    "POST /settings/xero/chart": members(303, KEEPERS),
    "GET /settings/xero/queue": members(200),
    "POST /settings/xero/comparisons": members(303, BOOKKEEPERS),
    "POST /settings/xero/replays": members(422, BOOKKEEPERS),
    "POST /settings/xero/backfill": members(422, BOOKKEEPERS),
    # 303: there is nothing to disconnect
    "GET /settings/xero/disconnection": members(303, KEEPERS),
    "POST /settings/xero/disconnection": members(303, KEEPERS),
    "GET /links": members(200),
    "POST /links": members(422, MAKERS),
    "GET /links/new": members(200, MAKERS),
    "GET /links/export.csv": members(200),
    # 422: nothing is chosen
    "POST /links/cancellations": members(422, MAKERS),
    "GET /links/<uuid:link_id>": thing(200, link_id="link"),
    "GET /links/<uuid:link_id>/edit": thing(200, MAKERS, link_id="draft"),
    "POST /links/<uuid:link_id>/edit": thing(422, MAKERS, link_id="draft"),
    # 409: the form says which version of the draft the person saw, and this one says none
    "POST /links/<uuid:link_id>/activation": thing(409, MAKERS, link_id="draft"),
    "GET /links/<uuid:link_id>/cancellation": thing(200, MAKERS, link_id="link"),
    # 409 again, for the same reason
    "POST /links/<uuid:link_id>/cancellation": thing(409, MAKERS, link_id="fresh link"),
    "POST /links/<uuid:link_id>/duplicate": thing(303, MAKERS, link_id="link"),
    # 409: it can still be paid
    "POST /links/<uuid:link_id>/archiving": thing(409, MAKERS, link_id="fresh link"),
    "POST /links/<uuid:link_id>/unarchiving": thing(303, MAKERS, link_id="link"),
    "GET /links/<uuid:link_id>/refunds": thing(200, link_id="link"),
    # 404: nothing was paid by it yet, and there is no such refund
    "POST /links/<uuid:link_id>/refunds": thing(404, REFUNDERS, link_id="fresh link"),
    "POST /links/<uuid:link_id>/refunds/<uuid:refund_id>/approval": thing(
        404, BOOKKEEPERS, link_id="link", refund_id="00000000-0000-7000-8000-000000000000"
    ),
    "POST /links/<uuid:link_id>/refunds/<uuid:refund_id>/withdrawal": thing(
        404, REFUNDERS, link_id="link", refund_id="00000000-0000-7000-8000-000000000000"
    ),
    "GET /links/<uuid:link_id>/manual-payment": thing(200, BOOKKEEPERS, link_id="link"),
    "POST /links/<uuid:link_id>/manual-payment": thing(422, BOOKKEEPERS, link_id="link"),
    "GET /links/<uuid:link_id>/manual-payment/undoing": thing(200, BOOKKEEPERS, link_id="link"),
    "POST /links/<uuid:link_id>/manual-payment/undoing": thing(422, BOOKKEEPERS, link_id="link"),
    "GET /links/<uuid:link_id>/qr.svg": thing(200, link_id="link"),
    "GET /links/<uuid:link_id>/qr.png": thing(200, link_id="link"),
    "GET /exceptions": members(200),
    # people are led to the list
    "GET /exceptions/count": members(303),
    "GET /exceptions/<uuid:exception_id>": thing(200, exception_id="exception"),
    "GET /exceptions/<uuid:exception_id>/decision": thing(200, BOOKKEEPERS, exception_id="exception"),
    "POST /exceptions/<uuid:exception_id>/decision": thing(422, BOOKKEEPERS, exception_id="exception"),
    "POST /exceptions/<uuid:exception_id>/comments": thing(422, BOOKKEEPERS, exception_id="exception"),
    "POST /exceptions/<uuid:exception_id>/assignment": thing(303, BOOKKEEPERS, exception_id="exception"),
    "GET /corrections/<uuid:request_id>": thing(200, request_id="correction"),
    # 404: there is no such correction
    "POST /corrections/<uuid:request_id>/approval": thing(404, BOOKKEEPERS, request_id=NOTHING),
    "POST /corrections/<uuid:request_id>/rejection": thing(404, BOOKKEEPERS, request_id=NOTHING),
    "POST /corrections/<uuid:request_id>/withdrawal": thing(404, BOOKKEEPERS, request_id=NOTHING),
    "GET /ledger": members(200, BOOKKEEPERS),
    "GET /ledger/accounts/<code>": members(200, BOOKKEEPERS),
    "GET /ledger/accounts/<code>.csv": members(200, BOOKKEEPERS),
    "GET /ledger/journals": members(200, BOOKKEEPERS),
    "GET /ledger/journals.csv": members(200, BOOKKEEPERS),
    "GET /ledger/journals/<uuid:journal_id>": thing(200, BOOKKEEPERS, journal_id="journal"),
    "GET /ledger/trial-balance": members(200, BOOKKEEPERS),
    "GET /ledger/trial-balance.csv": members(200, BOOKKEEPERS),
    "GET /ledger/chart": members(200, BOOKKEEPERS),
    "GET /ledger/chart.csv": members(200, BOOKKEEPERS),
    "GET /ledger/chart/new": members(200, BOOKKEEPERS),
    "POST /ledger/chart": members(422, BOOKKEEPERS),
    "GET /ledger/chart/<code>": members(200, BOOKKEEPERS),
    "POST /ledger/chart/<code>": members(422, BOOKKEEPERS),
    # 409: it stays, and the form says no version
    "POST /ledger/chart/<code>/archiving": members(409, BOOKKEEPERS),
    "POST /ledger/chart/<code>/unarchiving": members(409, BOOKKEEPERS),
    "GET /ledger/closing": members(200, BOOKKEEPERS),
    "POST /ledger/closing": members(422, BOOKKEEPERS),
    "GET /p/<short_code>": public(200, short_code="short code"),
    "POST /p/<short_code>/card": public(303, short_code="short code"),
    "POST /p/<short_code>/attempts": public(409, short_code="short code"),
    "POST /p/<short_code>/transfer-claims": public(422, short_code="short code"),
    "GET /p/<short_code>/card/return": public(303, short_code="short code"),
    "GET /p/<short_code>/receipt": public(303, short_code="short code"),
    "GET /p/<short_code>/wallet": public(404, short_code="short code"),
    "GET /p/<short_code>/qr.svg": public(200, short_code="short code"),
    "POST /webhooks/stripe": public(400),
    "GET /health": public(200),
    "GET /health/live": public(200),
    "GET /health/ready": public(200),
    "GET /api/health": public(200),
    # nobody becomes a platform admin by a role in an organization
    "GET /admin/rates": members(404),
    "GET /admin/tokens": members(404),
    # without METRICS_TOKEN only a program of this very machine may read them, and these visitors come from elsewhere
    "GET /metrics": public(404),
    "GET /styleguide": public(200),
}

for route, access in ACCESS.items():
    if "<code>" in route:
        access.values["code"] = "1200"
