"""Explains stored forecasts: one at a time, with the release that made each, from what was known when it was made."""

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np
import psycopg

from api.problems import no_model_library, too_busy
from dayahead.storage.forecast_inputs import ForecastInputs
from dayahead.storage.tables.model_release import load_artifact

if TYPE_CHECKING:
    from dayahead.models.serving.forecaster import Forecaster
    from dayahead.models.serving.why import Why

HELD_RELEASES = 2
"""Releases that stay unpacked, some megabytes each: that of now, and one before."""

WAIT_S = 10.0
"""Seconds that a request waits for others."""


class Explainer:
    """Holds unpacked releases, and lets one request compute at a time: the others of the API go on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[str | None, Forecaster] = OrderedDict()

    def explain(self, connection: psycopg.Connection, inputs: ForecastInputs) -> "Why | None":
        """Take a forecast apart.

        Args:
            connection: reads its release.
            inputs: the forecast, and what it was made from.

        Returns:
            Its parts; None where none of the windows gives its p50 bit for bit.

        Raises:
            Problem: this process cannot evaluate models, or others took too long.
            ReleaseError: the release is gone or damaged.
        """
        if not self._lock.acquire(timeout=WAIT_S):
            raise too_busy("Why a forecast is what it is", WAIT_S)
        try:
            return self._explain(connection, inputs)
        except ModuleNotFoundError as error:
            raise no_model_library(str(error.name)) from error
        finally:
            self._lock.release()

    def _explain(self, connection: psycopg.Connection, inputs: ForecastInputs) -> "Why | None":
        # imported with the first question: the code that serves, LightGBM and SciPy are 100 MB
        from dayahead.models.serving.why import explain  # noqa: PLC0415

        forecaster = self._forecaster(connection, inputs.forecast.release)
        for window in inputs.windows:
            why = explain(forecaster, window)
            if np.array_equal(why.p50.astype(np.float32), inputs.forecast.p50):
                return why
        return None

    def _forecaster(self, connection: psycopg.Connection, release: str | None) -> "Forecaster":
        from dayahead.models.serving.forecaster import Forecaster  # noqa: PLC0415
        from dayahead.models.serving.release import Release  # noqa: PLC0415

        if release not in self._held:
            unpacked = None if release is None else Release.from_bytes(load_artifact(connection, release))
            self._held[release] = Forecaster(unpacked)
            while len(self._held) > HELD_RELEASES:
                self._held.popitem(last=False)
        self._held.move_to_end(release)
        return self._held[release]
