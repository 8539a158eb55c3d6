"""What people type becomes values, or a sentence beside the field; what they typed comes back."""

import datetime as dt

import pytest

from provvypay.errors import Invalid
from provvypay.web.forms import Fields

NOW = dt.datetime(2026, 11, 24, 3, 0, tzinfo=dt.UTC)


def test_text_is_trimmed_and_composed():
    fields = Fields({"name": "  Cafe\u0301 du Nord  "})

    assert fields.text("name", most=120) == "Café du Nord"
    assert fields.valid


@pytest.mark.parametrize("typed", ["a\x00b", "a\nb", "a\r\nBcc: x@y.z", "a\x1b[31m", "a\u202eb", "a\u2066b", "\ud800"])
def test_inj_09_characters_nobody_sees_are_refused(typed):
    fields = Fields({"name": typed})

    assert fields.text("name", "Enter a name.", most=120) == ""
    assert fields.errors == {"name": "Leave out line breaks and characters that cannot be seen."}


@pytest.mark.parametrize(
    "typed",
    [
        # as a whole value
        *("\u200b", "\u00ad", "\ufeff", "\ufffe", "\u200d", "\u200c", "\u2060", "\u3164", "\u2800", "\u034f", "\ufe0f"),
        *(" \u200b ", "\u200d\u200d", "\u0301", "\u180e"),
        # and hidden in one
        *(
            "Har\u200bbour",
            "Har\u00adbour",
            "\ufeffHarbour",
            "Harbour\ufffe",
            "Harbour\ufdd0",
            "a\U000e0041",
            "a\U0001ffff",
        ),
        *("Har\u200d bour", "\u200cHarbour", "Harbour\u200d", "a\u200d\u200db"),
    ],
    ids=ascii,
)
def test_inj_09_what_cannot_be_seen_is_no_name_and_no_part_of_one(typed):
    fields = Fields({"name": typed})

    assert fields.text("name", "Enter a name.", most=120) == ""
    assert fields.errors == {"name": "Leave out line breaks and characters that cannot be seen."}


def test_what_cannot_be_seen_does_not_come_back_for_people_to_find():
    assert Fields({"name": "Har\u200bbour\ufffe \u202ePine"}).state("name").values == {"name": "Harbour Pine"}


@pytest.mark.parametrize(
    "typed",
    ["می\u200cخواهم", "क्\u200dष", "❤\ufe0f", "a new picture: \U0001fae8", "no end\u00a0here", "\ue000"],
    ids=ascii,
)
def test_what_words_are_written_with_is_welcome(typed):
    assert Fields({"name": typed}).text("name", most=120) == typed


@pytest.mark.parametrize("typed", ["Ünïcödé", "日本", "שלום", "👩‍👩‍👧 bikes", "O’Brien & <Sons>"])
def test_the_words_of_the_world_are_welcome(typed):
    assert Fields({"name": typed}).text("name", most=120) == typed


def test_a_text_that_is_too_long_says_how_long_it_is():
    fields = Fields({"name": "x" * 121})

    fields.text("name", most=120)

    assert fields.errors == {"name": "Use at most 120 characters; these are 121."}


def test_the_first_sentence_of_a_field_stays():
    fields = Fields({})
    fields.refuse("name", "first")

    fields.take_in(Invalid({"name": "second", "other": "third"}))

    assert fields.errors == {"name": "first", "other": "third"}


def test_what_was_typed_comes_back_without_what_no_page_may_hold():
    state = Fields({"name": "a\x00b\nc", "password": "secret"}).state("name", summary="Wrong.")

    assert (state.values, state.summary) == ({"name": "abc"}, "Wrong.")


@pytest.mark.parametrize("typed", ["a@b.example", "Robin.Vale+links@shop.example", "x@kettle-crane.co.nz"])
def test_addresses_are_kept_as_typed(typed):
    assert Fields({"email": typed}).email("email") == typed


@pytest.mark.parametrize(
    "typed",
    ["a", "a@", "@b.c", "a b@c.example", "a@b", "a@b..example", "a@b.c\r\nBcc: d@e.f", "a" * 250 + "@b.example"],
)
def test_what_is_no_address_is_refused_with_an_example(typed):
    fields = Fields({"email": typed})

    assert fields.email("email", "Enter one.") == ""
    assert list(fields.errors) == ["email"]


@pytest.mark.parametrize("typed", ["", "-1", "1.0", "９", "1e3", "9" * 12, "NaN"])
def test_a_version_that_is_none_fits_no_row(typed):
    assert Fields({"version": typed}).version() == 0


def test_an_amount_is_read_in_its_currency():
    assert Fields({"amount": "1,240.00", "currency": "AUD"}).amount() == (124000, "AUD")
    assert Fields({"amount": "1240", "currency": "JPY"}).amount() == (1240, "JPY")


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"amount": "1", "currency": "XXX"}, "currency"),
        ({"amount": "1"}, "currency"),
        ({"amount": "1e3", "currency": "AUD"}, "amount"),
        ({"amount": "NaN", "currency": "AUD"}, "amount"),
        ({"amount": "-0", "currency": "AUD"}, "amount"),
        ({"amount": "0.001", "currency": "AUD"}, "amount"),
        ({"amount": "９", "currency": "AUD"}, "amount"),
        ({"amount": "99999999999999999999", "currency": "AUD"}, "amount"),
    ],
)
def test_inj_11_what_is_no_amount_is_refused_at_its_field(sent, field):
    fields = Fields(sent)

    assert fields.amount() == (0, "")
    assert list(fields.errors) == [field]


def test_an_empty_form_names_amount_and_currency_at_once():
    fields = Fields({})
    fields.amount()
    assert fields.errors == {
        "currency": "Choose one of the currencies in the list.",
        "amount": "Enter an amount.",
    }

    fields = Fields({"amount": "1e3", "currency": "XXX"})
    fields.amount()
    assert fields.errors["amount"] == "Enter the amount in figures, like 1,240.00."


@pytest.mark.parametrize(
    ("expiry", "until"),
    [
        ("1h", NOW + dt.timedelta(hours=1)),
        ("1d", NOW + dt.timedelta(days=1)),
        ("7d", NOW + dt.timedelta(days=7)),
        ("30d", NOW + dt.timedelta(days=30)),
        ("never", None),
    ],
)
def test_an_expiry_counts_from_now(expiry, until):
    assert Fields({"expiry": expiry}).expiry("Australia/Sydney", NOW) == until


@pytest.mark.parametrize(
    ("zone", "typed", "instant"),
    [
        ("Australia/Sydney", "2026-12-24T18:00", dt.datetime(2026, 12, 24, 7, 0, tzinfo=dt.UTC)),
        ("America/New_York", "2026-12-24T18:00:30", dt.datetime(2026, 12, 24, 23, 0, 30, tzinfo=dt.UTC)),
        # the hour that comes twice when the clocks go back means its first time
        ("Europe/Berlin", "2026-10-25T02:30", dt.datetime(2026, 10, 25, 0, 30, tzinfo=dt.UTC)),
        ("Asia/Kathmandu", "2027-01-01T00:00", dt.datetime(2026, 12, 31, 18, 15, tzinfo=dt.UTC)),
    ],
)
def test_biz_05_a_day_and_hour_are_meant_in_the_organizations_zone(zone, typed, instant):
    assert Fields({"expiry": "custom", "expires_at": typed}).expiry(zone, NOW) == instant


@pytest.mark.parametrize(
    ("zone", "typed"), [("Europe/Berlin", "2027-03-28T02:30"), ("Australia/Sydney", "2026-10-04T02:00")]
)
def test_biz_05_an_hour_the_clocks_leave_out_is_refused(zone, typed):
    fields = Fields({"expiry": "custom", "expires_at": typed})

    assert fields.expiry(zone, NOW) is None
    assert "no such hour" in fields.errors["expires_at"]


@pytest.mark.parametrize(
    "typed",
    ["", "tomorrow", "2026-13-01T00:00", "2026-12-24", "２026-12-24T18:00", "10000-01-01T00:00", "2026-12-24T18:00Z"],
)
def test_biz_05_what_is_no_day_and_hour_is_refused_with_an_example(typed):
    fields = Fields({"expiry": "custom", "expires_at": typed})

    assert fields.expiry("Pacific/Kiritimati", NOW) is None
    assert fields.errors == {"expires_at": "Enter a day and an hour, like 2026-12-24T18:00."}


def test_an_unknown_expiry_is_refused():
    fields = Fields({"expiry": "1y"})

    assert fields.expiry("UTC", NOW) is None
    assert list(fields.errors) == ["expiry"]
