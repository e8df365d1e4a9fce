"""`dayahead sources inspect`: the source file that it writes reads the hours that the data file means, or it asks."""

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dayahead.hours import to_hour
from dayahead.reading.records import Row
from dayahead.reading.source_file import load_source
from tests.ingest.inspection.inspecting import asked, inspected, moments, run, value_at, write_csv

HOUR = timedelta(hours=1)


def expected(start: str, days: int, series: str, zone: str = "UTC") -> list[Row]:
    return [Row(series, to_hour(moment), value_at(moment)) for moment in moments(start, days, zone=zone)]


def test_a_plain_file_leaves_nothing_to_ask_but_its_unit(tmp_path: Path) -> None:
    lines = [f"{moment:%Y-%m-%dT%H:%MZ},m1,{value_at(moment)}" for moment in moments("2024-01-01", 3)]
    file = write_csv(tmp_path / "load.csv", "time,meter,value", lines)
    done = run("inspect", file)
    assert (done.exit_code, asked(done.output)) == (2, {"unit"})
    assert inspected(file, "--unit", "kWh") == expected("2024-01-01", 3, "m1")


def test_the_written_file_names_the_data_relative_to_itself(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    lines = [f"{moment:%Y-%m-%dT%H:%MZ},m1,{value_at(moment)}" for moment in moments("2024-01-01", 1)]
    file = write_csv(tmp_path / "data" / "load.csv", "time,meter,kWh", lines)
    assert run("inspect", file, "--write", tmp_path / "load.yaml").exit_code == 0
    assert "path: data/load.csv" in (tmp_path / "load.yaml").read_text()
    assert load_source(tmp_path / "load.yaml").unit == "kWh"


def test_an_existing_source_file_is_kept(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "load.csv", "time,kWh", ["2024-01-01T00:00Z,1", "2024-01-01T01:00Z,2"])
    (tmp_path / "load.yaml").write_text("mine")
    done = run("inspect", file, "--time-label", "start", "--write", tmp_path / "load.yaml")
    assert done.exit_code != 0
    assert "exists" in str(done.exception)
    assert (tmp_path / "load.yaml").read_text() == "mine"


def test_nothing_is_written_while_a_question_is_open(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "load.csv", "time,value", ["2024-01-01T00:00,1", "2024-01-01T01:00,2"])
    done = run("inspect", file, "--write", tmp_path / "load.yaml")
    assert (done.exit_code, asked(done.output)) == (2, {"unit", "time-zone", "time-label"})
    assert not (tmp_path / "load.yaml").exists()


def test_german_numbers_and_intervals_are_read(tmp_path: Path) -> None:
    zone = ZoneInfo("Europe/Berlin")
    lines = []
    for moment in moments("2024-01-30", 4, zone="Europe/Berlin"):
        start, end = moment.astimezone(zone), (moment + HOUR).astimezone(zone)
        number = f"{value_at(moment) * 100:,.2f}".translate(str.maketrans(".,", ",."))
        lines.append(f"{start:%d.%m.%Y %H:%M} - {end:%d.%m.%Y %H:%M};{number}")
    file = write_csv(tmp_path / "last.csv", "Zeit;Verbrauch [kWh]", lines)
    rows = inspected(file, "--time-zone", "Europe/Berlin")
    wanted = expected("2024-01-30", 4, "last", "Europe/Berlin")
    assert [(row.hour, round(row.value / 100, 2)) for row in rows] == [(row.hour, row.value) for row in wanted]


def test_hours_that_end_at_24_are_ends_and_months_may_come_first(tmp_path: Path) -> None:
    zone = ZoneInfo("America/Chicago")
    lines = []
    for moment in moments("2024-01-01", 5, zone="America/Chicago"):
        local = moment.astimezone(zone)
        lines.append(f"{local:%m/%d/%Y} {local.hour + 1:02d}:00,north,{value_at(moment)}")
    file = write_csv(tmp_path / "load.csv", "HourEnding,zone,value", lines)
    rows = inspected(file, "--time-zone", "America/Chicago", "--unit", "MWh")
    assert rows == expected("2024-01-01", 5, "north", "America/Chicago")


def test_a_day_that_may_be_a_month_is_asked(tmp_path: Path) -> None:
    lines = [f"02/01/2024 {hour:02d}:00,{hour}" for hour in range(24)]
    file = write_csv(tmp_path / "load.csv", "time,kWh", lines)
    done = run("inspect", file, "--time-zone", "UTC")
    assert asked(done.output) == {"time-format"}
    rows = inspected(file, "--time-zone", "UTC", "--time-format", "%d/%m/%Y %H:%M")
    assert [row.hour for row in rows] == [row.hour for row in expected("2024-01-02", 1, "")]


def test_days_and_numbers_of_half_hours_make_the_time(tmp_path: Path) -> None:
    zone = ZoneInfo("Europe/London")
    lines, numbers = [], dict[str, int]()
    for moment in moments("2024-03-29", 4, 30, "Europe/London"):
        day = moment.astimezone(zone).strftime("%d-%b-%Y").upper()
        numbers[day] = numbers.get(day, 0) + 1
        lines.append(f"{day},{numbers[day]},{value_at(moment)}")
    file = write_csv(tmp_path / "demand.csv", "settlement_date,settlement_period,MW", lines)
    rows = inspected(file, "--time-zone", "Europe/London")
    assert rows == expected("2024-03-29", 4, "demand", "Europe/London")


def test_a_day_and_a_clock_in_two_columns_make_the_time(tmp_path: Path) -> None:
    lines = [f"{m:%d/%m/%Y};{m:%H:%M:%S};{value_at(m)}" for m in moments("2024-01-11", 3, 15)]
    lines[5] = lines[5].rsplit(";", 1)[0] + ";?"
    file = write_csv(tmp_path / "house.csv", "Date;Time;kW", lines)
    done = run("inspect", file, "--time-zone", "UTC")
    assert "quantity: power" in done.output
    assert "1 absent value" in done.output
    rows = inspected(file, "--time-zone", "UTC")
    assert rows == [row for row in expected("2024-01-11", 3, "house") if row.hour != rows[0].hour + 1]
    assert len(rows) == 71


def test_columns_side_by_side_are_series(tmp_path: Path) -> None:
    lines = [f"{m:%Y-%m-%d %H:%M}Z,{value_at(m)},{value_at(m) + 1}" for m in moments("2024-01-01", 2)]
    rows = inspected(write_csv(tmp_path / "wide.csv", "time,meter_1,meter_2", lines), "--unit", "kWh")
    assert {row.series_id for row in rows} == {"wide/meter_1", "wide/meter_2"}
    assert len(rows) == 96


def test_a_second_time_a_remark_and_an_empty_column_next_to_series_are_no_series(tmp_path: Path) -> None:
    lines = [
        f"{m:%Y-%m-%d %H:%M}Z,{m + timedelta(hours=1):%Y-%m-%d %H:%M},{value_at(m)},{value_at(m) + 1},note {m:%d%H},"
        for m in moments("2024-01-01", 2)
    ]
    file = write_csv(tmp_path / "wide.csv", "TimeUTC,TimeLocal,meter_1,meter_2,remark,spare", lines)
    done = run("inspect", file, "--unit", "kWh")
    assert "rejected: none" in done.output
    assert {row.series_id for row in inspected(file, "--unit", "kWh")} == {"wide/meter_1", "wide/meter_2"}


def test_the_value_is_asked_where_several_columns_could_be_it(tmp_path: Path) -> None:
    lines = [f"{m:%Y-%m-%d %H:%M}Z,{value_at(m)},{m.hour / 7:.3f}1" for m in moments("2024-01-01", 2)]
    file = write_csv(tmp_path / "load.csv", "time,load,temperature", lines)
    assert asked(run("inspect", file).output) == {"value", "unit"}
    assert inspected(file, "--value", "load", "--unit", "kWh") == expected("2024-01-01", 2, "load")


def test_a_remark_is_no_label_and_the_region_of_a_meter_is(tmp_path: Path) -> None:
    regions = {"a": "west", "b": "east", "c": "west"}
    lines = [
        f"{m:%Y-%m-%d %H:%M}Z,{meter},{regions[meter]},{'late' if m.hour % 5 == 0 else 'ok'},{value_at(m)}"
        for m in moments("2024-01-01", 3)
        for meter in regions
    ]
    rows = inspected(write_csv(tmp_path / "load.csv", "time,meter,region,state,kWh", lines))
    assert {row.series_id for row in rows} == {"a/west", "b/east", "c/west"}


def test_readings_of_a_meter_are_subtracted(tmp_path: Path) -> None:
    reading, lines = 50.0, []
    for moment in moments("2024-01-01", 4):
        lines.append(f"{moment:%Y-%m-%d %H:%M}Z,{reading:.2f}")
        reading += value_at(moment)
    rows = inspected(write_csv(tmp_path / "meter.csv", "time,kWh", lines))
    assert [(row.hour, round(row.value, 2)) for row in rows] == [
        (row.hour, row.value) for row in expected("2024-01-01", 4, "")[:-1]
    ]


@pytest.mark.parametrize("values", ["1.234 1.310 1.402 2.100", "1,234 1,310 1,402 2,100"])
def test_a_mark_that_may_be_of_thousands_is_asked(tmp_path: Path, values: str) -> None:
    lines = [f"2024-01-01T0{hour}:00Z;{value}" for hour, value in enumerate(values.split())]
    file = write_csv(tmp_path / "load.csv", "time;kWh", lines)
    options = ["--time-label", "start"]
    assert asked(run("inspect", file, *options).output) == {"decimal"}
    assert inspected(file, *options, "--decimal", values[1])[0].value == 1.234
    file.with_suffix(".yaml").unlink()
    other = ",."[values[1] == ","]
    assert inspected(file, *options, "--decimal", other)[0].value == 1234


def test_one_value_a_day_is_refused(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "days.csv", "day,kWh", [f"2024-01-{day:02d},{day}" for day in range(1, 20)])
    done = run("inspect", file)
    assert "a value of a day" in str(done.exception).lower()
    midnights = write_csv(tmp_path / "m.csv", "time,kWh", [f"2024-01-{day:02d}T06:00Z,{day}" for day in range(1, 20)])
    assert "one record a day" in str(run("inspect", midnights).exception)


def test_data_without_names_of_columns_are_refused(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "load.csv", "2024-01-01T00:00Z,5", ["2024-01-01T01:00Z,6", "2024-01-01T02:00Z,7"])
    assert "names of its columns" in str(run("inspect", file).exception)


def test_lines_above_the_header_are_skipped(tmp_path: Path) -> None:
    lines = ["Exported on 2024-02-01", "", "time;meter;kWh"]
    lines += [f"{m:%Y-%m-%d %H:%M}Z;m1;{value_at(m)}" for m in moments("2024-01-01", 2)]
    rows = inspected(write_csv(tmp_path / "load.csv", "Consumption of our halls", lines))
    assert rows == expected("2024-01-01", 2, "m1")


def test_a_parquet_file_is_read_with_its_types(tmp_path: Path) -> None:
    every = list(moments("2024-01-01", 3))
    table = pa.table(
        {
            "HourUTC": pa.array([m.replace(tzinfo=None) for m in every], pa.timestamp("us")),
            "HourDK": pa.array([m.replace(tzinfo=None) + HOUR for m in every], pa.timestamp("us")),
            "area": ["DK1"] * len(every),
            "kWh": [value_at(m) for m in every],
        }
    )
    pq.write_table(table, tmp_path / "load.parquet")
    assert inspected(tmp_path / "load.parquet") == expected("2024-01-01", 3, "DK1")


def test_seconds_since_1970_are_times(tmp_path: Path) -> None:
    lines = [f"{int(m.timestamp())},{value_at(m)}" for m in moments("2024-01-01", 2)]
    rows = inspected(write_csv(tmp_path / "load.csv", "ts,kWh", lines))
    assert rows == expected("2024-01-01", 2, "load")


def test_hours_within_an_hour_of_utc_are_asked(tmp_path: Path) -> None:
    lines = [f"2024-01-01T{hour:02d}:00,{hour}" for hour in range(24)]
    file = write_csv(tmp_path / "load.csv", "time,kWh", lines)
    done = run("inspect", file, "--time-zone", "Asia/Kolkata")
    assert asked(done.output) == {"off-hour"}


def test_an_unknown_zone_is_a_sentence(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "load.csv", "time,kWh", [f"2024-01-01T{hour:02d}:00,{hour}" for hour in range(24)])
    assert "no time zone" in str(run("inspect", file, "--time-zone", "Europe/Kopenhagen").exception)


def test_days_with_an_offset_are_whole_on_the_clock_that_is_written(tmp_path: Path) -> None:
    zone = ZoneInfo("Europe/Copenhagen")
    every = list(moments("2024-01-01", 3, zone="Europe/Copenhagen"))
    lines = [f"{m.astimezone(zone).isoformat()},{value_at(m)}" for m in every]
    rows = inspected(write_csv(tmp_path / "load.csv", "time,kWh", lines))
    assert rows == expected("2024-01-01", 3, "load", "Europe/Copenhagen")


def test_numbers_of_rows_are_no_values(tmp_path: Path) -> None:
    lines = [f"{i},{m:%Y-%m-%d %H:%M}Z,{value_at(m)}" for i, m in enumerate(moments("2024-01-01", 2))]
    assert inspected(write_csv(tmp_path / "load.csv", "id,time,kWh", lines)) == expected("2024-01-01", 2, "load")


def test_one_record_is_enough_to_describe_a_file(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "load.csv", "time,kWh", ["2024-01-01T00:00Z,5"])
    assert asked(run("inspect", file).output) == {"time-label"}


def test_a_series_that_rises_is_proposed_as_a_register_with_the_evidence(tmp_path: Path) -> None:
    lines = [f"{m:%Y-%m-%d %H:%M}Z,{(place % 100) * 2.5}" for place, m in enumerate(moments("2024-01-01", 10))]
    done = run("inspect", write_csv(tmp_path / "meter.csv", "time,kWh", lines))
    assert "quantity: register" in done.output
    assert "values rise to 247.5 and start again 2 times" in done.output
    consumption = run("inspect", tmp_path / "meter.csv", "--quantity", "energy")
    assert "read: 240 hours" in consumption.output


def test_a_folder_that_does_not_exist_is_a_sentence(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "load.csv", "time,kWh", ["2024-01-01T00:00Z,1", "2024-01-01T01:00Z,2"])
    done = run("inspect", file, "--time-label", "start", "--write", tmp_path / "none" / "load.yaml")
    assert "does not exist" in str(done.exception)


def test_a_folder_of_files_with_the_same_columns_is_one_source(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name, start in (("a.csv", "2024-01-01"), ("b.csv", "2024-01-03")):
        lines = [f"{m:%Y-%m-%d %H:%M}Z,m1,{value_at(m)}" for m in moments(start, 2)]
        write_csv(tmp_path / "data" / name, "time,meter,kWh", lines)
    assert inspected(tmp_path / "data") == expected("2024-01-01", 4, "m1")


def test_an_answer_that_is_no_choice_is_a_sentence(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "load.csv", "time,kWh", ["2024-01-01T00:00Z,1", "2024-01-01T01:00Z,2"])
    done = run("inspect", file, "--time-label", "begin")
    assert "--time-label 'begin' must be one of start, end" in str(done.exception)


def test_that_only_the_beginning_of_a_long_file_was_looked_at_is_stated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"{m:%Y-%m-%d %H:%M}Z,{value_at(m)}" for m in moments("2024-01-01", 2)]
    file = write_csv(tmp_path / "load.csv", "time,kWh", lines)
    assert "were looked at" not in run("inspect", file).output
    monkeypatch.setattr("ingest.inspection.raw_file.MOST_RECORDS", 10)
    assert "# only the first 48 records were looked at" in run("inspect", file).output
