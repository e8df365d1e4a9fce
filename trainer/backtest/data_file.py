"""A history from a user's file: parsed by the poller's code, without any server."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from dayahead.errors import NotEnoughHistoryError, SettingsError
from dayahead.hours import from_hour, to_hour
from dayahead.models.history import History
from dayahead.reading.converter import convert_answer
from dayahead.reading.kinds.file import FileSource
from dayahead.reading.limits import LimitLoss, limit_losses
from dayahead.reading.records import Conversion
from dayahead.source import Source
from trainer.quarantine import clean
from trainer.settings import QuarantineSettings
from trainer.training_set import TrainingSet, registered_as


@dataclass(frozen=True)
class DataFile:
    """What was read from a file.

    Attributes:
        data: all its hours, as observed and as cleaned.
        rejected: number of rejected records, by code.
        example: why the first one was rejected; empty if none was.
        losses: values of each series that the limits of the source reject.
        incomplete: what is to be said about hours that lack a part; empty if none does.
    """

    data: TrainingSet
    rejected: Counter[str]
    example: str
    losses: list[LimitLoss]
    incomplete: str


def read_data_file(path: Path, source: Source, settings: QuarantineSettings, now: datetime) -> DataFile:
    """Read a data file.

    Args:
        path: the file.
        source: its columns, time zone, unit.
        settings: which values are excluded from training.
        now: the present moment; later hours are rejected.

    Raises:
        SettingsError: no file with this ending can be read, or the source is a reference forecast.
        SourceError: the file cannot be read.
        NotEnoughHistoryError: no record could be used.
    """
    if source.forecast_of is not None:
        raise SettingsError(
            f"source {source.name} is a reference forecast: give --source the file of "
            f"{source.forecast_of}, and --data what was observed"
        )
    conversion = convert_answer(FileSource(source, path).read(0, to_hour(now) + 1), source, now)
    rejected = Counter(str(rejection.code) for rejection in conversion.rejections)
    example = conversion.rejections[0].reason if conversion.rejections else ""
    incomplete = conversion.incomplete_sentence(source)
    if not len(conversion.hours):
        raise NotEnoughHistoryError(
            f"{path} contains no valid hour: {sum(rejected.values())} records were rejected"
            + (f", the first because {example}. Compare its columns with source {source.name}" if example else "")
            + (f"; {incomplete}" if incomplete else "")
        )
    names = conversion.hours.names
    kept = (names[series] for series in conversion.hours.series.tolist())
    losses = limit_losses(conversion.rejections, kept, source)
    return DataFile(_training_set(conversion, source, settings), rejected, example, losses, incomplete)


def _training_set(conversion: Conversion, source: Source, settings: QuarantineSettings) -> TrainingSet:
    names, series, hours = conversion.hours.names, conversion.hours.series, conversion.hours.hour
    present = sorted(np.unique(series).tolist(), key=names.__getitem__)
    row = np.zeros(len(names), np.int64)
    row[present] = np.arange(len(present))
    start = int(hours.min())
    values = np.full((len(present), int(hours.max()) - start + 1), np.nan)
    values[row[series], hours - start] = conversion.hours.value
    ids = tuple(names[place] for place in present)
    cleaned = clean(values, start, registered_as(ids, source), source, settings)
    observed = History(ids, start, values, (source.calendar,), leads=source.leads)
    return TrainingSet(
        observed,
        replace(observed, values=cleaned.values),
        cleaned.ranges,
        (source.name,),
    )


def span_of(data: TrainingSet) -> str:
    """First and last hour, for messages."""
    return f"{from_hour(data.observed.start):%Y-%m-%dT%H} to {from_hour(data.observed.end - 1):%Y-%m-%dT%H}"
