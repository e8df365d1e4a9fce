from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from dayahead.errors import SettingsError
from dayahead.hours import to_hour
from dayahead.reading.converter import convert
from dayahead.reading.kinds.energi_data_service import EnergiDataServiceKind
from dayahead.reading.kinds.file import FileSource
from ingest.running import load_sources_from
from tests.ingest.building import SAMPLE, SOURCES, sample_source

NOW = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = {"HourUTC": "2023-06-01T10:00:00", "HourDK": "2023-06-01T12:00:00"}
# One record of each dataset, with the columns that its page or its users name.
RECORDS = {
    "consumption-de35-hour": ({**HOUR, "PriceArea": "DK1", "ConsumerType_DE35": "111", "TotalCon": 70830}, "DK1/111"),
    "consumption-industry": (
        {**HOUR, "MunicipalityNo": "751", "Branche": "Offentligt", "ConsumptionkWh": 25541.3},
        "751/Offentligt",
    ),
    "production-consumption-settlement": (
        {**HOUR, "PriceArea": "DK2", "CentralPowerMWh": 1.0, "GrossConsumptionMWh": 1606.67},
        "DK2/GrossConsumption",
    ),
    "electricity-balance": ({**HOUR, "PriceArea": "DK1", "TotalLoad": 2100.5, "Biomass": 320.1}, "DK1/TotalLoad"),
    "priv-industry-consumption-hour": (
        {
            **HOUR,
            "MunicipalityNo": "101",
            "HousingCategory": "Parcelhus",
            "HeatingCategory": "Elvarme eller varmepumpe",
            "ConsumptionkWh": 9.5,
        },
        "101/Parcelhus/Elvarme eller varmepumpe",
    ),
    "consumption-dk3619-code-hour": (
        {**HOUR, "DK36Code": "QB", "DK36Title": "x", "DK19Code": "Q", "DK19Title": "y", "Consumption_MWh": 120.5},
        "DK/Q/QB",
    ),
}


def test_every_shipped_source_file_loads_and_names_are_their_files() -> None:
    sources = load_sources_from([SOURCES])
    assert {source.name for source in sources} == {file.stem for file in SOURCES.glob("*.yaml")}
    assert set(RECORDS) == {source.name for source in sources if source.kind == EnergiDataServiceKind.name}


@pytest.mark.parametrize("name", RECORDS)
def test_the_columns_of_every_shipped_source_convert_a_record(name: str) -> None:
    (source,) = load_sources_from([SOURCES / f"{name}.yaml"])
    record, series_id = RECORDS[name]
    (row,) = convert([record], source, NOW).rows
    assert (row.series_id, row.hour) == (series_id, to_hour(datetime(2023, 6, 1, 10, tzinfo=UTC)))


def test_the_example_file_makes_whole_hours_of_its_half_hours_over_the_end_of_summer_time() -> None:
    (source,) = load_sources_from([SOURCES / "example-file.yaml"])
    conversion = convert(FileSource(source).read(0, None).records, source, NOW)
    assert conversion.rejections == []
    north = [(row.hour, row.value) for row in conversion.rows if row.series_id == "north/main"]
    first = to_hour(datetime(2023, 10, 28, 22, tzinfo=UTC))
    assert north == [(first, 24.5), (first + 1, 22.5), (first + 2, 20.5), (first + 3, 18.5), (first + 4, 19.5)]


def test_the_sample_converts_without_a_rejection() -> None:
    conversion = convert(pq.read_table(SAMPLE).to_pylist(), sample_source(), NOW)
    assert (len(conversion.rows), conversion.rejections, conversion.repeated) == (62548, [], 0)
    assert len({row.series_id for row in conversion.rows}) == 76


def test_a_folder_without_source_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="holds no source file"):
        load_sources_from([tmp_path])


def source_file(folder: Path, name: str, **changes: object) -> None:
    fields = {
        "name": name, "kind": "file", "title": name, "path": "x.csv", "time_column": "t", "key_columns": ["Area"],
        "value_column": "v", "unit": "MWh", **changes,
    }  # fmt: skip
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(fields))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"unit": "kWh"}, "operator is in kWh, load in MWh: give both the same unit"),
        ({"key_columns": ["Area", "Type"]}, "operator has labels Area/Type, load has Area: both must make the same"),
        ({"forecast_of": "other"}, "operator: forecast_of other is a reference forecast itself"),
    ],
)
def test_a_reference_that_cannot_be_compared_is_refused(
    tmp_path: Path, change: dict[str, object], complaint: str
) -> None:
    source_file(tmp_path, "load")
    source_file(tmp_path, "other", forecast_of="load")
    source_file(tmp_path, "operator", forecast_of="load")
    assert len(load_sources_from([tmp_path])) == 3
    source_file(tmp_path, "operator", **{"forecast_of": "load", **change})
    with pytest.raises(SettingsError, match=complaint):
        load_sources_from([tmp_path])


def test_a_source_that_is_given_twice_is_refused() -> None:
    with pytest.raises(SettingsError, match="example-file is given 2 times"):
        load_sources_from([SOURCES, SOURCES / "example-file.yaml"])
