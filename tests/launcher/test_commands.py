"""Whatever keeps a command from starting is a sentence, never a traceback."""

import errno

import click
import pytest
from click.testing import CliRunner

from provvypay.launcher.commands import in_one_sentence, register
from provvypay.launcher.trouble import CannotStartError


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (CannotStartError("The port is taken."), "provvypay: The port is taken.\n"),
        (OSError(errno.ENOSPC, "No space left on device", "/data/x"), "The disk is full. Free some space"),
        (OSError(errno.EROFS, "Read-only file system", "/data/x"), "may not be written to"),
    ],
)
def test_a_trouble_of_the_machine_is_a_sentence(raised, said):
    @click.command()
    @in_one_sentence
    def command() -> None:
        raise raised

    done = CliRunner().invoke(command)

    assert done.exit_code == 1
    assert said in done.stderr
    assert "Traceback" not in done.output


def test_a_defect_of_ours_keeps_its_traceback():
    @click.command()
    @in_one_sentence
    def command() -> None:
        raise OSError(errno.EBADF, "a defect")

    assert isinstance(CliRunner().invoke(command).exception, OSError)


def test_every_command_says_what_it_does():
    group = click.Group()
    register(group)

    assert sorted(group.commands) == ["build", "demo", "sandbox", "test"]
    assert all(command.help for command in group.commands.values())
