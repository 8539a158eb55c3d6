"""The commands of the launcher: demo, test, sandbox, build. `provvypay.cli` takes them in with `register`."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import NoReturn, ParamSpec

import click
from click.core import ParameterSource

from provvypay.launcher.paths import DEMO_FOLDER, ROOT
from provvypay.launcher.trouble import CannotStartError

Given = ParamSpec("Given")

PLAIN = {
    errno.ENOSPC: "The disk is full. Free some space and start again.",
    errno.EDQUOT: "Your share of the disk is used up. Free some space and start again.",
    errno.EACCES: "A file may not be written to. Start as its owner, or choose another folder with --data.",
    errno.EROFS: "The disk may not be written to. Copy the project to one that may.",
}
"""What the system says, and what we say to a person."""


def register(group: click.Group) -> None:
    """Add the launcher's commands to the command line."""
    for command in (demo, test, sandbox, build):
        group.add_command(command)


def in_one_sentence(command: Callable[Given, object]) -> Callable[Given, object]:
    """Print what cannot start as a sentence, without a traceback, and exit with 1."""

    @wraps(command)
    def guarded(*args: Given.args, **kwargs: Given.kwargs) -> object:
        try:
            return command(*args, **kwargs)
        except CannotStartError as trouble:
            click.echo(f"provvypay: {trouble}", err=True)
        except OSError as error:
            if error.errno not in PLAIN:
                raise
            click.echo(f"provvypay: {PLAIN[error.errno]} ({error.filename or error.strerror})", err=True)
        sys.exit(1)

    return guarded


@click.command()
@click.option("--fresh", is_flag=True, help="Throw the demo's data away and begin anew.")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="The product's port.")
@click.option(
    "--sandbox-port", type=click.IntRange(1, 65535), default=8001, show_default=True, help="The sandbox's port."
)
@click.option(
    "--wallet-port",
    type=click.IntRange(1, 65535),
    default=8002,
    show_default=True,
    help="The stand-in wallet's port.",
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEMO_FOLDER,
    help="The data folder [var/demo].",
)
@click.pass_context
@in_one_sentence
def demo(context: click.Context, *, fresh: bool, port: int, sandbox_port: int, wallet_port: int, data: Path) -> None:
    """Run the whole product on this machine, with demo data, until Ctrl-C."""
    from provvypay.launcher.demo import Demo, run
    from provvypay.launcher.ports import choose_port

    def asked(name: str) -> bool:
        return context.get_parameter_source(name) is not ParameterSource.DEFAULT

    port = choose_port(port, asked=asked("port"), option="--port")
    sandbox_port = choose_port(
        sandbox_port, asked=asked("sandbox_port"), option="--sandbox-port", taken=frozenset({port})
    )
    wallet_port = choose_port(
        wallet_port, asked=asked("wallet_port"), option="--wallet-port", taken=frozenset({port, sandbox_port})
    )
    sys.exit(run(Demo(data.resolve(), port, sandbox_port, wallet_port, fresh)))


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@in_one_sentence
def test(arguments: tuple[str, ...]) -> None:
    """Run the test suite; everything behind `test` goes to pytest."""
    from provvypay.launcher import frontend

    frontend.build(say=lambda text: click.echo(f"provvypay: {text}"))
    become_pytest(arguments)


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sandbox(arguments: tuple[str, ...]) -> None:
    """Serve the vendors' stand-ins alone; `sandbox --help` shows its options."""
    # by its own door, not by import: it shares nothing with the product
    become([sys.executable, "-m", "provvypay.sandbox", *arguments])


@click.command()
@in_one_sentence
def build() -> None:
    """Build the front end into provvypay/static/dist, if its sources changed."""
    from provvypay.launcher import frontend

    done = frontend.build(say=lambda text: click.echo(f"provvypay: {text}"))
    click.echo("provvypay: the front end is built." if done else "provvypay: the front end is up to date.")


def become_pytest(arguments: tuple[str, ...]) -> NoReturn:
    """Hand over to pytest, on two processes unless somebody chose otherwise; its exit code is ours."""
    chosen = any(
        word.startswith(("-n", "--numprocesses", "--pdb", "--dist")) or word == "no:xdist" for word in arguments
    )
    spread = () if chosen else ("-n", "2")
    os.chdir(ROOT)
    become([sys.executable, "-m", "pytest", "-p", "provvypay.launcher.pytest_browser", *spread, *arguments])


def become(command: list[str]) -> NoReturn:
    """Replace this process, so that signals and the exit code are the program's own."""
    sys.stdout.flush()
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted
