"""Sign webhook bodies as Stripe does, computed here by itself so that it shares no mistake with a client.

Reference: https://docs.stripe.com/webhooks#verify-manually, checked 2026-11-22: the key is the whole secret text,
"whsec_" included, not its base64 meaning.
"""

import hashlib
import hmac

STALE_SECONDS = 3600
KINDS = ("good", "wrong_secret", "stale", "missing")


def header(body: bytes, secret: str, timestamp: int) -> str:
    """Return the value of Stripe-Signature for a body.

    :param timestamp: Unix seconds
    """
    digest = hmac.new(secret.encode(), str(timestamp).encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def headers(kind: str, body: bytes, secret: str, timestamp: int) -> dict[str, str]:
    """Return the signature headers of one attempt, on wish with a fault in them.

    :param kind: one of KINDS
    """
    if kind == "missing":
        return {}
    if kind == "wrong_secret":
        secret = "whsec_not_the_secret_of_this_endpoint"  # noqa: S105  (a wrong one on purpose)
    if kind == "stale":
        timestamp -= STALE_SECONDS
    return {"Stripe-Signature": header(body, secret, timestamp)}
