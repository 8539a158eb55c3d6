"""The console page: everything the door does, with plain forms."""

import html5lib
import pytest

SPACE = "{http://www.w3.org/1999/xhtml}"


@pytest.fixture
def console(http, sandbox):
    """Read the console; parsing fails on invalid HTML."""

    def read():
        answer = http.get(f"{sandbox.url}/")
        assert answer.status_code == 200
        tree = html5lib.HTMLParser(strict=True).parse(answer.text)
        return tree, " ".join(" ".join(tree.itertext()).split())

    return read


@pytest.fixture
def press(http, sandbox):
    """Press a button of the console and return the answer."""

    def post(path, **form):
        return http.post(f"{sandbox.url}/console/{path}", data=form)

    return post


def test_an_empty_console_says_what_to_do(console):
    tree, text = console()

    assert "No session yet." in text
    assert "Nobody has paid yet." in text
    assert "No fault is on" in text
    assert [node for node in tree.iter() if node.get("style") or node.tag in (SPACE + "script", SPACE + "style")] == []


def test_every_button_of_the_page_leads_somewhere(console, session, pay, control, drain, http, sandbox):
    session()
    pay(session())
    pay(session(), card="4000002500003155", three_d_secure="leave")
    pay(session(allowed_payment_method_types=["us_bank_account"]), account_number="000123456789")
    charge = pay(session())["charge"]
    control(f"stripe/charges/{charge}/refunds", {"amount": 100})
    control(f"stripe/charges/{charge}/disputes", {"inquiry": True})
    control("faults", {"kind": "no_fee", "seconds": 1})
    control("rates", {"prices": {"tether": {"usd": "1"}}, "missing_coins": ["usd-coin"]})
    drain()

    tree, _ = console()
    forms = {form.get("action") for form in tree.iter(SPACE + "form")}

    assert len(forms) >= 24
    for action in forms:
        assert "There is no such button" not in http.post(f"{sandbox.url}{action}").text
    labels = {label.get("for") for label in tree.iter(SPACE + "label")}
    for field in [*tree.iter(SPACE + "input"), *tree.iter(SPACE + "select")]:
        assert field.get("type") == "hidden" or field.get("aria-label") or field.get("id") in labels


@pytest.mark.parametrize(
    ("outcome", "status", "charges"),
    [
        ("Pay", "complete", ["succeeded"]),
        ("Decline", "open", ["failed"]),
        ("No funds", "open", ["failed"]),
        ("3-D Secure", "complete", ["succeeded"]),
        ("3-D Secure fails", "open", []),
        ("Block", "open", ["failed"]),
    ],
)
def test_a_session_is_paid_with_every_outcome(press, session, client, control, outcome, status, charges):
    made = session()

    answer = press("sessions/pay", session=made.id, outcome=outcome)

    assert answer.status_code == 303
    assert answer.headers["Location"].endswith("#sessions")
    assert client.v1.checkout.sessions.retrieve(made.id).status == status
    assert [line["status"] for line in control("stripe/books")["charges"]] == charges


def test_sessions_expire_pass_3ds_and_settle(press, session, pay, client):
    ended, asked = session(), session()
    debit = session(allowed_payment_method_types=["us_bank_account"])
    pay(asked, card="4000002500003155", three_d_secure="leave")
    pay(debit, account_number="000123456789")

    press("sessions/expire", session=ended.id)
    press("sessions/challenge", session=asked.id, answer="complete")
    press("sessions/settle", session=debit.id, answer="arrives")

    def state(made):
        read = client.v1.checkout.sessions.retrieve(made.id)
        return read.status, read.payment_status

    assert [state(made) for made in (ended, asked, debit)] == [
        ("expired", "unpaid"),
        ("complete", "paid"),
        ("complete", "paid"),
    ]


def test_webhooks_are_held_released_and_sent_again(press, session, pay, drain, hook, control, console):
    press("webhooks/hold")
    pay(session())
    assert hook.received == []
    press("webhooks/release")
    drain()
    event = hook.events()[0].id
    assert "charge.updated" in console()[1]

    press("webhooks/again", event=event)

    assert hook.events()[-1].id == event
    press("webhooks/endpoint", url=hook.url + "/other", secret="whsec_other")
    assert "/other" in console()[1]
    assert press("webhooks/endpoint", url="http://example.com", secret="x").status_code == 422
    assert press("webhooks/redeliver").status_code == 303


def test_rates_are_moved(press, control):
    def tether():
        return control("rates")["prices"]["tether"]["usd"]

    press("rates/set", coin="tether", currency="usd", price="0.9")
    assert tether() == "0.9"
    press("rates/walk", coin="tether")
    press("rates/depeg", coin="tether", factor="0.5")
    assert tether().startswith(("0.49", "0.50"))
    press("rates/depeg", coin="tether", factor="")
    press("rates/missing", coin="tether", switch="on")
    press("rates/unpriced", coin="usd-coin", switch="on")
    press("rates/freeze", switch="on")
    switches = control("rates")["switches"]
    assert (switches["missing_coins"], switches["null_coins"], switches["depeg"]) == (["tether"], ["usd-coin"], {})
    assert switches["frozen_at"] is not None
    refused = press("rates/set", coin="tether", currency="usd", price="cheap")
    assert (refused.status_code, "cheap is not a number" in refused.text) == (422, True)


def test_faults_are_switched_on_and_off(press, control):
    press("faults/preset", preset="0")
    press("faults/add", vendor="stripe", kind="slow", pattern="/v1/*", remaining="2", options='{"seconds": 0.1}')
    faults = control("faults")["faults"]
    assert [(fault["kind"], fault["remaining"]) for fault in faults] == [("webhook_duplicate", None), ("slow", 2)]
    assert faults[1]["options"] == {"seconds": 0.1}

    press("faults/remove", fault=faults[0]["id"])
    assert len(control("faults")["faults"]) == 1
    press("faults/remove")
    assert control("faults")["faults"] == []
    for options in ("[1]", "nonsense", '{"colour": 1}'):
        assert press("faults/add", vendor="stripe", kind="slow", options=options).status_code == 422
    assert press("faults/preset", preset="99").status_code == 422


def test_every_preset_can_be_switched_on(press, control):
    number = 0
    while press("faults/preset", preset=str(number)).status_code == 303:
        number += 1

    assert number == len(control("faults")["faults"]) >= 15


def test_time_fees_and_settlement_are_changed(press, control, session, pay):
    control("stripe/settings", {"fee_delay_seconds": 3600})
    pay(session())
    press("books/settlement", currencies="AUD, nzd")
    press("books/fees")
    press("time/advance", seconds="60")

    assert list(control("stripe/books")["settled"]) == ["aud"]
    assert control("clock")["offset_seconds"] == 60
    press("time/advance", seconds="0")
    assert control("clock")["offset_seconds"] == 0
    press("time/reset")
    assert control("stripe/books")["charges"] == []


def test_a_button_that_is_not_there_or_lacks_its_thing_is_refused(press):
    assert press("sessions/dance").status_code == 404
    assert "session is missing" in press("sessions/pay", outcome="Pay").text
    assert press("sessions/expire", session="cs_test_nope").status_code == 404


def test_a_charge_is_refunded_and_disputed_by_its_buttons(press, session, pay, control, drain, console):
    paid = pay(session())["charge"]
    drain()

    assert press("books/refund", charge=paid, amount="549").status_code == 303
    refund = control("stripe/refunds")["refunds"][0]
    press("refunds/end", refund=refund["id"], status="failed")
    press("books/dispute", charge=paid, kind="inquiry")
    dispute = control("stripe/disputes")["disputes"][0]
    press("refunds/step", dispute=dispute["id"], step="escalate")
    press("refunds/step", dispute=dispute["id"], step="lost")

    assert (refund["amount"], control("stripe/refunds")["refunds"][0]["status"]) == (549, "failed")
    assert control("stripe/books")["disputes"][0]["status"] == "lost"
    assert "fraudulent lost USD 10.99" in console()[1]
    assert press("books/refund", charge=paid).status_code == 409


def test_every_way_to_pay_on_the_ledger_can_be_pressed(press, console, control, http, sandbox):
    typed = {"to": "0.0.1001", "asset": "USDC", "amount": "12.5", "memo": "PV-7K2M", "payer": "0.0.2001"}
    tree, _ = console()
    ways = [button.get("value") for button in tree.iter(SPACE + "button") if button.get("name") == "way"]

    answers = {way: press("ledger/pay", **typed, way=way) for way in ways}

    assert len(ways) >= 30
    failed = {way for way, answer in answers.items() if answer.headers["Location"] == "/?said=refused#ledger"}
    assert failed == {"Failed", "Failed, but shows transfers", "Failed AUDD"}
    assert {answer.status_code for answer in answers.values()} == {303}
    totals = control("mirror_node/credits?account=0.0.1001")["totals"]["0.0.1001"]
    assert set(totals) == {"HBAR", "0.0.429274", "0.0.5000101", "0.0.5000202", "0.0.5000666", "0.0.5000667"}
    press("ledger/pay", **typed, way="In a minute")
    _, text = console()
    assert "12.5 USDC to 0.0.1001" in text
    assert "not shown yet" in text
    (waiting,) = control("mirror_node/airdrops")["airdrops"]
    assert press("ledger/claim", airdrop=waiting["id"]).status_code == 303
    assert "Pending airdrop" not in console()[1]


def test_the_mirror_node_is_slowed_and_the_form_is_filled(press, console, control, http, sandbox):
    press("ledger/head", lag="120")
    press("ledger/network", network="mainnet")
    assert control("mirror_node/settings")["lag_seconds"] == 120
    press("ledger/head", lag="still")
    assert control("mirror_node/settings")["stalled"]
    press("ledger/requests")

    page = http.get(f"{sandbox.url}/?to=0.0.1002&asset=AUDD&amount=7&memo=PV-A%26B").text
    assert 'value="PV-A&amp;B"' in page
    assert "<option selected>AUDD" in page
    assert (
        press("ledger/pay", to="0.0.7777", asset="HBAR", amount="1", memo="", payer="0.0.2001", way="Pay").status_code
        == 404
    )
    assert 'value="0.0.7777"' in http.get(sandbox.url).text
