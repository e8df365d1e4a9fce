from collections.abc import Callable
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner, Result

from dayahead.errors import DayaheadError
from dayahead.hours import format_utc, from_hour
from dayahead.reading.source_file import load_source
from tests.trainer.conftest import QUICK
from tests.trainer.filling import NOW, SAMPLE, SAMPLE_SOURCE
from trainer.backtest.data_file import read_data_file
from trainer.backtest.plan import Plan
from trainer.backtest.reader import FileReader
from trainer.backtest.walk import Backtest, Walk
from trainer.commands import register
from trainer.settings import TrainingSettings, load_training_settings

FIRST_H = 650
"""Hours of the sample before the first forecast one."""

Run = Callable[..., Result]


@pytest.fixture(scope="session")
def few_series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with ten series of the sample."""
    table = pq.read_table(SAMPLE)
    few = pc.is_in(table["ConsumerType_DE35"], value_set=pc.unique(table["ConsumerType_DE35"]).slice(0, 5))
    file = tmp_path_factory.mktemp("data") / "few.parquet"
    pq.write_table(table.filter(few), file)
    return file


@pytest.fixture(scope="session")
def quickly() -> TrainingSettings:
    return load_training_settings(None, QUICK, {})


@pytest.fixture(scope="session")
def reader(few_series: Path, quickly: TrainingSettings) -> FileReader:
    source = load_source(SAMPLE_SOURCE)
    data = read_data_file(few_series, source, quickly.quarantine, NOW).data
    return FileReader(data, str(few_series), source, quickly.quarantine)


@pytest.fixture(scope="session")
def first(reader: FileReader) -> int:
    """The first forecast hour."""
    return reader.known.observed.start + FIRST_H


@pytest.fixture(scope="session")
def plan(first: int) -> Plan:
    """Seven origins, twelve hours apart."""
    return Plan(first, first + 96, 12)


@pytest.fixture(scope="session")
def walked(reader: FileReader, plan: Plan, quickly: TrainingSettings) -> Backtest:
    """The plan, walked in this process."""
    return Walk(reader, plan, quickly).run()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """The command, in this process."""
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    register(app)

    def invoke(*arguments: str) -> Result:
        result = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["backtest", *arguments])
        if isinstance(result.exception, DayaheadError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result

    return invoke


@pytest.fixture
def on_few_series(few_series: Path, first: int) -> list[str]:
    """Options that read ten series, fit quickly and forecast the last days."""
    quick = [option for override in QUICK for option in ("--set", override)]
    start = format_utc(from_hour(first))
    return ["--data", str(few_series), "--source", str(SAMPLE_SOURCE), "--from", start, *quick]
