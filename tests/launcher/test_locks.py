"""The locks pin every package by hash and name no place to fetch it from."""

import json
import re

import pytest

from provvypay.launcher.paths import ROOT

PYTHON_LOCKS = ("requirements.lock", "requirements-dev.lock")
FILES = (*PYTHON_LOCKS, "package-lock.json", "package.json", "pyproject.toml", ".npmrc")
WALLET_FILES = ("wallet/package-lock.json", "wallet/package.json", "wallet/hedera-names/package.json", "wallet/.npmrc")


@pytest.mark.parametrize("name", [*FILES, *WALLET_FILES])
def test_no_file_about_packages_names_a_host(name):
    text = (ROOT / name).read_text(encoding="utf-8")

    assert not re.search(r"\w+://|\bindex-url\b|\bfind-links\b|^registry|\.(org|com|net|io)/", text, flags=re.MULTILINE)


@pytest.mark.parametrize("name", PYTHON_LOCKS)
def test_every_package_is_pinned_with_hashes(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\S)", text.strip())

    assert len(entries) > 50
    for entry in entries:
        assert re.match(r"[a-z0-9._-]+(\[[a-z0-9,-]+\])?==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry


def test_production_installs_the_same_versions_as_the_tests_run_with():
    pins = [set(re.findall(r"^(\S+==\S+)", (ROOT / name).read_text(), flags=re.MULTILINE)) for name in PYTHON_LOCKS]

    assert pins[0] < pins[1]


def test_every_front_end_package_is_pinned_with_a_hash():
    packages = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]

    assert {"node_modules/htmx.org", "node_modules/esbuild"} <= packages.keys()
    assert all("integrity" in entry and "resolved" not in entry for path, entry in packages.items() if path)
    assert packages["node_modules/htmx.org"]["version"] == "2.0.11"


def test_every_package_of_the_wallet_is_pinned_with_a_hash_and_there_once():
    packages = json.loads((ROOT / "wallet/package-lock.json").read_text(encoding="utf-8"))["packages"]
    fetched = {path: entry for path, entry in packages.items() if path.startswith("node_modules/")}
    own = fetched.pop("node_modules/@hashgraph/hedera-wallet-connect")

    assert own == {"resolved": "hedera-names", "link": True}
    assert all("integrity" in entry and "resolved" not in entry for entry in fetched.values())
    assert fetched["node_modules/hashconnect"]["version"] == "3.0.14"
    for name in ("@hashgraph/sdk", "@walletconnect/core", "@walletconnect/sign-client"):
        copies = [path for path in fetched if path.endswith(f"node_modules/{name}")]
        assert copies == [f"node_modules/{name}"], "two copies break instanceof, and weigh twice"
