"""Building blocks of the dashboards: queries, panels, colours and sizes, on top of Grafana's builders.

Only needed to generate the JSON (`dayahead dashboards generate`); the service never imports it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, table, timeseries, trend
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import prometheus as prometheus_models

from dashboards.queries import PROMETHEUS_UID, TIMESCALEDB_UID

GREEN, YELLOW, RED, BLUE, GREY = "green", "yellow", "red", "blue", "text"
FULL_WIDTH = 24
NOTHING = "none"
"""Text of a panel for which no data is a good sign; only such a panel may be empty."""

PROMETHEUS = models.DataSourceRef(type_val="prometheus", uid=PROMETHEUS_UID)
TIMESCALEDB = models.DataSourceRef(type_val="grafana-postgresql-datasource", uid=TIMESCALEDB_UID)

Panel = stat.Panel | table.Panel | timeseries.Panel | trend.Panel


@dataclass(frozen=True)
class Sql:
    """A TimescaleDB query of a panel; Grafana's builders have none.

    Attributes:
        text: the statement, with Grafana's macros and variables.
        form: `table` or `time_series`.
    """

    text: str
    form: str = "table"

    def build(self) -> "Sql":
        """Return itself, as the builder interface requires."""
        return self

    def to_json(self) -> dict[str, object]:
        """The JSON of Grafana."""
        return {
            "refId": "A",
            "datasource": TIMESCALEDB.to_json(),
            "rawSql": self.text.strip(),
            "rawQuery": True,
            "editorMode": "code",
            "format": self.form,
        }


def prom(expression: str, legend: str = "", *, ref: str = "A", now: bool = False, as_table: bool = False) -> object:
    """A Prometheus query: over the time range, or with `now` only the current value."""
    query = prometheus.Dataquery().expr(" ".join(expression.split())).legend_format(legend or "__auto").ref_id(ref)
    if as_table:
        query = query.format(prometheus_models.PromQueryFormat.TABLE)
    return query.instant() if now else query.range()


def steps(*limits: tuple[float | None, str]) -> object:
    """Threshold steps: a colour from each limit upwards; the first has no limit."""
    chosen = [models.Threshold(value=value, color=color) for value, color in limits]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(chosen)


def words(texts: dict[int, tuple[str, str]]) -> list[models.ValueMap]:
    """Value mappings: a text and a colour for each value."""
    options = {
        str(value): models.ValueMappingResult(text=text, color=color, index=index)
        for index, (value, (text, color)) in enumerate(texts.items())
    }
    return [models.ValueMap(options=options)]


def number(
    title: str,
    description: str,
    queries: Sequence[object],
    *,
    width: int,
    height: int = 4,
    unit: str = "short",
    decimals: int | None = None,
    thresholds: object | None = None,
    mappings: Sequence[models.ValueMap] = (),
    text: common_models.BigValueTextMode = common_models.BigValueTextMode.VALUE_AND_NAME,
    empty: str = "",
) -> stat.Panel:
    """A stat panel: current values, coloured by their thresholds."""
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .targets(list(queries))
        .span(width)
        .height(height)
        .unit(unit)
        .text_mode(text)
        .graph_mode(common_models.BigValueGraphMode.NONE)
        .color_mode(common_models.BigValueColorMode.BACKGROUND)
        .thresholds(thresholds or steps((None, BLUE)))
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False))
    )
    if decimals is not None:
        panel = panel.decimals(decimals)
    if mappings:
        panel = panel.mappings(list(mappings))
    return panel.no_value(empty) if empty else panel


def lines(
    title: str,
    description: str,
    queries: Sequence[object],
    *,
    width: int = 12,
    height: int = 8,
    unit: str = "short",
    stacked: bool = False,
    datasource: models.DataSourceRef = PROMETHEUS,
    empty: str = "",
) -> timeseries.Panel:
    """A time series panel."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(datasource)
        .targets(list(queries))
        .span(width)
        .height(height)
        .unit(unit)
        .line_width(2)
        .fill_opacity(30 if stacked else 0)
        .show_points(common_models.VisibilityMode.NEVER)
        .legend(
            common.VizLegendOptions()
            .show_legend(True)
            .display_mode(common_models.LegendDisplayMode.LIST)
            .placement(common_models.LegendPlacement.BOTTOM)
        )
        .tooltip(common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI))
    )
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))
    return panel.no_value(empty) if empty else panel


def rows(
    title: str,
    description: str,
    query: object,
    *,
    width: int = FULL_WIDTH,
    height: int = 10,
    datasource: models.DataSourceRef = TIMESCALEDB,
    units: Sequence[tuple[str, str]] = (),
    hidden: Sequence[str] = (),
    empty: str = "",
) -> table.Panel:
    """A table panel; `units` sets the units of columns by name, `hidden` hides columns."""
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(datasource)
        .targets([query])
        .span(width)
        .height(height)
    )
    for column, unit in units:
        properties = [models.DynamicConfigValue(id_val="unit", value=unit)]
        properties.append(models.DynamicConfigValue(id_val="decimals", value=1))
        panel = panel.override_by_name(column, properties)
    if hidden:
        options = {"excludeByName": dict.fromkeys(hidden, True)}
        panel = panel.with_transformation(models.DataTransformerConfig(id_val="organize", options=options))
    return panel.no_value(empty) if empty else panel


def over_hours(
    title: str, description: str, query: object, *, width: int = FULL_WIDTH, height: int = 10, empty: str = ""
) -> trend.Panel:
    """Lines over a number of hours instead of the clock, so that it also works for a replay of old data."""
    panel = (
        trend.Panel()
        .title(title)
        .description(description)
        .datasource(TIMESCALEDB)
        .targets([query])
        .span(width)
        .height(height)
        .x_field("hour")
        .line_width(2)
        .show_points(common_models.VisibilityMode.NEVER)
        .legend(
            common.VizLegendOptions()
            .show_legend(True)
            .display_mode(common_models.LegendDisplayMode.LIST)
            .placement(common_models.LegendPlacement.BOTTOM)
        )
        .tooltip(common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI))
    )
    return panel.no_value(empty) if empty else panel


def choice(name: str, label: str, statement: str) -> dashboard.QueryVariable:
    """A template variable whose values are the rows of a statement."""
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(TIMESCALEDB)
        .query(" ".join(statement.split()))
        .refresh(models.VariableRefresh.ON_DASHBOARD_LOAD)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(False)
        .include_all(False)
    )


def page(uid: str, title: str, description: str) -> dashboard.Dashboard:
    """An empty dashboard with the common settings."""
    return (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(["dayahead"])
        .timezone("utc")
        .time("now-6h", "now")
        .refresh("30s")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .readonly()
        .link(
            dashboard.DashboardLink("Dayahead")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags(["dayahead"])
            .as_dropdown(True)
            .keep_time(True)
        )
    )
