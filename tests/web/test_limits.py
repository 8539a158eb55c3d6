"""RAT: bursts are refused in plain words, nobody gets around it, and nobody else is locked out by it."""

from __future__ import annotations

import secrets
import socket
import time

import pytest

from provvypay.domain.short_codes import ALPHABET, LENGTH
from provvypay.domain.statuses import LinkStatus
from provvypay.flows import live
from provvypay.kit import cache, limiter
from provvypay.models.payment import CheckoutSession
from provvypay.web import limits
from tests.house import documents
from tests.house.routes import routes
from tests.web.access import ACCESS, SIGN_IN


@pytest.fixture(autouse=True)
def everybody_begins_anew(app):
    """What earlier tests did together shall not stand in this one's way."""
    names = list(cache.connection().scan_iter("limit:pay.misses:*"))
    if names:
        cache.connection().delete(*names)


@pytest.fixture
def without_redis(app, settings):
    cache.configure("redis://127.0.0.1:1/0")
    yield
    cache.configure(settings.redis_url)


@pytest.fixture
def link(make, sandbox):
    return make.link()


def code():
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def use_up(limit, *subject):
    """Let a subject have done all it may."""
    for _ in range(limit.most):
        limiter.ask(limiter.Ask(limit, limiter.subject_of(*subject)))


# ---------------------------------------------------------------- every public route


def test_rat_01_the_table_in_the_code_is_the_one_in_the_reference():
    page = documents.read("reference/limits.md")
    table, not_counted = (list(rows)[1:] for rows in list(documents.tables(page))[:2])

    assert [tuple(row[:5]) for row in table] == [
        (one.name, str(one.most), str(one.seconds), str(one.first_wait or ""), str(one.longest_wait or ""))
        for one in limits.LIMITS
    ]
    assert {row[0]: row[1] for row in not_counted} == limits.NOT_COUNTED


def test_rat_01_every_public_route_is_counted_or_says_why_not(app):
    public = {
        endpoint
        for method, address, endpoint, _ in ((cell.strip("`") for cell in row) for row in routes(app))
        if ACCESS[f"{method} {address}"].visitor != SIGN_IN or endpoint in {"pay.card", "pay.card_return"}
    }

    itself = {endpoint for endpoint in public if endpoint.startswith("pay.")}

    assert public - itself - set(limits.BY_ENDPOINT) - set(limits.NOT_COUNTED) == set()
    assert set(limits.BY_ENDPOINT) <= public


@pytest.mark.parametrize("path", ["/", "/privacy", "/terms", "/login", "/signup"])
def test_rat_01_a_burst_on_a_public_page_is_refused_in_plain_words(client, path):
    use_up(limits.PUBLIC_READ, client.ip)

    page = client.open("GET", path)

    assert page.status == 429
    assert 0 < int(page.headers["Retry-After"]) <= 120
    assert "Too many tries" in page.text
    assert "Try again in" in page.text
    assert page.all("a", href=path)


@pytest.mark.parametrize("path", ["/login", "/signup"])
def test_rat_01_a_burst_of_forms_is_refused_before_they_are_looked_at(client, path):
    use_up(limits.PUBLIC_FORM, client.ip)

    page = client.open("POST", path, data={"csrf_token": client.token()})

    assert page.status == 429
    assert page.headers["RateLimit-Policy"] == '"public.form";q=60;w=60'
    assert page.headers["RateLimit"].startswith('"public.form";r=0;t=')


def test_rat_01_a_burst_on_the_pay_page_is_refused_and_a_poll_gets_an_alert(client, link):
    use_up(limits.PAY_READ, client.ip)

    page = client.get("pay.show", short_code=link.short_code)
    poll = client.open("GET", f"/p/{link.short_code}", target="payment_status")

    assert page.status == poll.status == 429
    assert "Many pages were asked for from your network. Try again in" in page.text
    assert poll.source.lstrip().startswith("<div")
    assert "Retry-After" in poll.headers
    assert client.open("GET", f"/p/{link.short_code}/qr.svg").status == 429


def test_a_form_says_how_often_more(client, link):
    answer = client.post("pay.card", short_code=link.short_code)

    assert answer.status == 303
    assert answer.headers["RateLimit"] == '"checkout.visitor";r=4;t=60'


# ---------------------------------------------------------------- addresses


def test_rat_02_rotating_the_forwarded_address_gets_nobody_around_it(client):
    use_up(limits.PUBLIC_READ, client.ip)

    answers = {
        client.open("GET", "/terms", headers={"X-Forwarded-For": f"203.0.113.{n}, 10.0.0.{n}"}).status for n in range(5)
    }

    assert answers == {429}


@pytest.mark.parametrize(
    ("given", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("<script>", "unknown"),
        ("", "unknown"),
    ],
)
def test_an_ipv6_household_is_one(app, given, counted):
    with app.test_request_context(environ_overrides={"REMOTE_ADDR": given}):
        assert limits.address() == counted


def test_no_address_and_no_code_stand_in_redis(client, link):
    nobodys = code()
    client.open("GET", f"/p/{nobodys}")
    client.post("pay.card", short_code=link.short_code)

    names = " ".join(key.decode() for key in cache.connection().keys("limit:*"))

    assert not any(word in names for word in (client.ip, nobodys, link.short_code))


# ---------------------------------------------------------------- guessing codes


def test_rat_05_who_guesses_waits_and_the_wait_grows(client):
    answers = [client.open("GET", f"/p/{code()}").status for _ in range(limits.PAY_MISS.most + 5)]

    assert set(answers[: limits.PAY_MISS.most]) == {404}
    assert set(answers[limits.PAY_MISS.most :]) == {429}
    assert int(client.open("GET", f"/p/{code()}").headers["Retry-After"]) <= limits.PAY_MISS.first_wait


def test_rat_05_a_customer_behind_the_same_address_still_gets_to_the_page(client, link):
    use_up(limits.PAY_MISS, client.ip)
    assert client.open("GET", f"/p/{code()}").status == 429

    assert client.get("pay.show", short_code=link.short_code).status == 200


def test_rat_05_a_guesser_looks_up_few_codes_and_finds_none_faster_by_a_hit(client, link):
    use_up(limits.PAY_MISS, client.ip)
    client.open("GET", f"/p/{code()}")

    answers = [client.get("pay.show", short_code=link.short_code).status for _ in range(limits.PAY_GUESS.most + 5)]

    assert answers.count(200) <= limits.PAY_GUESS.most
    assert answers[-1] == 429


def test_rat_05_an_open_page_goes_on_while_somebody_guesses_behind_its_address(client, link):
    page = client.get("pay.show", short_code=link.short_code)
    path = page.element("payment_status").get("hx-get").replace(".2&", ".10&")
    use_up(limits.PAY_MISS, client.ip)
    client.open("GET", f"/p/{code()}")
    use_up(limits.PAY_GUESS, client.ip)

    assert live.face_token(link.short_code)
    assert client.open("GET", path, target="payment_status").status == 200
    assert client.get("pay.show", short_code=link.short_code).status == 429


def test_rat_05_many_who_guess_together_are_slowed_down(new_client, link):
    for _ in range(limits.PAY_MISSES.most):
        limiter.ask(limiter.Ask(limits.PAY_MISSES, limits._EVERYBODY))
    limiter.ask(limiter.Ask(limits.PAY_MISSES, limits._EVERYBODY))
    visitor = new_client()

    assert visitor.get("pay.show", short_code=link.short_code).status == 200
    use_up(limits.PAY_GUESS, visitor.ip)
    assert visitor.get("pay.show", short_code=link.short_code).status == 429
    assert new_client().get("pay.show", short_code=link.short_code).status == 200


def test_rat_05_a_draft_and_a_code_nobody_has_count_alike(make, client):
    draft = make.link(status=LinkStatus.DRAFT)

    answers = [client.get("pay.show", short_code=draft.short_code).status for _ in range(limits.PAY_MISS.most + 1)]

    assert answers[-2:] == [404, 429]


# ---------------------------------------------------------------- checkouts


def test_rat_06_fifty_ways_to_one_card_page_make_one_session(client, link, rows):
    begun = time.monotonic()
    answers = [client.post("pay.card", short_code=link.short_code) for _ in range(50)]
    took = time.monotonic() - begun

    statuses = [one.status for one in answers]
    assert statuses[:5] == [303] * 5
    assert set(statuses[5:]) <= {303, 429}
    # The window slides while we ask: now and then it lets one more through, and never more than its share.
    assert statuses.count(303) <= 6 + 5 * took / 60
    assert rows(CheckoutSession) == (1,)
    assert len({one.headers.get("Location") for one in answers[:5]}) == 1
    refused = answers[-1]
    assert "Nothing was charged" in refused.text
    assert "Wait a minute" in refused.text
    assert int(refused.headers["Retry-After"]) > 0


def test_rat_06_one_address_opens_no_more_than_so_many_card_pages(client, make, sandbox):
    links = [make.link() for _ in range(3)]
    use_up(limits.CHECKOUT_ADDRESS, client.ip)

    assert {client.post("pay.card", short_code=one.short_code).status for one in links} == {429}


def test_rat_06_a_link_takes_customers_from_many_networks(new_client, link):
    answers = {new_client().post("pay.card", short_code=link.short_code).status for _ in range(12)}

    assert answers == {303}


# ---------------------------------------------------------------- without Redis, and when the limiter fails


def test_rat_03_without_redis_each_process_counts_by_itself(client, link, without_redis):
    answers = [client.post("pay.card", short_code=link.short_code).status for _ in range(7)]

    assert answers == [303] * 5 + [429] * 2


def test_rat_03_without_redis_pages_are_read(client, link, without_redis):
    assert client.get("pay.show", short_code=link.short_code).status == 200
    assert client.open("GET", "/login").status == 200


def test_log_04_when_the_limiter_fails_reading_goes_on_and_money_does_not(client, link, monkeypatch, rows):
    def fail(*_questions):
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(limiter, "ask_and_get", fail)

    assert client.get("pay.show", short_code=link.short_code).status == 200
    assert client.open("GET", "/login").status == 200
    assert client.post("pay.card", short_code=link.short_code).status == 503
    assert client.open("POST", "/login", data={"csrf_token": client.token()}).status == 503
    assert rows(CheckoutSession) == (0,)


def test_f_47_with_a_slow_redis_a_pay_page_waits_once_and_shortly(client, link, settings):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cache.configure(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        try:
            took = []
            for _ in range(6):
                started = time.monotonic()
                assert client.get("pay.show", short_code=link.short_code).status == 200
                took.append(time.monotonic() - started)
        finally:
            cache.configure(settings.redis_url)

    assert max(took) < 0.3 + cache.TIMEOUT_SECONDS
    assert sorted(took)[3] < 0.15
