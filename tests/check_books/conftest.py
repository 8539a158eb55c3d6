"""A healthy database of this folder's own: tests break it in transactions that never commit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.check_books.world import World, build
from tests.support.servers import Cluster


@pytest.fixture(scope="session")
def world(cluster: Cluster, worker_name: str) -> Iterator[World]:
    database = f"books_{worker_name}"
    cluster.copy_template(database)
    made = World(cluster, database)
    build(made)
    yield made
    made.dispose()


@pytest.fixture(scope="session")
def owner_url(world: World, cluster: Cluster, worker_name: str) -> str:
    return cluster.url("provvypay_owner", f"books_{worker_name}")
