"""Connecting a company: the state, the tokens, the refresh under its lock, and every way a connection ends."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import text

from provvypay.domain.roles import Role
from provvypay.flows import xero_connect, xero_tokens
from provvypay.flows.xero_connect import BadState
from provvypay.integrations.xero_errors import XeroRefused, XeroUnavailable
from provvypay.kit import failpoints, sealing
from provvypay.kit.db import transaction
from provvypay.services.xero.connections import CompanyTaken
from tests.support.database import Observer, acting_as, together
from tests.xero.conftest import Books


def tokens_asked(books: Books) -> int:
    return int(books.sandbox.get("/xero/calls")["tokens"].get("refresh_token", 0))


def token(books: Books, **more: object) -> str:
    connection = books.connection
    assert connection.grant_id is not None
    return xero_tokens.access_token(books.organization_id, connection.grant_id, **more)  # type: ignore[arg-type]


def age(observer: Observer, books: Books, column: str, interval: str) -> None:
    observer.sql(
        f"UPDATE xero_grants SET {column} = clock_timestamp() - interval '{interval}' WHERE organization_id = :id",
        id=books.organization_id,
    )


def test_a_company_is_connected_and_its_tokens_are_stored_sealed(books: Books, observer: Observer):
    consent = books.connect()

    connection = books.connection
    row = observer.sql("SELECT * FROM xero_grants WHERE id = :id", id=consent.grant_id)[0]
    assert (connection.state, str(connection.tenant_id)) == ("CONNECTED", books.tenant)
    assert connection.chart["base_currency"] == "AUD"
    assert row.access_token.startswith(f"v1.{sealing.current_key()}.")
    assert token(books) not in str(row)
    assert books.sandbox.get("/xero/tenants")["tenants"]


def test_a_state_is_good_once_for_its_session_and_organization_and_for_ten_minutes(books: Books, observer: Observer):
    def finish(state: str, code: str, session_id: uuid.UUID = books.session_id) -> None:
        organization_id = books.organization_id
        xero_connect.finish(organization_id, session_id, state=state, code=code, actor=books.merchant.actor)

    state, code = books.consent()
    for wrong_state, wrong_session in ((state, uuid.uuid4()), ("made up", books.session_id)):
        with pytest.raises(BadState):
            finish(wrong_state, code, wrong_session)
    other = books.make.organization(name="Another")
    with pytest.raises(BadState):
        xero_connect.finish(other.organization_id, books.session_id, state=state, code=code, actor=other.actor)
    finish(state, code)
    with pytest.raises(BadState):
        finish(state, code)
    late, code = books.consent()
    observer.sql("ALTER TABLE xero_authorizations DISABLE TRIGGER frozen")
    observer.sql(
        "UPDATE xero_authorizations SET created_at = created_at - interval '1 hour',"
        " expires_at = clock_timestamp() - interval '1 second' WHERE used_at IS NULL"
    )
    observer.sql("ALTER TABLE xero_authorizations ENABLE TRIGGER frozen")
    with pytest.raises(BadState):
        finish(late, code)


def test_a_code_is_worth_nothing_without_the_state_it_was_made_for(books: Books):
    state, _ = books.consent()
    _, stolen = books.consent()

    with pytest.raises(BadState):
        xero_connect.finish(
            books.organization_id, books.session_id, state=state, code=stolen, actor=books.merchant.actor
        )


def test_case_96_eight_workers_that_need_a_token_make_one_refresh(connected: Books, observer: Observer):
    age(observer, connected, "expires_at", "1 minute")
    before = tokens_asked(connected)

    with acting_as("worker"):
        found = together(8, lambda _: token(connected))

    assert tokens_asked(connected) == before + 1
    assert len(set(found)) == 1
    assert isinstance(found[0], str)


def test_eight_workers_whose_token_was_called_too_old_make_one_refresh(connected: Books):
    old = token(connected)
    connected.sandbox.post("/xero/tokens/expire")
    before = tokens_asked(connected)

    found = together(8, lambda _: token(connected, refused=old))

    assert tokens_asked(connected) == before + 1
    assert len({old, *found}) == 2


@pytest.mark.parametrize("fault", [{"kind": "drop_after_commit"}, {"kind": "drop"}, {"kind": "error", "status": 503}])
def test_a_refresh_without_an_answer_changes_nothing_and_the_next_one_works(
    connected: Books, observer: Observer, fault: dict[str, object]
):
    age(observer, connected, "expires_at", "1 minute")
    connected.sandbox.fault(vendor="xero", pattern="/connect/token", remaining=1, **fault)

    with pytest.raises(XeroUnavailable):
        token(connected)

    assert token(connected)
    assert connected.connection.state == "CONNECTED"


def test_a_crash_between_xeros_answer_and_our_commit_is_survived_within_the_grace(connected: Books, observer: Observer):
    age(observer, connected, "expires_at", "1 minute")
    failpoints.arm("xero.refreshed=raise*1")
    try:
        with pytest.raises(failpoints.FailpointReached):
            token(connected)
    finally:
        failpoints.arm("")

    connected.sandbox.post("/clock", advance_seconds=20 * 60)
    assert token(connected)
    assert connected.connection.state == "CONNECTED"


def test_a_refused_refresh_asks_to_reconnect_once_and_the_consent_is_over(connected: Books, observer: Observer):
    age(observer, connected, "expires_at", "1 minute")
    connected.sandbox.post("/xero/tokens/revoke")

    for _ in range(3):
        with pytest.raises(XeroRefused, match="reconnect"):
            token(connected)

    assert connected.connection.state == "NEEDS_RECONNECT"
    assert connected.told("xero.needs_reconnect") == 1
    assert connected.sandbox.get("/xero/calls")["tokens"]["refresh_token:invalid_grant"] >= 1
    connected.connect()
    assert connected.connection.state == "CONNECTED"
    assert token(connected)


def test_tokens_that_no_key_opens_ask_to_reconnect_and_others_go_on(connected: Books, observer: Observer):
    observer.sql(
        "UPDATE xero_grants SET access_token = refresh_token WHERE organization_id = :id", id=connected.organization_id
    )

    with pytest.raises(XeroRefused, match="reconnect"):
        token(connected)

    assert connected.connection.state == "NEEDS_RECONNECT"


def test_quiet_merchants_are_kept_alive(connected: Books, observer: Observer):
    age(observer, connected, "refreshed_at", "31 days")
    before = tokens_asked(connected)

    with acting_as("worker"):
        kept = [xero_tokens.keep_alive() for _ in range(2)]

    assert kept[0] >= 1
    assert tokens_asked(connected) == before + kept[0]


def test_keys_are_rotated_and_what_was_sealed_before_opens_still(connected: Books, settings):
    opened, old = token(connected), settings.encryption_key
    try:
        sealing.configure(f"{'89abcdef' * 8},{old}")
        with acting_as("worker"):
            done, lost = xero_tokens.rotate_keys()
            assert xero_tokens.rotate_keys() == (0, lost)
        sealing.configure("89abcdef" * 8)
        assert done >= 1
        assert token(connected) == opened
    finally:
        sealing.configure(f"{old},{'89abcdef' * 8}")
        with acting_as("worker"):
            xero_tokens.rotate_keys()
        sealing.configure(old)


def test_case_97_another_company_is_only_connected_by_choice(connected: Books, new_company):
    first, second = connected.connection, new_company()

    consent = connected.connect(second)

    assert consent.needs_choice
    assert connected.connection.id == first.id
    xero_connect.choose(connected.organization_id, consent.grant_id, uuid.UUID(second), actor=connected.merchant.actor)
    now = connected.connection
    assert (str(now.tenant_id), now.id == first.id, dict(now.mapping)) == (second, False, {})
    tenants = {row["tenant_id"]: row["connected"] for row in connected.sandbox.get("/xero/tenants")["tenants"]}
    assert (tenants[connected.tenant], tenants[second]) == (False, True)


def test_the_same_company_connected_again_takes_its_row_up(connected: Books):
    first = connected.connection

    assert xero_connect.disconnect(connected.organization_id, actor=connected.merchant.actor)
    with transaction(connected.organization_id) as session:
        kept = session.execute(text("SELECT state, access_token FROM xero_grants")).all()
    assert [tuple(row) for row in kept] == [("ENDED", "")]
    connected.connect()

    assert connected.connection.id == first.id
    assert connected.connection.state == "CONNECTED"


def test_a_company_of_another_organization_is_refused(connected: Books, make):
    other = make.organization(name="Another")
    thief = Books(make, other, connected.sandbox, connected.tenant, uuid.uuid4())

    with pytest.raises(CompanyTaken):
        thief.connect()

    assert connected.connection.state == "CONNECTED"


def test_the_pages_connect_choose_and_disconnect(books: Books, signed_in, app_url: str):
    browser = signed_in(Role.OWNER)
    sent = browser.get("xero.show").form("connect_form").submit()
    assert sent.headers["Location"].startswith(f"{books.sandbox.url}/xero/identity/connect/authorize?")
    consent = sent.headers["Location"]
    from urllib.parse import parse_qs, urlsplit

    asked = {name: values[0] for name, values in parse_qs(urlsplit(consent).query).items()}
    code = books.sandbox.post(
        "/xero/consent", tenant_id=books.tenant, redirect_uri=asked["redirect_uri"], scope=asked["scope"],
        code_challenge=asked["code_challenge"],
    )["code"]  # fmt: skip
    back = {"code": code, "state": asked["state"]}
    elsewhere = app_url.replace("127.0.0.1", "localhost")
    onward = browser.open("GET", f"/xero/callback?code={code}&state={asked['state']}", base_url=elsewhere)
    assert onward.element("onward").get("href", "").startswith(f"{app_url}/xero/callback?")

    stranger = signed_in(Role.ADMIN).get("xero.callback", **back)
    landed = browser.get("xero.callback", **back)

    assert (stranger.status, landed.status, landed.location) == (400, 303, "/settings/xero")
    assert "Connected" in browser.get("xero.show").text
    assert browser.get("xero.disconnection").form("disconnect_form").submit().status == 303
    assert "Disconnected" in browser.get("xero.show").text
