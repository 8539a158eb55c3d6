"""Every page and every action under the content policy: nothing is refused, nothing complains, nothing goes elsewhere.

Each visitor of each journey is watched for the same (visitor.py); here somebody goes everywhere and presses everything.
"""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from provvypay.domain.roles import Role
from tests.journeys import steps
from tests.journeys.sights import faces, shop
from tests.journeys.visitor import Visitors

pytestmark = pytest.mark.browser

HREFS = "[...document.querySelectorAll('a[href]:not([download])')].map((one) => one.href)"


def crawl(visitor, *starts):
    """Follow every link of ours from page to page; return the paths and the statuses that were not 200.

    A page that differs from one already seen in nothing but an id counts as seen after three of its kind.
    """
    waiting, seen, kinds, odd = [visitor.url(start) for start in starts], set(), {}, {}
    while waiting:
        address = waiting.pop()
        path = urlsplit(address).path
        kind = re.sub(r"[0-9a-f-]{36}|/p/\w+|\?.*", "…", address)
        if address in seen or kinds.get(kind, 0) >= 3:
            continue
        seen.add(address)
        kinds[kind] = kinds.get(kind, 0) + 1
        answer = visitor.page.goto(address)
        if answer.status != 200:
            odd[address] = answer.status
        assert "content-security-policy" in answer.headers, address
        found = (href.split("#")[0] for href in visitor.page.evaluate(HREFS))
        waiting += [href for href in found if href.startswith(f"{visitor.base}/") and urlsplit(href).path != path]
    return {urlsplit(address).path for address in seen}, odd


def test_a_crawl_of_everything_an_owner_can_reach(make, member, live_app):
    shop(make, live_app)
    owner = member()

    paths, odd = crawl(owner, "/dashboard")

    assert odd == {}
    assert {"/links", "/links/new", "/ledger", "/exceptions", "/notifications", "/settings/rates", "/privacy"} <= paths
    assert len(paths) > 25
    assert (owner.complaints, owner.strangers) == ([], [])


def test_a_crawl_of_everything_a_stranger_can_reach(make, visit, live_app):
    stranger = visit()

    paths, odd = crawl(stranger, "/", "/styleguide", *faces(make, live_app).values())

    assert set(odd.values()) == {404}
    assert {"/", "/login", "/signup", "/privacy", "/terms", "/styleguide"} <= paths
    assert (stranger.complaints, stranger.strangers) == ([], [])


def test_every_action_of_the_pages(make, member, live_app):
    shop(make, live_app)
    other = make.organization(name="Kettle & Crane", owner=make.merchant.owner)
    owner = member()

    page = owner.go("/links")
    page.locator("#q").press_sequentially("red")
    expect(page).to_have_url(re.compile("q=red"))
    page.get_by_role("link", name="Paid", exact=False).first.click()
    expect(page).to_have_url(re.compile("status=PAID"))

    page = owner.go("/links/new")
    page.get_by_role("button", name="Open the link").click()
    expect(page.locator(".error-summary")).to_be_focused()
    steps.fill_link(page, description="Everything pressed")
    expect(page.locator("#preview_description")).to_have_text("Everything pressed")
    page.get_by_role("button", name="Save as draft").click()
    page.get_by_role("button", name="Open the link").click()
    page.get_by_role("button", name=re.compile("^Copy link")).click()
    with page.expect_download() as picture:
        page.locator("#qr_svg").click()
    assert picture.value.suggested_filename.endswith(".svg")
    with page.expect_popup() as opened:
        page.locator("#open_pay_page").click()
    expect(opened.value.locator("#pay_by_card")).to_be_enabled()
    page.get_by_role("link", name="Cancel link").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the link").click()
    page.locator(".toast [data-dismiss]").click()
    expect(page.locator(".toasts .toast")).to_have_count(0)

    page = owner.go("/notifications")
    page.get_by_role("button", name="Mark all as read").click()
    expect(page.locator("#mark_all_read")).to_have_count(0)

    page = owner.go("/settings/organization")
    page.get_by_label("E-mail for your customers").fill("help@vale.example")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".toasts")).to_contain_text("Saved.")
    page.get_by_role("button", name="Theme").click(click_count=2)
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"

    page.locator(".org-menu summary").click()
    page.get_by_role("button", name=other.name).click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    expect(page.locator(".org-switch").first).to_contain_text(other.name)
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{owner.base}/")
    assert page.goto(owner.url("/links")).url.startswith(f"{owner.base}/login")


def test_a_session_that_ended_asks_to_sign_in_and_comes_back(make, visit, live_app):
    person = make.member(Role.OWNER)
    visitor = visit()
    page = visitor.go("/links/new")
    page.get_by_label("E-mail").fill(person.email)
    page.get_by_label("Password", exact=True).fill(person.password)
    page.get_by_role("button", name="Show password").click()
    expect(page.get_by_label("Password", exact=True)).to_have_attribute("type", "text")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="New payment link")).to_be_visible()

    live_app.observer.sql("UPDATE user_sessions SET revoked_at = now() WHERE user_id = :id", id=person.id)
    steps.fill_link(page)
    page.get_by_role("button", name="Open the link").click()

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/login\?next="))
    assert live_app.observer.count("payment_links", make.merchant.organization_id) == 0


def plant(visitor, planted, **more):
    """Let the privacy page come with something in it that is none of ours, and open it."""

    def handle(route):
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace("</main>", f"{planted}</main>"), **more)

    visitor.page.route("**/privacy", handle)
    return visitor.go("/privacy")


@pytest.mark.parametrize(
    ("planted", "complaint"),
    [
        ("<script>document.title = 'ran'</script>", "content policy: script-src"),
        ("<p style='color: red'>x</p>", "content policy: style-src"),
        ("<img src='https://elsewhere.example/pixel.gif' alt=''>", "content policy: img-src"),
    ],
    ids=["script", "style", "picture"],
)
def test_the_watch_would_see_a_breach_of_the_policy(browser, live_app, planted, complaint):
    visitors = Visitors(browser, live_app)
    visitor = visitors()

    page = plant(visitor, planted)

    assert page.title() != "ran"
    assert any(complaint in line for line in visitor.complaints), visitor.complaints
    with pytest.raises(AssertionError, match="a browser complained"):
        visitors.leave()


def test_the_watch_would_see_a_request_to_elsewhere(browser, live_app):
    visitors = Visitors(browser, live_app)
    visitor = visitors()
    pixel = f"{live_app.sandbox.url}/static/pixel.gif"

    plant(visitor, f"<img src='{pixel}' alt='' referrerpolicy='no-referrer'>", headers={"Content-Type": "text/html"})

    assert visitor.strangers == [pixel]
    visitor.complaints.clear()
    with pytest.raises(AssertionError, match="left for another origin"):
        visitors.leave()
