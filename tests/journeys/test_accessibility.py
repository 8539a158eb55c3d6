"""No page has a problem of accessibility that a machine can find: WCAG 2.2 AA and best practice, in every look."""

import re

import pytest
from playwright.sync_api import expect

from provvypay.domain.roles import Role
from provvypay.domain.statuses import ExceptionKind, LinkStatus
from provvypay.flows.stripe_payment import start_checkout
from provvypay.services.sign_in import account_key
from tests.journeys import steps
from tests.journeys.axe import LOOKS, ONE, OPPOSITE, violations
from tests.journeys.sights import database_away, faces, number_of, shop
from tests.web.access import ACCESS

pytestmark = pytest.mark.browser

EVERYBODYS = {
    "GET /": "/",
    "GET /privacy": "/privacy",
    "GET /terms": "/terms",
    "GET /login": "/login?next=/links",
    "GET /signup": "/signup",
    "GET /styleguide": "/styleguide",
}
OF_LINKS = {
    "GET /links": lambda seen, _: ["/links", "/links?status=PAID", "/links?q=nothing+has+these+words"],
    "GET /links/new": lambda seen, _: ["/links/new"],
    "GET /links/<uuid:link_id>/edit": lambda seen, _: [seen.path("DRAFT", "/edit")],
    "GET /links/<uuid:link_id>/cancellation": lambda seen, _: [
        seen.path("OPEN", "/cancellation"),
        seen.path("DRAFT", "/cancellation"),
    ],
}
OF_ONE_LINK = {
    "GET /links/<uuid:link_id>": lambda seen, _: [
        *(seen.path(status) for status in ("DRAFT", "OPEN", "EXPIRED", "CANCELED", "by card", "exception DOUBLE")),
        *(seen.path("by card", f"?tab={tab}") for tab in ("timeline", "rates", "books")),
        seen.path("OPEN", "?tab=books"),
    ],
    "GET /links/<uuid:link_id>/refunds": lambda seen, _: [
        seen.path("by card", "/refunds"),
        seen.path("OPEN", "/refunds"),
    ],
}
OF_THE_REST = {
    "GET /dashboard": lambda seen, _: ["/dashboard"],
    "GET /exceptions": lambda seen, _: ["/exceptions"],
    "GET /exceptions/<uuid:exception_id>": lambda seen, live: [
        f"/exceptions/{number_of(live, 'payment_exceptions', seen.links[f'exception {kind}'])}"
        for kind in ExceptionKind
    ],
    "GET /notifications": lambda seen, _: ["/notifications"],
    "GET /settings/organization": lambda seen, _: ["/settings/organization"],
    "GET /settings/payments": lambda seen, _: ["/settings/payments"],
    "GET /settings/rates": lambda seen, _: ["/settings/rates"],
    "GET /settings/xero": lambda seen, _: ["/settings/xero"],
    "GET /settings/xero/queue": lambda seen, _: ["/settings/xero/queue"],
}
# where a company is connected: test_xero.py looks at them
OF_XERO = {"GET /settings/xero/mapping", "GET /settings/xero/disconnection"}
OF_CORRECTIONS = {
    "GET /exceptions/<uuid:exception_id>/decision": lambda seen, live: [
        f"/exceptions/{number_of(live, 'payment_exceptions', seen.links['exception LATE'])}/decision?action={action}"
        for action in ("ACCEPTED", "APPLIED", "KEPT")
    ],
    "GET /links/<uuid:link_id>/manual-payment": lambda seen, _: [
        seen.path("OPEN", "/manual-payment"),
        seen.path("PAID", "/manual-payment"),
    ],
    "GET /links/<uuid:link_id>/manual-payment/undoing": lambda seen, _: [
        seen.path("marked", "/manual-payment/undoing")
    ],
    "GET /corrections/<uuid:request_id>": lambda seen, live: [
        f"/corrections/{number_of(live, 'correction_requests', seen.links['asked'])}"
    ],
}
OF_BOOKS = {
    "GET /ledger": lambda seen, _: ["/ledger"],
    "GET /ledger/accounts/<code>": lambda seen, _: ["/ledger/accounts/1200?currency=AUD"],
    "GET /ledger/journals": lambda seen, _: ["/ledger/journals", "/ledger/journals?kind=UNHEARD_OF"],
    "GET /ledger/trial-balance": lambda seen, _: ["/ledger/trial-balance", "/ledger/trial-balance?at=2020-01-01"],
    "GET /ledger/chart": lambda seen, _: ["/ledger/chart"],
    "GET /ledger/chart/new": lambda seen, _: ["/ledger/chart/new"],
    "GET /ledger/chart/<code>": lambda seen, _: ["/ledger/chart/4000"],
    "GET /ledger/closing": lambda seen, _: ["/ledger/closing", "/ledger/closing?through=2025-10-31"],
    "GET /ledger/journals/<uuid:journal_id>": lambda seen, live: [
        f"/ledger/journals/{number_of(live, 'journals', seen.links['by card'])}"
    ],
}
NO_PAGES = {
    "GET /exceptions/count",
    "GET /static/<path:filename>", "GET /p/<short_code>/qr.svg", "GET /links/<uuid:link_id>/qr.svg",
    "GET /links/<uuid:link_id>/qr.png", "GET /p/<short_code>/card/return", "GET /links/export.csv", "GET /metrics",
    "GET /ledger/accounts/<code>.csv", "GET /ledger/journals.csv", "GET /ledger/trial-balance.csv",
    "GET /ledger/chart.csv", "GET /xero/callback", "GET /api/xero/callback",
    # the choice among several companies comes only on the way back from Xero
    "GET /settings/xero/companies/<uuid:grant_id>",
}  # fmt: skip


def problems(visitor, paths, looks=LOOKS):
    """Look at pages one after the other; return what was found, by address."""
    found = {}
    for path in paths:
        visitor.go(path)
        if wrong := violations(visitor.page, looks):
            found[path] = wrong
    return found


def test_no_page_is_left_out():
    pages = {
        route for route in ACCESS if route.startswith("GET ") and not route.endswith(("health", "/live", "/ready"))
    }

    of_tests_below = {
        "GET /p/<short_code>",
        "GET /p/<short_code>/receipt",
        "GET /p/<short_code>/wallet",
        "GET /admin/rates",
        "GET /admin/tokens",
    }
    assert {
        *EVERYBODYS,
        *OF_LINKS,
        *OF_ONE_LINK,
        *OF_THE_REST,
        *OF_CORRECTIONS,
        *OF_BOOKS,
        *OF_XERO,
        *NO_PAGES,
        *of_tests_below,
    } == pages


def test_pages_for_everybody(visit):
    assert problems(visit(), EVERYBODYS.values()) == {}


def test_every_face_of_the_pay_page(make, visit, live_app):
    assert problems(visit(), faces(make, live_app).values()) == {}


@pytest.mark.parametrize(
    "pages",
    [OF_LINKS, OF_ONE_LINK, OF_THE_REST, OF_CORRECTIONS, OF_BOOKS],
    ids=["links", "one link", "the rest", "corrections", "books"],
)
def test_pages_of_a_busy_merchant(make, member, live_app, pages):
    seen = shop(make, live_app)

    assert problems(member(), [path for paths in pages.values() for path in paths(seen, live_app)]) == {}


def test_pages_of_a_merchant_who_has_nothing_yet(member):
    paths = ["/dashboard", "/links", "/ledger", "/ledger/journals", "/ledger/closing", "/exceptions", "/notifications"]

    assert problems(member(), paths, OPPOSITE) == {}


@pytest.mark.parametrize("role", [Role.ACCOUNTANT, Role.OPERATOR, Role.VIEWER])
def test_pages_as_other_members_see_them(make, member, role):
    link = make.exception()
    draft = make.link(status=LinkStatus.DRAFT)
    # the same parts in the same colours as the owner's pages; only some are missing
    paths = ["/dashboard", "/links", f"/links/{link.id}", f"/links/{draft.id}", "/settings/organization", "/exceptions"]
    refused = "/links/new" if role is not Role.OPERATOR else "/ledger"

    assert problems(member(role), [*paths, refused], ONE) == {}


def test_pages_of_who_runs_the_platform(make, member, live_app):
    live_app.observer.sql("UPDATE users SET is_platform_admin = true WHERE id = :id", id=make.merchant.owner.id)

    assert problems(member(), ["/admin/rates", "/admin/tokens"], OPPOSITE) == {}


def test_many_links_are_chosen_asked_about_and_canceled(make, member):
    make.link(), make.link(status=LinkStatus.DRAFT)
    page, found = member().go("/links"), {}

    page.get_by_label("Choose all on this page").check()
    expect(page.locator("[data-picked]")).to_have_text("2")
    found["chosen"] = violations(page, OPPOSITE)
    page.get_by_role("button", name="Cancel them").click()
    expect(page.get_by_role("heading", name="Cancel these links?")).to_be_visible()
    found["asked"] = violations(page, OPPOSITE)
    page.get_by_role("button", name="Cancel 2 links").click()
    expect(page.locator(".banner")).to_contain_text("2 links are canceled")
    found["done"] = violations(page, OPPOSITE)

    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_money_goes_back(make, member, live_app):
    link = make.link(amount_minor=120_50, currency="AUD")
    intent = live_app.sandbox.pay(start_checkout(link.short_code))["payment_intent"]
    live_app.wait_for(lambda: make.reload(link).status == "PAID", "the link to be paid")
    merchant, found = member(), {}

    page = merchant.go(f"/links/{link.id}/refunds")
    page.get_by_label("A part").check()
    page.get_by_label(re.compile("^Amount of the part")).fill("500")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".error-summary")).to_be_focused()
    found["too much"] = violations(page, OPPOSITE)
    page.get_by_label(re.compile("^Amount of the part")).fill("20")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Refund this?")).to_be_visible()
    found["preview"] = violations(page, OPPOSITE)
    page.get_by_role("button", name="Refund", exact=True).click()
    expect(page.get_by_role("heading", name="Refunds")).to_be_visible()
    found["refunded"] = violations(page, OPPOSITE)
    live_app.sandbox.post(f"/stripe/charges/{intent}/disputes", reason="fraudulent")
    live_app.wait_for(lambda: live_app.observer.count("disputes", link.organization_id) == 1, "the dispute")
    for path in (f"/links/{link.id}/refunds", f"/links/{link.id}", "/dashboard"):
        found[path] = violations(merchant.go(path), OPPOSITE)

    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_what_opens_over_a_page(make, member):
    link, draft = make.link(), make.link(status=LinkStatus.DRAFT)
    merchant, phone = member(), member(viewport={"width": 390, "height": 844})
    found = {}

    page = merchant.go(f"/links/{link.id}")
    page.locator("#cancel").click()
    found["dialog"] = violations(page, OPPOSITE)
    page = merchant.go(f"/links/{draft.id}")
    page.get_by_role("button", name="Open the link").click()
    expect(page.locator(".toasts .toast")).to_be_visible()
    found["toast"] = violations(page, OPPOSITE)
    page = phone.go("/dashboard")
    page.get_by_role("button", name="Menu").click()
    expect(page.get_by_role("link", name="Payment links")).to_be_visible()
    found["menu"] = violations(page, OPPOSITE[1:])

    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_forms_after_an_error(make, member, visit):
    merchant, stranger = member(), visit()
    found = {}

    page = merchant.go("/links/new")
    page.get_by_text("On a day").click()
    page.get_by_role("button", name="Open the link").click()
    expect(page.locator(".error-summary")).to_be_focused()
    found["link"] = violations(page, OPPOSITE)
    page = merchant.go("/settings/organization")
    page.get_by_label("Name", exact=True).fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".error-summary")).to_be_focused()
    found["organization"] = violations(page, OPPOSITE)
    page = stranger.go("/signup")
    page.get_by_role("button", name="Create the account").click()
    expect(page.locator(".error-summary")).to_be_focused()
    found["sign-up"] = violations(page, OPPOSITE)
    page = stranger.go("/login")
    page.get_by_label("E-mail").fill("nobody@people.example")
    page.get_by_label("Password", exact=True).fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".error-summary")).to_be_focused()
    found["sign-in"] = violations(page, OPPOSITE)

    assert {name: wrong for name, wrong in found.items() if wrong} == {}


# ---------------------------------------------------------------- error pages


def sends(page, path, **fields):
    """Send a form that no page of ours would send; return the status of the page that answers."""
    with page.expect_navigation() as answered:
        page.evaluate(
            """([path, fields]) => {
              const form = Object.assign(document.createElement("form"), { method: "post", action: path });
              for (const [name, value] of fields) {
                form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
              }
              document.body.append(form);
              form.submit();
            }""",
            [path, list(fields.items())],
        )
    return answered.value.status


def test_every_error_page(make, member, visit, live_app):
    link, sql = make.link(), live_app.observer.sql
    merchant, viewer, stranger = member(), member(Role.VIEWER), visit(scripts=True)
    for visitor in (merchant, viewer, stranger):
        visitor.meant = "[45]\\d\\d"
    found, statuses = {}, []

    def note(status, page):
        statuses.append(status)
        found[status] = violations(page, OPPOSITE)

    note(stranger.page.goto(stranger.url("/no-such-page")).status, stranger.page)
    note(viewer.page.goto(viewer.url("/links/new")).status, viewer.page)
    page = stranger.go("/login")
    note(sends(page, "/login"), page)
    page = stranger.go("/login")
    token = page.locator("[name=csrf_token]").first.input_value()
    note(sends(page, "/login", csrf_token=token, **{f"f{number}": "" for number in range(201)}), page)
    sql(
        "INSERT INTO sign_in_throttles (key, failures, window_started_at, blocked_until)"
        " VALUES (:key, 9, now(), now() + interval '5 minutes')",
        key=account_key("robin@people.example"),
    )
    page = stranger.go("/login")
    token = page.locator("[name=csrf_token]").first.input_value()
    note(sends(page, "/login", csrf_token=token, email="robin@people.example", password="guess"), page)
    page = merchant.go(f"/links/{link.id}/cancellation")
    make.settled(link)
    with page.expect_navigation() as answered:
        page.get_by_role("button", name="Cancel the link").click()
    note(answered.value.status, page)
    sql("ALTER TABLE notifications RENAME TO mislaid")
    try:
        note(merchant.page.goto(merchant.url("/dashboard")).status, merchant.page)
    finally:
        sql("ALTER TABLE mislaid RENAME TO notifications")
    with database_away(live_app):
        note(merchant.page.goto(merchant.url("/dashboard")).status, merchant.page)

    assert statuses == [404, 403, 400, 413, 429, 409, 500, 503]
    assert {status: wrong for status, wrong in found.items() if wrong} == {}
    # The database is back: the next click works.
    live_app.wait_for(lambda: merchant.page.goto(merchant.url("/dashboard")).status == 200, "the dashboard")
    assert steps.facts_of(live_app, link.short_code)["payments"] == 1
