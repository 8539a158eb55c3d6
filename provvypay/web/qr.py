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


# Millimetres of a printed code with its quiet zone: for a label, an invoice, a counter.
PRINT_SIZES = {"small": 25, "medium": 40, "large": 80}
_DOTS_PER_INCH = 600
_MM_PER_INCH = 25.4
_QUIET = 4
"""modules; what ISO/IEC 18004 asks for"""


def svg_file(url: str, name: str, *, size: str = "") -> Response:
    """Return the code as a file to download.

    :param name: without ending; a short code, never a person's text
    :param size: one of PRINT_SIZES; anything else means a drawing without a size of its own
    """
    return _file(_drawn(url, "svg", PRINT_SIZES.get(size)), "image/svg+xml", f"{name}{_says(size)}.svg")


def png_file(url: str, name: str, *, size: str = "") -> Response:
    """Return the code as a picture to download, see svg_file(); of a print size it has what a fine printer needs."""
    return _file(_drawn(url, "png", PRINT_SIZES.get(size)), "image/png", f"{name}{_says(size)}.png")


def _says(size: str) -> str:
    return f"-{PRINT_SIZES[size]}mm" if size in PRINT_SIZES else ""


@lru_cache(maxsize=64)
def _drawn(url: str, kind: str, millimetres: int | None) -> bytes:
    into = io.BytesIO()
    code = segno.make(url, error=_ERROR_LEVEL)
    modules = code.symbol_size(scale=1, border=_QUIET)[0]
    if millimetres is None:
        code.save(into, kind=kind, scale=10, border=_QUIET)
    elif kind == "svg":
        code.save(into, kind=kind, scale=millimetres / modules, unit="mm", border=_QUIET)
    else:
        # Whole dots for each module, so that its edges stay sharp; the picture says how many of them make an inch.
        dots = round(millimetres / _MM_PER_INCH * _DOTS_PER_INCH / modules)
        density = round(modules * dots / (millimetres / _MM_PER_INCH))
        code.save(into, kind=kind, scale=dots, border=_QUIET, dpi=density)
    return into.getvalue()


def _file(body: bytes, mimetype: str, name: str) -> Response:
    response = Response(body, mimetype=mimetype)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
