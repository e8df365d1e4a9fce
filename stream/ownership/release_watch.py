"""Polls the tables for the champion every few seconds, and loads it."""

import threading
import time

import psycopg
import structlog

from dayahead.errors import ReleaseError
from dayahead.models.serving.forecaster import Forecaster
from dayahead.models.serving.release import Release
from dayahead.storage.tables.model_release import load_artifact
from dayahead.storage.tables.promotion import Champion, champion
from stream.compute.forecasting import Forecasting
from stream.partition import metrics
from stream.servers.connection import Database

log = structlog.get_logger()

REFUSED_AGAIN_AFTER_S = 60.0


class ReleaseWatch:
    """Follows the champion in the tables.

    Attributes:
        forecasting: with the release in service; the floor before the first promotion.
        trouble: why the champion is not in service, None where it is.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._serving: Champion | None = None
        self._refused: tuple[str, float] | None = None
        self.forecasting = Forecasting(Forecaster(None))
        self.trouble: str | None = None

    def look(self) -> bool:
        """Read which release is champion, and load it if it has changed.

        Returns:
            Whether the release in service has changed.
        """
        wanted = self._database.retry(champion)
        if wanted is None or (self._serving is not None and wanted.release == self._serving.release):
            return False
        if self._refused and self._refused[0] == wanted.release and time.monotonic() < self._refused[1]:
            return False
        try:
            release = self._database.retry(lambda connection: _load(connection, wanted.release))
        except ReleaseError as error:
            self._refused = (wanted.release, time.monotonic() + REFUSED_AGAIN_AFTER_S)
            self.trouble = f"release {wanted.release} could not be loaded, so the previous one stays in use: {error}"
            metrics.RELEASE_REFUSED.labels(wanted.release).set(1)
            log.error("release_rejected", release=wanted.release, error=str(error))  # noqa: TRY400 - a sentence
            return False
        forecaster = Forecaster(release, self._previous(wanted))
        # in the background: a fraction of a second that would delay the first forecast
        threading.Thread(target=forecaster.prepare, name="prepare", daemon=True).start()
        self.forecasting = Forecasting(forecaster)
        self._serving, self._refused, self.trouble = wanted, None, None
        metrics.RELEASE_REFUSED.clear()
        metrics.RELEASE.clear()
        metrics.RELEASE.labels(wanted.release).set(1)
        log.info("release_serves", release=wanted.release, previous=wanted.previous)
        return True

    def _previous(self, wanted: Champion) -> Release | None:
        previous = wanted.previous
        if previous is None:
            return None
        try:
            return self._database.retry(lambda connection: _load(connection, previous))
        except ReleaseError as error:
            log.warning("previous_release_rejected", release=previous, error=str(error))
            return None


def _load(connection: psycopg.Connection, release: str) -> Release:
    return Release.from_bytes(load_artifact(connection, release))
