"""What every alert must fire on, and the nearest thing that it must not fire on."""

from dataclasses import dataclass, field

Series = dict[str, str]
"""Series -> its samples, one a minute, in promtool's notation."""

UP: Series = {f'up{{job="{job}",instance="{job}:1"}}': "1x180" for job in ("ingest", "worker", "trainer", "api")}
UP_FOR_A_DAY: Series = dict.fromkeys(UP, "1x1600")
PROMETHEUS_START = 'prometheus_config_last_reload_success_timestamp_seconds{job="prometheus"}'
PROMETHEUS: Series = {PROMETHEUS_START: "0x180"}
"""A Prometheus that has run since promtool's clock began."""
RUNTIME = 'go_memstats_alloc_bytes_total{job="prometheus"}'
"""A counter of Prometheus that begins again when it is restarted, and not when it is reloaded."""


def accuracy(mape: float, hours: int = 24, day: int = 1) -> Series:
    """Counters of an area that scores so many hours a minute on a day of the horizon with this MAPE."""
    labels = f'{{area="DK1",horizon_day="{day}"}}'
    return {
        f"dayahead_horizon_day_percentage_hours_total{labels}": f"0+{hours}x180",
        f"dayahead_horizon_day_absolute_percentage_error_total{labels}": f"0+{hours * mape:g}x180",
    }


def skill(model: float, naive: float, day: int = 1) -> Series:
    """Counters of an area whose model and naive have these WAPEs on a day of the horizon."""
    labels = f'area="DK1",horizon_day="{day}"'
    return accuracy(model, day=day) | {
        f"dayahead_horizon_day_absolute_error_total{{{labels}}}": f"0+{model * 100:g}x180",
        f"dayahead_horizon_day_absolute_actual_total{{{labels}}}": "0+100x180",
        f'dayahead_horizon_day_naive_absolute_error_total{{{labels},naive="weekly"}}': f"0+{naive * 100:g}x180",
        f'dayahead_horizon_day_naive_absolute_error_total{{{labels},naive="daily"}}': f"0+{naive * 150:g}x180",
        f"dayahead_horizon_day_naive_absolute_actual_total{{{labels}}}": "0+100x180",
    }


def rungs(full: int, profile: int) -> Series:
    """How many series are on rung 0 and on rung 3."""
    return {
        'dayahead_series_rung{rung="0"}': f"{full}x180",
        'dayahead_series_rung{rung="3"}': f"{profile}x180",
    }


TASK_LABELS = {"instance": "worker:1", "job": "worker", "task": "audit"}


def task(alive: str, done: str) -> Series:
    """A minutely task of a worker: whether its thread lives, and when a round was done."""
    labels = "{" + ",".join(f'{name}="{value}"' for name, value in TASK_LABELS.items()) + "}"
    return {
        f"dayahead_task_alive{labels}": alive,
        f"dayahead_task_done_timestamp_seconds{labels}": done,
        f"dayahead_task_interval_seconds{labels}": "60x180",
    }


WAITING = 'dayahead_poll_waiting_since_timestamp_seconds{source="de35",server="kafka"}'


def source_clock(last_new_hour: str) -> Series:
    """An hourly source and when it last had something new (promtool's clock starts at 0)."""
    return {
        'dayahead_source_last_new_hour_timestamp_seconds{source="de35"}': last_new_hour,
        'dayahead_source_silence_allowed_seconds{source="de35"}': "10800x300",
    }


def drift(drifting: int, others: int, kind: str = "concept", period: str = "1d") -> Series:
    """Series of an area whose errors or inputs drifted lately, over two workers."""
    labels = f'area="DK1",kind="{kind}"'
    return {
        f'dayahead_drift_series{{{labels},period="{period}",instance="w1"}}': f"{drifting}x180",
        f'dayahead_drift_series{{{labels},period="{period}",instance="w2"}}': "0x180",
        f'dayahead_drift_watched_series{{{labels},instance="w1"}}': f"{drifting}x180",
        f'dayahead_drift_watched_series{{{labels},instance="w2"}}': f"{others}x180",
    }


def late(share: float) -> Series:
    """Hours that arrive every minute, a share of which is forecast too late."""
    return {
        'dayahead_freshness_hours_total{outcome="late"}': f"0+{100 * share:g}x180",
        'dayahead_freshness_hours_total{outcome="in_time"}': f"0+{100 * (1 - share):g}x180",
    }


def lacking_weather(no_weather: int, stale: int, others: int = 100) -> Series:
    """A hundred forecasts a minute that follow a weather source, some without it, and others that follow another."""
    return {
        'dayahead_weather_forecasts_total{weather="sky",instance="w1"}': "0+60x180",
        'dayahead_weather_forecasts_total{weather="sky",instance="w2"}': "0+40x180",
        'dayahead_weather_forecasts_total{weather="gfs",instance="w1"}': f"0+{others}x180",
        'dayahead_forecasts_without_weather_total{weather="sky",reason="no_weather"}': f"0+{no_weather}x180",
        'dayahead_forecasts_without_weather_total{weather="sky",reason="weather_stale"}': f"0+{stale}x180",
        'dayahead_forecasts_without_weather_total{weather="gfs",reason="no_weather"}': "0x180",
    }


EXPIRED = 'dayahead_forecasts_expired{source="de35"}'


def expiry(expired: int, others: int) -> Series:
    """Series of a source with a forecast, over two workers, and how many of these are expired."""
    return {
        'dayahead_forecasts_expired{source="de35",instance="w1"}': f"{expired}x180",
        'dayahead_forecasts_expired{source="de35",instance="w2"}': "0x180",
        'dayahead_forecast_series{source="de35",instance="w1"}': f"{expired}x180",
        'dayahead_forecast_series{source="de35",instance="w2"}': f"{others}x180",
    }


@dataclass(frozen=True)
class AlertCase:
    """One alert.

    Attributes:
        fires: series on which it fires at `minute`.
        quiet: series on which it does not.
        labels: labels of the firing alert in addition to name and severity.
    """

    alert: str
    severity: str
    fires: Series
    quiet: Series
    labels: dict[str, str] = field(default_factory=dict)
    minute: int = 60


CASES = [
    AlertCase("Watchdog", "none", {}, {}),
    AlertCase(
        "ServiceDown",
        "critical",
        UP | {'up{job="worker",instance="worker:1"}': "1x50 0x130"},
        UP | {'up{job="worker",instance="worker:1"}': "1x59 0x121"},
        {"job": "worker", "instance": "worker:1"},
    ),
    AlertCase(
        "ServiceDown",
        "critical",
        {series: samples for series, samples in UP.items() if "trainer" not in series},
        UP,
        {"job": "trainer"},
    ),
    # the first, slow `make up`: ingest is started last and was never up
    AlertCase(
        "ServiceDown",
        "critical",
        UP | PROMETHEUS | {'up{job="ingest",instance="ingest:1"}': "0x180"},
        UP | {PROMETHEUS_START: "1200x180"} | {'up{job="ingest",instance="ingest:1"}': "0x180"},
        {"job": "ingest", "instance": "ingest:1"},
        minute=45,
    ),
    AlertCase(
        "ServiceDown",
        "critical",
        {series: samples for series, samples in UP.items() if "ingest" not in series} | PROMETHEUS,
        {series: samples for series, samples in UP.items() if "ingest" not in series} | {PROMETHEUS_START: "1200x180"},
        {"job": "ingest"},
        minute=45,
    ),
    # up once since the start of Prometheus: down is down, however young the stack is; up before it: still starting
    AlertCase(
        "ServiceDown",
        "critical",
        UP | {PROMETHEUS_START: "1200x180"} | {'up{job="ingest",instance="ingest:1"}': "0x25 1x15 0x140"},
        UP | {PROMETHEUS_START: "2000x180"} | {'up{job="ingest",instance="ingest:1"}': "1x25 0x155"},
        {"job": "ingest", "instance": "ingest:1"},
        minute=45,
    ),
    # reloaded while it is down, at minute 40: it stays down; restarted then: it is starting
    AlertCase(
        "ServiceDown",
        "critical",
        UP
        | {PROMETHEUS_START: "0x40 2400x140", RUNTIME: "0+1000x180"}
        | {'up{job="ingest",instance="ingest:1"}': "1x20 0x160"},
        UP
        | {PROMETHEUS_START: "0x40 2400x140", RUNTIME: "0+1000x40 0+1000x140"}
        | {'up{job="ingest",instance="ingest:1"}': "1x20 0x160"},
        {"job": "ingest", "instance": "ingest:1"},
        minute=45,
    ),
    # an optional consumer: it was up and is down, and it was never up
    AlertCase(
        "ServiceDown",
        "critical",
        UP | PROMETHEUS | {'up{job="webhooks",instance="w"}': "1x50 0x130"},
        UP | PROMETHEUS | {'up{job="webhooks",instance="w"}': "0x180"},
        {"job": "webhooks", "instance": "w"},
    ),
    # its pod is gone, and was replaced by another one
    AlertCase(
        "ServiceDown",
        "critical",
        UP | PROMETHEUS | {'up{job="mqtt",instance="pod-1"}': "1x50 stale"},
        UP
        | PROMETHEUS
        | {'up{job="mqtt",instance="pod-1"}': "1x50 stale", 'up{job="mqtt",instance="pod-2"}': "_x50 1x130"},
        {"job": "mqtt"},
    ),
    # up before the start of Prometheus: it may still be starting
    AlertCase(
        "ServiceDown",
        "critical",
        UP | {PROMETHEUS_START: "1200x180"} | {'up{job="mcp",instance="m"}': "0x25 1x15 0x140"},
        UP | {PROMETHEUS_START: "2000x180"} | {'up{job="mcp",instance="m"}': "1x25 0x155"},
        {"job": "mcp", "instance": "m"},
        minute=45,
    ),
    # stopped for a day: removed
    AlertCase(
        "ServiceDown",
        "critical",
        UP_FOR_A_DAY | {'up{job="mqtt",instance="m"}': "1x100 0x1500", 'up{job="mcp",instance="p"}': "1x50 stale"},
        UP_FOR_A_DAY | {'up{job="mqtt",instance="m"}': "1x50 0x1550", 'up{job="mcp",instance="p"}': "1x50 stale"},
        {"job": "mqtt", "instance": "m"},
        minute=1500,
    ),
    AlertCase("FreshnessLost", "critical", late(0.8), late(0.6)),
    # a service that has just been started catches up
    AlertCase("FreshnessLost", "critical", late(0.8) | PROMETHEUS, late(0.8) | {PROMETHEUS_START: "1200x180"}),
    AlertCase("FreshnessAtRisk", "warning", late(0.4) | PROMETHEUS, late(0.4) | {PROMETHEUS_START: "1200x180"}),
    # a burst of late hours is over, and the next one is still to come
    AlertCase(
        "FreshnessLost",
        "critical",
        {
            'dayahead_freshness_hours_total{outcome="late"}': "0x90 100x90",
            'dayahead_freshness_hours_total{outcome="in_time"}': "0x180",
        },
        {
            'dayahead_freshness_hours_total{outcome="late"}': "0x180",
            'dayahead_freshness_hours_total{outcome="in_time"}': "0x90 100x90",
        },
        minute=130,
    ),
    AlertCase("FreshnessAtRisk", "warning", late(0.4), late(0.2)),
    AlertCase(
        "ServiceRestarting",
        "critical",
        {'process_start_time_seconds{job="ingest",instance="ingest:1"}': "1x50 3050 _ 3150 3200 _ _ 3300x110"},
        {'process_start_time_seconds{job="ingest",instance="ingest:1"}': "1x40 2500x5 _ 3150x20 3300x110"},
        {"job": "ingest", "instance": "ingest:1"},
    ),
    AlertCase(
        "ServiceRestarting",
        "critical",
        {'process_start_time_seconds{job="webhooks",instance="w"}': "1x50 3050 _ 3150 3200 _ _ 3300x110"},
        {'process_start_time_seconds{job="webhooks",instance="w"}': "1x180"},
        {"job": "webhooks", "instance": "w"},
    ),
    AlertCase(
        "ServiceNotReady",
        "warning",
        {
            'dayahead_ready{job="trainer",instance="t",service="trainer"}': "0x180",
            'dayahead_champion_timestamp_seconds{job="trainer",instance="t"}': "1700000000x180",
        },
        {
            'dayahead_ready{job="trainer",instance="t",service="trainer"}': "0x180",
            'dayahead_champion_timestamp_seconds{job="trainer",instance="t"}': "0x180",
        },
        {"job": "trainer", "instance": "t", "service": "trainer"},
    ),
    AlertCase(
        "ServiceNotReady",
        "warning",
        {'dayahead_ready{job="api",service="api"}': "0x180"},
        {'dayahead_ready{job="api",service="api"}': "0x57 1x120"},
        {"job": "api", "service": "api"},
    ),
    AlertCase(
        "WorkerWithoutPartitions",
        "warning",
        {'dayahead_partitions_assigned{instance="w2"}': "0x180"},
        {'dayahead_partitions_assigned{instance="w2"}': "4x180"},
        {"instance": "w2"},
    ),
    AlertCase(
        "PartitionWithoutWorker",
        "critical",
        {'dayahead_partitions_assigned{instance="w1"}': "4x180"},
        {
            'dayahead_partitions_assigned{instance="w1"}': "4x180",
            'dayahead_partitions_assigned{instance="w2"}': "4x180",
        },
    ),
    AlertCase("PartitionWithoutWorker", "critical", {}, {"dayahead_partitions_assigned": "8x180"}),
    AlertCase("PartitionWithoutWorker", "critical", PROMETHEUS, {PROMETHEUS_START: "2400x180"}),
    AlertCase(
        "PartitionStopped",
        "critical",
        # handed from one worker to another, and still the same message
        {
            'dayahead_lag_messages{partition="3",instance="w1"}': "0x49 1+1x5 stale",
            'dayahead_next_offset{partition="3",instance="w1"}': "0+5x49 245x5 stale",
            'dayahead_lag_messages{partition="3",instance="w2"}': "_x55 7+1x120",
            'dayahead_next_offset{partition="3",instance="w2"}': "_x55 245x120",
        },
        {
            # busy, and a single message that has just come
            'dayahead_lag_messages{partition="3",instance="w1"}': "50x180",
            'dayahead_next_offset{partition="3",instance="w1"}': "0+5x180",
            'dayahead_lag_messages{partition="4",instance="w1"}': "0x58 1x120",
            'dayahead_next_offset{partition="4",instance="w1"}': "7x180",
        },
        {"partition": "3"},
    ),
    AlertCase(
        "ForecastStreamUnreadable",
        "warning",
        {'dayahead_api_stream_reader{instance="api:1",state="cannot-decode"}': "0x55 1x120"},
        {'dayahead_api_stream_reader{instance="api:1",state="kafka-away"}': "1x180"},
        {"instance": "api:1"},
    ),
    AlertCase(  # between two scrapes
        "ForecastStreamUnreadable",
        "warning",
        {'dayahead_api_stream_undecodable_batches{instance="api:1"}': "0x55 1x120"},
        {'dayahead_api_stream_undecodable_batches{instance="api:1"}': "1x180"},
        {"instance": "api:1"},
    ),
    AlertCase(
        "ForecastStreamSilent",
        "warning",
        {'dayahead_api_stream_reader{instance="api:1",state="kafka-away"}': "1x180"},
        {
            'dayahead_api_stream_reader{instance="api:1",state="kafka-away"}': "1x57 0x120",
            'dayahead_api_stream_reader{instance="api:1",state="cannot-decode"}': "1x180",
        },
        {"instance": "api:1"},
    ),
    AlertCase(
        "RulesFailing",
        "warning",
        {'prometheus_rule_evaluation_failures_total{rule_group="g"}': "0x55 3x120"},
        {'prometheus_rule_evaluation_failures_total{rule_group="g"}': "3x180"},
        {"rule_group": "g"},
    ),
    AlertCase(
        "AlertsNotDelivered",
        "warning",
        {'alertmanager_notifications_failed_total{integration="webhook"}': "0+1x180"},
        {'alertmanager_notifications_failed_total{integration="webhook"}': "5x180"},
        {"integration": "webhook"},
    ),
    AlertCase(
        "SourceStale", "warning", source_clock("3600x300"), source_clock("3660x300"), {"source": "de35"}, minute=241
    ),
    AlertCase(  # nothing can be published while Kafka is away
        "SourceStale",
        "warning",
        source_clock("3600x300") | {WAITING: "0x200 12000x10 0x90"},
        source_clock("3600x300") | {WAITING: "0x200 12000x100"},
        {"source": "de35"},
        minute=250,
    ),
    AlertCase(
        "SourceFailing",
        "warning",
        {'dayahead_poll_failing_since_timestamp_seconds{source="de35"}': "0x40 2400x140"},
        # failed polls between those that succeed
        {'dayahead_poll_failing_since_timestamp_seconds{source="de35"}': "0x40 2400x10 0x2 3180x130"},
        {"source": "de35"},
    ),
    AlertCase(  # one run is late now and then
        "WeatherStale",
        "warning",
        {'dayahead_weather_missed_runs{source="sky"}': "0x40 1x10 2x130"},
        {'dayahead_weather_missed_runs{source="sky"}': "0x20 1x160"},
        {"source": "sky"},
    ),
    AlertCase(  # a reason that most forecasts have, and one that few have, and a weather source that has none
        "ForecastsWithoutWeather",
        "warning",
        lacking_weather(no_weather=15, stale=8),
        lacking_weather(no_weather=15, stale=4),
        {"source": "sky"},
    ),
    AlertCase(  # all of those of a source that few series follow
        "ForecastsWithoutWeather",
        "warning",
        lacking_weather(no_weather=100, stale=0, others=100_000),
        lacking_weather(no_weather=0, stale=0, others=100_000),
        {"source": "sky"},
    ),
    AlertCase(
        "DeadLettersArriving",
        "warning",
        {'dayahead_dead_letters_total{stage="worker",code="null_value"}': "1x55 2x120"},
        {'dayahead_dead_letters_total{stage="worker",code="null_value"}': "0x20 9x160"},
        {"stage": "worker", "code": "null_value"},
    ),
    AlertCase(  # the first one of its kind: the counter is born with it
        "DeadLettersArriving",
        "warning",
        {'dayahead_dead_letters_total{stage="worker",code="null_value"}': "_x55 1x120"},
        {'dayahead_dead_letters_total{stage="worker",code="null_value"}': "_x30 1x150"},
        {"stage": "worker", "code": "null_value"},
    ),
    AlertCase(
        "MessagesFailing",
        "critical",
        {'dayahead_dead_letters_total{stage="stream",code="failed"}': "_x55 1x120"},
        {
            'dayahead_dead_letters_total{stage="stream",code="failed"}': "_x30 1x150",
            'dayahead_dead_letters_total{stage="stream",code="null_value"}': "1x55 2x120",
        },
        {"stage": "stream"},
    ),
    AlertCase(
        "LagHigh",
        "warning",
        {'dayahead_lag_messages{partition="0"}': "600x180", 'dayahead_lag_messages{partition="1"}': "600x180"},
        {'dayahead_lag_messages{partition="0"}': "600x180", 'dayahead_lag_messages{partition="1"}': "300x180"},
    ),
    AlertCase(
        "LagGrowing",
        "warning",
        {'dayahead_lag_messages{partition="0"}': "100+5x180"},
        {'dayahead_lag_messages{partition="0"}': "900-5x180"},
    ),
    AlertCase(
        "ForecastsBehindSource",
        "critical",
        {
            'dayahead_source_newest_hour_timestamp_seconds{source="de35"}': "36000x180",
            'dayahead_newest_hour_timestamp_seconds{source="de35",instance="w1"}': "25200x180",
        },
        {
            'dayahead_source_newest_hour_timestamp_seconds{source="de35"}': "36000x180",
            'dayahead_newest_hour_timestamp_seconds{source="de35",instance="w1"}': "25200x180",
            'dayahead_newest_hour_timestamp_seconds{source="de35",instance="w2"}': "32400x180",
        },
        {"source": "de35"},
    ),
    AlertCase("MapeWarning", "warning", accuracy(0.16), accuracy(0.14), {"area": "DK1"}),
    AlertCase("MapeWarning", "warning", accuracy(0.16), accuracy(0.16, hours=2), {"area": "DK1"}),
    AlertCase("MapeCritical", "critical", accuracy(0.26), accuracy(0.24), {"area": "DK1"}),
    AlertCase("MapeCritical", "critical", accuracy(0.26), accuracy(0.26, hours=2), {"area": "DK1"}),
    AlertCase("WorseThanNaive", "warning", skill(0.12, 0.10), skill(0.08, 0.10), {"area": "DK1"}),
    AlertCase("ForecastsDegraded", "warning", rungs(70, 30), rungs(90, 10)),
    AlertCase(
        "ForecastsStale",
        "warning",
        {'dayahead_series{state="fresh"}': "70x180", 'dayahead_series{state="stale"}': "30x180"},
        {'dayahead_series{state="fresh"}': "90x180", 'dayahead_series{state="stale"}': "10x180"},
    ),
    AlertCase(
        "ForecastsExpired",
        "warning",
        expiry(expired=30, others=70),
        expiry(expired=15, others=85),
        {"source": "de35"},
    ),
    # not for as long as it takes to be an alert
    AlertCase(
        "ForecastsExpired",
        "warning",
        expiry(expired=100, others=0),
        {EXPIRED: "0x55 100x125", 'dayahead_forecast_series{source="de35"}': "100x180"},
        {"source": "de35"},
    ),
    AlertCase(
        "ForecastsStopped",
        "critical",
        {'dayahead_rows_total{outcome="new"}': "0+10x180", 'dayahead_forecasts_total{rung="0"}': "7x180"},
        {'dayahead_rows_total{outcome="new"}': "0+10x180", 'dayahead_forecasts_total{rung="3"}': "0+10x180"},
    ),
    AlertCase(
        "NoChampion",
        "warning",
        UP,
        UP | {'dayahead_champion_timestamp_seconds{job="trainer"}': "1700000000x180"},
        {"job": "trainer", "instance": "trainer:1"},
    ),
    AlertCase(
        "NoChampion",
        "warning",
        UP | {'dayahead_champion_timestamp_seconds{job="trainer"}': "0x180"},
        UP | {'up{job="trainer",instance="trainer:1"}': "0x180"},
        {"job": "trainer", "instance": "trainer:1"},
    ),
    AlertCase(
        "TrainingFailing",
        "warning",
        {'dayahead_trainings_total{outcome="failed"}': "0+0.1x180"},
        {
            'dayahead_trainings_total{outcome="failed"}': "0+0.1x180",
            'dayahead_trainings_total{outcome="promoted"}': "0+0.1x180",
        },
    ),
    AlertCase(
        "MessagesLost",
        "critical",
        {'dayahead_lost_messages_total{instance="w1"}': "0x50 40x130"},
        {'dayahead_lost_messages_total{instance="w1"}': "40x180"},
        {"instance": "w1"},
        minute=70,
    ),
    AlertCase(
        "ReleaseRefused",
        "warning",
        {'dayahead_release_refused{release="r-1"}': "1x180"},
        {'dayahead_release_refused{release="r-1"}': "0x55 1x120"},
        {"release": "r-1"},
    ),
    AlertCase(
        "DriftWidespread",
        "warning",
        drift(drifting=4, others=6),
        drift(drifting=2, others=8),
        {"area": "DK1"},
    ),
    AlertCase(  # inputs that changed alone, and errors that changed days ago
        "DriftWidespread",
        "warning",
        drift(drifting=9, others=1),
        drift(9, 1, kind="data") | drift(9, 1, period="7d"),
        {"area": "DK1"},
    ),
    *(
        AlertCase(
            "DriftCritical",
            "critical",
            drift(5, 5, kind=kind),
            drift(4, 6, kind=kind) | drift(9, 1, kind=kind, period="7d"),
            {"area": "DK1", "kind": kind},
        )
        for kind in ("concept", "data")
    ),
    AlertCase(
        "RedisBehind",
        "warning",
        {'dayahead_redis_behind_partitions{instance="worker:1"}': "0x50 2x130"},
        # a restart of Redis, which is filled again within seconds
        {'dayahead_redis_behind_partitions{instance="worker:1"}': "0x50 2x1 0x130"},
    ),
    AlertCase(  # the thread has ended
        "TaskStopped",
        "warning",
        task(alive="1x50 0x130", done="0+60x180"),
        task(alive="1x180", done="0+60x180"),
        TASK_LABELS,
    ),
    AlertCase(  # the thread runs, and every round of it fails, or never ends
        "TaskStopped",
        "warning",
        task(alive="1x180", done="0+60x50 3000x130"),
        task(alive="1x180", done="0+60x150 9000x30"),
        TASK_LABELS,
        minute=120,
    ),
    AlertCase(
        "WebhooksGivenUp",
        "warning",
        {'dayahead_webhook_deliveries_total{receiver="one",outcome="given_up"}': "0x30 1x150"},
        {
            'dayahead_webhook_deliveries_total{receiver="one",outcome="given_up"}': "1x180",
            'dayahead_webhook_deliveries_total{receiver="one",outcome="failed"}': "0+1x180",
        },
        {"receiver": "one"},
    ),
    AlertCase(
        "WebhooksUndelivered",
        "warning",
        {'dayahead_webhook_undelivered_since_timestamp_seconds{receiver="one"}': "1200x180"},
        {'dayahead_webhook_undelivered_since_timestamp_seconds{receiver="one"}': "0x90 5000x90"},
        {"receiver": "one"},
        minute=100,
    ),
    AlertCase(
        "AuditMismatch",
        "critical",
        {'dayahead_audit_total{outcome="mismatch"}': "0x50 1x130"},
        {'dayahead_audit_total{outcome="mismatch"}': "0x180", 'dayahead_audit_total{outcome="skipped"}': "0+5x180"},
    ),
    AlertCase(
        "AuditStopped",
        "warning",
        {
            'dayahead_audit_total{outcome="match"}': "0+5x20 100x280",
            'dayahead_audit_total{outcome="skipped"}': "0+5x300",
            'dayahead_forecasts_total{rung="0"}': "0+9x300",
        },
        {'dayahead_audit_total{outcome="match"}': "0+1x300", 'dayahead_forecasts_total{rung="0"}': "0+9x300"},
        minute=200,
    ),
    AlertCase(  # nothing to audit, or no audits by settings
        "AuditStopped",
        "warning",
        {'dayahead_audit_total{outcome="match"}': "0x300", 'dayahead_forecasts_total{rung="0"}': "0+9x300"},
        {'dayahead_audit_total{outcome="match"}': "0x300", 'dayahead_forecasts_total{rung="0"}': "7x300"},
        minute=200,
    ),
]
