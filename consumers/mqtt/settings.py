"""Settings of `dayahead mqtt`."""

from pydantic import Field, SecretStr

from dayahead.horizon import MAX_LEADS
from dayahead.settings import OptionalPath, ProcessSettings, Texts


class MqttSettings(ProcessSettings):
    """Where the MQTT broker is, and what is published there."""

    metrics_port: int = Field(
        default=8142, ge=0, le=65535, description="Port of /metrics, /health/live and /health/ready; 0 for any free"
    )
    mqtt_host: str = Field(default="127.0.0.1", min_length=1, description="Host of the MQTT broker")
    mqtt_port: int = Field(default=1883, ge=1, le=65535, description="Port of the MQTT broker; 8883 is usual with TLS")
    mqtt_username: str = Field(default="", description="User name at the MQTT broker; empty for none")
    mqtt_password: SecretStr = Field(default=SecretStr(""), description="Password at the MQTT broker")
    mqtt_tls: bool = Field(default=False, description="Whether the connection to the MQTT broker is encrypted")
    mqtt_ca_file: OptionalPath = Field(
        default=None, description="CA certificates to verify the MQTT broker; the system's if empty"
    )
    mqtt_topic: str = Field(
        default="dayahead",
        pattern=r"^[^#+\x00]+$",
        description="First part of the topics at the MQTT broker; another one for each installation on a broker",
    )
    mqtt_discovery_topic: str = Field(
        default="homeassistant",
        pattern=r"^[^#+\x00]*$",
        description="Discovery prefix of Home Assistant; empty publishes no discovery",
    )
    mqtt_series: Texts = Field(
        default=["*"],
        min_length=1,
        description="Which series are published: series_ids or patterns, like DK1/*,DK2/111",
    )
    mqtt_hours: int = Field(
        default=48,
        ge=1,
        le=MAX_LEADS,
        description="Hours of a forecast that are published; Home Assistant records no attributes beyond 16 KiB, which "
        "is about 150 hours",
    )
