"""HDR-06: after signing in a person goes to a page of ours, whatever the address asked for."""

import pytest

from provvypay.web.paths import own_path, path_and_query

ELSEWHERE = [
    "//evil", "//evil.example/x", "/\\evil", "\\/evil", "/%5cevil", "@evil.com", "https:evil", "https://evil.example",
    "/%09/evil", "/\t/evil", "javascript:alert(1)", " /links", "links", "", "/%2fevil", "/%0d%0aX:1", "/\x00",
    "/links\n", "data:text/html,x", "/" + "a" * 3000, "///evil", "/\u2028/evil", "http:///evil", "/a b",
]  # fmt: skip


@pytest.mark.parametrize("wanted", ELSEWHERE)
def test_hdr_06_what_a_browser_might_read_as_another_site_is_no_path_of_ours(wanted):
    assert own_path(wanted) is None


@pytest.mark.parametrize("wanted", ["/", "/links", "/links?status=OPEN&q=a%20b", "/links/01a2#books", "/p/2345BCDF"])
def test_a_path_of_ours_is_kept_as_it_is(wanted):
    assert own_path(wanted) == wanted


@pytest.mark.parametrize("wanted", [one for one in ELSEWHERE if one])
def test_hdr_06_the_sign_in_falls_back_to_the_dashboard(wanted, client, make):
    person = make.merchant.owner

    page = client.open("GET", "/login", query_string={"next": wanted})
    sent = client.post("auth.log_in", {"email": person.email, "password": person.password, "next": wanted})

    assert page.form("login_form").values["next"] == ""
    assert sent.location == "/dashboard"


def test_the_sign_in_leads_back_to_where_one_wanted_to_go(client, make):
    person = make.merchant.owner
    asked = client.open("GET", "/links?status=OPEN")

    page = client.open("GET", asked.location)
    sent = page.form("login_form").submit(email=person.email, password=person.password)

    assert sent.location == "/links?status=OPEN"


@pytest.mark.parametrize(
    ("address", "parts"),
    [("http://127.0.0.1/links?a=1", ("/links", "a=1")), ("http://[", ("", "")), ("", ("", "")), ("/x", ("/x", ""))],
)
def test_an_address_gives_its_path_and_query(address, parts):
    assert path_and_query(address) == parts
