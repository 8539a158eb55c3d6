"""The embedded Valkey: empty at each start, never forgetful while it runs, gone with us."""

from pathlib import Path
from urllib.parse import urlsplit

import redis

from provvypay.launcher.process import is_alive
from provvypay.launcher.valkey import EmbeddedValkey
from tests.launcher.conftest import wait_until


def test_it_forgets_on_restart_and_never_evicts(tmp_path):
    with EmbeddedValkey(tmp_path / "valkey") as server, redis.Redis.from_url(server.url) as client:
        client.set("job", "1")
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendonly") == {"appendonly": "no"}
        assert client.config_get("port") == {"port": "0"}

        server.restart()

        assert client.get("job") is None
        pid = server.pid
    assert not is_alive(pid)


def test_it_dies_with_a_parent_that_is_killed(script, tmp_path):
    parent = script(
        "import sys, time\n"
        "from provvypay.launcher.valkey import EmbeddedValkey\n"
        "server = EmbeddedValkey(sys.argv[1])\n"
        "server.start()\n"
        "print(server.pid, flush=True)\n"
        "time.sleep(300)\n",
        str(tmp_path / "valkey"),
    )
    pid = int(parent.stdout.readline())

    parent.kill()

    wait_until(lambda: not is_alive(pid), "Valkey ends")


def test_a_long_path_gets_a_short_folder_for_its_socket(tmp_path):
    with EmbeddedValkey(tmp_path / ("long" * 30)) as server, redis.Redis.from_url(server.url) as client:
        assert client.ping()
        folder = Path(urlsplit(server.url).path).parent

    assert not folder.exists()
