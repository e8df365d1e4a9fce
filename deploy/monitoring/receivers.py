"""Receivers of alerts and their minimum severities: settings, and Alertmanager's configuration of each."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, HttpUrl, SecretStr, model_validator

from dayahead.settings import PREFIX, ServiceSettings

Severity = Literal["warning", "critical"]
SECRET_PREFIX = "secret_"  # noqa: S105 - begins the names of files

TITLE = (
    '{{ if eq .Status "firing" }}{{ .Alerts.Firing | len }} firing{{ else }}resolved{{ end }}: '
    "{{ .GroupLabels.alertname }}"
)
TEXT = (
    "{{ range .Alerts }}{{ .Annotations.summary }}\n{{ .Annotations.description }}\n"
    "{{ .Annotations.runbook_url }}\n\n{{ end }}"
)


def _severity(default: Severity, way: str) -> Any:
    return Field(default=default, description=f"Minimum severity sent to {way}: warning or critical")


class ReceiverSettings(ServiceSettings):
    """Where alerts are sent; a receiver without an address is not used."""

    alert_notify_url: SecretStr = Field(
        default=SecretStr(""), description="Webhook that receives alerts as Alertmanager's JSON; empty for none"
    )
    alert_notify_severity: Severity = _severity("warning", "DAYAHEAD_ALERT_NOTIFY_URL")
    alert_watchdog_url: SecretStr = Field(
        default=SecretStr(""), description="Dead man's switch that the Watchdog alert keeps calling; empty for none"
    )
    alert_email_to: str = Field(default="", description="Mail addresses for alerts, comma-separated; empty for none")
    alert_email_from: str = Field(default="", description="Sender of these mails")
    alert_email_severity: Severity = _severity("warning", "DAYAHEAD_ALERT_EMAIL_TO")
    alert_smtp_host: str = Field(default="", pattern=r"^([^\s:]+:[0-9]+)?$", description="Mail server, host:port")
    alert_smtp_user: str = Field(default="", description="User of the mail server; empty without a login")
    alert_smtp_password: SecretStr = Field(default=SecretStr(""), description="Password of that user")
    alert_smtp_tls: bool = Field(default=True, description="Whether the mail server must support TLS (STARTTLS)")
    alert_slack_url: SecretStr = Field(default=SecretStr(""), description="Incoming webhook of Slack; empty for none")
    alert_slack_channel: str = Field(default="", description="Channel; empty for the webhook's default")
    alert_slack_severity: Severity = _severity("warning", "Slack")
    alert_teams_url: SecretStr = Field(
        default=SecretStr(""), description="Webhook of a Microsoft Teams workflow; empty for none"
    )
    alert_teams_severity: Severity = _severity("warning", "Teams")
    alert_pagerduty_key: SecretStr = Field(
        default=SecretStr(""), description="Integration key of PagerDuty (Events API v2); empty for none"
    )
    alert_pagerduty_url: HttpUrl = Field(
        default=HttpUrl("https://events.pagerduty.com/v2/enqueue"), description="Events API of PagerDuty"
    )
    alert_pagerduty_severity: Severity = _severity("critical", "PagerDuty")

    @model_validator(mode="after")
    def _mail_is_whole(self) -> Self:
        if self.alert_email_to and not (self.alert_email_from and self.alert_smtp_host):
            raise ValueError(
                f"{PREFIX}ALERT_EMAIL_TO needs {PREFIX}ALERT_EMAIL_FROM and {PREFIX}ALERT_SMTP_HOST (host:port)"
            )
        if bool(self.alert_smtp_user) != bool(self.alert_smtp_password.get_secret_value()):
            raise ValueError(
                f"{PREFIX}ALERT_SMTP_USER and {PREFIX}ALERT_SMTP_PASSWORD must be set together or not at all"
            )
        return self


def secret_files(settings: ReceiverSettings) -> dict[str, str]:
    """Content of the secret files of alertmanager.yml by name; only of secrets that are set."""
    secrets = {
        "notify_url": settings.alert_notify_url,
        "watchdog_url": settings.alert_watchdog_url,
        "smtp_password": settings.alert_smtp_password,
        "slack_url": settings.alert_slack_url,
        "teams_url": settings.alert_teams_url,
        "pagerduty_key": settings.alert_pagerduty_key,
    }
    return {SECRET_PREFIX + name: secret.get_secret_value() for name, secret in secrets.items() if secret}


def receiver(name: str, severity: Severity, folder: str, settings: ReceiverSettings) -> dict[str, Any]:
    """The receiver of all alerts of one severity.

    Args:
        name: of the receiver.
        severity: of the alerts routed to it.
        folder: of the secret files, as Alertmanager sees it.
        settings: addresses and minimum severities.
    """

    def file(secret: str) -> str:
        return f"{folder}/{SECRET_PREFIX}{secret}"

    def wants(least: Severity, address: SecretStr | str) -> bool:
        return bool(address) and (severity == "critical" or least == "warning")

    found: dict[str, Any] = {"name": name}
    if wants(settings.alert_notify_severity, settings.alert_notify_url):
        found["webhook_configs"] = [{"url_file": file("notify_url")}]
    if wants(settings.alert_email_severity, settings.alert_email_to):
        found["email_configs"] = [_email(settings, file("smtp_password"))]
    if wants(settings.alert_slack_severity, settings.alert_slack_url):
        channel = {"channel": settings.alert_slack_channel} if settings.alert_slack_channel else {}
        shown = {"title": TITLE, "text": TEXT, "send_resolved": True}
        found["slack_configs"] = [{"api_url_file": file("slack_url"), **channel, **shown}]
    if wants(settings.alert_teams_severity, settings.alert_teams_url):
        shown = {"title": TITLE, "text": TEXT, "send_resolved": True}
        found["msteamsv2_configs"] = [{"webhook_url_file": file("teams_url"), **shown}]
    if wants(settings.alert_pagerduty_severity, settings.alert_pagerduty_key):
        found["pagerduty_configs"] = [_pagerduty(settings, file("pagerduty_key"))]
    return found


def _email(settings: ReceiverSettings, password_file: str) -> dict[str, Any]:
    user = {"auth_username": settings.alert_smtp_user, "auth_password_file": password_file}
    return {
        "to": settings.alert_email_to,
        "from": settings.alert_email_from,
        "smarthost": settings.alert_smtp_host,
        "require_tls": settings.alert_smtp_tls,
        "send_resolved": True,
        **(user if settings.alert_smtp_user else {}),
    }


def _pagerduty(settings: ReceiverSettings, key_file: str) -> dict[str, Any]:
    return {
        "routing_key_file": key_file,
        "url": str(settings.alert_pagerduty_url),
        "severity": "{{ .CommonLabels.severity }}",
        "description": TITLE,
        "links": [{"href": "{{ (index .Alerts 0).Annotations.runbook_url }}", "text": "Runbook"}],
    }


def write_secrets(folder: Path, settings: ReceiverSettings) -> None:
    """Write the secret files, readable only by their owner, and delete those no longer set."""
    wanted = secret_files(settings)
    for stale in folder.glob(f"{SECRET_PREFIX}*"):
        if stale.name not in wanted:
            stale.unlink()
    for name, text in wanted.items():
        write_secret(folder / name, text)


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner may read."""
    path.touch(mode=0o600)
    path.chmod(0o600)  # also if the file existed and was readable by others
    path.write_text(text)
