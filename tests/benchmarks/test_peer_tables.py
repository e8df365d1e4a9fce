"""Results are kept, renewed one by one, and shown with what is missing and where we are not ahead."""

import re
from pathlib import Path

import orjson
import pytest

from benchmarks.accuracy_methods import Measured
from benchmarks.accuracy_run import ALL_PROTOCOLS, make_method
from benchmarks.peer_figures import METHODS, TOGETHER
from benchmarks.peers.figures import Figures
from benchmarks.peers.registry import MODULES, WITH_WEATHER
from benchmarks.peers.tables import (
    BEGIN,
    END,
    WEATHER_METHODS,
    all_sections,
    methods_of,
    peers_section,
    weather_section,
    written_into,
)
from tests.benchmarks.conftest import CHECKOUT, Run

PAGE = CHECKOUT / "docs/accuracy.md"


def line(protocol: str, method: str, wape: float, coverage: float | None = None) -> bytes:
    return orjson.dumps(Measured(protocol, method, wape, wape, 1.0, coverage, None, 1.0, 1.0, 1.0))


@pytest.fixture(name="figures")
def _figures() -> Figures:
    figures = Figures()
    figures.keep(line("m4", "dayahead", 0.025))
    figures.keep(line("m4", "mlforecast", 0.030))
    figures.keep(line("m4", "AutoLightGBM (7 of 20 trials ended in time)", 0.031))
    figures.keep(orjson.dumps({"protocol": "m4", "method": "statsforecast MSTL", "skipped": "over the bound of 15"}))
    return figures


def test_a_file_gives_back_what_was_kept(figures: Figures, tmp_path: Path) -> None:
    figures.write(tmp_path / "figures.jsonl")
    again = Figures.read(tmp_path / "figures.jsonl")
    assert again.measured("m4", "dayahead") == figures.measured("m4", "dayahead")
    assert again.missing() == figures.missing()
    again.write(tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "figures.jsonl").read_bytes()


def test_what_was_skipped_is_not_tried_again_until_it_is_named(figures: Figures) -> None:
    assert figures.has("m4", "statsforecast MSTL")
    figures.forget(["statsforecast MSTL"], ["de35"])
    assert figures.has("m4", "statsforecast MSTL")
    figures.forget(["statsforecast MSTL"], ["m4"])
    assert not figures.has("m4", "statsforecast MSTL")
    assert figures.has("m4", "dayahead")


def test_a_result_whose_name_has_a_note_is_in_the_table_with_the_note(figures: Figures) -> None:
    section = peers_section(figures, "Versions.")
    assert "| m4 | - | - | 3.00 / 3.00 | 3.10 / 3.10 | - |" in section
    assert "- m4: AutoLightGBM (7 of 20 trials ended in time)." in section
    assert "- m4, statsforecast MSTL: over the bound of 15." in section
    assert (
        "- statsforecast MSTL: not measured yet on pjm-year, pjm-hourly, pjm-day-2, pjm-gate, pjm-days-9-16, de35, "
        "de35-day-2, m4-early, vic-daily, vic-hourly, vic-day-2, vic-gate." in section
    )


def test_a_peer_that_is_ahead_is_named(figures: Figures) -> None:
    assert "No other library that was measured is ahead" in peers_section(figures, "")
    figures.keep(line("m4", "mlforecast L1", 0.024))
    section = peers_section(figures, "")
    assert "Ahead of Dayahead:\n\n- mlforecast L1 on m4 in WAPE (2.40 against 2.50)\n" in section


def test_the_tables_go_between_their_marks_alone() -> None:
    page = f"before\n\n{BEGIN}\n\nold\n\n{END}\n\nafter\n"
    assert written_into(page, "new") == f"before\n\n{BEGIN}\n\nnew\n\n{END}\n\nafter\n"
    with pytest.raises(ValueError, match="no place for the tables"):
        written_into("a page without them", "new")


def test_dayahead_is_compared_with_the_better_naive(figures: Figures) -> None:
    figures.keep(line("m4", "seasonal naive 24", 0.05))
    figures.keep(line("m4", "seasonal naive 168", 0.04))
    assert "| m4 | 4.00 / 4.00 | 2.50 / 2.50 | - | - |" in peers_section(figures, "")


def test_every_protocol_and_every_method_of_its_tables_can_be_measured() -> None:
    assert sorted(protocol for together in TOGETHER for protocol in together) == sorted(ALL_PROTOCOLS)
    for method in METHODS:
        assert method in MODULES | WITH_WEATHER or make_method(method).name == method


def test_the_table_with_weather_has_what_was_measured_of_its_own_methods(figures: Figures) -> None:
    assert methods_of("vic-weather") == list(WEATHER_METHODS)
    assert not set(methods_of("m4")) & set(WEATHER_METHODS) - {"dayahead"}
    figures.keep(line("vic-weather", "dayahead", 0.0223, 0.758))
    figures.keep(line("vic-weather", "dayahead, no weather", 0.0277, 0.778))
    figures.keep(line("vic-weather", "mlforecast with weather", 0.0289))
    section = weather_section(figures)
    assert "| vic-weather | 2.77 / 2.77 | 2.23 / 2.23 | - | - | 2.89 / 2.89 | 75.8 |" in section
    assert "| gb-weather | - | - | - | - | - | - |" in section
    assert "| m4 |" not in section
    assert "vic-weather" not in peers_section(figures, "")


def test_what_was_not_measured_with_weather_is_said_below_its_table(figures: Figures) -> None:
    figures.keep(line("gb-weather", "LightGBM with weather", 0.03))
    reason = {"protocol": "gb-weather", "method": "mlforecast with weather", "skipped": "over the bound of 15"}
    figures.keep(orjson.dumps(reason))
    section = weather_section(figures)
    assert "- gb-weather, mlforecast with weather: over the bound of 15." in section
    assert "- mlforecast with weather: not measured yet on vic-weather, gefcom-weather." in section
    assert "- dayahead: not measured yet on vic-weather, gb-weather, gefcom-weather." in section
    assert "m4, statsforecast MSTL" not in section


def test_a_peer_with_weather_that_is_ahead_is_named(figures: Figures) -> None:
    figures.keep(line("gb-weather", "dayahead", 0.03))
    figures.keep(line("gb-weather", "dayahead, perfect weather", 0.02))
    assert "No other library that was measured is ahead" in weather_section(figures)
    figures.keep(line("gb-weather", "LightGBM with weather", 0.029))
    assert "- LightGBM with weather on gb-weather in WAPE (2.90 against 3.00)\n" in weather_section(figures)


def test_a_run_measures_the_methods_of_a_protocol_alone_and_keeps_why_one_has_no_result(
    run_script: Run, peer_python: str, tmp_path: Path
) -> None:
    kept = tmp_path / "figures.jsonl"
    methods = [argument for name in ("dayahead, no weather", "seasonal naive 24") for argument in ("--method", name)]
    protocols = ["--protocol", "de35", "--protocol", "vic-weather"]
    ended = run_script("benchmarks.peer_figures", *methods, *protocols, "--file", str(kept), python=peer_python)
    assert ended.returncode == 0, ended.stderr
    lines = {(one["protocol"], one["method"]): one for one in map(orjson.loads, kept.read_bytes().splitlines())}
    assert lines.keys() == {("de35", "seasonal naive 24"), ("vic-weather", "dayahead, no weather")}
    assert 0 < lines["de35", "seasonal naive 24"]["wape"] < 1
    assert "vic_elec_halfhourly.parquet is absent" in lines["vic-weather", "dayahead, no weather"]["skipped"]


@pytest.mark.parametrize("mistyped", [["--method", "dayahead no weather"], ["--protocol", "weather"]])
def test_a_mistyped_name_is_refused_and_not_kept(run_script: Run, tmp_path: Path, mistyped: list[str]) -> None:
    kept = tmp_path / "figures.jsonl"
    ended = run_script("benchmarks.peer_figures", *mistyped, "--file", str(kept))
    assert ended.returncode == 2
    assert f"'{mistyped[1]}' is not in the tables" in ended.stderr
    assert not kept.exists()


def test_the_page_shows_what_the_file_has_and_no_other_figure() -> None:
    section = PAGE.read_text().partition(BEGIN)[2].partition(END)[0].strip()
    versions = re.search(r"^- (mlforecast [0-9].+)$", section, re.MULTILINE)
    assert versions, "run: make benchmark B=peer_figures ARGS='--none --write'"
    figures = Figures.read(CHECKOUT / "benchmarks/peers/figures.jsonl")
    assert all_sections(figures, versions[1]) == section, "run: make benchmark B=peer_figures ARGS='--none --write'"
    outside = written_into(PAGE.read_text(), "")
    assert not re.findall(r"\d+\.\d+", outside), "a figure that the benchmark did not write"
