"""The command line: `provvypay release | clock | check-books | seed | demo | test | …`."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

import click

from provvypay.kit import process
from provvypay.kit.settings import Settings, SettingsError, settings
from provvypay.launcher import commands as launcher_commands
from provvypay.launcher.paths import DEMO_FOLDER


@click.group()
def cli() -> None:
    """Provvypay: payment links, settled once, booked twice."""


launcher_commands.register(cli)


def _settings() -> Settings:
    try:
        return settings()
    except SettingsError as error:
        click.echo(f"provvypay cannot start. Set these in the environment (see .env.example):\n{error}", err=True)
        sys.exit(2)


@cli.command()
def release() -> None:
    """Bring the database up to date; runs before a new version starts."""
    from provvypay.launcher.migrate import upgrade

    chosen = _settings()
    upgrade(chosen.database_owner_url)
    click.echo("The database is up to date.")
    if chosen.card_payments_on:
        _check_stripe(chosen)


def _check_stripe(chosen: Settings) -> None:
    """Say what the Stripe account lacks; stop the release when key and account are of different modes."""
    from provvypay.flows.stripe_setup import StripeSetupRefused, check_account
    from provvypay.integrations.stripe import StripeUnavailable

    process.start(chosen, role="worker")
    try:
        problems = check_account()
    except StripeSetupRefused as error:
        click.echo(f"provvypay cannot start: {error}.", err=True)
        sys.exit(2)
    except StripeUnavailable:
        problems = ["Stripe does not answer, so its account could not be checked."]
    for problem in problems:
        click.echo(f"Stripe: {problem}", err=True)


@cli.command()
def clock() -> None:
    """Start what repeats, until told to stop. Two clocks do no harm."""
    from provvypay.jobs import clock as the_clock

    chosen = _settings()
    process.start(chosen, role="clock")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    the_clock.run(chosen, stop)


@cli.command("check-books")
@click.option("--demo", is_flag=True, help="Look at the running demo instead of the database of the settings.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEMO_FOLDER,
    help="With --demo: its data folder [var/demo].",
)
@launcher_commands.in_one_sentence
def check_books(*, demo: bool, data: Path) -> None:
    """Verify every invariant on the live database; exits with 1 and names the rows when one is broken."""
    from provvypay.launcher.datafolder import database_of
    from provvypay.services.check_books.run import check_all

    breaches = check_all(database_of(data.resolve()) if demo else _database_to_check())
    for breach in breaches:
        click.echo(str(breach))
    click.echo(f"{len(breaches)} breaches." if breaches else "The books are clean.")
    sys.exit(1 if breaches else 0)


def _database_to_check() -> str:
    try:
        return settings().database_owner_url
    except SettingsError as error:
        if "DATABASE_URL" not in str(error):
            return _settings().database_owner_url  # which says what else is wrong, and ends
    click.echo(
        "provvypay: No database is set. Run this where the product's settings are, or add --demo for a running demo.",
        err=True,
    )
    sys.exit(2)


@cli.command("rotate-keys")
def rotate_keys() -> None:
    """Seal what vendors gave us with the first key of ENCRYPTION_KEY; the others can be dropped afterwards."""
    from provvypay.flows import xero_tokens

    process.start(_settings(), role="worker")
    done, lost = xero_tokens.rotate_keys()
    click.echo(f"{done} sealed anew." if done else "Everything is sealed with the first key.")
    if lost:
        click.echo(f"{lost} cannot be opened with any of the keys; those merchants must connect Xero again.", err=True)
        sys.exit(1)


@cli.command()
def seed() -> None:
    """Make the demo's data by driving the product itself; running it again changes nothing."""
    from provvypay.launcher.seed import seed_demo

    chosen = _settings()
    if chosen.environment != "development":
        click.echo("Demo data belong in PROVVYPAY_ENV=development only.", err=True)
        sys.exit(2)
    process.start(chosen, role="web")
    seed_demo(chosen, say=click.echo)


def main() -> None:
    """Run the command line."""
    cli(prog_name="provvypay")


if __name__ == "__main__":
    main()
