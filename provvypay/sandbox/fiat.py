"""Fiat currencies the sandbox knows: decimals as Stripe counts them, and a rough value in dollars.

The values are the sandbox's own invention of late 2026, only there to make believable rates; nothing but the
sandbox may use them. Sources of the decimals: https://docs.stripe.com/currencies, checked 2026-11-22.
"""

from decimal import ROUND_HALF_UP, Decimal

ZERO_DECIMAL = frozenset("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split())
THREE_DECIMAL = frozenset("bhd jod kwd omr tnd".split())
SENT_AS_HUNDREDS = frozenset({"isk", "ugx"})
"""Shown without decimals but sent times a hundred, so the amount must end in 00."""

PER_DOLLAR: dict[str, Decimal] = {
    code: Decimal(value)
    for code, value in {
        "usd": "1", "aed": "3.6725", "amd": "383.5", "ars": "1415", "aud": "1.5344", "bam": "1.684", "bdt": "122.1",
        "bgn": "1.684", "bhd": "0.3769", "bif": "2950", "bmd": "1", "brl": "5.34", "cad": "1.402", "chf": "0.8052",
        "clp": "934", "cny": "7.108", "cop": "3790", "crc": "501", "czk": "20.86", "djf": "177.7", "dkk": "6.43",
        "dop": "63.4", "eur": "0.8611", "gbp": "0.7602", "gel": "2.7", "gnf": "8680", "gtq": "7.66", "hkd": "7.784",
        "hnl": "26.3", "huf": "329.4", "idr": "16680", "ils": "3.28", "inr": "89.1", "isk": "127.2", "jod": "0.709",
        "jpy": "156.3", "kes": "129.4", "kmf": "424", "krw": "1468", "kwd": "0.307", "lbp": "89500", "lkr": "308",
        "mga": "4470", "mmk": "2099", "mxn": "18.4", "myr": "4.14", "ngn": "1450", "nok": "10.19", "nzd": "1.779",
        "omr": "0.3845", "pen": "3.37", "php": "58.8", "pkr": "281", "pln": "3.65", "pyg": "7040", "ron": "4.38",
        "rub": "78.9", "rwf": "1454", "sar": "3.75", "sek": "9.5", "sgd": "1.304", "svc": "8.75", "thb": "32.4",
        "tnd": "2.95", "try": "42.4", "twd": "31.3", "uah": "42.2", "ugx": "3600", "vef": "0.1001", "vnd": "26350",
        "vuv": "121", "xaf": "565", "xdr": "0.735", "xof": "565", "xpf": "102.8", "zar": "17.3", "zmw": "22.8",
    }.items()
}  # fmt: skip
SYMBOLS = {"usd": "$", "aud": "A$", "cad": "CA$", "nzd": "NZ$", "eur": "€", "gbp": "£", "jpy": "¥", "inr": "₹"}


def decimals(currency: str) -> int:
    """Return how many decimals an amount of this currency has on Stripe's wire."""
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


def major(amount_minor: int, currency: str) -> Decimal:
    """Return an amount of minor units as whole units with all their decimals."""
    return Decimal(amount_minor).scaleb(-decimals(currency))


def formatted(amount_minor: int, currency: str) -> str:
    """Return an amount as people read it, such as "AUD 1,240.00"."""
    return f"{currency.upper()} {major(amount_minor, currency):,}"


def rate(source: str, target: str) -> Decimal:
    """Return target units per one source unit."""
    return (PER_DOLLAR[target] / PER_DOLLAR[source]).quantize(Decimal("0.000001"))


def convert(amount_minor: int, source: str, target: str, units_per_unit: Decimal) -> int:
    """Return the target's minor units for an amount of the source's, rounded half up."""
    value = major(amount_minor, source) * units_per_unit
    return int(value.scaleb(decimals(target)).quantize(Decimal(1), ROUND_HALF_UP))
