"""The panel of reports of drift and accuracy, each with a link to its page."""

from grafana_foundation_sdk.builders import dashboard, table
from grafana_foundation_sdk.models import dashboard as models

from dashboards.panels import Sql, rows

API = "api"
"""Template variable: the address of the API as the browser reaches it."""

REPORTS = """
SELECT report, made_at AS "made", kind, release,
       array_to_string(ARRAY(SELECT jsonb_array_elements_text(summary -> 'drifted_areas')), ', ') AS "drifted areas",
       (summary ->> 'drifted_share')::float AS "columns drifted",
       (summary -> 'quality' ->> 'wape')::float AS "WAPE",
       failure
FROM model_report ORDER BY report DESC LIMIT 20
"""


def address() -> dashboard.TextBoxVariable:
    """The variable that the links need."""
    return dashboard.TextBoxVariable(API).label("Address of the API").default_value("http://localhost:8000")


def reports() -> table.Panel:
    """The newest reports; a click on a number opens its page."""
    panel = rows(
        "Reports of drift and accuracy",
        "By Evidently, at each training and each week (docs/training.md); a click on a number opens the report.",
        Sql(REPORTS),
        width=24,
        height=8,
        units=[("columns drifted", "percentunit"), ("WAPE", "percentunit")],
        empty="no report yet",
    )
    link = {"title": "Open the report", "url": f"${{{API}}}/v1/reports/${{__value.raw}}", "targetBlank": True}
    return panel.override_by_name("report", [models.DynamicConfigValue(id_val="links", value=[link])])
