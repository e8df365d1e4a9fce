"""Observed weather with the errors that a forecast of it would have had: what to learn from where no run is archived.

A release that learns from observed weather trusts the forecast too much (docs/decisions/0092-trained-as-served.md).
"""

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from dayahead.models.serving.window import WINDOW_HOURS
from dayahead.weather.location import LocationWeather, ObservedLocation

RUNS_AT_ONCE = 64
"""Runs whose errors are drawn together; each such block has a random stream of its own."""

_SHARED = ""


@dataclass(frozen=True)
class ForecastErrors:
    """Size of the errors of runs: bias + sd(lead) x a(lead), where a is autoregressive along the lead.

    Attributes:
        factor: of all sizes; 0: none.
        first_sd: at 1 h, kelvin.
        last_sd: from `last_h` on, kelvin.
        last_h: lead from which errors grow no more.
        bias_sd: of what a whole run is too warm, kelvin.
        persistence: correlation from one lead to the next.
        shared: part of the variance that all locations of a run have in common.
        every_h: hours from one run to the next.
        delay_h: hours from the start of a run until it can be had.
        seed: of the random streams.
    """

    factor: float = 1.0
    first_sd: float = 0.8
    last_sd: float = 1.6
    last_h: int = 24
    bias_sd: float = 0.4
    persistence: float = 0.95
    shared: float = 0.6
    every_h: int = 6
    delay_h: float = 5.0
    seed: int = 1

    def size(self, lead: NDArray[np.int64] | int) -> NDArray[np.float64]:
        """Standard deviation of the errors at some leads, kelvin."""
        return np.asarray(np.sqrt(self._sd(lead) ** 2 + (self.factor * self.bias_sd) ** 2))

    def scaled(self, factor: float) -> "ForecastErrors":
        """The same with another factor."""
        return replace(self, factor=factor)

    def of_runs(self, location: str, first_run: int, runs: int, leads: int) -> NDArray[np.float32]:
        """Errors of consecutive runs, which depend on nothing but the seed, the location and the number of each run.

        Args:
            location: name of the location.
            first_run: number of the first run: its start / every_h.
            runs: how many.
            leads: the first errors of each run, from lead 0 on.

        Returns:
            float32 [runs, leads], kelvin.
        """
        first_block, last_block = first_run // RUNS_AT_ONCE, (first_run + runs - 1) // RUNS_AT_ONCE
        blocks = [self._block(location, block, leads) for block in range(first_block, last_block + 1)]
        skipped = first_run - first_block * RUNS_AT_ONCE
        chosen: NDArray[np.float32] = np.concatenate(blocks, axis=1)[:, skipped : skipped + runs].T.astype(np.float32)
        return chosen

    def _block(self, location: str, block: int, leads: int) -> NDArray[np.float64]:
        """Errors of the runs of a block; [leads, runs]."""
        own, shared = self._normals(location, block, leads), self._normals(_SHARED, block, leads)
        mixed = sqrt(1 - self.shared) * own + sqrt(self.shared) * shared
        wave = np.empty((leads, RUNS_AT_ONCE))
        wave[0] = mixed[1]
        for lead in range(1, leads):
            wave[lead] = self.persistence * wave[lead - 1] + sqrt(1 - self.persistence**2) * mixed[lead + 1]
        return np.asarray(self.factor * self.bias_sd * mixed[0] + self._sd(np.arange(leads))[:, None] * wave)

    def _sd(self, lead: NDArray[np.int64] | int) -> NDArray[np.float64]:
        return np.asarray(self.factor * np.interp(lead, [1, self.last_h], [self.first_sd, self.last_sd]))

    def _normals(self, location: str, block: int, leads: int) -> NDArray[np.float64]:
        """Bias and leads of the runs of a block, by lead, so that more leads leave the first ones as they are."""
        key = hashlib.sha256(f"{self.seed}\0{location}".encode()).digest()[:16]
        stream = np.random.Philox(key=np.frombuffer(key, "<u8"), counter=np.array([0, 0, 0, block], np.uint64))
        return np.random.Generator(stream).standard_normal((leads + 1, RUNS_AT_ONCE))


@lru_cache(maxsize=64)
def _errors(errors: ForecastErrors, location: str, first_run: int, runs: int, leads: int) -> NDArray[np.float32]:
    found = errors.of_runs(location, first_run, runs, leads)
    found.setflags(write=False)
    return found


class SimulatedLocation(LocationWeather):
    """Observed weather up to each origin, and after it the newest run of a simulated model."""

    def __init__(
        self, observed: ObservedLocation, location: str, errors: ForecastErrors, publication_lag_h: float = 1.0
    ) -> None:
        """Keep the hours.

        Args:
            observed: weather of the location.
            location: its name, which its errors depend on.
            errors: of the runs.
            publication_lag_h: of the load, whose publication is the moment of a forecast.
        """
        self.observed, self._location, self._errors = observed, location, errors
        self._known_after_h = max(publication_lag_h, 1.0)

    @property
    def fingerprint(self) -> str:
        """Hex digits of the hours and of what decides their errors."""
        said = f"{self.observed.fingerprint} {self._location} {self._errors} {self._known_after_h}"
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    def run_starts(self, origins: NDArray[np.int64]) -> NDArray[np.int64]:
        """Start of the newest run that could be had at each origin; int64 [n]."""
        every = self._errors.every_h
        latest = np.floor(origins + self._known_after_h - self._errors.delay_h).astype(np.int64)
        return np.asarray(latest // every * every)

    def temperatures(self, origins: NDArray[np.int64], leads: int) -> NDArray[np.float32]:
        """The observed hours up to each origin, and the run after it."""
        made = self.observed.temperatures(origins, leads)
        if not len(origins) or not self._errors.factor:
            return made
        starts = self.run_starts(origins)
        ahead = origins + 1 - starts
        run = starts // self._errors.every_h
        first_run, runs = self._runs(origins)
        # Lead 0 is the hour of the start; the latest origin of a run is some hours after it.
        longest = int(self._errors.every_h + self._errors.delay_h + 2) + leads
        errors = _errors(self._errors, self._location, first_run, runs, longest)
        made[:, WINDOW_HOURS:] += errors[(run - first_run)[:, None], ahead[:, None] + np.arange(leads)]
        return made

    def _runs(self, origins: NDArray[np.int64]) -> tuple[int, int]:
        """First run and number of runs of the observed hours and of these origins, in whole blocks."""
        low, high = min(self.observed.start, int(origins.min())), max(self.observed.end, int(origins.max()))
        first, last = self.run_starts(np.array([low, high])) // self._errors.every_h
        begin = int(first) // RUNS_AT_ONCE * RUNS_AT_ONCE
        return begin, int(last) + 1 - begin
