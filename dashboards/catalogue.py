"""All dashboards as code, and their JSON."""

import json
from collections.abc import Callable
from pathlib import Path

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards import overview, pipeline, series
from dashboards.queries import GENERATED

DASHBOARDS: dict[str, Callable[[], dashboard.Dashboard]] = {
    "overview": overview.build,
    "pipeline": pipeline.build,
    "series": series.build,
}


def render() -> dict[str, str]:
    """The JSON of every dashboard, by file name."""
    return {f"{name}.json": _text(build()) for name, build in DASHBOARDS.items()}


def write(folder: Path = GENERATED) -> list[Path]:
    """Write all dashboards into a folder and delete its other files.

    Returns:
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rendered = render()
    for stale in {path.name for path in folder.glob("*.json")} - set(rendered):
        (folder / stale).unlink()
    for name, text in rendered.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in rendered]


def _text(built: dashboard.Dashboard) -> str:
    model = built.build()
    for number, panel in enumerate(model.panels, start=1):
        panel.id_val = number
    return json.dumps(model, cls=JSONEncoder, indent=2, sort_keys=True) + "\n"
