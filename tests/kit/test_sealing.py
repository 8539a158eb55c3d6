"""What is sealed opens where it stands, with a key of ours, and nowhere else."""

from __future__ import annotations

import dataclasses
import secrets
import uuid
from collections.abc import Iterator

import pytest

from provvypay.kit import sealing
from provvypay.kit.sealing import CannotOpen, Place
from provvypay.kit.settings import SettingsError, load

OLD, NEW = secrets.token_hex(32), secrets.token_hex(32)
PLACE = Place(uuid.uuid4(), "xero_grants", "refresh_token", uuid.uuid4())


@pytest.fixture(autouse=True)
def keys() -> Iterator[None]:
    before = dict(sealing._keys), sealing._current
    sealing.configure(OLD)
    yield
    sealing._keys.clear()
    sealing._keys.update(before[0])
    sealing._current = before[1]


def test_a_sealed_text_opens_in_its_place_and_says_nothing_of_itself():
    sealed = sealing.seal("rt-secret", PLACE)

    assert sealing.unseal(sealed, PLACE) == "rt-secret"
    assert "rt-secret" not in sealed
    assert len({sealing.seal("rt-secret", PLACE) for _ in range(500)}) == 500


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"organization_id": uuid.uuid4()},
        {"table": "other"},
        {"column": "access_token"},
        {"row_id": uuid.uuid4()},
    ],
    ids=lambda one: next(iter(one)),
)
def test_a_sealed_text_moved_elsewhere_does_not_open(elsewhere):
    with pytest.raises(CannotOpen):
        sealing.unseal(sealing.seal("secret", PLACE), dataclasses.replace(PLACE, **elsewhere))


def test_every_changed_character_cut_tag_and_unknown_key_is_refused():
    sealed = sealing.seal("secret", PLACE)
    head, body = sealed.rsplit(".", 1)
    wrong = [sealed[:-3], "", "v1", "v2" + sealed[2:], "v1.00000000." + sealed.split(".", 2)[2], "plain text"]
    wrong += [f"{head}.{body[:n]}{'A' if body[n] != 'A' else 'B'}{body[n + 1 :]}" for n in range(len(body) - 1)]

    for one in wrong:
        with pytest.raises(CannotOpen):
            sealing.unseal(one, PLACE)


def test_while_keys_are_changed_both_open_and_the_first_one_seals():
    old = sealing.seal("secret", PLACE)
    sealing.configure(f"{NEW}, {OLD}")
    new = sealing.seal("secret", PLACE)

    assert sealing.unseal(old, PLACE) == sealing.unseal(new, PLACE) == "secret"
    assert sealing.key_of(new) == sealing.current_key() != sealing.key_of(old)
    sealing.configure(NEW)
    with pytest.raises(CannotOpen):
        sealing.unseal(old, PLACE)


@pytest.mark.parametrize("key", ["0" * 64, "ab" * 31, "not hex", "f" * 64, f"{OLD};{NEW}"])
def test_a_key_that_is_none_is_refused_at_the_start(key):
    given = {
        "DATABASE_URL": "postgresql://x@127.0.0.1/x", "REDIS_URL": "redis://127.0.0.1", "SECRET_KEY": "x" * 40,
        "PUBLIC_BASE_URL": "http://127.0.0.1:1", "PROVVYPAY_ENV": "test",
    }  # fmt: skip

    with pytest.raises(SettingsError, match="ENCRYPTION_KEY"):
        load({**given, "ENCRYPTION_KEY": key})
