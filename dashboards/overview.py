"""Dashboard `overview`: health of services and sources, accuracy, freshness."""

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import common as common_models

from dashboards.panels import (
    BLUE,
    GREEN,
    NOTHING,
    PROMETHEUS,
    RED,
    YELLOW,
    lines,
    number,
    page,
    prom,
    rows,
    steps,
    words,
)
from dashboards.reports import address, reports

SERVICES = 'min by (job) (dayahead_ready or on (job, instance) up{job=~"ingest|worker|trainer|api"} == 0)'


def build() -> dashboard.Dashboard:
    """The dashboard `Dayahead: overview`."""
    built = page("dayahead-overview", "Dayahead: overview", "Services, sources, accuracy and freshness at a glance.")
    built = _health(built.with_variable(address()))
    built = _accuracy(built).with_panel(reports())
    return _freshness(built)


def _health(built: dashboard.Dashboard) -> dashboard.Dashboard:
    return (
        built.with_row(dashboard.Row("Health"))
        .with_panel(
            number(
                "Services",
                "Green while every process of the service is up and ready.",
                [prom(SERVICES, "{{job}}", now=True)],
                width=10,
                mappings=words({1: ("ready", GREEN), 0: ("not ready", RED)}),
                thresholds=steps((None, RED), (1, GREEN)),
            )
        )
        .with_panel(
            number(
                "Sources",
                "Green while a source publishes as often as its source file demands.",
                [prom("source:dayahead_fresh:bool", "{{source}}", now=True)],
                width=6,
                mappings=words({1: ("fresh", GREEN), 0: ("stale", RED)}),
                thresholds=steps((None, RED), (1, GREEN)),
            )
        )
        .with_panel(
            number(
                "Open alerts",
                "Firing alerts, without the Watchdog.",
                [prom('count(ALERTS{alertstate="firing",alertname!="Watchdog"}) or vector(0)', "alerts", now=True)],
                width=4,
                thresholds=steps((None, GREEN), (1, RED)),
                text=common_models.BigValueTextMode.VALUE,
            )
        )
        .with_panel(
            number(
                "Champion since",
                "Time since the champion was promoted.",
                [prom("time() - (max(dayahead_champion_timestamp_seconds) > 0)", "age", now=True)],
                width=4,
                unit="s",
                text=common_models.BigValueTextMode.VALUE,
                empty="no champion",
            )
        )
        .with_panel(
            rows(
                "Alerts",
                "Firing alerts; each has a section in docs/runbook.md.",
                prom('ALERTS{alertstate="firing",alertname!="Watchdog"}', now=True, as_table=True),
                datasource=PROMETHEUS,
                width=16,
                height=6,
                hidden=["Time", "Value", "__name__", "alertstate"],
                empty=NOTHING,
            )
        )
        .with_panel(
            rows(
                "Release",
                "The releases used by the workers; more than one only during a change.",
                prom("count by (release) (dayahead_release_info)", now=True, as_table=True),
                datasource=PROMETHEUS,
                width=8,
                height=6,
                hidden=["Time"],
                empty="no release",
            )
        )
    )


def _accuracy(built: dashboard.Dashboard) -> dashboard.Dashboard:
    return (
        built.with_row(dashboard.Row("Accuracy of matured forecasts, over 24 h"))
        .with_panel(
            number(
                "Skill against the seasonal naive",
                "1 is perfect, 0 equals the better of the same hour a day or a week before, below 0 is worse.",
                [prom("area:dayahead_skill:24h", "{{area}}", now=True)],
                width=6,
                height=8,
                unit="percentunit",
                decimals=1,
                thresholds=steps((None, RED), (0, YELLOW), (0.1, GREEN)),
            )
        )
        .with_panel(
            lines(
                "WAPE by area",
                "Sum of absolute errors over sum of actuals, of the model and of the better seasonal naive.",
                [
                    prom("area:dayahead_wape:24h", "{{area}}"),
                    prom("area:dayahead_naive_wape:24h", "{{area}} naive", ref="B"),
                ],
                width=9,
                unit="percentunit",
            )
        )
        .with_panel(
            lines(
                "MAPE by area",
                "Mean of |error| / |actual| on the day of the horizon that the alerts judge, with their limits.",
                [
                    prom("area:dayahead_alert_mape:24h", "{{area}}"),
                    prom("dayahead_mape_limit", "{{severity}}", ref="B"),
                ],
                width=9,
                unit="percentunit",
            )
        )
        .with_panel(
            lines(
                "WAPE by lead",
                "Errors grow with the lead.",
                [
                    prom(
                        """sum by (lead_bucket) (increase(dayahead_forecast_absolute_error_total[24h]))
                        / (sum by (lead_bucket) (increase(dayahead_forecast_absolute_actual_total[24h])) > 0)""",
                        "{{lead_bucket}} h",
                    )
                ],
                width=8,
                unit="percentunit",
            )
        )
        .with_panel(
            lines(
                "WAPE by day of the horizon",
                "Day 1 is leads 1 to 24, day 2 leads 25 to 48; of the model and of the better seasonal naive.",
                [
                    prom(
                        """sum by (horizon_day) (increase(dayahead_horizon_day_absolute_error_total[24h]))
                        / (sum by (horizon_day) (increase(dayahead_horizon_day_absolute_actual_total[24h])) > 0)""",
                        "day {{horizon_day}}",
                    ),
                    prom(
                        """min by (horizon_day) (sum by (horizon_day, naive)
                        (increase(dayahead_horizon_day_naive_absolute_error_total[24h])))
                        / (sum by (horizon_day)
                        (increase(dayahead_horizon_day_naive_absolute_actual_total[24h])) > 0)""",
                        "day {{horizon_day}} naive",
                        ref="B",
                    ),
                ],
                width=8,
                unit="percentunit",
            )
        )
        .with_panel(
            lines(
                "WAPE by release",
                "Compares the releases in service.",
                [
                    prom(
                        """sum by (release) (increase(dayahead_forecast_absolute_error_total[24h]))
                        / (sum by (release) (increase(dayahead_forecast_absolute_actual_total[24h])) > 0)""",
                        "{{release}}",
                    )
                ],
                width=8,
                unit="percentunit",
            )
        )
    )


def _freshness(built: dashboard.Dashboard) -> dashboard.Dashboard:
    return (
        built.with_row(dashboard.Row("Freshness"))
        .with_panel(
            lines(
                "Series by rung",
                "0 full model, 1 degraded input, 2 previous release, 3 profile, 4 last value, 5 no forecast yet.",
                [prom("sum by (rung) (dayahead_series_rung)", "rung {{rung}}")],
                width=8,
                stacked=True,
            )
        )
        .with_panel(
            lines(
                "Series, fresh and stale",
                "Stale: further behind the newest hour of its source than the source file allows.",
                [prom("sum by (state) (dayahead_series)", "{{state}}")],
                width=8,
                stacked=True,
            )
        )
        .with_panel(
            lines(
                "Expired forecasts",
                "By source: share of the forecasts of which more is over than lies ahead.",
                [prom("source:dayahead_expired_forecasts:share", "{{source}}")],
                width=8,
                unit="percentunit",
            )
        )
        .with_panel(
            lines(
                "Time since the last new hour",
                "By source, on the wall clock.",
                [prom("time() - max by (source) (dayahead_source_last_new_hour_timestamp_seconds)", "{{source}}")],
                width=8,
                unit="s",
            )
        )
        .with_panel(
            number(
                "Hours from the source to the forecasts",
                "How far the workers are behind the newest hour published by ingest.",
                [prom("source:dayahead_hours_behind:max", "{{source}}", now=True)],
                width=8,
                unit="h",
                thresholds=steps((None, GREEN), (1.5, YELLOW), (2.5, RED)),
            )
        )
        .with_panel(
            number(
                "Waiting messages",
                "Lag of the workers over all partitions.",
                [prom("dayahead_lag_messages:sum", "messages", now=True)],
                width=8,
                thresholds=steps((None, GREEN), (100, YELLOW), (1000, RED)),
            )
        )
        .with_panel(
            number(
                "Newest hour",
                "The newest hour that forecasts use, by source.",
                [prom("max by (source) (dayahead_newest_hour_timestamp_seconds) * 1000", "{{source}}", now=True)],
                width=8,
                unit="dateTimeAsIso",
                thresholds=steps((None, BLUE)),
            )
        )
    )
