"""One JSON line per event, in UTC, with the request's id; never a secret, a body or a card."""

from __future__ import annotations

import logging
import sys
from functools import lru_cache

import structlog

_SECRET_WORDS = ("secret", "password", "token", "authorization", "cookie", "signature", "api_key")
_LONGEST = 2000


def configure(level: str, *, readable: bool) -> None:
    """Send structlog's and the standard library's lines to stderr.

    :param readable: plain lines for a person (development) instead of JSON
    """
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _redact,
        # the readable renderer shows an exception by itself; never with its local variables, which hold secrets
        *(() if readable else (structlog.processors.format_exc_info,)),
    ]
    renderer: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
        if readable
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        # a line in one write; print() makes two
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")


@lru_cache(maxsize=1024)
def _is_secret(key: str) -> bool:
    return any(word in key.lower() for word in _SECRET_WORDS)


def _redact(_logger: object, _method: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    for key, value in event.items():
        if _is_secret(key):
            event[key] = "…"
        elif isinstance(value, str) and len(value) > _LONGEST:
            event[key] = value[:_LONGEST] + "…"
    return event
