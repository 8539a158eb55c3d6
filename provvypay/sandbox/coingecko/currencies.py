"""The 76 units CoinGecko quotes in, with its names for them. Checked 2026-11-22.

Reference: https://docs.coingecko.com/reference/exchange-rates. Values stand in `provvypay.sandbox.fiat`, except
for metals and coins, whose values are invented here.
"""

from dataclasses import dataclass
from decimal import Decimal

from provvypay.sandbox.fiat import PER_DOLLAR

_FIAT = """
usd|US Dollar|$  aed|United Arab Emirates Dirham|DH  ars|Argentine Peso|$  aud|Australian Dollar|A$
bdt|Bangladeshi Taka|৳  bhd|Bahraini Dinar|BD  bmd|Bermudian Dollar|$  brl|Brazil Real|R$  cad|Canadian Dollar|CA$
chf|Swiss Franc|Fr.  clp|Chilean Peso|CLP$  cny|Chinese Yuan|¥  czk|Czech Koruna|Kč  dkk|Danish Krone|kr.  eur|Euro|€
gbp|British Pound Sterling|£  gel|Georgian Lari|₾  hkd|Hong Kong Dollar|HK$  huf|Hungarian Forint|Ft
idr|Indonesian Rupiah|Rp  ils|Israeli New Shekel|₪  inr|Indian Rupee|₹  jpy|Japanese Yen|¥  krw|South Korean Won|₩
kwd|Kuwaiti Dinar|KD  lkr|Sri Lankan Rupee|Rs  mmk|Burmese Kyat|K  mxn|Mexican Peso|MX$  myr|Malaysian Ringgit|RM
ngn|Nigerian Naira|₦  nok|Norwegian Krone|kr  nzd|New Zealand Dollar|NZ$  php|Philippine Peso|₱
pkr|Pakistani Rupee|₨  pln|Polish Zloty|zł  rub|Russian Ruble|₽  sar|Saudi Riyal|SR  sek|Swedish Krona|kr
sgd|Singapore Dollar|S$  thb|Thai Baht|฿  try|Turkish Lira|₺  twd|New Taiwan Dollar|NT$  uah|Ukrainian hryvnia|₴
vef|Venezuelan bolívar fuerte|Bs.F  vnd|Vietnamese đồng|₫  zar|South African Rand|R
xdr|IMF Special Drawing Rights|XDR  cop|Colombian Peso|$  kes|Kenyan Shilling|KSh  ron|Romanian Leu|lei
dop|Dominican Peso|RD$  crc|Costa Rican Colón|₡  hnl|Honduran Lempira|L  zmw|Zambian Kwacha|ZK
svc|Salvadoran Colón|₡  bam|Bosnia and Herzegovina Convertible Mark|KM  pen|Peruvian Sol|S/
gtq|Guatemalan Quetzal|Q  lbp|Lebanese Pound|ل.ل  amd|Armenian Dram|֏
"""
_OTHERS = """
btc|Bitcoin|BTC|crypto|0.0000131895  eth|Ether|ETH|crypto|0.000486113  ltc|Litecoin|LTC|crypto|0.0193497
bch|Bitcoin Cash|BCH|crypto|0.00290979  bnb|Binance Coin|BNB|crypto|0.00152988  eos|EOS|EOS|crypto|12.7536
xrp|XRP|XRP|crypto|0.753207  xlm|Lumens|XLM|crypto|6.80589  link|Chainlink|LINK|crypto|0.106457
dot|Polkadot|DOT|crypto|0.80184  yfi|Yearn.finance|YFI|crypto|0.000409719  sol|Solana|SOL|crypto|0.0120142
xag|Silver - Troy Ounce|XAG|commodity|0.0131251  xau|Gold - Troy Ounce|XAU|commodity|0.000222151
bits|Bits|μBTC|crypto|13.1895  sats|Satoshi|sats|crypto|1318.95
"""


@dataclass(frozen=True, slots=True)
class Unit:
    """Something prices are quoted in."""

    name: str
    sign: str
    kind: str
    per_dollar: Decimal


def _entries(text: str) -> list[list[str]]:
    return [entry.split("|") for line in text.strip().splitlines() for entry in line.split("  ")]


UNITS: dict[str, Unit] = {
    code: Unit(name, sign, kind, Decimal(value)) for code, name, sign, kind, value in _entries(_OTHERS)
} | {code: Unit(name, sign, "fiat", PER_DOLLAR[code]) for code, name, sign in _entries(_FIAT)}
