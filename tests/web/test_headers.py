"""WEB, HDR and SES-01: headers, hosts, methods and the one cookie, on every kind of answer."""

from __future__ import annotations

import re

import pytest

from provvypay.domain.statuses import LinkStatus
from tests.web.access import ACCESS

ALWAYS = {
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}


def policy(page) -> dict[str, str]:
    return dict(
        part.strip().split(" ", 1) for part in page.headers["Content-Security-Policy"].split(";") if " " in part.strip()
    )


@pytest.fixture
def answers(make, signed_in, client, sandbox, app):
    """One answer of every kind: pages, fragments, errors, files, JSON, redirects."""
    link = make.link()
    owner = signed_in()
    paths = [
        "/", "/login", "/signup", "/dashboard", "/links", f"/links/{link.id}", "/links/new", "/settings/organization",
        "/notifications", "/exceptions", "/ledger", "/styleguide", "/health", "/health/live", "/nowhere",
        f"/links/{link.id}/qr.svg", f"/links/{link.id}/qr.png", f"/p/{link.short_code}", "/p/22222222",
        f"/p/{link.short_code}/qr.svg", app.jinja_env.globals["asset"]("app.css"), "/static/none.css", "/logout",
    ]  # fmt: skip
    found = {path: visitor.open("GET", path) for path in paths for visitor in (owner, client)}
    found["a refused form"] = client.open("POST", "/login", data={})
    found["a webhook"] = client.open("POST", "/webhooks/stripe", data=b"{}")
    found["a fragment"] = owner.open("GET", "/dashboard", target="dashboard_live")
    return found


def test_web_05_every_answer_carries_the_same_protection(answers):
    for path, page in answers.items():
        assert {name: page.headers.get(name) for name in ALWAYS} == ALWAYS, path
        assert "payment=()" in page.headers["Permissions-Policy"], path
        assert re.fullmatch(r"[0-9a-f]{32}", page.headers["X-Request-Id"]), path


def test_web_01_every_page_has_the_strict_policy_and_the_pay_page_one_exception(answers, settings):
    for path, page in answers.items():
        found = policy(page)
        assert "unsafe" not in str(found), path
        assert "*" not in str(found), path
        if page.response.mimetype == "text/html":
            form = f"'self' {settings.stripe_checkout_origin}" if path.startswith("/p/") else "'self'"
            assert found == POLICY | {"form-action": form}, path
        else:
            assert "sandbox" in page.headers["Content-Security-Policy"], path


def test_web_05_the_pay_page_sends_no_referrer(answers):
    for path, page in answers.items():
        assert page.headers["Referrer-Policy"] == ("no-referrer" if path.startswith("/p/") else "same-origin"), path


def test_dat_03_only_files_named_by_their_content_may_be_kept(answers):
    for path, page in answers.items():
        kept = page.headers["Cache-Control"]
        assert ("immutable" in kept) == (path.startswith("/static/") and page.status == 200), path
        assert "no-store" in kept or "immutable" in kept, path


def test_web_03_every_page_holds_htmx_to_its_rules(answers):
    wanted = {"allowEval": "false", "selfRequestsOnly": "true", "allowScriptTags": "false", "historyCacheSize": "0"}
    for path, page in answers.items():
        if page.response.mimetype != "text/html" or page.root is None or page.root.tag != "html":
            continue
        meta = next(one for one in page.all("meta") if one.get("name") == "htmx-config")
        for name, value in wanted.items():
            assert f'"{name}":{value}' in meta.get("content"), path


def test_web_07_no_other_site_may_read_an_answer(signed_in):
    page = signed_in().open("GET", "/dashboard", headers={"Origin": "https://evil.example"})

    assert not [name for name in page.headers if name[0].lower().startswith("access-control-")]


def test_hdr_01_every_text_names_its_charset(answers):
    for path, page in answers.items():
        if page.response.mimetype.startswith("text/"):
            assert page.headers["Content-Type"].endswith("charset=utf-8"), path


@pytest.mark.parametrize("method", ["TRACE", "PUT", "DELETE", "PATCH", "FOO"])
def test_hdr_02_other_methods_are_refused(method, signed_in):
    client = signed_in()

    assert client.open(method, "/dashboard", headers={"X-CSRFToken": client.token()}).status == 405


def test_hdr_02_a_method_is_what_it_is(signed_in):
    page = signed_in().open("POST", "/dashboard?_method=GET", headers={"X-HTTP-Method-Override": "GET"})

    assert page.status == 405


@pytest.mark.parametrize("path", ["/%0d%0aSet-Cookie:x=1", "/login?next=/%0d%0aSet-Cookie:x=1", "/p/%0d%0aX:1"])
def test_hdr_04_no_line_break_in_an_address_becomes_a_header(path, client):
    page = client.open("GET", path)

    assert "x=1" not in str(page.headers.getlist("Set-Cookie"))
    assert page.headers.get("X") is None


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "a b"])
def test_hdr_05_a_host_we_do_not_have_is_refused(host, client):
    page = client.open("GET", "/login", headers={"Host": host})

    assert page.status == 400


def test_hdr_05_a_forwarded_host_is_not_believed(client, signed_in):
    page = signed_in().open(
        "GET", "/links", headers={"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    )
    away = client.open("GET", "/dashboard", headers={"X-Forwarded-Host": "evil.example"})

    assert "evil.example" not in page.source
    assert "evil.example" not in away.headers["Location"]


def test_ses_01_there_is_one_cookie_and_it_keeps_every_rule(client, make):
    sent = []
    page = client.get("auth.login")
    sent += page.headers.getlist("Set-Cookie")
    person = make.merchant.owner
    sent += page.form("login_form").submit(email=person.email, password=person.password).headers.getlist("Set-Cookie")
    sent += client.get("dashboard.show").headers.getlist("Set-Cookie")

    assert len(sent) >= 2
    for cookie in sent:
        attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert cookie.startswith("__Host-provvypay=")
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= attributes
        assert not [one for one in attributes if one.startswith(("domain", "expires", "max-age"))]


def test_web_09_redirects_stay_here_or_go_to_the_card_page(make, signed_in, new_client, sandbox, settings):
    link = make.link()
    for visitor in (signed_in(), new_client()):
        for path in ("/", "/dashboard", "/login?next=https://evil.example", f"/p/{link.short_code.lower()}"):
            location = visitor.open("GET", path).headers.get("Location", "/")
            assert location.startswith("/"), path
        card = visitor.post("pay.card", short_code=link.short_code)
        assert card.headers["Location"].startswith(f"{settings.stripe_checkout_origin}/")


def test_every_page_a_member_can_reach_is_read_strictly(make, signed_in, observer):
    """The reader of tests/support/html.py judges each: structure, labels, names, nothing inline."""
    for status in LinkStatus:
        if status is not LinkStatus.NEW:
            make.link(status=status)
    make.exception()
    owner = signed_in()
    ids = observer.sql("SELECT id FROM payment_links WHERE organization_id = :id", id=make.merchant.organization_id)

    seen = [
        owner.open("GET", f"/links/{row.id}?tab={tab}").status
        for row in ids
        for tab in ("overview", "timeline", "rates", "books")
    ]
    plain = [
        route.removeprefix("GET ")
        for route, access in ACCESS.items()
        if route.startswith("GET") and "<" not in route and access.allowed in {200, 303}
    ]
    # Health says 503 when messages of other tests have waited for five minutes, and is right.
    seen += [owner.open("GET", path).status for path in plain if "health" not in path]

    assert set(seen) == {200, 303}
