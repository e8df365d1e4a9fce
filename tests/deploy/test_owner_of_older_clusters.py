"""A cluster of version 0.2.0, whose owner is its superuser, starts and keeps its owner."""

import subprocess
from collections.abc import Iterator

import psycopg
import pytest

from dayahead.storage.migrate import migrate_database
from deploy.local.passwords import Passwords
from deploy.local.ports import ServerPorts
from deploy.local.servers.postgres import BIN, Postgres
from deploy.local.servers.server import Ground
from deploy.local.stack import LocalStack
from deploy.local.throwaway import PREFIX, owned
from tests.waiting import wait_until

pytestmark = pytest.mark.servers


@pytest.fixture
def ground(stack: LocalStack) -> Iterator[Ground]:
    """The folder of a separate stack."""
    places = stack.places
    with owned(places, f"{PREFIX}older-{stack.ports.postgres}") as folder:
        yield Ground(places, folder, ServerPorts.free(), Passwords.random(), durable=False)
    subprocess.run(["rm", "-rf", str(folder)], check=True)


def make_older_cluster(ground: Ground) -> None:
    """Lay the data out as version 0.2.0 did."""
    data, password = ground.folder / "postgres", ground.folder / "password"
    data.mkdir()
    password.write_text(ground.passwords.database_owner.get_secret_value())
    for path in (data, password):
        subprocess.run(ground.chroot("chown", "postgres:postgres", ground.inside(path)), check=True)
    command = [f"{BIN}/initdb", "--pgdata", ground.inside(data), "--username", "dayahead_owner", "--no-sync"]
    command += ["--auth=scram-sha-256", f"--pwfile={ground.inside(password)}", "--encoding=UTF8", "--locale=C.UTF-8"]
    subprocess.run(ground.chroot(*command, user="postgres"), check=True, capture_output=True)
    (ground.folder / "postgres.made").touch()


def test_a_cluster_whose_owner_is_its_superuser_starts_and_is_migrated(ground: Ground) -> None:
    make_older_cluster(ground)
    postgres = Postgres(ground)
    postgres.prepare()
    process = subprocess.Popen(postgres.program().command, stderr=subprocess.DEVNULL)
    try:
        wait_until(postgres.is_ready, 60, "the older cluster to answer")
        assert postgres.superuser_url() == postgres.owner_url()
        assert migrate_database(postgres.owner_url())
        postgres.prepare()
        assert postgres.is_ready()
        with psycopg.connect(postgres.superuser_url()) as connection:
            assert connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (
                True,
            )
    finally:
        process.terminate()
        process.wait(60)
