"""The queries of the dashboards, read from the generated JSON that Grafana uses."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

PROMETHEUS_UID = "dayahead-prometheus"
TIMESCALEDB_UID = "dayahead-timescaledb"
GENERATED = Path(__file__).parent / "generated"


class Engine(StrEnum):
    """Server of a query; the values are the uids of the data sources."""

    PROMETHEUS = PROMETHEUS_UID
    TIMESCALEDB = TIMESCALEDB_UID


@dataclass(frozen=True)
class PanelQuery:
    """One query of a panel or of a template variable.

    Attributes:
        dashboard: uid of the dashboard.
        panel: title of the panel, or `$name` of the variable.
        engine: server that runs it.
        text: PromQL or SQL, with Grafana's macros and variables.
        may_be_empty: whether no data is a good sign (the panel has a text for it).
    """

    dashboard: str
    panel: str
    engine: Engine
    text: str
    may_be_empty: bool


@dataclass(frozen=True)
class Choice:
    """A template variable.

    Attributes:
        name: without the dollar sign.
        statement: SQL whose rows are its values; empty for fixed values.
        default: the first of the fixed values.
    """

    name: str
    statement: str
    default: str


@dataclass(frozen=True)
class GeneratedDashboard:
    """A generated dashboard."""

    uid: str
    title: str
    model: dict[str, Any]

    def choices(self) -> list[Choice]:
        """Its template variables in order: a later one may refer to an earlier one."""
        found = []
        for variable in self.model.get("templating", {}).get("list", []):
            query = variable["query"]
            fixed = variable["type"] in {"custom", "textbox"}
            found.append(Choice(variable["name"], "" if fixed else query, query.split(",")[0].strip() if fixed else ""))
        return found

    def panel_queries(self) -> Iterator[PanelQuery]:
        """The queries of its panels."""
        for panel in _panels(self.model["panels"]):
            empty_text = panel.get("fieldConfig", {}).get("defaults", {}).get("noValue")
            for target in panel["targets"]:
                engine = Engine(panel["datasource"]["uid"])
                text = target["expr"] if engine is Engine.PROMETHEUS else target["rawSql"]
                yield PanelQuery(self.uid, panel["title"], engine, text, empty_text is not None)


def _panels(panels: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for panel in panels:
        if panel["type"] == "row":
            yield from _panels(panel.get("panels") or [])
        else:
            yield panel


def generated_dashboards(folder: Path = GENERATED) -> list[GeneratedDashboard]:
    """The dashboards of dashboards/generated/, by uid."""
    models = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    return [GeneratedDashboard(model["uid"], model["title"], model) for model in models]


def panel_queries() -> list[PanelQuery]:
    """Every query of every dashboard: of its variables first, then of its panels."""
    queries = []
    for dashboard in generated_dashboards():
        for choice in dashboard.choices():
            if choice.statement:
                name = f"${choice.name}"
                queries.append(PanelQuery(dashboard.uid, name, Engine.TIMESCALEDB, choice.statement, False))
        queries.extend(dashboard.panel_queries())
    return queries
