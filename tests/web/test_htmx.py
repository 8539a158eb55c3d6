"""One template, two answers: who gets the page and who gets the block."""

import pytest

PAGE, BLOCK = "a page", "a block"


def kind(answer) -> str:
    return PAGE if answer.source.lstrip().lower().startswith("<!doctype") else BLOCK


@pytest.mark.parametrize(
    ("headers", "gets"),
    [
        ({}, PAGE),
        ({"HX-Request": "true", "HX-Target": "dashboard_live"}, BLOCK),
        ({"HX-Target": "dashboard_live"}, PAGE),
        ({"HX-Request": "true"}, PAGE),
        ({"HX-Request": "true", "HX-Target": "content"}, PAGE),
        ({"HX-Request": "true", "HX-Target": "../../errors/500.html"}, PAGE),
        ({"HX-Request": "true", "HX-Target": "dashboard_live", "HX-Boosted": "true"}, PAGE),
        ({"HX-Request": "true", "HX-Target": "dashboard_live", "HX-History-Restore-Request": "true"}, PAGE),
        ({"HX-Request": "1", "HX-Target": "dashboard_live"}, PAGE),
    ],
)
def test_only_an_htmx_swap_of_a_listed_block_gets_the_block(signed_in, headers, gets):
    client = signed_in()
    response = client.raw.get("/dashboard", base_url=client.base_url, headers=headers)
    answer = type("Answer", (), {"source": response.get_data(as_text=True)})

    assert (response.status_code, kind(answer)) == (200, gets)
    assert {"HX-Request", "HX-Target"} <= set(response.vary)


@pytest.mark.parametrize(
    ("block", "endpoint"),
    [
        ("dashboard_live", "dashboard.show"),
        ("notifications_list", "notifications.index"),
        ("organization_form", "settings.organization"),
    ],
)
def test_page_and_fragment_hold_the_same(signed_in, make, block, endpoint):
    make.exception()

    assert signed_in().fragment(block, endpoint).status == 200


@pytest.mark.parametrize(("block", "endpoint"), [("login_form", "auth.login"), ("signup_form", "auth.signup")])
def test_page_and_fragment_hold_the_same_for_visitors(client, block, endpoint):
    assert client.fragment(block, endpoint).status == 200


def test_a_fragment_reads_nothing_for_the_navigation(signed_in, make, observer):
    client = signed_in()
    client.get("dashboard.show")

    statements = []
    from sqlalchemy import event

    from provvypay.kit import db

    engine = db._factory._engines["web"]
    event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    client.open("GET", "/dashboard", target="dashboard_live")

    assert statements
    assert not [one for one in statements if "notifications" in one or "lookup_memberships" in one]
