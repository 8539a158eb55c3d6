"""The built front end: named by content, so cached for good; packed once, so small on the wire."""

from __future__ import annotations

import gzip
import json
import mimetypes
from functools import lru_cache
from pathlib import Path

from flask import Flask, Response, abort, request

from provvypay.kit.settings import Settings, SettingsError

FOREVER = "public, max-age=31536000, immutable"
_TEXT = {".css", ".js", ".svg", ".json"}


class Assets:
    """The files of static/dist, by the names the templates use."""

    def __init__(self, folder: Path, *, reload: bool) -> None:
        """Read the manifest.

        :param reload: look again whenever it changed (development)
        """
        self._folder = folder
        self._manifest = folder / "manifest.json"
        self._reload = reload
        self._read_at = -1
        self._names: dict[str, str] = {}
        self._refresh()

    @property
    def built(self) -> bool:
        """Say whether there is a built front end."""
        return bool(self._names)

    def url(self, name: str) -> str:
        """Return the address of a file: `app.css` → `/static/app.2f96c4599911.css`."""
        if self._reload:
            self._refresh()
        return f"/static/{self._names.get(name, name)}"

    def has(self, name: str) -> bool:
        """Say whether a file was built."""
        if self._reload:
            self._refresh()
        return name in self._names

    def serve(self, filename: str) -> Response:
        """Answer with a built file; only what the manifest names."""
        if self._reload:
            self._refresh()
        if filename not in self._names.values():
            abort(404)
        packed = "gzip" in request.headers.get("Accept-Encoding", "")
        body, encoding = _content(self._folder / filename, packed=packed)
        response = Response(body, mimetype=mimetypes.guess_type(filename)[0] or "application/octet-stream")
        response.headers["Cache-Control"] = FOREVER
        response.vary.add("Accept-Encoding")
        if encoding:
            response.headers["Content-Encoding"] = encoding
        return response

    def _refresh(self) -> None:
        if not self._manifest.exists():
            return
        changed_at = self._manifest.stat().st_mtime_ns
        if changed_at != self._read_at:
            self._names = json.loads(self._manifest.read_text(encoding="utf-8"))
            self._read_at = changed_at


@lru_cache(maxsize=64)
def _content(path: Path, *, packed: bool) -> tuple[bytes, str]:
    raw = path.read_bytes()
    if packed and path.suffix in _TEXT:
        return gzip.compress(raw, 9, mtime=0), "gzip"
    return raw, ""


def install(app: Flask, settings: Settings) -> None:
    """Serve the built files, and let templates name them.

    :raises SettingsError: in production without a built front end
    """
    assets = Assets(Path(app.root_path) / "static" / "dist", reload=settings.environment == "development")
    if not assets.built and settings.environment == "production":
        raise SettingsError("The front end is not built: run `python -m provvypay.cli build` before the start.")
    app.add_url_rule("/static/<path:filename>", endpoint="static", view_func=assets.serve)
    app.extensions["assets"] = assets
    app.jinja_env.globals["asset"] = assets.url
