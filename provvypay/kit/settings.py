"""Settings from the environment: read once, checked once, with errors that name the setting.

This is the only place that reads the environment (`tests/test_house.py` sees to it).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from provvypay.kit.setting_reader import Reader

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_GECKO_HOSTS = {"demo": "api.coingecko.com", "pro": "pro-api.coingecko.com"}


class SettingsError(Exception):
    """The process cannot start; each line names a setting and says what it needs."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a process. Every field stands in `docs/reference/settings.md`."""

    environment: str
    """PROVVYPAY_ENV: development, test or production"""
    database_url: str
    """DATABASE_URL: PostgreSQL 15 or newer, signed in as a role that owns nothing (`provvypay_web`)"""
    database_worker_url: str
    """DATABASE_WORKER_URL: the same database as `provvypay_worker`; default DATABASE_URL"""
    database_owner_url: str
    """DATABASE_OWNER_URL: the same database as `provvypay_owner`, for migrations; default DATABASE_URL"""
    database_pool_size: int
    """DATABASE_POOL_SIZE: connections per process; processes × pool must stay below the budget"""
    redis_url: str
    """REDIS_URL: Redis or Valkey, version 7 or newer"""
    secret_key: str
    """SECRET_KEY: at least 32 characters; signs the cookie"""
    encryption_key: str | None
    """ENCRYPTION_KEY: 32 bytes in hex; several, newest first, parted by commas; seals what vendors gave us"""
    public_base_url: str
    """PUBLIC_BASE_URL: scheme and host under which people reach us, no trailing slash"""
    stripe_secret_key: str | None
    """STRIPE_SECRET_KEY: sk_test_… or sk_live_… (rk_ works too); without it cards are off"""
    stripe_webhook_secret: str | None
    """STRIPE_WEBHOOK_SECRET: whsec_… of our endpoint"""
    stripe_api_base: str
    """STRIPE_API_BASE: no trailing slash"""
    stripe_checkout_origin: str
    """STRIPE_CHECKOUT_ORIGIN: where Checkout's hosted page lives, for the content policy"""
    stripe_payment_methods: tuple[str, ...]
    """STRIPE_PAYMENT_METHODS: Stripe's names of what Checkout may offer, parted by commas; default card"""
    coingecko_api_key: str | None
    """COINGECKO_API_KEY"""
    coingecko_api_base: str
    """COINGECKO_API_BASE: no trailing slash"""
    coingecko_plan: str
    """COINGECKO_PLAN: demo (one call in 5 minutes) or pro (one a minute)"""
    hedera_network: str
    """HEDERA_NETWORK: testnet or mainnet"""
    hedera_mirror_node_url: str
    """HEDERA_MIRROR_NODE_URL: no trailing slash, without /api/v1; default: Hedera's own of the network"""
    hedera_mirror_node_headers: tuple[tuple[str, str], ...] | None
    """HEDERA_MIRROR_NODE_HEADERS: what a paid provider wants in each request, `name: value`, parted by semicolons"""
    hedera_mirror_requests_per_second: int
    """HEDERA_MIRROR_REQUESTS_PER_SECOND: to one mirror node, from all processes together; default 40"""
    hedera_assets: str | None
    """HEDERA_ASSETS: the tokens' ids, instead of the network's own: `USDC=hts:0.0.429274 AUDD=erc20:0.0.8317070`"""
    walletconnect_project_id: str | None
    """WALLETCONNECT_PROJECT_ID: of our project at WalletConnect; without it no wallet opens from the pay page"""
    walletconnect_relay_url: str
    """WALLETCONNECT_RELAY_URL: through which page and wallet talk; no trailing slash"""
    xero_client_id: str | None
    """XERO_CLIENT_ID: of our app at Xero; without it no Xero can be connected"""
    xero_client_secret: str | None
    """XERO_CLIENT_SECRET"""
    xero_redirect_uri: str | None
    """XERO_REDIRECT_URI: where Xero sends people back, byte for byte as registered"""
    xero_api_base: str
    """XERO_API_BASE: no trailing slash, without /api.xro/2.0"""
    xero_identity_base: str
    """XERO_IDENTITY_BASE: no trailing slash; tokens are asked for below /connect"""
    xero_login_base: str
    """XERO_LOGIN_BASE: no trailing slash; people consent at /identity/connect/authorize"""
    xero_app_base: str
    """XERO_APP_BASE: no trailing slash; where a merchant looks at a document in Xero"""
    xero_calls_per_minute: int
    """XERO_CALLS_PER_MINUTE: to one company's books, from all processes together; default 55 of the 60 Xero allows"""
    xero_calls_per_day: int
    """XERO_CALLS_PER_DAY: to one company's books; default 5000, what Xero allows from its Core tier on"""
    metrics_token: str | None
    """METRICS_TOKEN: what a scraper sends to read /metrics; without it they are read on this machine in development"""
    sentry_dsn: str | None
    """SENTRY_DSN"""
    enable_card_payments: bool
    """ENABLE_CARD_PAYMENTS"""
    enable_hedera_payments: bool
    """ENABLE_HEDERA_PAYMENTS"""
    enable_xero_sync: bool
    """ENABLE_XERO_SYNC"""
    trusted_proxies: int
    """PROVVYPAY_TRUSTED_PROXIES: how many proxies in front of us set X-Forwarded-For"""
    limit_factor: int
    """PROVVYPAY_LIMIT_FACTOR: every limit of requests is so many times as wide; for load from one address; default 1"""
    failpoints: str
    """PROVVYPAY_FAILPOINTS: only in PROVVYPAY_ENV=test"""
    log_level: str
    """LOG_LEVEL: DEBUG, INFO, WARNING or ERROR"""
    sweep_seconds: int
    """PROVVYPAY_SWEEP_SECONDS: how often the clock looks for links to expire and sessions to check; default 60"""

    @property
    def mode(self) -> str:
        """Say whether this deployment moves real money: `test` or `live` (decided by its keys and network)."""
        if self.stripe_secret_key is not None:
            return "live" if "_live_" in self.stripe_secret_key else "test"
        return "live" if self.hedera_network == "mainnet" and self.enable_hedera_payments else "test"

    @property
    def card_payments_on(self) -> bool:
        """Say whether cards can be offered at all."""
        return self.enable_card_payments and self.stripe_secret_key is not None

    @property
    def xero_on(self) -> bool:
        """Say whether a Xero can be connected and written to."""
        app = self.xero_client_id and self.xero_client_secret and self.xero_redirect_uri
        return self.enable_xero_sync and bool(app and self.encryption_key)

    @property
    def crypto_network(self) -> str | None:
        """Return the network crypto is paid on; None while this installation takes none."""
        return self.hedera_network if self.enable_hedera_payments else None

    @property
    def wallet_relay(self) -> str | None:
        """Return the relay the pay page may talk to; None while wallets are off."""
        return self.walletconnect_relay_url if self.crypto_network and self.walletconnect_project_id else None

    @property
    def rates_seconds(self) -> int:
        """Return how many seconds lie between two rate fetches: what the plan's monthly budget allows."""
        return 60 if self.coingecko_plan == "pro" else 300


def load(environ: Mapping[str, str]) -> Settings:
    """Read and check all settings.

    :raises SettingsError: one line for each setting that is missing or wrong
    """
    reader = Reader(environ)
    environment = reader.choice("PROVVYPAY_ENV", ("development", "test", "production"), default="production")
    database_url = reader.url("DATABASE_URL", schemes=("postgresql",))
    plan = reader.choice("COINGECKO_PLAN", ("demo", "pro"), default="demo")
    network = reader.choice("HEDERA_NETWORK", ("testnet", "mainnet"), default="testnet")
    settings = Settings(
        environment=environment,
        database_url=database_url,
        database_worker_url=reader.url("DATABASE_WORKER_URL", schemes=("postgresql",), default=database_url),
        database_owner_url=reader.url("DATABASE_OWNER_URL", schemes=("postgresql",), default=database_url),
        database_pool_size=reader.number("DATABASE_POOL_SIZE", default=8, low=1, high=50),
        redis_url=reader.url("REDIS_URL", schemes=("redis", "rediss", "unix")),
        secret_key=reader.text("SECRET_KEY", least=32),
        encryption_key=reader.optional(
            "ENCRYPTION_KEY", pattern=r"[0-9a-fA-F]{64}(\s*,\s*[0-9a-fA-F]{64})*", like="64 hexadecimal digits"
        ),
        public_base_url=reader.base("PUBLIC_BASE_URL"),
        stripe_secret_key=reader.optional(
            "STRIPE_SECRET_KEY", pattern=r"(sk|rk)_(test|live)_\w+", like="sk_test_… or sk_live_…"
        ),
        stripe_webhook_secret=reader.optional("STRIPE_WEBHOOK_SECRET", pattern=r"whsec_\S{8,}", like="whsec_…"),
        stripe_api_base=reader.base("STRIPE_API_BASE", default="https://api.stripe.com"),
        stripe_checkout_origin=reader.base("STRIPE_CHECKOUT_ORIGIN", default="https://checkout.stripe.com"),
        stripe_payment_methods=reader.words("STRIPE_PAYMENT_METHODS", default="card"),
        coingecko_api_key=reader.optional("COINGECKO_API_KEY"),
        coingecko_api_base=reader.base("COINGECKO_API_BASE", default=f"https://{_GECKO_HOSTS.get(plan)}/api/v3"),
        coingecko_plan=plan,
        hedera_network=network,
        hedera_mirror_node_url=reader.base(
            "HEDERA_MIRROR_NODE_URL", default=f"https://{network}.mirrornode.hedera.com"
        ),
        hedera_mirror_node_headers=reader.headers("HEDERA_MIRROR_NODE_HEADERS"),
        hedera_mirror_requests_per_second=reader.number(
            "HEDERA_MIRROR_REQUESTS_PER_SECOND", default=40, low=1, high=1000
        ),
        hedera_assets=reader.optional(
            "HEDERA_ASSETS",
            pattern=r"[A-Z]{4}=(hts|erc20):\d+\.\d+\.\d+(:\S+)?([\s,]+[A-Z]{4}=(hts|erc20):\d+\.\d+\.\d+(:\S+)?)*",
            like="USDC=hts:0.0.429274 AUDD=erc20:0.0.8317070",
        ),
        walletconnect_project_id=reader.optional(
            "WALLETCONNECT_PROJECT_ID", pattern=r"[0-9a-f]{32}", like="32 digits and letters from a to f"
        ),
        walletconnect_relay_url=reader.socket("WALLETCONNECT_RELAY_URL", default="wss://relay.walletconnect.org"),
        xero_client_id=reader.optional("XERO_CLIENT_ID"),
        xero_client_secret=reader.optional("XERO_CLIENT_SECRET"),
        xero_redirect_uri=reader.optional("XERO_REDIRECT_URI", pattern=r"https?://\S+", like="https://…/xero/callback"),
        xero_api_base=reader.base("XERO_API_BASE", default="https://api.xero.com"),
        xero_identity_base=reader.base("XERO_IDENTITY_BASE", default="https://identity.xero.com"),
        xero_login_base=reader.base("XERO_LOGIN_BASE", default="https://login.xero.com"),
        xero_app_base=reader.base("XERO_APP_BASE", default="https://go.xero.com"),
        xero_calls_per_minute=reader.number("XERO_CALLS_PER_MINUTE", default=55, low=1, high=100_000),
        xero_calls_per_day=reader.number("XERO_CALLS_PER_DAY", default=5000, low=50, high=100_000_000),
        metrics_token=reader.optional("METRICS_TOKEN", pattern=r"\S{16,}", like="16 characters or more, no spaces"),
        sentry_dsn=reader.optional("SENTRY_DSN"),
        enable_card_payments=reader.flag("ENABLE_CARD_PAYMENTS", default=True),
        enable_hedera_payments=reader.flag("ENABLE_HEDERA_PAYMENTS", default=False),
        enable_xero_sync=reader.flag("ENABLE_XERO_SYNC", default=False),
        trusted_proxies=reader.number("PROVVYPAY_TRUSTED_PROXIES", default=0, low=0, high=5),
        limit_factor=reader.number("PROVVYPAY_LIMIT_FACTOR", default=1, low=1, high=1_000_000),
        failpoints=environ.get("PROVVYPAY_FAILPOINTS", ""),
        log_level=reader.choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), default="INFO"),
        sweep_seconds=reader.number("PROVVYPAY_SWEEP_SECONDS", default=60, low=1, high=300),
    )
    _check_together(settings, reader, sandbox_allowed=reader.flag("PROVVYPAY_ALLOW_SANDBOX", default=False))
    if reader.errors:
        raise SettingsError("\n".join(reader.errors))
    return settings


def _check_together(settings: Settings, reader: Reader, *, sandbox_allowed: bool) -> None:
    """Add what is wrong with settings that are each fine alone."""
    if settings.failpoints and settings.environment != "test":
        reader.refuse("PROVVYPAY_FAILPOINTS", "fail-points are for PROVVYPAY_ENV=test only")
    if settings.stripe_secret_key and not settings.stripe_webhook_secret:
        reader.refuse(
            "STRIPE_WEBHOOK_SECRET", "is needed beside STRIPE_SECRET_KEY, or payments would be confirmed late"
        )
    _check_sealing(settings, reader)
    gecko_host = urlsplit(settings.coingecko_api_base).hostname
    if gecko_host in _GECKO_HOSTS.values() and gecko_host != _GECKO_HOSTS.get(settings.coingecko_plan):
        reader.refuse("COINGECKO_API_BASE", f"is the host of another plan than {settings.coingecko_plan}")
    if settings.environment != "production":
        return
    if not settings.public_base_url.startswith("https://") and not sandbox_allowed:
        reader.refuse("PUBLIC_BASE_URL", "must begin with https:// in production")
    if "development" in settings.secret_key or "change-me" in settings.secret_key:
        reader.refuse("SECRET_KEY", "is a development value")
    if sandbox_allowed:
        return
    for name, url in (
        ("STRIPE_API_BASE", settings.stripe_api_base),
        ("STRIPE_CHECKOUT_ORIGIN", settings.stripe_checkout_origin),
        ("COINGECKO_API_BASE", settings.coingecko_api_base),
        ("HEDERA_MIRROR_NODE_URL", settings.hedera_mirror_node_url),
        ("WALLETCONNECT_RELAY_URL", settings.walletconnect_relay_url),
        ("XERO_API_BASE", settings.xero_api_base),
        ("XERO_IDENTITY_BASE", settings.xero_identity_base),
        ("XERO_LOGIN_BASE", settings.xero_login_base),
        ("XERO_APP_BASE", settings.xero_app_base),
    ):
        if urlsplit(url).hostname in _LOOPBACK:
            reader.refuse(name, "points at this machine; set PROVVYPAY_ALLOW_SANDBOX=1 if a sandbox is really meant")


def _check_sealing(settings: Settings, reader: Reader) -> None:
    """Refuse keys that are none, and Xero without one."""
    for key in (one.strip().lower() for one in (settings.encryption_key or "").split(",")):
        if key and (key == settings.secret_key.lower() or len(set(key)) == 1):
            reader.refuse("ENCRYPTION_KEY", "must be made by chance, and be another than SECRET_KEY")
    if settings.enable_xero_sync and settings.xero_client_id and not settings.encryption_key:
        reader.refuse("ENCRYPTION_KEY", "is needed beside XERO_CLIENT_ID, because tokens are stored sealed")


_current: Settings | None = None


def use(chosen: Settings) -> None:
    """Make these the settings of the process (the app factory, the worker and tests read them first)."""
    global _current  # noqa: PLW0603 - one process, one set of settings
    _current = chosen


def settings() -> Settings:
    """Return the settings of this process, read from the environment on first use.

    :raises SettingsError: when the environment cannot be used
    """
    if _current is None:
        use(load(os.environ))
    assert _current is not None  # noqa: S101 - use() has just set it
    return _current
