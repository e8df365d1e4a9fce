"""Dashboard `series`: accuracy of every series; observations and forecast of a selected one, from TimescaleDB."""

from grafana_foundation_sdk.builders import dashboard

from dashboards.panels import NOTHING, TIMESCALEDB, Sql, choice, lines, over_hours, page, rows
from dayahead.drift.compared import AFTER_DAYS, REFERENCE_DAYS, TESTED_DAYS
from dayahead.storage.accuracy_ratios import ratio_sql

# The newest origin is taken as now, so that it also works for a replay of old data.
AROUND_NOW = """
WITH newest AS (
    SELECT series_key, max(origin) AS origin FROM forecast JOIN series USING (series_key)
    WHERE series_id = '$series' GROUP BY series_key
), observed AS (
    SELECT o.valid_time, o.value, n.origin FROM newest n JOIN observation o USING (series_key)
    WHERE o.valid_time > n.origin - INTERVAL '7 days'
), predicted AS (
    SELECT p.valid_time, p.p10, p.p50, p.p90, p.origin FROM newest n JOIN forecast_point p USING (origin)
    WHERE p.series_id = '$series'
)
SELECT (extract(epoch FROM valid_time - coalesce(observed.origin, predicted.origin)) / 3600)::integer AS hour,
       value AS observed, p50 AS forecast, p10 AS "10 %", p90 AS "90 %"
FROM observed FULL JOIN predicted USING (valid_time)
ORDER BY hour
"""

# Hours of the place of the series: observed, else of the newest run; a place is a location or weights of several.
TEMPERATURE = """
WITH chosen AS (
    SELECT series_key, series_id, area, definition -> 'weather' AS weather, max(origin) AS origin
    FROM series JOIN source USING (source_key) JOIN forecast USING (series_key)
    WHERE series_id = '$series' AND definition ? 'weather' GROUP BY series_key, definition
), place AS (
    SELECT origin, weather ->> 'source' AS source,
           CASE WHEN weather -> 'series' ? series_id THEN weather -> 'series' -> series_id
                WHEN weather -> 'areas' ? area THEN weather -> 'areas' -> area
                ELSE weather -> 'default' END AS place
    FROM chosen
), locations AS (
    SELECT origin, source, place #>> '{}' AS location, 1.0 AS weight FROM place WHERE jsonb_typeof(place) = 'string'
    UNION ALL
    SELECT origin, source, key, value::numeric FROM place, jsonb_each_text(place) WHERE jsonb_typeof(place) = 'object'
), best AS (
    SELECT DISTINCT ON (location, hour) location, weight, origin,
           run.first_hour + (number - 1) * INTERVAL '1 hour' AS hour, value
    FROM locations JOIN weather_run AS run USING (source, location),
         unnest(run.values) WITH ORDINALITY AS one (value, number)
    WHERE run.variable = 'temperature_c' AND run.ends_at > origin - INTERVAL '7 days' AND value <> 'NaN'
      AND run.first_hour + (number - 1) * INTERVAL '1 hour' > origin - INTERVAL '7 days'
    ORDER BY location, hour, (run.kind = 'observed') DESC, run.start DESC, run.available_at DESC
)
SELECT (extract(epoch FROM hour - origin) / 3600)::integer AS hour,
       sum(weight * value) / sum(weight) AS "temperature, °C"
FROM best GROUP BY hour, origin ORDER BY 1
"""

HISTORY = """
SELECT o.valid_time AS time, o.value AS observed, p.p50 AS "forecast, $lead h ahead", p.p10 AS "10 %", p.p90 AS "90 %"
FROM observation o
JOIN series s USING (series_key)
LEFT JOIN forecast_point p ON p.series_id = s.series_id AND p.lead = $lead
     AND p.origin = o.valid_time - $lead * INTERVAL '1 hour'
WHERE s.series_id = '$series' AND $__timeFilter(o.valid_time)
ORDER BY time
"""

ACCURACY = f"""
SELECT series_id AS series,
       count(*) AS forecasts,
       {ratio_sql("wape")} AS "WAPE",
       {ratio_sql("mape")} AS "MAPE",
       {ratio_sql("skill")} AS skill,
       {ratio_sql("bias")} AS bias,
       {ratio_sql("coverage")} AS coverage,
       max(rung) AS "worst rung",
       sum(absolute_actual) / nullif(sum(hours), 0) AS "mean value",
       min(unit) AS unit
FROM score_by_series
WHERE area = '$area' AND origin > (SELECT max(origin) FROM score) - $days * INTERVAL '1 day'
GROUP BY series_id
ORDER BY sum(absolute_error) DESC
"""  # noqa: S608 - all names are the code's own

# Areas, and all of a unit together: area is NULL there.
DAY_AHEAD = f"""
SELECT coalesce(area, 'all') AS area, unit, gate, count(DISTINCT day) AS days, count(*) AS "series days",
       {ratio_sql("wape")} AS "WAPE",
       {ratio_sql("daily_naive_wape")} AS "same hour of the day",
       {ratio_sql("weekly_naive_wape")} AS "same hour of the week",
       {ratio_sql("skill")} AS skill,
       {ratio_sql("bias")} AS bias,
       {ratio_sql("coverage")} AS coverage
FROM day_ahead_score JOIN series USING (series_key)
WHERE day > (SELECT max(day) FROM day_ahead_score) - $days
GROUP BY GROUPING SETS ((unit, gate), (unit, gate, area))
ORDER BY unit, gate, area NULLS FIRST
"""  # noqa: S608 - all names are the code's own

# On the hours of which both were known when ours was issued.
REFERENCES = """
SELECT title AS reference, area, unit, count(DISTINCT series_id) AS series,
       CASE WHEN GROUPING(first_lead) = 1 THEN 'all' ELSE first_lead || ' to ' || last_lead END AS "hours ahead",
       sum(hours) AS "hours compared",
       sum(reference_error) / nullif(sum(absolute_actual), 0) AS "WAPE of the reference",
       sum(absolute_error) / nullif(sum(absolute_actual), 0) AS "WAPE of Dayahead",
       1 - sum(absolute_error) / nullif(sum(reference_error), 0) AS "smaller error"
FROM reference_score_point
WHERE area = '$area' AND origin > (SELECT max(origin) FROM reference_score) - $days * INTERVAL '1 day'
GROUP BY GROUPING SETS ((title, area, unit), (title, area, unit, first_lead, last_lead))
ORDER BY title, unit, first_lead NULLS FIRST
"""

NEXT_TO_REFERENCES = """
SELECT o.valid_time AS time, 'observed' AS metric, o.value
FROM observation o JOIN series s USING (series_key)
WHERE s.series_id = '$series' AND $__timeFilter(o.valid_time)
UNION ALL
SELECT p.valid_time, 'Dayahead, $lead h ahead', p.p50
FROM forecast_point p
WHERE p.series_id = '$series' AND p.lead = $lead AND $__timeFilter(p.valid_time)
UNION ALL
(SELECT DISTINCT ON (title, valid_time) valid_time, title || ', known $lead h ahead', value
 FROM reference_forecast_point
 WHERE series_id = '$series' AND $__timeFilter(valid_time) AND available_at <= valid_time - $lead * INTERVAL '1 hour'
 ORDER BY title, valid_time, available_at DESC)
ORDER BY time
"""

BY_LEAD = """
SELECT lead AS hour, avg(error) AS "mean |error|"
FROM score_by_series, unnest(lead_error) WITH ORDINALITY AS each_lead (error, lead)
WHERE series_id = '$series' AND error <> 'NaN'
  AND origin > (SELECT max(origin) FROM score) - $days * INTERVAL '1 day'
GROUP BY lead
ORDER BY lead
"""

BY_HORIZON_DAY = f"""
SELECT horizon_day AS "day of the horizon", count(*) AS forecasts, {ratio_sql("wape")} AS "WAPE",
       {ratio_sql("skill")} AS skill, {ratio_sql("coverage")} AS coverage
FROM score_by_horizon_day
WHERE series_id = '$series' AND origin > (SELECT max(origin) FROM score) - $days * INTERVAL '1 day'
GROUP BY horizon_day
ORDER BY horizon_day
"""  # noqa: S608 - all names are the code's own

# By origins of a day (UTC).
ACCURACY_BY_DAY = f"""
SELECT date_trunc('day', origin, 'UTC') AS time, {ratio_sql("mape")} AS "MAPE", {ratio_sql("wape")} AS "WAPE",
       {ratio_sql("naive_wape")} AS "WAPE of the better naive"
FROM score_by_series
WHERE series_id = '$series' AND $__timeFilter(origin)
GROUP BY 1
ORDER BY 1
"""  # noqa: S608 - all names are the code's own

# Before and after are the windows of dayahead/drift/compared.py.
DRIFTING = f"""
WITH drifting AS (
    SELECT series_key, kind, min(valid_time) AS since, date_trunc('day', min(valid_time), 'UTC') AS day,
           string_agg(DISTINCT split_part(detector, ':', 2), ', ') AS changed, max(statistic) AS statistic
    FROM drift_event JOIN series USING (series_key)
    WHERE area = '$area' AND valid_time > (SELECT max(origin) FROM forecast) - $days * INTERVAL '1 day'
    GROUP BY series_key, kind
), windows AS (
    SELECT drifting.*, day - INTERVAL '{TESTED_DAYS - 1 + REFERENCE_DAYS} days' AS first,
           day - INTERVAL '{TESTED_DAYS - 1} days' AS tested, day + INTERVAL '{AFTER_DAYS} days' AS "end"
    FROM drifting
)
SELECT series_id AS series, kind, changed, since, statistic AS "standard deviations",
       errors.before AS "MAPE before", errors.after AS "MAPE after",
       level.before AS "mean value before", level.after AS "mean value after", unit
FROM windows w JOIN series USING (series_key), LATERAL (
    SELECT sum(percentage_error) FILTER (WHERE origin < tested)
               / nullif(sum(percentage_hours) FILTER (WHERE origin < tested), 0) AS before,
           sum(percentage_error) FILTER (WHERE origin >= day)
               / nullif(sum(percentage_hours) FILTER (WHERE origin >= day), 0) AS after
    FROM score WHERE score.series_key = w.series_key AND origin >= first AND origin < "end"
) AS errors, LATERAL (
    SELECT avg(abs(value)) FILTER (WHERE valid_time < tested) AS before,
           avg(abs(value)) FILTER (WHERE valid_time >= day) AS after
    FROM observation WHERE observation.series_key = w.series_key AND valid_time >= first AND valid_time < "end"
) AS level
ORDER BY since DESC, series_id
LIMIT 200
"""  # noqa: S608 - all names are the code's own

POINTS = """
SELECT valid_time AS time, lead, p10, p50, p90, unit, rung, release, issued_at
FROM forecast_point
WHERE series_id = '$series'
  AND origin = (SELECT max(origin) FROM forecast JOIN series USING (series_key) WHERE series_id = '$series')
ORDER BY lead
"""


def build() -> dashboard.Dashboard:
    """The dashboard `Dayahead: series`."""
    return (
        page("dayahead-series", "Dayahead: series", "Accuracy of every series; observations and forecast of one.")
        .with_variable(choice("area", "Area", "SELECT DISTINCT area FROM series ORDER BY 1"))
        .with_variable(
            choice("series", "Series", "SELECT series_id FROM series WHERE area = '$area' ORDER BY series_id")
        )
        .with_variable(dashboard.CustomVariable("lead").label("Lead, h").values("1,6,12,24,36,48"))
        .with_variable(dashboard.CustomVariable("days").label("Days of scores").values("7,1,30"))
        .with_panel(
            over_hours(
                "$series: last week and the hours ahead",
                "Hours from the newest origin (0). Forecast: median with its 10 % and 90 % quantiles.",
                Sql(AROUND_NOW),
            )
        )
        .with_panel(
            over_hours(
                "$series: temperature of its place",
                "The hours of the panel above: observed, else of the newest run. Degrees Celsius.",
                Sql(TEMPERATURE),
                height=6,
                empty="its source names no weather",
            )
        )
        .with_panel(
            rows(
                "Accuracy of the series of $area",
                "Over the last days of scored forecasts; largest errors first.",
                Sql(ACCURACY),
                units=[(name, "percentunit") for name in ("WAPE", "MAPE", "skill", "bias", "coverage")],
            )
        )
        .with_panel(
            lines(
                "$series: MAPE day by day",
                "Of the forecasts issued on each day, over the dashboard's time range; for a replay of old data choose "
                "its years.",
                [Sql(ACCURACY_BY_DAY)],
                width=24,
                unit="percentunit",
                datasource=TIMESCALEDB,
            )
        )
        .with_panel(
            rows(
                "Drifting series of $area",
                "Series whose errors (concept) or inputs (data) changed within the last days, since when, and what "
                "they were like: up to 25 days before, and up to a week after.",
                Sql(DRIFTING),
                units=[(name, "percentunit") for name in ("MAPE before", "MAPE after")],
                empty=NOTHING,
            )
        )
        .with_panel(
            rows(
                "Tomorrow as forecast at the gates",
                "Days of the calendar as they were forecast at the gates of their sources, next to the seasonal naives "
                "known then; over the last days that are over.",
                Sql(DAY_AHEAD),
                height=6,
                units=[
                    (name, "percentunit")
                    for name in (
                        "WAPE",
                        "same hour of the day",
                        "same hour of the week",
                        "skill",
                        "bias",
                        "coverage",
                    )
                ],
                empty="no day is over yet, or no source has gates",
            )
        )
        .with_panel(
            lines(
                "$series: observed, and forecast $lead h before",
                "Over the dashboard's time range; for a replay of old data choose its years.",
                [Sql(HISTORY)],
                width=16,
                datasource=TIMESCALEDB,
            )
        )
        .with_panel(
            over_hours(
                "$series: error by lead",
                "Mean absolute error by hours ahead.",
                Sql(BY_LEAD),
                width=8,
                height=8,
            )
        )
        .with_panel(
            rows(
                "Reference forecasts of $area and ours, on the same hours",
                "Forecasts of others, such as the grid operator, with the version known when ours was issued; over the "
                "last days of compared forecasts. Smaller error: how much less ours is wrong.",
                Sql(REFERENCES),
                height=6,
                units=[
                    (name, "percentunit") for name in ("WAPE of the reference", "WAPE of Dayahead", "smaller error")
                ],
                empty="no source has forecast_of, or none of its hours is over yet",
            )
        )
        .with_panel(
            lines(
                "$series: observed, our forecast and the references, $lead h before",
                "Each as it was known then, over the time range chosen above; for a replay the years of its data.",
                [Sql(NEXT_TO_REFERENCES, "time_series")],
                width=24,
                datasource=TIMESCALEDB,
            )
        )
        .with_panel(
            rows(
                "$series: accuracy by day of the horizon",
                "Day 1 is leads 1 to 24, day 2 leads 25 to 48; over the last days of scored forecasts.",
                Sql(BY_HORIZON_DAY),
                units=[(name, "percentunit") for name in ("WAPE", "skill", "coverage")],
            )
        )
        .with_panel(rows("$series: newest forecast", "Hour by hour, as the API gives it.", Sql(POINTS)))
    )
