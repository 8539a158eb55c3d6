"""The demo's folder: one demo at a time, secrets that stay, and nothing of anybody else's thrown away."""

import json
import os
import subprocess

import pytest

from provvypay.launcher import datafolder
from provvypay.launcher.process import Kept
from provvypay.launcher.trouble import CannotStartError


@pytest.fixture(autouse=True)
def note(tmp_path, monkeypatch):
    monkeypatch.setattr(datafolder, "NOTE", tmp_path / "var" / "demo.json")
    return datafolder.NOTE


def test_a_second_demo_on_the_same_folder_is_told_who_runs_there(tmp_path):
    with (
        datafolder.only_demo_in(tmp_path / "demo"),
        pytest.raises(CannotStartError, match=f"already running .*process {os.getpid()}"),
        datafolder.only_demo_in(tmp_path / "demo"),
    ):
        pass


def test_a_demo_that_is_on_its_way_out_is_said_to_be(tmp_path):
    folder = tmp_path / "demo"
    with datafolder.only_demo_in(folder):
        datafolder.note_stopping(folder)
        with pytest.raises(CannotStartError, match=r"is stopping\. Try again in"), datafolder.only_demo_in(folder):
            pass
    with datafolder.only_demo_in(folder):
        pass


def test_processes_of_a_killed_demo_are_waited_for(tmp_path, monkeypatch):
    folder = tmp_path / "demo"
    with datafolder.only_demo_in(folder) as lock:
        left_over = Kept(["sleep", "0.5"], hold=[lock])
        (folder / "lock").write_text("999999999\n")

    with datafolder.only_demo_in(folder):
        assert left_over.poll() == 0

    with datafolder.only_demo_in(folder) as lock:
        left_over = Kept(["sleep", "300"], hold=[lock])
        (folder / "lock").write_text("999999999\n")
    monkeypatch.setattr(datafolder, "WINDING_DOWN_SECONDS", 0.1)
    with pytest.raises(CannotStartError, match="earlier demo"), datafolder.only_demo_in(folder):
        pass
    left_over.kill()


def test_secrets_are_made_once_and_closed_to_others(tmp_path):
    made = datafolder.demo_secrets(tmp_path)

    assert datafolder.demo_secrets(tmp_path) == made
    assert (tmp_path / "secrets.json").stat().st_mode & 0o077 == 0
    assert made["STRIPE_SECRET_KEY"].startswith("sk_test_")
    assert len(bytes.fromhex(made["ENCRYPTION_KEY"])) == 32


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "\x00", '{"SECRET_KEY": "x"}', '{"SECRET_KEY": 5}'], ids=["empty", *"bcdef"]
)
def test_damaged_secrets_are_a_sentence_and_stay(tmp_path, content):
    path = tmp_path / "secrets.json"
    path.write_text(content)

    with pytest.raises(CannotStartError, match=r"secrets\.json is damaged\. Put back a copy .* --fresh"):
        datafolder.demo_secrets(tmp_path)

    assert path.read_text() == content


@pytest.mark.parametrize("content", ["", "{", "[]", "\x00"], ids=["empty", *"bcd"])
def test_a_damaged_state_of_the_sandbox_is_a_sentence(tmp_path, content):
    path = tmp_path / "sandbox.json"
    datafolder.check_sandbox_state(path)
    path.write_text(content)

    with pytest.raises(CannotStartError, match=r"sandbox\.json is damaged\. Put back a copy .* --fresh"):
        datafolder.check_sandbox_state(path)


@pytest.mark.parametrize("name", ["photos.jpg", "lock", ".hidden"])
def test_a_folder_of_somebody_is_refused_and_stays_as_it_was(tmp_path, name):
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / name).write_text("precious")

    with pytest.raises(CannotStartError, match="was not made by a demo"), datafolder.only_demo_in(folder):
        pass

    assert [entry.name for entry in folder.iterdir()] == [name]
    assert (folder / name).read_text() == "precious"


def test_fresh_removes_what_a_demo_made_and_nothing_else(tmp_path):
    folder = tmp_path / "demo"
    with datafolder.only_demo_in(folder):
        datafolder.demo_secrets(folder)
        (folder / "postgres" / "base").mkdir(parents=True)
        (folder / "sandbox.json").touch()
        (folder / "thesis.odt").touch()
        (folder / "photos").mkdir()

        datafolder.empty(folder)

    assert {entry.name for entry in folder.iterdir()} == {"lock", datafolder.MARK, "thesis.odt", "photos"}


def test_the_note_of_another_running_demo_is_left_alone(tmp_path, note):
    other = subprocess.Popen(["sleep", "300"])
    try:
        datafolder.write_privately(note, {"pids": {"supervisor": other.pid}})

        datafolder.leave_notes(tmp_path, {"pids": {"supervisor": os.getpid()}})
        datafolder.remove_notes(tmp_path)

        assert json.loads(note.read_text())["pids"]["supervisor"] == other.pid
    finally:
        other.kill()
        other.wait()

    datafolder.leave_notes(tmp_path, {"pids": {"supervisor": os.getpid()}})
    assert json.loads(note.read_text())["pids"]["supervisor"] == os.getpid()
    datafolder.remove_notes(tmp_path)
    assert not note.exists()


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(CannotStartError, match="cannot be used"), datafolder.only_demo_in(tmp_path / "file" / "demo"):
        pass
