"""Compares rows by Evidently, and draws them as one page; run as a process.

`python -m trainer.reports.page DRIFT_DISTANCE MEBIBYTES`: the limit of its memory comes second. It reads rows from its
standard input, and writes the summary as one line of JSON and the page to its standard output. Evidently takes seconds
to import, and hundreds of megabytes: no process of the service imports it.
"""

import json
import os
import resource
import secrets
import sys
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dayahead.drift.report_summary import AreaReport, ColumnDrift, ForecastQuality, ReportSummary
from dayahead.errors import ReportError
from dayahead.features.snapshot import SNAPSHOT_NAMES
from dayahead.hours import from_hour
from trainer.reports.rows import ReportRows

# seconds that only this process pays
# ruff: noqa: PLC0415

LEAST_ROWS = 48
"""Fewer rows of the reference, or current ones, are compared with nothing."""
MOST_AREAS = 20
"""Areas with a line of their own: those with the most rows."""
ACTUAL, FORECAST = "actual", "forecast"
VALUE_DRIFT = "evidently:metric_v2:ValueDrift"
METHOD = "wasserstein"

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Comparison:
    """What Evidently says about some rows.

    Attributes:
        columns: drift of each column, the farthest first; empty where there are too few rows.
        quality: of the current forecasts; None without any.
        reference_quality: of the forecasts of the reference; None without any.
        widgets: what Evidently draws of it.
    """

    columns: list[ColumnDrift]
    quality: ForecastQuality | None
    reference_quality: ForecastQuality | None
    widgets: list[Any]

    @property
    def drifted_share(self) -> float | None:
        """Share of the columns that have drifted; None where there are too few rows."""
        return sum(one.drifted for one in self.columns) / len(self.columns) if self.columns else None

    @property
    def target(self) -> ColumnDrift | None:
        """Drift of what is forecast."""
        return next((one for one in self.columns if one.column == ACTUAL), None)


class Comparer:
    """Asks Evidently."""

    def __init__(self, drift_distance: float) -> None:
        """Import the library.

        Args:
            drift_distance: from which on a column has drifted.

        Raises:
            ReportError: it is not installed.
        """
        try:
            import evidently
        except ImportError as error:
            raise ReportError(
                f"Evidently is not installed next to the trainer ({error}): pip install 'dayahead[reports]', or set "
                "report.make=false"
            ) from error
        self.library = f"evidently {evidently.__version__}"
        self._distance = drift_distance

    def compare(self, rows: ReportRows, *, drawn: bool = False) -> Comparison:
        """Compare the current rows with the reference.

        Args:
            rows: to compare.
            drawn: whether the figures of accuracy are drawn.
        """
        now, before = rows.take(rows.is_current), rows.take(~rows.is_current)
        columns, widgets = self._drift(now, before)
        forecast, forecast_before = _forecast(now), _forecast(before)
        quality = reference = None
        if len(forecast) >= LEAST_ROWS:
            quality = _quality(forecast)
            widgets += _drawn_quality(forecast, forecast_before) if drawn else []
            if len(forecast_before) >= LEAST_ROWS:
                reference = _quality(forecast_before)
        return Comparison(columns, quality, reference, widgets)

    def _drift(self, now: ReportRows, before: ReportRows) -> tuple[list[ColumnDrift], list[Any]]:
        from evidently import Report
        from evidently.presets import DataDriftPreset

        if min(len(now), len(before)) < LEAST_ROWS:
            return [], []
        names = [*SNAPSHOT_NAMES, ACTUAL]
        if min(len(_forecast(now)), len(_forecast(before))) >= LEAST_ROWS:
            names.append(FORECAST)
        preset = DataDriftPreset(columns=names, num_method=METHOD, num_threshold=self._distance)
        made = Report([preset]).run(_dataset(now), _dataset(before))
        found = [
            ColumnDrift(
                column=metric["config"]["column"],
                distance=float(metric["value"]),
                drifted=bool(metric["value"] >= self._distance),
            )
            for metric in made.dict()["metrics"]
            if metric["config"]["type"] == VALUE_DRIFT
        ]
        return sorted(found, key=lambda one: -one.distance), list(made.to_snapshot_model().widgets)


def summarize(rows: ReportRows, drift_distance: float) -> tuple[ReportSummary, str]:
    """Compare rows, over all areas and by area.

    Args:
        rows: of the report.
        drift_distance: from which on a column has drifted.

    Returns:
        What was found, and the page that shows it.

    Raises:
        ReportError: there are too few rows, or Evidently is not installed.
    """
    counts = (int(rows.is_current.sum()), int((~rows.is_current).sum()))
    if min(counts) < LEAST_ROWS:
        raise ReportError(
            f"{counts[0]} current hours and {counts[1]} hours of a reference are known, a report compares {LEAST_ROWS} "
            "of each: wait for more, or raise report.reference_days"
        )
    comparer = Comparer(drift_distance)
    whole = comparer.compare(rows, drawn=True)
    names, sizes = np.unique(rows.area, return_counts=True)
    listed = sorted(names[np.argsort(-sizes, kind="stable")[:MOST_AREAS]].tolist())
    areas = [_area(comparer, name, rows.take(rows.area == name)) for name in listed]
    has_own = rows.is_current & np.isfinite(rows.forecast)
    summary = ReportSummary(
        library=comparer.library,
        reference_from=from_hour(rows.reference_from),
        current_from=from_hour(rows.current_from),
        current_until=from_hour(rows.current_until),
        rows=counts[0],
        reference_rows=counts[1],
        drift_distance=drift_distance,
        drifted_share=whole.drifted_share or 0.0,
        columns=whole.columns,
        drifted_areas=[one.area for one in areas if one.target and one.target.drifted],
        quality=whole.quality,
        reference_quality=whole.reference_quality,
        areas=areas,
        areas_left_out=len(names) - len(listed),
        own_share=float(rows.own[has_own].mean()) if has_own.any() else None,
    )
    return summary, _drawn(summary, whole.widgets)


def _area(comparer: Comparer, name: str, rows: ReportRows) -> AreaReport:
    found = comparer.compare(rows)
    return AreaReport(
        area=name,
        rows=int(rows.is_current.sum()),
        reference_rows=int((~rows.is_current).sum()),
        drifted_share=found.drifted_share,
        target=found.target,
        quality=found.quality,
        reference_quality=found.reference_quality,
    )


def _forecast(rows: ReportRows) -> ReportRows:
    return rows.take(np.isfinite(rows.forecast))


def _quality(rows: ReportRows) -> ForecastQuality:
    from evidently import Report
    from evidently.metrics import MAE, RMSE, MeanError

    made = Report([MAE(), MeanError(), RMSE()]).run(_dataset(rows), None)
    values = {metric["config"]["type"].rpartition(":")[2]: metric["value"] for metric in made.dict()["metrics"]}
    error, total = np.abs(rows.forecast - rows.actual) @ rows.level, np.abs(rows.actual) @ rows.level
    return ForecastQuality(
        mae=values["MAE"]["mean"],
        mean_error=values["MeanError"]["mean"],
        rmse=values["RMSE"],
        wape=float(error / total) if total > 0 else None,
    )


def _drawn_quality(now: ReportRows, before: ReportRows) -> list[Any]:
    from evidently import Report
    from evidently.presets import RegressionPreset

    compared = _dataset(before) if len(before) >= LEAST_ROWS else None
    return list(Report([RegressionPreset()]).run(_dataset(now), compared).to_snapshot_model().widgets)


def _dataset(rows: ReportRows) -> Any:
    import pandas as pd
    from evidently import DataDefinition, Dataset, Regression

    columns: dict[str, NDArray[np.float64]] = dict(zip(SNAPSHOT_NAMES, rows.features.T, strict=True))
    columns |= {ACTUAL: rows.actual, FORECAST: rows.forecast}
    definition = DataDefinition(
        numerical_columns=list(columns), regression=[Regression(target=ACTUAL, prediction=FORECAST)]
    )
    return Dataset.from_pandas(pd.DataFrame(columns), data_definition=definition)


def _drawn(summary: ReportSummary, widgets: list[Any]) -> str:
    from evidently.core.metric_types import render_widgets
    from evidently.legacy.renderers.html_widgets import table_data

    # Evidently writes texts into a script as they are: a name must not end it
    names = {f"area-{secrets.token_hex(8)}": one.area for one in summary.areas}
    lines = [
        (
            mark,
            f"{one.rows:,}",
            f"{one.target.distance:.2f}" if one.target else "-",
            ("drifted" if one.target.drifted else "no") if one.target else "-",
            _percent(one.drifted_share),
            _percent(one.quality.wape if one.quality else None),
            _percent(one.quality.mae if one.quality else None),
            _percent(one.quality.mean_error if one.quality else None),
            _percent(one.reference_quality.wape if one.reference_quality else None),
        )
        for mark, one in zip(names, summary.areas, strict=True)
    ]
    columns = (
        *("Area", "Hours", "Distance of actual", "Target drift", "Columns drifted", "WAPE"),
        *("MAE / level", "Bias / level", "WAPE of the reference"),
    )
    title = (
        f"By area: {summary.current_from:%Y-%m-%d %H:%M} to {summary.current_until:%Y-%m-%d %H:%M} UTC, compared with "
        f"the hours from {summary.reference_from:%Y-%m-%d %H:%M} on"
    )
    page = str(render_widgets([table_data(title=title, column_names=columns, data=lines), *widgets]))
    for mark, name in names.items():
        page = page.replace(mark, json.dumps(name)[1:-1].replace("<", "\\u003c"))
    return page


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def main() -> None:
    """Make one report within limits.

    What the libraries print goes to the standard error: the standard output has the report alone.
    """
    drift_distance, memory_mb = float(sys.argv[1]), int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_DATA, (memory_mb * MEBIBYTE, memory_mb * MEBIBYTE))
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    sys.stdout = sys.stderr
    warnings.simplefilter("ignore")  # of NumPy and pandas, about the code of Evidently
    try:
        summary, page = summarize(ReportRows.from_bytes(sys.stdin.buffer.read()), drift_distance)
    except ReportError as error:
        sys.exit(str(error))
    with output:
        output.write(summary.model_dump_json().encode() + b"\n" + page.encode())


if __name__ == "__main__":
    main()
