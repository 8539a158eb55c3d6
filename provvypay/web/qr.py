"""QR codes of pay pages: drawn into a page, or as a file to print."""

from __future__ import annotations

import io
from functools import lru_cache

import segno
from flask import Response
from markupsafe import Markup

# M: a quarter of it may be damaged, and a code of this length stays coarse enough for a printed receipt.
_ERROR_LEVEL = "m"


@lru_cache(maxsize=256)
def inline(url: str) -> Markup:
    """Return the code as a piece of a page. A page that asks again every few seconds finds it drawn."""
    drawn = segno.make(url, error=_ERROR_LEVEL).svg_inline(omitsize=True, border=2)
    # segno draws squares; no text of anybody is in it
    return Markup(drawn)  # noqa: S704  # nosec B704


def svg_file(url: str, name: str) -> Response:
    """Return the code as a file to download.

    :param name: without ending; a short code, never a person's text
    """
    return _file(_drawn(url, "svg"), "image/svg+xml", f"{name}.svg")


def png_file(url: str, name: str) -> Response:
    """Return the code as a picture to download, see svg_file()."""
    return _file(_drawn(url, "png"), "image/png", f"{name}.png")


@lru_cache(maxsize=64)
def _drawn(url: str, kind: str) -> bytes:
    into = io.BytesIO()
    # 4 modules of quiet zone are what ISO/IEC 18004 asks for.
    segno.make(url, error=_ERROR_LEVEL).save(into, kind=kind, scale=10, border=4)
    return into.getvalue()


def _file(body: bytes, mimetype: str, name: str) -> Response:
    response = Response(body, mimetype=mimetype)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
