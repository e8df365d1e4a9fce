"""Settings of the dashboards: the Grafana that `dayahead dashboards publish` writes to."""

from pydantic import Field, SecretStr

from dayahead.settings import ServiceSettings


class DashboardSettings(ServiceSettings):
    """Address and login of Grafana, and addresses of its data sources."""

    grafana_url: str = Field(default="http://127.0.0.1:3000", description="Grafana, as an http:// or https:// URL")
    grafana_token: SecretStr = Field(
        default=SecretStr(""), description="Token of a Grafana service account with the role Editor or above"
    )
    grafana_user: str = Field(default="admin", description="Grafana user, used if there is no token")
    grafana_password: SecretStr = Field(default=SecretStr(""), description="Password of the Grafana user")
    grafana_folder: str = Field(default="Dayahead", description="Grafana folder of the dashboards")
    grafana_prometheus_url: str = Field(
        default="http://127.0.0.1:9090", description="Prometheus, as Grafana reaches it (http://…)"
    )
    grafana_database_url: SecretStr = Field(
        default=SecretStr(""),
        description="TimescaleDB as role dayahead_reader, as Grafana reaches it; needed only to create the data source",
    )
    grafana_traces_url: str = Field(
        default="",
        pattern="^(https?://.+)?$",
        description="Trace backend, as Grafana reaches it (http://…): `dayahead dashboards publish` adds it as a data "
        "source and links to it; empty: neither",
    )
    grafana_traces_type: str = Field(
        default="tempo", pattern="^(tempo|jaeger)$", description="What the trace backend is: tempo or jaeger"
    )
    grafana_port: int = Field(default=3000, ge=1, le=65535, description="Port of docker-compose's Grafana on 127.0.0.1")
