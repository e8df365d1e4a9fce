"""The same commands with Docker: docker-compose.yml instead of the local stack."""

import os
import subprocess
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import httpx
import psycopg
from rich.console import Console

from dashboards.settings import DashboardSettings
from dayahead.errors import StackError
from dayahead.hours import wall_clock
from dayahead.reading.source_file import load_source
from dayahead.settings import PREFIX, load_settings
from deploy.arrival import TRAINING_PARTS, all_forecast, forecast_progress, polled_source, show_results, show_series
from deploy.live import base_url, check_reachable
from deploy.local.env_file import EnvFile
from deploy.local.places import CHECKOUT
from deploy.local.ports import HOST
from deploy.local.preflight import refuse, setting_obstacles
from deploy.local.servers.kafka import USER
from deploy.local.servers.postgres import APP, DATABASE, OWNER, SUPERUSER
from deploy.local.steps import Steps
from deploy.local.waiting import wait_on_progress
from deploy.overview import Overview, read_overview
from deploy.settings import WEATHER_SOURCES_IN_IMAGE, StackSettings

FILE = CHECKOUT / "docker-compose.yml"


def polled_variables(settings: StackSettings) -> dict[str, str]:
    """Variables of docker-compose.yml that make the poller read a live source, and weather; none for the sample.

    Args:
        settings: a source without DAYAHEAD_SOURCE_URL is polled at the URL of its file.

    Raises:
        StackError: the file is not in the image, and no URL is given; or that of the weather is not.
    """
    variables = {}
    if weather := settings.weather_source_in_image():
        if not weather.is_relative_to(WEATHER_SOURCES_IN_IMAGE):
            raise StackError(
                f"DAYAHEAD_WEATHER_SOURCE={settings.weather_source} is not in the image: put the file into "
                "ingest/weather-sources, and name it ingest/weather-sources/FILE"
            )
        variables[f"{PREFIX}WEATHER_SOURCE"] = str(weather)
    if settings.replays:
        return variables
    file = settings.source_file(in_containers=True)
    if settings.source_url is None and file is None:
        raise StackError(
            f"DAYAHEAD_SOURCE={settings.source} is not in the image: put the file into ingest/sources, and name it "
            "ingest/sources/FILE"
        )
    url = settings.source_url or (base_url(load_source(file)) if file else None)
    if url:
        variables[f"{PREFIX}SOURCE_URL"] = str(url)
    if inside := settings.source_in_image():
        variables[f"{PREFIX}SOURCE"] = str(inside)
    return variables


class Compose:
    """The containers of docker-compose.yml, with the passwords of this folder's `.env`."""

    def __init__(self, console: Console, directory: Path) -> None:
        """Read the settings; generate passwords if there are none yet."""
        self._console = console
        self._settings = load_settings(StackSettings)
        env_file = self._env_file = EnvFile(directory / ".env")
        passwords = env_file.passwords(os.environ)
        env_file.keep(passwords)
        database = f"{HOST}:{self._settings.postgres_port}/{DATABASE}"
        self._database_url = f"postgresql://{APP}:{passwords.database_app.get_secret_value()}@{database}"
        redis = f"{HOST}:{self._settings.redis_port}/0"
        env_file.set(
            {
                f"{PREFIX}DATABASE_URL": self._database_url,
                f"{PREFIX}OWNER_DATABASE_URL": (
                    f"postgresql://{OWNER}:{passwords.database_owner.get_secret_value()}@{database}"
                ),
                f"{PREFIX}SUPERUSER_DATABASE_URL": (
                    f"postgresql://{SUPERUSER}:{passwords.database_superuser.get_secret_value()}@{database}"
                ),
                f"{PREFIX}REDIS_URL": f"redis://:{passwords.redis.get_secret_value()}@{redis}",
                f"{PREFIX}KAFKA_BOOTSTRAP": f"{HOST}:{self._settings.kafka_port}",
                f"{PREFIX}KAFKA_SECURITY": "SASL_PLAINTEXT",
                f"{PREFIX}KAFKA_SASL_MECHANISM": "PLAIN",
                f"{PREFIX}KAFKA_USERNAME": USER,
            }
        )
        self._replays = self._settings.replays
        self._command = ["docker", "compose", "--file", str(FILE), "--env-file", str(env_file.path)]

    def up(self) -> None:
        """Build and start all containers, wait for a forecast of every series, and show some.

        Raises:
            StackError: a setting has a wrong value, Docker failed, or the forecasts did not appear in time.
        """
        refuse(setting_obstacles(self._env_file, in_containers=True))
        steps = Steps(self._console)
        if not self._replays and (file := self._settings.source_file(in_containers=True)):
            with steps.step("host of the source") as step:
                url = self._settings.source_url
                step.outcome = check_reachable(file, None if url is None else str(url))
        with steps.step("docker compose: images, servers, services"):
            sample = ["--profile", "sample"] if self._replays else []
            arguments = (*sample, "up", "--detach", "--build", "--wait")
            self._docker(*arguments, variables=polled_variables(self._settings))
        with steps.step("a forecast of every series") as step:
            stalled_s = self._settings.stalled_after_s
            wait_on_progress(self._all_forecast, self._progress, stalled_s, step.what, pause_s=1)
            step.outcome = f"{self._overview().fresh} series"
        grafana = f"http://localhost:{load_settings(DashboardSettings).grafana_port}, password in .env"
        show_results(self._console, self._overview(), self._settings.api_port, grafana, steps.elapsed_s)

    def status(self) -> None:
        """Print the containers, freshness, rungs and accuracy."""
        self._docker("--profile", "sample", "ps", "--all")
        try:
            show_series(self._console, self._overview())
        except psycopg.OperationalError as error:
            self._console.print(f"Series: cannot read them: {str(error).strip()}", markup=False, highlight=False)

    def down(self) -> None:
        """Stop and remove the containers; volumes stay."""
        self._docker("--profile", "sample", "down")

    def clean(self) -> None:
        """Remove the containers and their volumes."""
        self._docker("--profile", "sample", "down", "--volumes")

    @cached_property
    def _source(self) -> str | None:
        return polled_source(self._settings, in_containers=True)

    def _all_forecast(self) -> bool:
        return all_forecast(self._overview(), self._source, replays=self._replays)

    def _progress(self) -> tuple[float, ...]:
        """Progress of the forecasts; before the first one, progress of the trainer from Prometheus."""
        return *forecast_progress(self._overview(), self._source, replays=self._replays), self._training_parts()

    def _training_parts(self) -> float:
        url = f"http://{HOST}:{self._settings.prometheus_port}/api/v1/query"
        try:
            answer = httpx.get(url, params={"query": f"sum({TRAINING_PARTS})"}, timeout=5).json()
            return float(answer["data"]["result"][0]["value"][1])
        except (httpx.TransportError, ValueError, LookupError):
            return 0  # Prometheus is not up yet, or has not scraped the trainer

    def _overview(self) -> Overview:
        return read_overview(self._database_url, wall_clock())

    def _docker(self, *arguments: str, variables: Mapping[str, str] | None = None) -> None:
        done = subprocess.run([*self._command, *arguments], check=False, env={**os.environ, **(variables or {})})
        if done.returncode:
            raise StackError(
                f"`docker compose {' '.join(arguments)}` failed (exit {done.returncode}): see its output above. "
                "`docker compose logs` shows the logs of the services."
            )
