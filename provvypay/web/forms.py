"""Read what people typed: each field with its rule and its sentence, everything kept for the form that comes back."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from email_validator import EmailNotValidError, validate_email

from provvypay.domain.currencies import CURRENCIES
from provvypay.domain.money import AmountRefused, check_figures, parse_amount
from provvypay.errors import Invalid
from provvypay.kit.clock import UTC

# Zero width joiner and non-joiner: emoji, and words of Persian and of India's languages, are written with them.
_JOINERS = "\u200c\u200d"
_STRAY_JOINER = re.compile(rf"(?:^|[\s{_JOINERS}])[{_JOINERS}]|[{_JOINERS}](?:$|\s)")
# Letters and a symbol of which nothing is drawn: Hangul's fillers and the empty pattern of Braille.
_BLANK = set("\u115f\u1160\u3164\uffa0\u2800")
_LOCAL_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2})?")
_WHOLE = re.compile(r"[0-9]{1,9}")

EXPIRIES: dict[str, dt.timedelta | None] = {
    "1h": dt.timedelta(hours=1),
    "1d": dt.timedelta(days=1),
    "7d": dt.timedelta(days=7),
    "30d": dt.timedelta(days=30),
    "never": None,
}


@dataclass(slots=True)
class FormState:
    """What a form shows: the typed values, a sentence for each field that is wrong, and one for the whole."""

    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    summary: str | None = None


def _showable(typed: str) -> str:
    """Return what was typed without characters nobody sees, which nobody could take out by hand either."""
    return "".join(char for char in typed if not _is_hidden(char))


def _is_hidden(char: str) -> bool:
    """Say whether a character has no look of its own: it may hide in a text, or turn its reading direction around."""
    category = unicodedata.category(char)
    if category == "Cn":
        # Planes 1 to 3 get new letters and pictures every year, which this Python may not know yet.
        return ord(char) & 0xFFFE == 0xFFFE or not 0x10000 <= ord(char) < 0x40000
    return category in {"Cc", "Cs"} or (category == "Cf" and char not in _JOINERS)


def _is_visible(char: str) -> bool:
    """Say whether something is drawn for this character where it stands alone."""
    return unicodedata.category(char)[0] not in "MZ" and char not in _BLANK and char not in _JOINERS


class Fields:
    """One submitted form. Each method returns the value, or notes what is wrong and returns something harmless."""

    def __init__(self, sent: Mapping[str, str]) -> None:
        """Take what was sent; only what a method asks for is ever used."""
        self._sent = sent
        self.errors: dict[str, str] = {}

    @property
    def valid(self) -> bool:
        """Say whether nothing was wrong so far."""
        return not self.errors

    def refuse(self, name: str, sentence: str) -> None:
        """Note what is wrong with a field; the first sentence stays."""
        self.errors.setdefault(name, sentence)

    def check(self) -> None:
        """Refuse the form if anything was wrong so far.

        :raises Invalid: with what was wrong
        """
        if self.errors:
            raise Invalid(dict(self.errors))

    def take_in(self, error: Invalid) -> None:
        """Note what a service or flow found wrong."""
        for name, sentence in error.fields.items():
            self.refuse(name, sentence)

    def state(self, *names: str, summary: str | None = None) -> FormState:
        """Return the form as it comes back.

        :param names: the fields whose typed values are kept; passwords are not among them
        """
        return FormState({name: _showable(self.raw(name)) for name in names}, dict(self.errors), summary)

    def raw(self, name: str) -> str:
        """Return what was typed, as it was."""
        return self._sent.get(name, "")

    def text(self, name: str, missing: str | None = None, *, most: int) -> str:
        """Return a line of text without blanks around it.

        :param missing: the sentence for an empty field; None when it may be empty
        :param most: characters
        """
        value = unicodedata.normalize("NFC", self.raw(name)).strip()
        if not value:
            if missing is not None:
                self.refuse(name, missing)
            return ""
        if any(map(_is_hidden, value)) or _STRAY_JOINER.search(value) or not any(map(_is_visible, value)):
            self.refuse(name, "Leave out line breaks and characters that cannot be seen.")
            return ""
        if len(value) > most:
            self.refuse(name, f"Use at most {most} characters; these are {len(value)}.")
            return ""
        return value

    def email(self, name: str, missing: str | None = None) -> str:
        """Return an e-mail address as typed; its case is kept."""
        value = self.text(name, missing, most=254)
        if not value:
            return ""
        try:
            validate_email(value, check_deliverability=False, allow_smtputf8=False)
        except EmailNotValidError:
            self.refuse(name, "Enter an e-mail address, like name@example.com.")
            return ""
        return value

    def choice(self, name: str, choices: Collection[str], sentence: str) -> str:
        """Return one of the offered values."""
        value = self.raw(name)
        if value not in choices:
            self.refuse(name, sentence)
            return ""
        return value

    def version(self, name: str = "version") -> int:
        """Return the version a form was made from; 0 for anything else, which no row ever has."""
        value = self.raw(name)
        return int(value) if _WHOLE.fullmatch(value) else 0

    def amount(self, name: str = "amount", currency_name: str = "currency") -> tuple[int, str]:
        """Return an amount and its currency.

        :returns: minor units and the code; (0, "") when either is wrong
        """
        code = self.choice(currency_name, CURRENCIES, "Choose one of the currencies in the list.")
        try:
            if code:
                return parse_amount(self.raw(name), CURRENCIES[code]), code
            check_figures(self.raw(name))
        except AmountRefused as error:
            self.refuse(name, str(error))
        return 0, ""

    def expiry(
        self, zone: str, now: dt.datetime, name: str = "expiry", moment: str = "expires_at"
    ) -> dt.datetime | None:
        """Return until when a link can be paid, in UTC; None for no end.

        :param zone: the organization's, in which the chosen day and hour are meant
        """
        chosen = self.choice(name, (*EXPIRIES, "custom"), "Choose until when it can be paid.")
        if chosen != "custom":
            life = EXPIRIES.get(chosen)
            return now + life if life else None
        return self.local_time(moment, zone)

    def local_time(self, name: str, zone: str) -> dt.datetime | None:
        """Return a day and hour of a zone as an instant in UTC.

        An hour that the autumn repeats means its first time; one that the spring leaves out is refused.
        """
        typed = self.raw(name).strip()
        try:
            local = dt.datetime.fromisoformat(typed if _LOCAL_TIME.fullmatch(typed) else "")
            instant = local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
            back = instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        except (ValueError, OverflowError):
            self.refuse(name, "Enter a day and an hour, like 2026-12-24T18:00.")
            return None
        if back != local:
            self.refuse(name, "There is no such hour on that day: the clocks go forward. Choose another one.")
            return None
        return instant
