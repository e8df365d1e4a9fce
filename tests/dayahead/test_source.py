from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from dayahead.errors import SettingsError
from dayahead.reading.kinds.file import FileFields
from dayahead.reading.source_file import load_source
from dayahead.source import Source

WHOLE = """
name: metered-load
kind: file
title: Metered load of our own grid
path: load.csv
time_column: Time
key_columns: [Area]
value_column: Load
unit: MWh
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "source.yaml"
    file.write_text(text)
    return file


def test_a_source_file_is_read_and_its_path_is_relative_to_it(tmp_path: Path) -> None:
    source = load_source(write(tmp_path, WHOLE))
    assert FileFields.of(source).path == tmp_path / "load.csv"
    assert source.label_names == ["Area"]


def test_a_source_survives_the_way_through_the_database(tmp_path: Path) -> None:
    source = load_source(write(tmp_path, WHOLE))
    assert Source.model_validate(source.model_dump(mode="json", exclude_defaults=True)) == source


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("unit: MWh", ""), "unit: Field required"),
        (("unit: MWh", "unitt: MWh"), "unitt: Extra inputs"),
        (("value_column: Load", ""), "either value_column or value_columns"),
        (("unit: MWh", "unit: MWh\ntime_zone: Copenhagen"), "'Copenhagen' is no time zone"),
        (("unit: MWh", "unit: MWh\nperiod_minutes: 45"), "45 must divide an hour"),
        (("path: load.csv", ""), "kind file needs path"),
        (("kind: file", "kind: energi-data-service"), "needs url and dataset"),
        (("name: metered-load", "name: [a"), "is not YAML"),
        (("unit: MWh", "unit: ''"), "unit: String should have at least 1"),
        (("unit: MWh", "unit: MWh\ncountry: XX"), "'XX' has no holiday calendar"),
        (("unit: MWh", "unit: MWh\ncountry: DE\nsubdivision: ZZ"), "DE has no subdivision 'ZZ'; there are: BB, BE"),
        (("unit: MWh", "unit: MWh\nsubdivision: BY"), "subdivision needs country"),
        (("unit: MWh", "unit: MWh\nminimum: 5\nmaximum: 1"), "minimum 5 is above maximum 1"),
        (("unit: MWh", "unit: MWh\npoll_interval_s: .inf"), "poll_interval_s: Input should be a finite number"),
        (("unit: MWh", "unit: MWh\ndecimal: ','"), "delimiter and decimal are both ','"),
        (("unit: MWh", "unit: MWh\ndelimiter: '\"'"), "delimiter: String should match"),
        (("unit: MWh", "unit: MWh\nconstant_labels: {Region: DK}"), "Region must be among key_columns"),
        (("unit: MWh", "unit: MWh\nconstant_labels: {Area: ''}"), "must not give an empty or blank label"),
        (("unit: MWh", "unit: MWh\nconstant_labels: {Area: ' '}"), "must not give an empty or blank label"),
        (("key_columns: [Area]", "key_columns: [Area, Area]"), "must have names that differ"),
        (("unit: MWh", "unit: MWh\nforecast_of: metered-load"), "'metered-load' is the source itself"),
        (("unit: MWh", "unit: MWh\npublished_column: At"), "published_column needs forecast_of"),
        (
            ("unit: MWh", "unit: MWh\nforecast_of: load\ntotals: true"),
            "totals is for observed values: put it into source",
        ),
        (("unit: MWh", "unit: MWh\nforecast_of: load\ngates: ['11:00']"), "gates is for observed values"),
        (("unit: MWh", "unit: MWh\nforecast_of: load\nhorizon_h: 48"), "horizon_h is for observed values"),
        (("kind: file", "kind: push\nforecast_of: load"), "needs a source that is polled"),
        (
            ("value_column: Load", "value_columns: {Load: total, Other: total}\nvalue_label: Kind"),
            "gives two columns the same label",
        ),
    ],
)
def test_a_wrong_source_file_is_refused_by_name_and_fault(
    tmp_path: Path, change: tuple[str, str], complaint: str
) -> None:
    with pytest.raises(SettingsError, match=complaint) as refusal:
        load_source(write(tmp_path, WHOLE.replace(*change)))
    assert "source.yaml" in str(refusal.value)


def test_a_missing_source_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.yaml cannot be read"):
        load_source(tmp_path / "nowhere.yaml")


def test_a_source_may_be_silent_for_two_publications_and_two_polls(tmp_path: Path) -> None:
    text = WHOLE + "publication_interval_h: 24\npoll_interval_s: 3600\n"
    assert load_source(write(tmp_path, text)).silence_allowed == timedelta(hours=48 + 2)
    patient = text + "stale_after_intervals: 3\n"
    assert load_source(write(tmp_path, patient)).silence_allowed == timedelta(hours=72 + 2)


def test_a_source_file_of_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(WHOLE.replace("our own", "vores k\u00f8b").encode("latin-1"))
    with pytest.raises(SettingsError, match=r"latin\.yaml is not UTF-8"):
        load_source(tmp_path / "latin.yaml")


@pytest.mark.parametrize(
    ("gates", "message"),
    [
        ('["25:00"]', "'25:00' is no time of day: write HH:MM in quotes"),
        ("[11:00]", "660 is no time of day: write HH:MM in quotes"),  # what YAML makes of 11:00 without quotes
        ('["9:00"]', "'9:00' is no time of day"),
        ('"11:00"', "is no list of times of day"),
        ('["11:00", "11:00"]', "name each once"),
    ],
)
def test_gates_that_are_no_times_of_day_are_refused(tmp_path: Path, gates: str, message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_source(write(tmp_path, f"{WHOLE}gates: {gates}\n"))
    assert message in str(refused.value)


def test_gates_pass_by_the_clock_of_the_place_and_forecast_the_next_day(tmp_path: Path) -> None:
    text = WHOLE + 'gates: ["11:00", "06:30"]\nlocal_time_zone: Europe/Copenhagen\n'
    source = load_source(write(tmp_path, text))
    gates = source.passed_gates(datetime(2023, 3, 26, 9, tzinfo=UTC), timedelta(days=2))
    assert [(gate.name, gate.moment.isoformat(), str(gate.day), len(gate.hours)) for gate in gates] == [
        ("11:00", "2023-03-24T10:00:00+00:00", "2023-03-25", 24),
        ("06:30", "2023-03-25T05:30:00+00:00", "2023-03-26", 23),
        ("11:00", "2023-03-25T10:00:00+00:00", "2023-03-26", 23),
        ("06:30", "2023-03-26T04:30:00+00:00", "2023-03-27", 24),
        # that of 11:00 is now, and has passed a moment later
    ]
    later = source.passed_gates(datetime(2023, 3, 26, 9, 0, 0, 1, tzinfo=UTC), timedelta(days=2))
    assert (later[-1].name, later[-1].day) == ("11:00", date(2023, 3, 27))
