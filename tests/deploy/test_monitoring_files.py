import json
import stat
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr
from typer import Typer
from typer.testing import CliRunner

from dayahead.errors import SettingsError
from deploy.monitoring import MonitoringFiles, MonitoringSettings, Target, render_targets
from deploy.monitoring.commands import register, rules

TARGETS = [Target("worker", "w1:8111"), Target("api", "api:8000"), Target("worker", "w2:8111")]


def write(files: MonitoringFiles) -> None:
    files.write(TARGETS, "am:9093", "http://api:8000/v1/alertmanager", SecretStr("t"), MonitoringSettings())


def test_processes_of_a_service_share_its_job() -> None:
    entries = json.loads(render_targets(TARGETS))
    assert entries == [
        {"targets": ["api:8000"], "labels": {"job": "api"}},
        {"targets": ["w1:8111", "w2:8111"], "labels": {"job": "worker"}},
    ]


def test_the_files_name_each_other_as_their_readers_see_them(tmp_path: Path) -> None:
    files = MonitoringFiles(tmp_path, "/config")
    write(files)
    prometheus = yaml.safe_load((tmp_path / "prometheus.yml").read_text())
    assert prometheus["rule_files"] == ["/config/rules/*.yml"]
    assert prometheus["scrape_configs"][0]["file_sd_configs"] == [{"files": ["/config/targets.json"]}]
    assert "/config/api_token" in (tmp_path / "alertmanager.yml").read_text()
    assert (files.prometheus_config, files.alertmanager_config) == (
        "/config/prometheus.yml",
        "/config/alertmanager.yml",
    )


def test_only_the_owner_can_read_what_holds_a_secret(tmp_path: Path) -> None:
    write(MonitoringFiles(tmp_path))
    for name in ("api_token", "alertmanager.yml"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_rules_of_an_older_version_are_removed(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "gone.yml").write_text("groups: [")
    write(MonitoringFiles(tmp_path))
    assert "gone.yml" not in {path.name for path in (tmp_path / "rules").iterdir()}


def run(*arguments: str) -> object:
    app = Typer()
    register(app)
    app.callback()(lambda: None)
    return CliRunner().invoke(app, ["monitoring", "render", *arguments], catch_exceptions=False)


def test_the_command_writes_the_whole_folder(tmp_path: Path) -> None:
    run(str(tmp_path), "--target=api=api:8000", "--alertmanager=am:9093", "--webhook=http://api/", "--api-token=t")
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"prometheus.yml", "rules", "targets.json", "alertmanager.yml", "api_token"}


def test_a_target_without_a_job_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="'api:8000' must be job=host:port"):
        run(str(tmp_path), "--target=api:8000", "--alertmanager=am:9093", "--webhook=http://api/")


def test_the_rules_can_be_written_as_an_object_of_the_prometheus_operator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAYAHEAD_ALERT_LAG_MESSAGES", "77777")
    rules(tmp_path / "rules.yaml")
    written = yaml.safe_load((tmp_path / "rules.yaml").read_text())
    assert (written["kind"], written["apiVersion"]) == ("PrometheusRule", "monitoring.coreos.com/v1")
    alerts = {one.get("alert"): one for group in written["spec"]["groups"] for one in group["rules"]}
    assert alerts["LagHigh"]["expr"] == "dayahead_lag_messages:sum > 77777"
