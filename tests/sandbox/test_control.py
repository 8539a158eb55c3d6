"""The control door itself: health, clock, reset, settings, and what it refuses."""

import time

import pytest


def test_health(control):
    assert control("health")["status"] == "ok"


def test_the_clock_can_be_moved_and_put_back(control, session):
    moved = control("clock", {"advance_seconds": 600})
    assert moved["offset_seconds"] == 600
    assert moved["now"] - time.time() == pytest.approx(600, abs=3)
    assert session().created - time.time() == pytest.approx(600, abs=3)

    assert control("clock", {"advance_seconds": -100})["offset_seconds"] == 500
    assert control("clock", {"offset_seconds": 0})["offset_seconds"] == 0


def test_a_reset_forgets_everything_but_where_webhooks_go(control, session, pay, drain, client, hook):
    pay(session())
    drain()
    control("faults", {"kind": "error", "pattern": "/nothing"})
    control("clock", {"advance_seconds": 60})
    control("rates", {"prices": {"tether": {"usd": "2"}}})
    client.v1.webhook_endpoints.create(params={"url": hook.url, "enabled_events": ["*"]})
    hook.received.clear()

    control("reset", {})

    assert client.v1.checkout.sessions.list().data == client.v1.events.list().data == []
    assert control("faults")["faults"] == []
    assert control("clock")["offset_seconds"] == 0
    assert control("rates")["switches"]["prices"] == {}
    assert control("stripe/deliveries") == {"held": False, "deliveries": []}
    assert control("stripe/books")["charges"] == []
    pay(session())
    drain()
    assert len(hook.types()) == 5


def test_settings_are_shown_and_changed(control, client):
    control("stripe/settings", {"country": "NZ", "default_currency": "nzd"})

    account = client.v1.accounts.retrieve_current()
    assert (account.country, account.default_currency, account.charges_enabled) == ("NZ", "nzd", True)
    assert control("stripe/settings")["country"] == "NZ"


@pytest.mark.parametrize(
    "settings",
    [
        {"fee_delay_seconds": -1},
        {"fee_delay_seconds": "soon"},
        {"retry_schedule_seconds": [1, "x"]},
        {"settlement_currencies": ["zzz"]},
        {"exchange_rates": {"usd": 1.5}},
        {"country": "Australia"},
        {"default_currency": "zzz"},
        {"colour": "red"},
    ],
)
def test_a_setting_that_makes_no_sense_changes_nothing(control, settings):
    before = control("stripe/settings")

    assert control("stripe/settings", settings, status=422)["error"]
    assert control("stripe/settings") == before


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("nothing", None, 404),
        ("stripe/sessions/cs_test_nope/pay", {}, 404),
        ("stripe/sessions/cs_test_nope/expire", {}, 404),
        ("stripe/events/evt_nope/deliver", {}, 404),
        ("stripe/deliveries/send", {"event_ids": ["evt_nope"]}, 404),
        ("stripe/deliveries/send", {"event_ids": "evt_nope"}, 422),
        ("stripe/deliveries/drain", {"timeout_seconds": "long"}, 422),
        ("stripe/deliveries/drain", {"fees": 1}, 422),
        ("stripe/events", {"type": "x"}, 422),
        ("stripe/events", {"object": {}}, 422),
        ("stripe/webhook-endpoint", {"url": 5, "secret": "x"}, 422),
        ("clock", {"hours": 1}, 422),
        ("clock", {"advance_seconds": True}, 422),
        ("clock", [1], 415),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(control, path, body, status):
    assert control(path, body, status=status)["error"]


def test_a_body_that_is_not_json_is_refused(sandbox, http):
    answer = http.post(f"{sandbox.url}/_control/clock", content="advance_seconds=5")

    assert answer.status_code == 415
    assert "Content-Type: application/json" in answer.json()["error"]


def test_events_are_sent_again_only_so_often_and_in_known_ways(control, session, client, drain):
    client.v1.checkout.sessions.expire(session().id)
    event = drain()[0]["event"]

    control(f"stripe/events/{event}/deliver", {"times": 51}, status=422)
    control(f"stripe/events/{event}/deliver", {"signature": "nice"}, status=422)


def test_a_session_is_paid_with_known_options_only(session, pay, control):
    made = session()

    pay(made, status=422, tip=5)
    pay(made, status=422, three_d_secure="maybe")
    control(f"stripe/sessions/{made.id}/authentication", {}, status=409)
    pay(made, wait=True)
    assert pay(made, status=409)["outcome"] == "closed"
    assert control(f"stripe/sessions/{made.id}/expire", {}, status=409)["error"] == "This session is complete"


def test_a_session_can_expire_by_hand(session, control, client):
    made = session()

    control(f"stripe/sessions/{made.id}/expire", {})

    assert client.v1.checkout.sessions.retrieve(made.id).status == "expired"
    assert [row["status"] for row in control("stripe/sessions")["sessions"]] == ["expired"]
