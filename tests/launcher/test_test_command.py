"""`provvypay test`: pytest with our defaults, and no silence about browser tests that did not run."""

import os
import subprocess
import sys

import pytest

TESTS = """
import pytest

def test_always():
    pass

@pytest.mark.browser
def test_in_a_browser():
    pytest.skip("no Chromium was found")
"""


def run(folder, *, required: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(TESTS, encoding="utf-8")
    plugins = ["-p", "provvypay.launcher.pytest_browser", "-p", "no:cacheprovider"]
    env = {**os.environ, "PROVVYPAY_REQUIRE_BROWSER": required}
    command = [sys.executable, "-m", "pytest", *plugins, "-q", "."]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("required", "status"), [("", 0), ("1", 1)])
def test_a_skipped_browser_test_is_loud_and_fails_where_it_must_not_be(tmp_path, required, status):
    done = run(tmp_path, required=required)

    assert done.returncode == status
    assert "NOT EVERYTHING WAS TESTED" in done.stdout
    assert "1 browser test was skipped: Skipped: no Chromium was found" in done.stdout
    assert "1 passed, 1 skipped" in done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], ["-n", "2"]),
        (["tests/kit", "-k", "money"], ["-n", "2", "tests/kit", "-k", "money"]),
        (["-n0", "tests/kit"], ["-n0", "tests/kit"]),
        (["--pdb"], ["--pdb"]),
    ],
)
def test_two_processes_unless_somebody_chose_otherwise(monkeypatch, given, expected):
    from provvypay.launcher import commands

    became: list[list[str]] = []
    monkeypatch.setattr(commands, "become", became.append)
    monkeypatch.chdir(".")

    commands.become_pytest(tuple(given))

    plugin = ["-p", "provvypay.launcher.pytest_browser"]
    assert became == [[sys.executable, "-m", "pytest", *plugin, *expected]]
