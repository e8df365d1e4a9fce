import subprocess
from pathlib import Path

import pytest
import yaml

from dayahead.errors import SettingsError
from dayahead.settings import load_settings
from deploy.local.places import Places
from deploy.local.tree import DebianTree
from deploy.monitoring import MonitoringSettings, Target, render_prometheus, render_rules, render_targets
from deploy.monitoring.receivers import ReceiverSettings
from tests.deploy.alert_cases import CASES, PROMETHEUS, UP, AlertCase, Series, accuracy, skill

ROOT = Path(__file__).parents[2]
DEFAULTS = MonitoringSettings.model_construct()
IDS = [f"{case.alert}-{number}" for number, case in enumerate(CASES)]


@pytest.fixture(scope="session")
def tools() -> Path:
    """Where promtool and amtool are: Go programs that run straight from the Debian tree."""
    tree = DebianTree(Places())
    tree.ensure()
    return tree.path / "usr" / "bin"


@pytest.fixture
def rules(tmp_path: Path) -> list[str]:
    for name, text in render_rules(DEFAULTS).items():
        (tmp_path / name).write_text(text)
    return [str(path) for path in sorted(tmp_path.glob("*.yml"))]


def alerts(settings: MonitoringSettings = DEFAULTS) -> dict[str, dict[str, object]]:
    documents = [yaml.safe_load(text) for text in render_rules(settings).values()]
    listed = [rule for document in documents for group in document["groups"] for rule in group["rules"]]
    return {rule["alert"]: rule for rule in listed if "alert" in rule}


def judge(tools: Path, rules: list[str], folder: Path, case: AlertCase, series: Series, fires: bool) -> str:
    """What promtool says when the alert is expected to fire, or not to."""
    labels = case.labels | {"alertname": case.alert, "severity": case.severity, "alertstate": "firing"}
    names = ",".join(f'{name}="{value}"' for name, value in labels.items())
    test = {
        "rule_files": rules,
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [
                    {
                        "expr": f'ALERTS{{alertname="{case.alert}",alertstate="firing"}}',
                        "eval_time": f"{case.minute}m",
                        "exp_samples": [{"labels": f"ALERTS{{{names}}}", "value": 1}] if fires else [],
                    }
                ],
            }
        ],
    }
    path = folder / "case.test.yaml"
    path.write_text(yaml.safe_dump(test))
    done = subprocess.run([tools / "promtool", "test", "rules", path], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.servers
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_an_alert_fires_on_its_cause(tools: Path, rules: list[str], tmp_path: Path, case: AlertCase) -> None:
    assert judge(tools, rules, tmp_path, case, case.fires, fires=True) == ""


@pytest.mark.servers
@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.alert != "Watchdog"],
    ids=[name for name in IDS if not name.startswith("Watchdog")],
)
def test_an_alert_keeps_quiet_on_the_nearest_harmless_thing(
    tools: Path, rules: list[str], tmp_path: Path, case: AlertCase
) -> None:
    assert judge(tools, rules, tmp_path, case, case.quiet, fires=False) == ""


@pytest.mark.servers
def test_prometheus_accepts_the_whole_configuration(tools: Path, tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    for name, text in render_rules(DEFAULTS).items():
        (tmp_path / "rules" / name).write_text(text)
    (tmp_path / "targets.json").write_text(render_targets([Target("worker", "127.0.0.1:8111")]))
    config = tmp_path / "prometheus.yml"
    config.write_text(render_prometheus(f"{tmp_path}/targets.json", f"{tmp_path}/rules", "127.0.0.1:9093", DEFAULTS))
    done = subprocess.run([tools / "promtool", "check", "config", config], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 rule files found" in done.stdout


@pytest.mark.servers
def test_a_service_that_was_up_is_down_throughout_a_long_first_start(tools: Path, tmp_path: Path) -> None:
    for name, text in render_rules(MonitoringSettings.model_construct(alert_start_s=7200)).items():
        (tmp_path / name).write_text(text)
    rules = [str(path) for path in sorted(tmp_path.glob("*.yml"))]
    series = UP | PROMETHEUS | {'up{job="worker",instance="worker:1"}': "1x10 0x170"}
    case = AlertCase("ServiceDown", "critical", series, UP, {"job": "worker", "instance": "worker:1"}, minute=100)
    assert judge(tools, rules, tmp_path, case, series, fires=True) == ""


@pytest.mark.servers
@pytest.mark.parametrize(
    ("alert", "severity", "good", "bad"),
    [
        ("MapeWarning", "warning", accuracy(0.05), accuracy(0.16, day=2)),
        ("MapeCritical", "critical", accuracy(0.05), accuracy(0.26, day=2)),
        ("WorseThanNaive", "warning", skill(0.05, 0.10), skill(0.12, 0.10, day=2)),
    ],
)
def test_accuracy_alerts_judge_the_day_of_the_horizon_that_the_setting_names(
    tools: Path, tmp_path: Path, alert: str, severity: str, good: Series, bad: Series
) -> None:
    case = AlertCase(alert, severity, good | bad, good, {"area": "DK1"})
    for day, fires in ((1, False), (2, True), (3, False)):
        folder = tmp_path / str(day)
        folder.mkdir()
        for name, text in render_rules(MonitoringSettings.model_construct(alert_horizon_day=day)).items():
            (folder / name).write_text(text)
        rules = [str(path) for path in sorted(folder.glob("*.yml"))]
        assert judge(tools, rules, tmp_path, case, case.fires, fires=fires) == ""


NEVER_UP = {series: samples for series, samples in UP.items() if "ingest" not in series}


@pytest.mark.servers
@pytest.mark.parametrize(
    ("alert", "series", "labels"),
    [("ServiceDown", NEVER_UP, {"job": "ingest"}), ("PartitionWithoutWorker", {}, {})],
    ids=["ServiceDown", "PartitionWithoutWorker"],
)
def test_a_prometheus_that_does_not_scrape_itself_is_starting_for_a_while_and_not_for_ever(
    tools: Path, rules: list[str], tmp_path: Path, alert: str, series: Series, labels: dict[str, str]
) -> None:
    for minute, fires in ((10, False), (45, True)):
        case = AlertCase(alert, "critical", series, {}, labels, minute=minute)
        assert judge(tools, rules, tmp_path, case, series, fires=fires) == ""


def test_every_alert_has_a_case() -> None:
    assert {case.alert for case in CASES} == set(alerts())


def test_every_alert_says_how_bad_it_is_what_is_wrong_and_where_to_read_on() -> None:
    headings = {
        line.removeprefix("## ").strip().lower()
        for line in (ROOT / "docs" / "runbook.md").read_text().splitlines()
        if line.startswith("## ")
    }
    for name, alert in alerts().items():
        assert alert["labels"]["severity"] in {"none", "warning", "critical"}, name
        annotations = alert["annotations"]
        assert isinstance(annotations, dict)
        assert set(annotations) == {"summary", "description", "runbook_url"}, name
        page, _, anchor = annotations["runbook_url"].partition("#")
        assert (page, anchor) == ("http://127.0.0.1:8000/runbook", name.lower())
        assert anchor in headings, f"docs/runbook.md has no section {name}"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({"api_port": 8123}, "http://127.0.0.1:8123/runbook"),
        ({"public_url": "https://energy.example.org/forecasts/"}, "https://energy.example.org/forecasts/runbook"),
        ({"runbook_url": "https://wiki.example.org/dayahead", "api_port": 8123}, "https://wiki.example.org/dayahead"),
    ],
)
def test_alerts_link_the_runbook_where_people_reach_it(given: dict[str, object], url: str) -> None:
    annotations = alerts(load_settings(MonitoringSettings, **given))["ServiceDown"]["annotations"]
    assert annotations["runbook_url"] == f"{url}#servicedown"


def test_a_threshold_comes_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYAHEAD_ALERT_MAPE_WARNING", "0.071")
    rule = alerts(load_settings(MonitoringSettings))["MapeWarning"]
    assert "area:dayahead_alert_mape:24h > 0.071" in str(rule["expr"])


def test_every_alert_setting_is_used_by_a_template() -> None:
    templates = [*(ROOT / "deploy" / "prometheus").rglob("*.yml"), *(ROOT / "deploy" / "alertmanager").glob("*.yml")]
    text = "".join(path.read_text() for path in templates)
    unused = [
        name for name in MonitoringSettings.model_fields if name.startswith("alert_") and f"@{{{name}}}" not in text
    ]
    # these are given to the template of Alertmanager under shorter names, or make its receivers
    shorter = {"alert_group_wait_s", "alert_group_interval_s", "alert_repeat_s"}
    assert set(unused) <= shorter | ReceiverSettings.model_fields.keys()


@pytest.mark.parametrize("name", ["DAYAHEAD_ALERT_MAPE_CRITICAL", "DAYAHEAD_ALERT_DRIFT_CRITICAL_SHARE"])
def test_a_critical_threshold_below_the_warning_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "0.01")
    with pytest.raises(SettingsError, match=rf"{name} 0.01 must be above"):
        load_settings(MonitoringSettings)
