"""Settings of `dayahead webhooks`."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from dayahead.settings import ProcessSettings


class WebhookSettings(ProcessSettings):
    """Who receives webhooks, and what they are signed with."""

    model_config = SettingsConfigDict(env_nested_delimiter="__")

    metrics_port: int = Field(
        default=8141, ge=0, le=65535, description="Port of /metrics, /health/live and /health/ready; 0 for any free"
    )
    webhook_receivers: Path = Field(
        default=Path("webhooks.yaml"), description="YAML file of the receivers of webhooks (docs/webhooks.md)"
    )
    webhook_secrets: dict[str, SecretStr] = Field(
        default_factory=dict,
        description="Secrets that webhooks are signed with, by the name in `secrets` of a receiver, each as "
        "DAYAHEAD_WEBHOOK_SECRETS__NAME: whsec_ and base64 of 24 to 64 bytes",
    )
    webhook_private_addresses: bool = Field(
        default=False,
        description="Whether receivers may have addresses that are not public: your own network, this machine",
    )
