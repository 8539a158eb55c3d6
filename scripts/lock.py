"""Write requirements.lock and requirements-dev.lock from pyproject.toml: `python3 scripts/lock.py [--upgrade]`.

The locks serve every system and Python from 3.11 on, hold a hash for each file, and name no registry: each machine uses
the one its pip is set up for. uv writes them; it is put into a folder of its own, because the product does not need it.
"""

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {"requirements.lock": [], "requirements-dev.lock": ["--extra", "dev"]}
OPTIONS = [
    "--universal",
    "--generate-hashes",
    "--no-header",
    "--no-annotate",
    "--no-emit-index-url",
    "--no-emit-find-links",
]


def main(arguments: list[str]) -> None:
    """Fetch uv and let it write both locks."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", "uv"], check=True)
        for lock, extra in LOCKS.items():
            command = [Path(folder) / "bin" / "uv", "pip", "compile", "pyproject.toml", *extra, *OPTIONS, *arguments]
            subprocess.run([*command, "--quiet", "--output-file", lock], cwd=ROOT, env=uv_settings(python), check=True)
            print(f"{lock} is written")


def uv_settings(python: Path) -> dict[str, str]:
    """Tell uv, by the environment alone, which index pip is set up for; it does not look at pip's settings."""
    asked = subprocess.run(
        [python, "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True, check=False
    )
    index = asked.stdout.strip() or os.environ.get("PIP_INDEX_URL", "")
    return {**os.environ, **({"UV_DEFAULT_INDEX": index} if index else {})}


if __name__ == "__main__":
    main(sys.argv[1:])
