import dataclasses
from pathlib import Path
from typing import cast

from fastapi import FastAPI
from pydantic import HttpUrl

from deploy.local.assembly import assemble
from deploy.local.passwords import Passwords
from deploy.local.places import Places
from deploy.local.servers.postgres import service_urls
from deploy.local.services import Readiness, service_processes
from deploy.settings import StackSettings
from tests.api.serving import Site
from tests.ingest.building import FIRST, make_records, replay_client


def test_two_workers_trainer_api_replay_and_poller_are_started(tmp_path: Path) -> None:
    services = service_processes(StackSettings(_env_file=None), tmp_path)
    assert [service.name for service in services] == ["worker-1", "worker-2", "trainer", "api", "replay", "ingest"]
    assert len({service.port for service in services}) == len(services)


def test_the_poller_polls_the_replay_as_quickly_as_it_likes(tmp_path: Path) -> None:
    services = {service.name: service for service in service_processes(StackSettings(_env_file=None), tmp_path)}
    poller = services["ingest"].environment
    assert poller["DAYAHEAD_SOURCE_URL"] == f"http://127.0.0.1:{services['replay'].port}"
    assert poller["DAYAHEAD_MIN_REQUEST_INTERVAL_S"] == "0"


def test_the_replay_says_how_far_it_is_and_when_it_is_over(tmp_path: Path) -> None:
    replay = next(one for one in service_processes(StackSettings(_env_file=None), tmp_path) if one.name == "replay")
    client = replay_client(make_records(3), published_until=FIRST + 1)
    site = Site(lambda: cast(FastAPI, client.app))
    site.start()
    try:
        asked = dataclasses.replace(replay, port=site.port)
        assert asked.readiness() == Readiness(True, "publishes the sample, by now up to 2023-01-01T01:00:00Z")
        client.post("/_clock", params={"end": "2023-01-01T03:00:00Z"})
        assert asked.readiness() == Readiness(True, "the sample is over, its last hour ended at 2023-01-01T03:00:00Z")
    finally:
        site.stop()
    assert not asked.readiness().ok


def test_a_real_source_is_polled_with_the_publishers_limit_and_nothing_is_replayed(tmp_path: Path) -> None:
    settings = StackSettings(_env_file=None, source_url=HttpUrl("https://example.org/"), source=Path("mine.yaml"))
    services = {service.name: service for service in service_processes(settings, tmp_path)}
    assert "replay" not in services
    assert services["ingest"].arguments == ["ingest", "--source=mine.yaml"]
    assert services["ingest"].environment["DAYAHEAD_SOURCE_URL"] == "https://example.org/"
    assert "DAYAHEAD_MIN_REQUEST_INTERVAL_S" not in services["ingest"].environment


def test_every_port_of_the_stack_names_the_setting_that_moves_it(tmp_path: Path) -> None:
    assembly = assemble(StackSettings(_env_file=None, workers=3), Places(tmp_path / "local"), tmp_path)
    uses = assembly.ports()
    assert len({use.port for use in uses}) == len(uses) == 13
    known = {f"DAYAHEAD_{name.upper()}" for name in StackSettings.model_fields}
    assert {use.variable for use in uses} <= known


def test_env_names_every_address_with_its_password_and_only_the_owner_reads_it(tmp_path: Path) -> None:
    assembly = assemble(StackSettings(_env_file=None, redis_port=7777), Places(tmp_path / "local"), tmp_path)
    assembly.write_env()
    values = assembly.env_file.read()
    assert values["DAYAHEAD_REDIS_URL"] == f"redis://:{values['DAYAHEAD_REDIS_PASSWORD']}@127.0.0.1:7777/0"
    assert values["DAYAHEAD_DATABASE_URL"].startswith("postgresql://dayahead_app:")
    assert values["DAYAHEAD_OWNER_DATABASE_URL"].startswith("postgresql://dayahead_owner:")
    assert values["DAYAHEAD_SUPERUSER_DATABASE_URL"].startswith("postgresql://postgres:")
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0


def test_each_service_logs_in_to_the_database_as_itself(tmp_path: Path) -> None:
    urls = service_urls(Passwords.random(), 5432)
    for process in service_processes(StackSettings(_env_file=None), tmp_path, urls):
        url = process.environment.get("DAYAHEAD_DATABASE_URL", "")
        assert url.startswith(f"postgresql://dayahead_{process.job}:") or process.job == "replay"
