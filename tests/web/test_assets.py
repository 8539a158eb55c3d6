"""The built files: packed, kept for good, and nothing but them."""

import gzip

import pytest

from provvypay.kit.settings import SettingsError
from provvypay.web.assets import Assets


@pytest.fixture
def url(app):
    return app.jinja_env.globals["asset"]


def test_a_built_file_is_packed_for_who_can_read_it(client, url):
    plain = client.open("GET", url("app.css"))
    packed = client.open("GET", url("app.css"), headers={"Accept-Encoding": "gzip, br"})

    assert plain.headers["Content-Type"] == "text/css; charset=utf-8"
    assert plain.headers.get("Content-Encoding") is None
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.response.data) == plain.response.data
    assert "Accept-Encoding" in packed.headers["Vary"]


def test_the_first_load_of_the_pay_page_stays_below_fifty_kilobytes(client, make, url):
    code = make.link().short_code
    page = client.open("GET", f"/p/{code}")
    files = {one.get("src") or one.get("href") for tag in ("script", "link") for one in page.all(tag)}
    files.add(url("icons.svg"))

    sizes = [len(client.open("GET", file, headers={"Accept-Encoding": "gzip"}).response.data) for file in files]

    assert len(files) >= 3
    assert len(page.response.data) + sum(sizes) < 50_000


def test_pictures_are_named_as_what_they_are(client, url):
    assert client.open("GET", url("icons.svg")).headers["Content-Type"].startswith("image/svg+xml")


@pytest.mark.parametrize("name", ["manifest.json", "app.css", ".stamp", "..%2fcss%2fapp.css", "css/app.css"])
def test_only_what_the_manifest_names_is_served(client, name):
    assert client.open("GET", f"/static/{name}").status == 404


def test_a_new_build_is_seen_while_developing(tmp_path, app):
    manifest = tmp_path / "manifest.json"
    manifest.write_text('{"app.css": "app.1.css"}')
    assets = Assets(tmp_path, reload=True)
    assert assets.url("app.css") == "/static/app.1.css"

    manifest.write_text('{"app.css": "app.2.css"}')
    import os

    os.utime(manifest, ns=(1, 1))

    assert assets.url("app.css") == "/static/app.2.css"


def test_production_refuses_to_start_without_a_front_end(tmp_path, app):
    from types import SimpleNamespace

    from flask import Flask

    from provvypay.web import assets

    bare = Flask("bare", root_path=str(tmp_path), static_folder=None)
    with pytest.raises(SettingsError, match="not built"):
        assets.install(bare, SimpleNamespace(environment="production"))
