"""A healthy database to attack. At the end it is as healthy as before: nothing hostile has stayed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from provvypay.services.check_books.run import check_all
from tests.check_books.world import World, build
from tests.guards.ground import Ground
from tests.support.servers import Cluster


@pytest.fixture(scope="session")
def ground(cluster: Cluster, worker_name: str) -> Iterator[Ground]:
    database = f"guards_{worker_name}"
    cluster.copy_template(database)
    world = World(cluster, database)
    build(world)
    yield Ground(cluster, database, world)
    world.dispose()
    assert [str(breach) for breach in check_all(cluster.url("provvypay_owner", database))] == []
