"""Publishes the dashboards to a Grafana: folder, missing data sources, dashboards."""

from collections.abc import Sequence
from urllib.parse import unquote, urlencode, urlsplit

import orjson
from grafana_client import GrafanaApi
from grafana_client.client import GrafanaException
from pydantic import SecretStr

from dashboards.queries import PROMETHEUS_UID, TIMESCALEDB_UID, GeneratedDashboard
from dashboards.settings import DashboardSettings
from dayahead.errors import SettingsError

FOLDER_UID = "dayahead"
TRACES_UID = "dayahead-traces"
NOT_FOUND = 404


class Publisher:
    """Writes to one Grafana; publishing twice changes nothing."""

    def __init__(self, settings: DashboardSettings) -> None:
        """Connect lazily.

        Raises:
            SettingsError: neither a token nor a password is given.
        """
        self._settings = settings
        token, password = settings.grafana_token.get_secret_value(), settings.grafana_password.get_secret_value()
        if not token and not password:
            raise SettingsError(
                f"Grafana at {settings.grafana_url} needs a login: set DAYAHEAD_GRAFANA_TOKEN (a service account's) "
                "or DAYAHEAD_GRAFANA_PASSWORD"
            )
        self._grafana = GrafanaApi.from_url(
            url=settings.grafana_url, credential=token or (settings.grafana_user, password)
        )

    def publish(self, dashboards: Sequence[GeneratedDashboard]) -> list[str]:
        """Create folder and data sources if missing, then write every dashboard.

        Returns:
            The addresses of the dashboards, below Grafana's own.

        Raises:
            SettingsError: Grafana rejects the request or does not answer; the message has its reason.
        """
        try:
            self._make_folder()
            self._make_data_source(PROMETHEUS_UID, self._prometheus())
            self._make_data_source(TIMESCALEDB_UID, self._timescaledb(self._settings.grafana_database_url))
            if self._settings.grafana_traces_url:
                self._make_data_source(TRACES_UID, self._traces())
            return [self._put(dashboard) for dashboard in dashboards]
        except GrafanaException as error:
            raise SettingsError(
                f"Grafana at {self._settings.grafana_url} rejected the request ({error.status_code}): {error.message}. "
                "The account needs the right to create data sources and dashboards."
            ) from error
        except OSError as error:
            raise SettingsError(f"Grafana at {self._settings.grafana_url} does not answer: {error}") from error

    def _make_folder(self) -> None:
        try:
            self._grafana.folder.get_folder(FOLDER_UID)
        except GrafanaException as error:
            if error.status_code != NOT_FOUND:
                raise
            self._grafana.folder.create_folder(self._settings.grafana_folder, FOLDER_UID)

    def _make_data_source(self, uid: str, definition: dict[str, object] | None) -> None:
        try:
            self._grafana.datasource.get_datasource_by_uid(uid)
        except GrafanaException as error:
            if error.status_code != NOT_FOUND:
                raise
            if definition is None:
                raise SettingsError(
                    f"Grafana has no data source {uid}: set DAYAHEAD_GRAFANA_DATABASE_URL to TimescaleDB as role "
                    "dayahead_reader, with the address that Grafana uses"
                ) from error
            self._grafana.datasource.create_datasource({"uid": uid, "access": "proxy", **definition})

    def _prometheus(self) -> dict[str, object]:
        return {"name": "Dayahead Prometheus", "type": "prometheus", "url": self._settings.grafana_prometheus_url}

    @staticmethod
    def _timescaledb(url: SecretStr) -> dict[str, object] | None:
        parts = urlsplit(url.get_secret_value())
        if not parts.hostname:
            return None
        return {
            "name": "Dayahead TimescaleDB",
            "type": "grafana-postgresql-datasource",
            "url": f"{parts.hostname}:{parts.port or 5432}",
            "user": unquote(parts.username or ""),
            "jsonData": {"database": parts.path.lstrip("/"), "sslmode": "prefer", "timescaledb": True},
            "secureJsonData": {"password": unquote(parts.password or "")},
        }

    def _traces(self) -> dict[str, object]:
        settings = self._settings
        return {"name": "Dayahead traces", "type": settings.grafana_traces_type, "url": settings.grafana_traces_url}

    def _put(self, dashboard: GeneratedDashboard) -> str:
        model = dashboard.model
        if self._settings.grafana_traces_url:
            model = {**model, "links": [*model.get("links", ()), _link_to_traces()]}
        answer = self._grafana.dashboard.update_dashboard(
            {"dashboard": model, "folderUid": FOLDER_UID, "overwrite": True, "message": "dayahead publish"}
        )
        return str(answer["url"])


def _link_to_traces() -> dict[str, object]:
    """A link of a dashboard to the search for traces of the last hour."""
    pane = {"datasource": TRACES_UID, "queries": [{"refId": "A"}], "range": {"from": "now-1h", "to": "now"}}
    query = urlencode({"schemaVersion": 1, "panes": orjson.dumps({"traces": pane}).decode()})
    return {
        "type": "link",
        "title": "Traces",
        "icon": "external link",
        "url": f"/explore?{query}",
        "targetBlank": True,
    }
