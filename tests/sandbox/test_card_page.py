"""The hosted card page, as a browser without scripts uses it."""

import html5lib
import pytest

GOOD = {
    "email": "payer@example.com",
    "card": "4242 4242 4242 4242",
    "expiry": "12 / 34",
    "cvc": "123",
    "name": "A Payer",
}
SPACE = "{http://www.w3.org/1999/xhtml}"


class Page:
    """A parsed answer; parsing itself fails on invalid HTML."""

    def __init__(self, answer):
        self.status = answer.status_code
        self.headers = answer.headers
        self.tree = html5lib.HTMLParser(strict=True).parse(answer.text)
        self.text = " ".join(" ".join(self.tree.itertext()).split())

    def all(self, tag):
        return list(self.tree.iter(SPACE + tag))

    def one(self, tag, **attributes):
        found = [node for node in self.all(tag) if all(node.get(name) == value for name, value in attributes.items())]
        assert len(found) == 1, (tag, attributes, len(found))
        return found[0]

    @property
    def title(self):
        return self.one("title").text


@pytest.fixture
def visit(http):
    def get(address):
        return Page(http.get(address))

    return get


@pytest.fixture
def submit(http, session):
    """Submit the card form and return the raw answer."""

    def post(made=None, **typed):
        return http.post((made or session()).url, data={**GOOD, **typed})

    return post


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        (124000, "aud", "AUD 1,240.00"),
        (1099, "usd", "USD 10.99"),
        (5000, "jpy", "JPY 5,000"),
        (1230, "kwd", "KWD 1.230"),
    ],
)
def test_the_page_says_what_is_paid(visit, session, amount, currency, shown):
    page = visit(session(amount, currency).url)

    assert (page.status, page.title) == (200, f"Pay {shown} · Sandbox checkout")
    assert "Sandbox checkout: no real money" in page.text
    assert "Oak bench, 1.8 m: deposit" in page.text
    assert "Reference AB2C" in page.text
    assert page.one("button", type="submit").text == f"Pay {shown}"
    assert [link.get("href") for link in page.all("a") if link.text == "Back to the merchant"] == [
        "http://127.0.0.1:9/p/AB2C"
    ]


def test_every_field_has_a_label_and_there_is_no_script_or_inline_style(visit, session):
    page = visit(session(allowed_payment_method_types=["card", "us_bank_account"]).url)

    labelled = {label.get("for") for label in page.all("label")}
    visible = [field for field in page.all("input") if field.get("type") != "hidden"]
    assert {field.get("id") for field in visible} <= labelled
    assert page.all("script") == page.all("style") == []
    assert [node for node in page.tree.iter() if node.get("style")] == []
    assert [form.get("method") for form in page.all("form")] == ["post", "post"]
    assert page.tree.get("lang") == "en"


def test_the_policy_lets_the_form_lead_to_the_merchant_and_nothing_else(visit, session):
    policy = visit(session().url).headers["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "form-action 'self' http://127.0.0.1:9" in policy
    assert "unsafe" not in policy


def test_the_customers_e_mail_is_filled_in(visit, session):
    page = visit(session(customer_email="known@example.com").url)

    assert page.one("input", id="email").get("value") == "known@example.com"


def test_a_test_card_can_be_filled_in_by_a_link(visit, session):
    made = session()
    links = [link.get("href") for link in visit(made.url).all("a") if (link.text or "").startswith("4242")]

    page = visit(made.url.split("/stripe")[0] + links[0])

    assert page.one("input", id="card").get("value") == "4242 4242 4242 4242"
    assert page.one("input", id="cvc").get("value") == "123"


def test_paying_leads_back_to_the_merchant_with_the_sessions_id(submit, session):
    made = session()

    answer = submit(made)

    assert answer.status_code == 303
    assert answer.headers["Location"] == f"http://127.0.0.1:9/p/AB2C/return?session_id={made.id}"


def test_a_decline_is_told_on_the_page_and_keeps_what_was_typed(submit, session):
    made = session()

    page = Page(submit(made, card="4000000000009995"))

    assert page.status == 402
    assert page.title.startswith("Error:")
    assert "Your card has insufficient funds." in page.text
    assert page.one("div", role="alert") is not None
    assert page.one("input", id="card").get("value") == "4000000000009995"
    assert page.one("input", id="name").get("value") == "A Payer"
    assert submit(made).status_code == 303


def test_what_is_typed_wrong_is_told_at_its_field(submit, session):
    page = Page(submit(session(), card="4242424242424241", cvc="1"))

    assert page.status == 422
    card = page.one("input", id="card")
    assert (card.get("aria-invalid"), card.get("autofocus")) == ("true", "")
    assert "card-error" in card.get("aria-describedby")
    assert page.one("p", id="card-error").text == "Your card number is invalid."
    assert page.one("input", id="cvc").get("autofocus") is None


def test_what_is_typed_is_shown_as_text_only(submit, session):
    nasty = '"><script>alert(1)</script>'

    page = Page(submit(session(), name=nasty, card="1"))

    assert page.all("script") == []
    assert page.one("input", id="name").get("value") == nasty


def test_three_d_secure_has_a_page_of_its_own(submit, session, visit, http, sandbox):
    made = session()
    answer = submit(made, card="4000002500003155")
    assert answer.headers["Location"] == f"/stripe/checkout/{made.id}/authentication"

    step = sandbox.url + answer.headers["Location"]
    page = visit(step)
    assert [button.text for button in page.all("button")] == ["Complete authentication", "Fail authentication"]

    failed = Page(http.post(step, data={"answer": "fail"}))
    assert (failed.status, "unable to authenticate" in failed.text) == (402, True)
    assert http.get(step).headers["Location"] == f"/stripe/checkout/{made.id}"
    submit(made, card="4000002500003155")
    assert http.post(step, data={"answer": "complete"}).headers["Location"].endswith(made.id)


def test_a_closed_session_shows_a_plain_page(submit, session, visit, client):
    paid, ended = session(), session()
    submit(paid)
    client.v1.checkout.sessions.expire(ended.id)

    for made, title, words in (
        (paid, "Already paid", "It cannot be paid a second time."),
        (ended, "Checkout expired", "Nothing was charged."),
    ):
        for page in (visit(made.url), Page(submit(made))):
            assert (page.status, page.title) == (410, f"{title} · Sandbox checkout")
            assert words in page.text
            assert page.all("form") == []


def test_a_bank_debit_can_be_chosen_where_it_is_allowed(http, session, client, control):
    made = session(allowed_payment_method_types=["card", "us_bank_account"])
    form = {"method": "us_bank_account", "email": "payer@example.com", "account_number": "000123456789"}

    refused = http.post(session().url, data=form)
    answer = http.post(made.url, data=form)

    assert "cannot be used here" in refused.text
    assert answer.status_code == 303
    assert client.v1.checkout.sessions.retrieve(made.id).payment_status == "unpaid"


def test_an_unknown_session_has_no_page(http, sandbox):
    assert http.get(f"{sandbox.url}/stripe/checkout/cs_test_nothing").status_code == 404


def test_no_card_number_leaves_the_page(submit, session, sandbox, http, control):
    submit(session())
    submit(session(), card="4000 0000 0000 0002")

    everything = http.get(f"{sandbox.url}/_control/stripe/events").text + http.get(f"{sandbox.url}/").text

    assert "4242424242424242" not in everything.replace(" ", "")
    assert "4000000000000002" not in everything.replace(" ", "")
