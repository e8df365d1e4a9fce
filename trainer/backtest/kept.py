"""The folder of a backtest: each finished window is saved at once, so that an interrupted run resumes.

manifest.json              identity of the run (data, settings, hours), and which release forecasts from which hour
releases/r-….release       the releases, in the format of TimescaleDB
windows/2023-01-18T00.parquet   one finished window: every forecast and its scores, exact
"""

import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dayahead.errors import SettingsError
from dayahead.evaluation.backtest import RunResult
from dayahead.evaluation.score import ScoreBatch
from dayahead.horizon import DAY_LEADS
from dayahead.hours import Hour, from_hour
from dayahead.models.serving.release import Release

FORMAT = 4
MANIFEST = "manifest.json"
_ARRAYS = tuple(item.name for item in fields(RunResult) if item.name not in {"series_ids", "scores", "later_scores"})
_SCORES = tuple(item.name for item in fields(ScoreBatch))


@dataclass(frozen=True)
class Identity:
    """What determines the forecasts of a run; `--to` is not part of it.

    Attributes:
        data: fingerprint of the hours that forecasts are judged by.
        source: the file or the database that is read.
        settings: fingerprint of the fit and quarantine settings.
        from_: first forecast hour, as text.
        every: hours from one origin to the next, as text.
        refit: hours of forecasts between two fits, as text.
        known_at: moment as of which the actuals are read, as text; empty for a file.
        version: of Dayahead.
    """

    data: str
    source: str
    settings: str
    from_: str
    every: str
    refit: str
    known_at: str
    version: str


_SHOWN = {
    "data": "the data have changed",
    "source": "another file or database",
    "settings": "other training settings",
    "from_": "another --from",
    "every": "another --every",
    "refit": "another --refit",
    "version": "another version of Dayahead",
}


class RunFolder:
    """A folder that holds a single run."""

    def __init__(self, path: Path) -> None:
        """Read the folder's manifest; writes nothing.

        Raises:
            SettingsError: it holds a run of an unsupported version.
        """
        self.path = path
        self._manifest: dict[str, Any] = {"format": FORMAT, "releases": {}}
        try:
            self._manifest = orjson.loads((path / MANIFEST).read_bytes())
        except FileNotFoundError:
            pass
        except (OSError, orjson.JSONDecodeError) as error:
            raise SettingsError(f"{path / MANIFEST} cannot be read: {error}. Choose another --out.") from error
        if self._manifest.get("format") != FORMAT:
            raise SettingsError(f"{path} holds a backtest of another version of Dayahead: choose another --out")

    @property
    def known_at(self) -> str:
        """Moment as of which the saved run reads its actuals; empty if there is no saved run."""
        return str(self._manifest.get("identity", {}).get("known_at", ""))

    def begin(self, identity: Identity) -> None:
        """Begin a run, or resume the saved one.

        Raises:
            SettingsError: the folder holds a different run; the message says what differs.
        """
        kept, mine = self._manifest.get("identity"), asdict(identity)
        if kept is not None:
            differs = [shown for name, shown in _SHOWN.items() if kept.get(name) != mine[name]]
            if differs:
                raise SettingsError(
                    f"{self.path} holds a different backtest ({', '.join(differs)}), and results are not "
                    "mixed: choose another --out, or delete the folder to start over"
                )
            return
        for folder in (self.path, self.path / "windows", self.path / "releases"):
            folder.mkdir(parents=True, exist_ok=True)
        self._manifest["identity"] = mine
        self._write_manifest()

    def release(self, first: Hour) -> Release | None:
        """The release that forecasts from an hour on; None if it was not saved completely."""
        release_id = self._manifest["releases"].get(_name(first))
        if release_id is None:
            return None
        blob = self._release_file(release_id).read_bytes() if self._release_file(release_id).exists() else b""
        return Release.from_bytes(blob) if blob else None

    def keep_release(self, first: Hour, release: Release) -> None:
        """Save the release that forecasts from an hour on.

        Raises:
            SettingsError: the run began with another release.
        """
        kept = self._manifest["releases"].get(_name(first))
        if kept not in {None, release.release_id}:
            raise SettingsError(
                f"{self.path} holds windows that {kept} forecast, and the fit gave {release.release_id} now: the data "
                "before have changed, and results are not mixed. Choose another --out."
            )
        _write(self._release_file(release.release_id), release.to_bytes())
        self._manifest["releases"][_name(first)] = release.release_id
        self._write_manifest()

    def keep(self, origin: Hour, result: RunResult) -> None:
        """Save a finished window."""
        columns = {name: _column(getattr(result, name)) for name in _ARRAYS}
        for day in range(1, result.days + 1):
            columns |= {f"score_{day}_{name}": _column(getattr(result.scores_of(day), name)) for name in _SCORES}
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table(columns), sink, compression="zstd")
        _write(self._window_file(origin), sink.getvalue().to_pybytes())

    def finished(self, origins: Iterable[Hour]) -> list[Hour]:
        """The origins whose windows are saved."""
        return [origin for origin in origins if self._window_file(origin).exists()]

    def read(self, origin: Hour, series_ids: tuple[str, ...]) -> RunResult:
        """Read a saved window.

        Raises:
            SettingsError: its file is damaged.
        """
        file = self._window_file(origin)
        try:
            table = pq.read_table(file)
            arrays = {name: _array(table[name]) for name in _ARRAYS}
            days = range(1, arrays["p50"].shape[1] // DAY_LEADS + 1)
            first, *later = (ScoreBatch(*(_array(table[f"score_{day}_{name}"]) for name in _SCORES)) for day in days)
        except (OSError, KeyError, pa.ArrowInvalid) as error:
            raise SettingsError(f"{file} is damaged ({error}): delete it and run the same command again") from error
        return RunResult(series_ids=series_ids, scores=first, later_scores=tuple(later), **arrays)

    def _window_file(self, origin: Hour) -> Path:
        return self.path / "windows" / f"{_name(origin + 1)}.parquet"

    def _release_file(self, release_id: str) -> Path:
        return self.path / "releases" / f"{release_id}.release"

    def _write_manifest(self) -> None:
        _write(self.path / MANIFEST, orjson.dumps(self._manifest, option=orjson.OPT_INDENT_2))


def _name(hour: Hour) -> str:
    return f"{from_hour(hour):%Y-%m-%dT%H}"


def _write(file: Path, content: bytes) -> None:
    """Write atomically and durably: a crash of the process or machine leaves the old file or the new one."""
    partial = file.with_suffix(".partial")
    with partial.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(file)


def _column(values: NDArray[Any]) -> "pa.Array[Any]":
    flat = pa.array(np.ascontiguousarray(values).ravel())
    return flat if values.ndim == 1 else pa.FixedSizeListArray.from_arrays(flat, values.shape[1])


def _array(column: "pa.ChunkedArray[Any]") -> NDArray[Any]:
    whole = column.combine_chunks()
    if isinstance(whole, pa.FixedSizeListArray):
        return np.asarray(whole.flatten().to_numpy(zero_copy_only=False)).reshape(-1, whole.type.list_size)
    return np.asarray(whole.to_numpy(zero_copy_only=False))
