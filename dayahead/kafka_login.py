"""The options that all Kafka clients share: where the brokers are, and how to log in.

The only place that turns the settings `DAYAHEAD_KAFKA_…` into the options of confluent-kafka and kafka-python; Faust's
are made of the same settings (stream/group/faust_parts.py).
"""

import ssl
from typing import Any

from dayahead.errors import SettingsError
from dayahead.settings import PREFIX, ServiceSettings, load_settings


def kafka_security() -> ServiceSettings:
    """The settings that say how to log in.

    Raises:
        SettingsError: a login is asked for and there is no user name or password.
    """
    settings = load_settings(ServiceSettings)
    if uses_login(settings) and not (settings.kafka_username and settings.kafka_password.get_secret_value()):
        raise SettingsError(
            f"{PREFIX}KAFKA_SECURITY={settings.kafka_security} needs {PREFIX}KAFKA_USERNAME and {PREFIX}KAFKA_PASSWORD"
        )
    return settings


def uses_login(settings: ServiceSettings) -> bool:
    """Whether clients log in with a user name and a password."""
    return settings.kafka_security.startswith("SASL_")


def uses_tls(settings: ServiceSettings) -> bool:
    """Whether connections are encrypted."""
    return settings.kafka_security.endswith("SSL")


def tls_context(settings: ServiceSettings) -> ssl.SSLContext:
    """Checks brokers against `kafka_ca_file`, or against the authorities of this machine."""
    return ssl.create_default_context(cafile=settings.kafka_ca_file)


def confluent_options(bootstrap: str) -> dict[str, Any]:
    """Options of a client of confluent-kafka.

    Args:
        bootstrap: brokers, host:port separated by commas.
    """
    settings = kafka_security()
    options: dict[str, Any] = {"bootstrap.servers": bootstrap}
    if settings.kafka_security != "PLAINTEXT":
        options["security.protocol"] = settings.kafka_security
    if uses_login(settings):
        options["sasl.mechanism"] = settings.kafka_sasl_mechanism
        options["sasl.username"] = settings.kafka_username
        options["sasl.password"] = settings.kafka_password.get_secret_value()
    if uses_tls(settings) and settings.kafka_ca_file:
        options["ssl.ca.location"] = str(settings.kafka_ca_file)
    return options


def kafka_python_options(bootstrap: str) -> dict[str, Any]:
    """Options of a client of kafka-python; arguments as of `confluent_options`."""
    settings = kafka_security()
    options: dict[str, Any] = {"bootstrap_servers": bootstrap.split(",")}
    if settings.kafka_security != "PLAINTEXT":
        options["security_protocol"] = settings.kafka_security
    if uses_login(settings):
        options["sasl_mechanism"] = settings.kafka_sasl_mechanism
        options["sasl_plain_username"] = settings.kafka_username
        options["sasl_plain_password"] = settings.kafka_password.get_secret_value()
    if uses_tls(settings):
        options["ssl_context"] = tls_context(settings)
    return options
