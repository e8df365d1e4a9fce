"""Settings of monitoring: scrape interval, notification and the thresholds of all alerts."""

from typing import Self

from pydantic import Field, HttpUrl, model_validator

from dayahead.horizon import MAX_DAYS
from deploy.monitoring.receivers import ReceiverSettings


class MonitoringSettings(ReceiverSettings):
    """Thresholds of the alert rules; receivers are in the base class.

    `dayahead monitoring render` and `dayahead up` fill them into deploy/prometheus and deploy/alertmanager, so
    a threshold is changed in `.env` and applied by a restart.
    """

    scrape_interval_s: int = Field(default=5, ge=1, description="Seconds between two scrapes and rule evaluations")
    partitions: int = Field(
        default=8, ge=1, le=10_000, description="Partitions of observations and forecasts: the most workers at once"
    )
    alert_down_s: int = Field(default=60, ge=0, description="Seconds that a service may be unreachable")
    alert_start_s: int = Field(
        default=1800, ge=0, description="Seconds after the start of Prometheus that a service may take to start"
    )
    alert_consumer_s: int = Field(
        default=86_400,
        ge=60,
        description="Seconds that an optional consumer (webhooks, mqtt, mcp) is missed for after it was last up; then "
        "it counts as removed",
    )
    alert_restarts: int = Field(
        default=3, ge=1, description="Restarts of one process within DAYAHEAD_ALERT_RESTARTS_S that are a crash loop"
    )
    alert_restarts_s: int = Field(default=900, ge=60, description="Seconds within which restarts are counted")
    alert_stopped_s: int = Field(
        default=300, ge=0, description="Seconds that a partition may make no progress while messages wait in it"
    )
    alert_not_ready_s: int = Field(default=300, ge=0, description="Seconds that a running service may be unready")
    alert_lag_messages: int = Field(default=1000, ge=1, description="Maximum lag of observations, in messages")
    alert_lag_s: int = Field(default=600, ge=0, description="Seconds that the lag may be high, or grow")
    alert_behind_h: float = Field(
        default=2, gt=0, description="Hours that the workers may be behind the newest hour published by ingest"
    )
    alert_source_failing_s: int = Field(
        default=900, ge=60, description="Seconds without a successful poll after which a source is failing"
    )
    alert_weather_missed_runs: int = Field(
        default=2, ge=1, description="Runs of a weather source in a row that are overdue before the alert fires"
    )
    alert_without_weather_share: float = Field(
        default=0.2,
        ge=0,
        lt=1,
        description="Share of the forecasts of series that follow a weather source that may have hours from load alone",
    )
    alert_dead_letters: int = Field(default=0, ge=0, description="Dead letters in ten minutes that raise no alert")
    alert_mape_warning: float = Field(
        default=0.15, gt=0, description="MAPE of an area over 24 h, as a share, above which an alert warns operators"
    )
    alert_mape_critical: float = Field(
        default=0.25, gt=0, description="MAPE of an area over 24 h, as a share, above which a retune is requested"
    )
    alert_mape_min_hours: int = Field(
        default=500, ge=1, description="Scored hours of an area in 24 h below which its accuracy raises no alert"
    )
    alert_horizon_day: int = Field(
        default=1,
        ge=1,
        le=MAX_DAYS,
        description="Day of the horizon whose accuracy raises alerts: 1 is hours 1 to 24 after the newest observed "
        "hour, 2 is hours 25 to 48; a source that forecasts no such whole day raises none",
    )
    alert_accuracy_s: int = Field(
        default=600, ge=0, description="Seconds that accuracy must be bad before the alert fires"
    )
    alert_degraded_share: float = Field(
        default=0.2, ge=0, lt=1, description="Share of series that may be on rung 2 (previous release) or worse"
    )
    alert_stale_share: float = Field(default=0.2, ge=0, lt=1, description="Share of series that may be stale")
    alert_expired_share: float = Field(
        default=0.2, ge=0, lt=1, description="Share of a source's forecasts that may be expired"
    )
    alert_freshness_objective: float = Field(
        default=0.95,
        gt=0,
        lt=0.99,
        description="Share of the hours whose forecast must be served within DAYAHEAD_FRESH_WITHIN_S; what is missing "
        "is the error budget, and an alert fires when it is spent too fast",
    )
    alert_webhook_s: int = Field(
        default=3600, ge=1, description="Seconds that a receiver of webhooks may not take an event"
    )
    alert_drift_share: float = Field(
        default=0.2, ge=0, lt=1, description="Share of an area's series whose errors may drift within a day"
    )
    alert_drift_critical_share: float = Field(
        default=0.4,
        gt=0,
        lt=1,
        description="Share of an area's series whose errors, or inputs, may drift within a day; above it a retune is "
        "asked for",
    )
    alert_forecasts_s: int = Field(
        default=600, ge=0, description="Seconds that forecasts may be degraded, stale, expired or missing"
    )
    alert_no_champion_s: int = Field(
        default=1800, ge=0, description="Seconds that the trainer may run without a promoted release"
    )
    alert_group_wait_s: int = Field(
        default=30, ge=0, description="Seconds that Alertmanager waits for more alerts of the same cause"
    )
    alert_group_interval_s: int = Field(
        default=300, ge=1, description="Seconds after which alerts that joined a notified cause are notified"
    )
    alert_repeat_s: int = Field(default=14400, ge=60, description="Seconds after which an open alert is sent again")
    api_port: int = Field(default=8000, ge=1, le=65535, description="Port of the API and the page")
    public_url: HttpUrl | None = Field(
        default=None, description="Public URL of the API and the page; http://127.0.0.1:DAYAHEAD_API_PORT if empty"
    )
    runbook_url: str = Field(
        default="", description="Public URL of the runbook, linked by alerts; DAYAHEAD_PUBLIC_URL/runbook if empty"
    )

    @property
    def runbook(self) -> str:
        """Absolute URL of the runbook, since alerts are read elsewhere."""
        public = str(self.public_url or f"http://127.0.0.1:{self.api_port}").rstrip("/")
        return self.runbook_url or f"{public}/runbook"

    @model_validator(mode="after")
    def _critical_is_worse(self) -> Self:
        if self.alert_mape_critical <= self.alert_mape_warning:
            raise ValueError(
                f"DAYAHEAD_ALERT_MAPE_CRITICAL {self.alert_mape_critical} must be above "
                f"DAYAHEAD_ALERT_MAPE_WARNING {self.alert_mape_warning}"
            )
        if self.alert_drift_critical_share <= self.alert_drift_share:
            raise ValueError(
                f"DAYAHEAD_ALERT_DRIFT_CRITICAL_SHARE {self.alert_drift_critical_share} must be above "
                f"DAYAHEAD_ALERT_DRIFT_SHARE {self.alert_drift_share}"
            )
        return self
