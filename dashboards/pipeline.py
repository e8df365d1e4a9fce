"""Dashboard `pipeline`: throughput, lag, stages, dead letters, requests, resources."""

from grafana_foundation_sdk.builders import dashboard

from dashboards.panels import NOTHING, lines, page, prom

RATE = "$__rate_interval"
NO_WEATHER = "no weather source"
"""Text of a panel where no weather is polled."""


def build() -> dashboard.Dashboard:
    """The dashboard `Dayahead: pipeline`."""
    built = page("dayahead-pipeline", "Dayahead: pipeline", "From the source to the reader: rates, times, faults.")
    built = _intake(built)
    built = _weather(built)
    built = _workers(built)
    return _readers(built)


def _intake(built: dashboard.Dashboard) -> dashboard.Dashboard:
    return (
        built.with_row(dashboard.Row("Intake"))
        .with_panel(
            lines(
                "Polls by outcome",
                "Per second; outcomes ending in _failed are failures.",
                [prom(f"sum by (source, outcome) (rate(dayahead_poll_total[{RATE}]))", "{{source}} {{outcome}}")],
                width=6,
                unit="reqps",
            )
        )
        .with_panel(
            lines(
                "Mean time of a poll",
                "From the request to the cursor, waiting for the source's request limit included.",
                [
                    prom(
                        f"""sum by (source) (rate(dayahead_poll_seconds_sum[{RATE}]))
                        / (sum by (source) (rate(dayahead_poll_seconds_count[{RATE}])) > 0)""",
                        "{{source}}",
                    )
                ],
                width=6,
                unit="s",
            )
        )
        .with_panel(
            lines(
                "Rows published",
                "Per second, acknowledged by Kafka.",
                [prom(f"sum by (source) (rate(dayahead_published_rows_total[{RATE}]))", "{{source}}")],
                width=6,
                unit="rowsps",
            )
        )
        .with_panel(
            lines(
                "Retries by cause",
                "In ten minutes: failed requests to the source.",
                [prom("sum by (source, cause) (increase(dayahead_source_retries_total[10m]))", "{{source}} {{cause}}")],
                width=6,
                empty=NOTHING,
            )
        )
        .with_panel(
            lines(
                "Dead letters",
                "In ten minutes, by stage and reason code.",
                [prom("sum by (stage, code) (increase(dayahead_dead_letters_total[10m]))", "{{stage}} {{code}}")],
                width=24,
                height=6,
                empty=NOTHING,
            )
        )
    )


def _weather(built: dashboard.Dashboard) -> dashboard.Dashboard:
    return (
        built.with_row(dashboard.Row("Weather"))
        .with_panel(
            lines(
                "Age of the newest run",
                "Seconds since the start of the newest run that was published, by weather source.",
                [
                    prom(
                        "time() - max by (source) (dayahead_weather_newest_run_timestamp_seconds > 0)",
                        "{{source}}",
                    )
                ],
                width=8,
                height=6,
                unit="s",
                empty=NO_WEATHER,
            )
        )
        .with_panel(
            lines(
                "Missed runs",
                "Runs that are due by the schedule of their source and were not published.",
                [prom("max by (source) (dayahead_weather_missed_runs)", "{{source}}")],
                width=8,
                height=6,
                empty=NO_WEATHER,
            )
        )
        .with_panel(
            lines(
                "Forecasts without their weather",
                "Share of the forecasts of series that follow a weather source that have hours from load alone, in the "
                "last hour.",
                [
                    prom(
                        """sum by (weather, reason) (increase(dayahead_forecasts_without_weather_total[1h]))
                        / on (weather) group_left ()
                        (sum by (weather) (increase(dayahead_weather_forecasts_total[1h])) > 0)""",
                        "{{weather}} {{reason}}",
                    )
                ],
                width=8,
                height=6,
                unit="percentunit",
                empty=NOTHING,
            )
        )
    )


def _workers(built: dashboard.Dashboard) -> dashboard.Dashboard:
    return (
        built.with_row(dashboard.Row("Workers"))
        .with_panel(
            lines(
                "Rows by outcome",
                "Per second.",
                [prom(f"sum by (outcome) (rate(dayahead_rows_total[{RATE}]))", "{{outcome}}")],
                width=8,
                unit="rowsps",
            )
        )
        .with_panel(
            lines(
                "Forecasts by rung",
                "Per second.",
                [prom(f"sum by (rung) (rate(dayahead_forecasts_total[{RATE}]))", "rung {{rung}}")],
                width=8,
                unit="ops",
                stacked=True,
            )
        )
        .with_panel(
            lines(
                "Lag by partition",
                "Waiting messages of observations.",
                [prom("max by (partition) (dayahead_lag_messages)", "{{partition}}")],
                width=8,
            )
        )
        .with_panel(
            lines(
                "Freshness",
                "From the arrival of an hour in Kafka until its forecast is served: 50, 95 and 99 % of the messages.",
                [
                    prom(
                        f"histogram_quantile({level}, sum by (le) (rate(dayahead_freshness_seconds_bucket[{RATE}])))",
                        name,
                    )
                    for level, name in ((0.5, "50 %"), (0.95, "95 %"), (0.99, "99 %"))
                ],
                width=12,
                unit="s",
                empty=NOTHING,
            )
        )
        .with_panel(
            lines(
                "Hours forecast too late",
                "Share of the hours whose forecast took longer than DAYAHEAD_FRESH_WITHIN_S; the objective is 5 % at "
                "most, if it was not changed.",
                [
                    prom("dayahead_late_hours:share1h", "1 hour"),
                    prom("dayahead_late_hours:share6h", "6 hours"),
                    prom("dayahead_late_hours:share3d", "3 days"),
                ],
                width=12,
                unit="percentunit",
                empty=NOTHING,
            )
        )
        .with_panel(
            lines(
                "Stage times",
                "Mean seconds of a micro-batch in each stage.",
                [
                    prom(
                        f"""sum by (stage) (rate(dayahead_stage_seconds_sum[{RATE}]))
                        / (sum by (stage) (rate(dayahead_stage_seconds_count[{RATE}])) > 0)""",
                        "{{stage}}",
                    )
                ],
                width=8,
                unit="s",
                stacked=True,
            )
        )
        .with_panel(
            lines(
                "Micro-batches",
                "Per second, by worker.",
                [prom(f"sum by (instance) (rate(dayahead_batches_total[{RATE}]))", "{{instance}}")],
                width=8,
                unit="ops",
            )
        )
        .with_panel(
            lines(
                "Partitions by worker",
                "Together they hold all partitions of observations.",
                [prom("dayahead_partitions_assigned", "{{instance}}")],
                width=8,
                stacked=True,
            )
        )
        .with_panel(
            lines(
                "Series that drifted",
                "In the last seven days of their data: concept is a larger error, data is changed inputs.",
                [prom('sum by (area, kind) (dayahead_drift_series{period="7d"})', "{{area}} {{kind}}")],
                width=12,
                height=6,
                empty=NOTHING,
            )
        )
        .with_panel(
            lines(
                "Hours without a forecast",
                "In ten minutes: hours that arrived together, late, or as history; no score starts from them.",
                [prom("sum by (reason) (increase(dayahead_origins_without_forecast_total[10m]))", "{{reason}}")],
                width=12,
                height=6,
                empty=NOTHING,
            )
        )
    )


def _readers(built: dashboard.Dashboard) -> dashboard.Dashboard:
    return (
        built.with_row(dashboard.Row("API, trainer, processes"))
        .with_panel(
            lines(
                "Requests by route",
                "Per second.",
                [prom(f"sum by (route) (rate(dayahead_api_requests_total[{RATE}]))", "{{route}}")],
                width=8,
                unit="reqps",
            )
        )
        .with_panel(
            lines(
                "95th percentile of request time",
                "By route.",
                [
                    prom(
                        f"""histogram_quantile(0.95,
                        sum by (route, le) (rate(dayahead_api_request_seconds_bucket[{RATE}])))""",
                        "{{route}}",
                    )
                ],
                width=8,
                unit="s",
            )
        )
        .with_panel(
            lines(
                "Server errors",
                "Answers with status 5xx in ten minutes.",
                [prom('sum by (route) (increase(dayahead_api_requests_total{status=~"5.."}[10m]))', "{{route}}")],
                width=8,
                empty=NOTHING,
            )
        )
        .with_panel(
            lines(
                "Trainings by outcome",
                "In a day.",
                [prom("sum by (outcome) (increase(dayahead_trainings_total[1d]))", "{{outcome}}")],
                width=8,
                empty=NOTHING,
            )
        )
        .with_panel(
            lines(
                "CPU",
                "Cores in use, by process.",
                [prom(f"rate(process_cpu_seconds_total[{RATE}])", "{{job}} {{instance}}")],
                width=8,
            )
        )
        .with_panel(
            lines(
                "Memory",
                "Resident, by process.",
                [prom("process_resident_memory_bytes", "{{job}} {{instance}}")],
                width=8,
                unit="bytes",
            )
        )
    )
