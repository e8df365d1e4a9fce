"""Configuration of Prometheus and Alertmanager, generated from the templates and the settings."""

from deploy.monitoring.configuration import (
    MonitoringFiles,
    Target,
    render_alertmanager,
    render_prometheus,
    render_rules,
    render_targets,
)
from deploy.monitoring.settings import MonitoringSettings

__all__ = [
    "MonitoringFiles",
    "MonitoringSettings",
    "Target",
    "render_alertmanager",
    "render_prometheus",
    "render_rules",
    "render_targets",
]
