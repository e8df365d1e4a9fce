from pathlib import Path

import pytest
import yaml

from dashboards.catalogue import render, write
from dashboards.queries import GENERATED, PROMETHEUS_UID, TIMESCALEDB_UID, Engine, generated_dashboards, panel_queries

ROOT = Path(__file__).parents[2]


def test_the_generated_dashboards_are_those_of_the_code() -> None:
    kept = {path.name: path.read_text() for path in GENERATED.glob("*.json")}
    assert kept == render(), "run `dayahead dashboards generate` and commit dashboards/generated/"


def test_generating_leaves_nothing_else_behind(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text("{}")
    assert {path.name for path in tmp_path.glob("*.json")} != {path.name for path in write(tmp_path)}
    assert {path.name for path in tmp_path.glob("*.json")} == set(render())


@pytest.mark.parametrize("dashboard", generated_dashboards(), ids=lambda dashboard: dashboard.uid)
def test_every_panel_has_a_title_and_a_description(dashboard: object) -> None:
    model = dashboard.model  # type: ignore[attr-defined]
    panels = [panel for panel in model["panels"] if panel["type"] != "row"]
    assert all(panel["title"] and panel["description"] for panel in panels)
    assert len({panel["id"] for panel in model["panels"]}) == len(model["panels"])
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in model["panels"])


def test_the_provisioned_data_sources_are_those_that_the_panels_ask() -> None:
    text = (ROOT / "dashboards" / "provisioning" / "datasources" / "dayahead.yaml").read_text()
    provisioned = {source["uid"] for source in yaml.safe_load(text)["datasources"]}
    assert provisioned == {PROMETHEUS_UID, TIMESCALEDB_UID} == {query.engine.value for query in panel_queries()}


def test_both_engines_are_asked_and_variables_come_before_panels() -> None:
    queries = [query for query in panel_queries() if query.dashboard == "dayahead-series"]
    assert [query.panel for query in queries[:2]] == ["$area", "$series"]
    assert {query.engine for query in panel_queries()} == set(Engine)
