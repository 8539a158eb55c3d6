"""`python3 -m provvypay` on a machine that has only Python: it prepares itself once, or says in a sentence why not."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from provvypay.launcher.paths import ROOT

CLI = "import sys\nprint('the command line got', sys.argv[1:], 'in', sys.prefix)\n"


def make_wheel(folder: Path) -> Path:
    """Make a tiny package named setuptools, so that the bootstrap can install a lock without any network."""
    info = "setuptools-99.0.dist-info"
    files = {
        "setuptools.py": "",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: setuptools\nVersion: 99.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }

    def row(name: str, text: str) -> str:
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        return f"{name},sha256={digest},{len(text)}\n"

    files[f"{info}/RECORD"] = "".join(row(*item) for item in files.items()) + f"{info}/RECORD,,\n"
    wheel = folder / "setuptools-99.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return wheel


@pytest.fixture
def tree(tmp_path):
    """A copy of the bootstrap with a lock of one package that lies on the disk, and a command line that only speaks."""
    folder = tmp_path / "copy of provvypay"
    (folder / "provvypay").mkdir(parents=True)
    (folder / "provvypay" / "__init__.py").touch()
    shutil.copy(ROOT / "provvypay" / "__main__.py", folder / "provvypay")
    (folder / "provvypay" / "cli.py").write_text(CLI, encoding="utf-8")
    wheel = make_wheel(tmp_path)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (folder / "requirements-dev.lock").write_text(
        f"setuptools==99.0 \\\n    --hash=sha256:{digest}\n", encoding="utf-8"
    )
    return folder


def settings(tree: Path, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tree),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_CACHE_DIR": "1",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tree.parent),
        **more,
    }


def python() -> str:
    """The Python that made our environment, as a person would call it."""
    return str(Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}")


def start(tree: Path, **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [python(), "-m", "provvypay", "demo", "--port", "1"],
        cwd=tree, env=settings(tree, **more), text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def pretend(tree: Path, text: str) -> dict[str, str]:
    """Run this text in Python before anything else, to pretend to be another machine."""
    folder = tree.parent / "pretence"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(text, encoding="utf-8")
    return {"PYTHONPATH": str(folder)}


def test_two_first_starts_at_once_prepare_it_once_and_both_go_on(tree):
    programs = [start(tree), start(tree)]

    said = [program.communicate(timeout=60)[0] for program in programs]

    assert [program.returncode for program in programs] == [0, 0], said
    for text in said:
        assert f"the command line got ['demo', '--port', '1'] in {tree / '.venv'}" in text
    assert sum("the environment is ready" in text for text in said) == 1
    again = start(tree).communicate(timeout=10)[0]
    assert again.startswith("the command line got")


@pytest.mark.parametrize(
    ("pretence", "sentence"),
    [
        ("import sys; sys.modules['ensurepip'] = None", "apt-get install python3."),
        ("import sys; sys.version_info = (3, 10, 4)", "Python 3.10.4 is too old, 3.11 or newer is needed"),
        (
            "import shutil; shutil.disk_usage = lambda path: shutil._ntuple_diskusage(9, 9, 0)",
            "Too little room on the disk",
        ),
        ("import sys; sys.platform = 'win32'", "Windows Subsystem for Linux"),
    ],
)
def test_what_a_machine_lacks_is_one_sentence(tree, pretence, sentence):
    program = start(tree, **pretend(tree, pretence))

    said, _ = program.communicate(timeout=30)

    assert program.returncode == 1
    assert sentence in said
    assert "Traceback" not in said
    assert not (tree / ".venv" / ".provvypay-stamp").exists()


def test_a_package_that_is_not_the_one_in_the_lock_is_refused_and_no_network_is_a_sentence(tree):
    lock = tree / "requirements-dev.lock"
    good = lock.read_text(encoding="utf-8")
    lock.write_text(f"setuptools==99.0 \\\n    --hash=sha256:{'0' * 64}\n", encoding="utf-8")

    said, _ = start(tree).communicate(timeout=60)
    assert "is not the one in the lock" in said

    lock.write_text(good, encoding="utf-8")
    nowhere = {
        "PIP_NO_INDEX": "0",
        "PIP_FIND_LINKS": "",
        "PIP_RETRIES": "1",
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    }
    said, _ = start(tree, **nowhere).communicate(timeout=60)
    assert "there is no way to the package registry" in said

    said, _ = start(tree).communicate(timeout=60)
    assert "the command line got" in said
