"""The one place that decides about headers, the content policy, body sizes and strangers at the door."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

from flask import Flask, Response, abort, request
from werkzeug.middleware.proxy_fix import ProxyFix

from provvypay.kit.settings import Settings, settings

LARGEST_FORM_BYTES = 256 * 1024
LARGEST_WEBHOOK_BYTES = 1024 * 1024
MOST_FIELDS = 200
CSRF_LIFETIME_SECONDS = 24 * 3600
"""A pay page may lie open for a day before somebody takes out their card."""

_UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

_ALWAYS = {
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_BARE_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"


def install(app: Flask, chosen: Settings) -> None:
    """Wire all of it into the application."""
    app.config.update(
        SECRET_KEY=chosen.secret_key,
        TRUSTED_HOSTS=trusted_hosts(chosen),
        MAX_CONTENT_LENGTH=LARGEST_FORM_BYTES,
        MAX_FORM_MEMORY_SIZE=LARGEST_FORM_BYTES,
        # __Host-: only over TLS (or loopback), only this very host, every path
        SESSION_COOKIE_NAME="__Host-provvypay",
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        SESSION_REFRESH_EACH_REQUEST=False,
        WTF_CSRF_TIME_LIMIT=CSRF_LIFETIME_SECONDS,
        # the pay page sends no referrer on purpose; _refuse_strangers looks at Sec-Fetch-Site instead
        WTF_CSRF_SSL_STRICT=False,
    )
    if chosen.trusted_proxies:
        # the host is never taken from a header: links are made from PUBLIC_BASE_URL
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=chosen.trusted_proxies, x_proto=chosen.trusted_proxies, x_host=0, x_port=0, x_prefix=0
        )
    _headers.cache_clear()
    app.before_request(_refuse_strangers)
    app.before_request(_refuse_too_much)
    app.after_request(_add_headers)


def trusted_hosts(chosen: Settings) -> list[str]:
    """Return the names we answer to: our own, and this machine's other names where our own is one of them."""
    own = urlsplit(chosen.public_base_url).hostname or ""
    return list(_LOOPBACK) if own in {"127.0.0.1", "localhost", "::1"} else [own]


def content_policy(*, form_targets: tuple[str, ...] = (), sockets: tuple[str, ...] = ()) -> str:
    """Return the policy of a page: nothing but our own files, no inline script or style, no frame around us.

    :param form_targets: origins a form of this page may be redirected to
    :param sockets: origins a script of this page may talk to
    """
    parts = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": " ".join(("'self'", *sockets)),
        "form-action": " ".join(("'self'", *form_targets)),
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in parts.items())


def bare_headers(*, referrer: str) -> tuple[tuple[str, str], ...]:
    """Return the headers of an answer without a body, for what answers in front of the application."""
    return (
        *_ALWAYS.items(),
        ("Content-Security-Policy", _BARE_POLICY),
        ("Referrer-Policy", referrer),
        ("Cache-Control", "no-store"),
    )


def _refuse_strangers() -> None:
    """Refuse a form that another site's page sent, even with a good token (browsers say so in Sec-Fetch-Site)."""
    if request.method in _UNSAFE and request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}:
        abort(403)


def _refuse_too_much() -> None:
    """Refuse bodies that are packed, too large or cut into too many fields, before anything reads them."""
    if request.method not in _UNSAFE:
        return
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        abort(415)
    if request.content_length is None and "Transfer-Encoding" in request.headers:
        # werkzeug would cut such a body at the limit and take the rest for the whole
        abort(411)
    if request.blueprint == "webhooks":
        request.max_content_length = LARGEST_WEBHOOK_BYTES
        return
    if sum(1 for _ in request.form.items(multi=True)) > MOST_FIELDS:
        abort(413)


def _add_headers(response: Response) -> Response:
    response.headers.extend(_headers(response.mimetype == "text/html", request.blueprint or ""))
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _form_targets(blueprint: str) -> tuple[str, ...]:
    """Return whose pages a form of these pages may lead to: the card page, or Xero's consent page."""
    if blueprint == "pay":
        return (settings().stripe_checkout_origin,)
    if blueprint == "xero":
        login = urlsplit(settings().xero_login_base)
        return (f"{login.scheme}://{login.netloc}",)
    return ()


@lru_cache(maxsize=64)
def _headers(is_page: bool, blueprint: str) -> list[tuple[str, str]]:  # noqa: FBT001 - the key of a small table
    """Return the headers of a kind of answer, made once: no view sets any of them."""
    # a picture or a file opened by itself is nothing but a picture or a file
    policy = _BARE_POLICY
    if is_page:
        policy = content_policy(form_targets=_form_targets(blueprint), sockets=_sockets(blueprint))
    return [
        *_ALWAYS.items(),
        ("Content-Security-Policy", policy),
        ("Referrer-Policy", "no-referrer" if blueprint == "pay" else "same-origin"),
    ]


def _sockets(blueprint: str) -> tuple[str, ...]:
    """Return with whom the scripts of a page may talk: the pay page with the relay of its customers' wallets."""
    relay = settings().wallet_relay if blueprint == "pay" else None
    return (relay,) if relay else ()
