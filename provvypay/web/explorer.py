"""Whether what happened on our network of Hedera can be looked up by anybody."""

from __future__ import annotations

from urllib.parse import urlsplit

from provvypay.kit.settings import settings

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def has_explorer() -> bool:
    """Say whether a public explorer knows our transactions: a sandbox's are nowhere but on this machine."""
    return urlsplit(settings().hedera_mirror_node_url).hostname not in _LOOPBACK
