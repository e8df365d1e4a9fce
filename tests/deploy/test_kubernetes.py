import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from dayahead.settings_document import all_settings, settings_classes

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
OLDEST_VERSION = "1.30"
BASE = FOLDER / "base"
KUSTOMIZATION: dict[str, Any] = yaml.safe_load((BASE / "kustomization.yaml").read_text())
OBJECTS: list[dict[str, Any]] = [
    document for name in KUSTOMIZATION["resources"] for document in yaml.safe_load_all((BASE / name).read_text())
]
SPECS = [(one["metadata"]["name"], one["spec"].get("jobTemplate", one)["spec"]) for one in OBJECTS if "spec" in one]
PODS: dict[str, dict[str, Any]] = {name: spec["template"]["spec"] for name, spec in SPECS if "template" in spec}
SETTINGS = dict(
    line.split("=", 1) for line in (BASE / "settings.env").read_text().splitlines() if not line.startswith("#")
)
each_pod = pytest.mark.parametrize("name", PODS)


def container(name: str) -> dict[str, Any]:
    (only,) = PODS[name]["containers"]
    return dict(only)


def secrets(name: str) -> set[str]:
    """Keys of the secret that a pod is handed."""
    sources = [one["valueFrom"] for one in container(name)["env"] if "secretKeyRef" in one.get("valueFrom", {})]
    return {source["secretKeyRef"]["key"] for source in sources}


@pytest.mark.parametrize("item", OBJECTS, ids=lambda item: f"{item['kind']}-{item['metadata']['name']}")
def test_an_object_is_what_kubernetes_expects(item: dict[str, Any]) -> None:
    kubernetes_validate.validate(item, OLDEST_VERSION, strict=True)


def test_kustomize_puts_it_together() -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("no kubectl here: the objects are judged one by one above")
    done = subprocess.run(["kubectl", "kustomize", FOLDER], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = list(yaml.safe_load_all(done.stdout))
    assert {one["metadata"].get("namespace", one["metadata"]["name"]) for one in made} == {"dayahead"}
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    images = set(re.findall(r"image: (\S+)", done.stdout))
    assert images == {f"dayahead-{service}:{version[1]}" for service in ("ingest", "worker", "trainer", "api")}
    # every pod refers to the generated name of the settings, so that a change restarts the pods
    assert not re.search(r"name: dayahead-settings\n", done.stdout)


def test_every_service_is_deployed() -> None:
    assert set(PODS) == {"migrate", "retention", "ingest", "worker", "trainer", "api"}
    assert [container(name)["args"][0] for name in PODS] == list(PODS)


@each_pod
def test_a_pod_has_no_rights_that_it_does_not_need(name: str) -> None:
    pod, only = PODS[name], container(name)
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert only["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert only["resources"]["limits"]["memory"]


@pytest.mark.parametrize("name", sorted(set(PODS) - {"migrate", "retention"}))
def test_a_service_is_asked_how_it_is_where_it_answers(name: str) -> None:
    only = container(name)
    given = {one["name"]: one.get("value") for one in only["env"]}
    port = int(given.get("DAYAHEAD_METRICS_PORT") or settings_classes()["api"].model_fields["api_port"].default)
    assert [one["containerPort"] for one in only["ports"]] == [port]
    paths = {probe: only[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert paths["readinessProbe"] == "/health/ready"
    assert {paths["startupProbe"], paths["livenessProbe"]} == {"/health/live"}


def test_every_variable_is_a_setting() -> None:
    known = {setting.variable for setting in all_settings(settings_classes())}
    used = set(SETTINGS) | {one["name"] for name in PODS for one in container(name)["env"]}
    assert used <= known


def test_the_poller_reads_weather_from_the_image_where_the_settings_name_it() -> None:
    # off as shipped: without a key the service is for non-commercial use only
    assert SETTINGS["DAYAHEAD_WEATHER_SOURCE"] == ""
    assert {"configMapRef": {"name": "dayahead-settings"}} in container("ingest")["envFrom"]
    (example,) = re.findall(r"/app/weather-sources/(\S+\.yaml)", (BASE / "settings.env").read_text())
    assert (ROOT / "ingest" / "weather-sources" / example).is_file()
    assert "COPY ingest/weather-sources /app/weather-sources" in (ROOT / "deploy/docker/Dockerfile").read_text()


def test_an_overlay_that_names_weather_hands_it_to_the_poller(tmp_path: Path) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("no kubectl here")
    named = "DAYAHEAD_WEATHER_SOURCE=/app/weather-sources/open-meteo-denmark.yaml"
    shutil.copytree(BASE, tmp_path / "base")
    (tmp_path / "kustomization.yaml").write_text(
        yaml.safe_dump(
            {
                "resources": ["base"],
                "namespace": "dayahead",
                "configMapGenerator": [{"name": "dayahead-settings", "behavior": "merge", "literals": [named]}],
            }
        )
    )
    done = subprocess.run(["kubectl", "kustomize", tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(done.stdout)}
    (pod,) = made["Deployment", "ingest"]["spec"]["template"]["spec"]["containers"]
    (settings,) = [source["configMapRef"]["name"] for source in pod["envFrom"] if "configMapRef" in source]
    variable, _, value = named.partition("=")
    assert made["ConfigMap", settings]["data"][variable] == value


def test_secrets_are_handed_out_by_need_and_stand_in_the_readme() -> None:
    every = set().union(*(secrets(name) for name in PODS))
    assert [name for name in PODS if "DAYAHEAD_OWNER_DATABASE_URL" in secrets(name)] == ["migrate", "retention"]
    assert [name for name in PODS if "DAYAHEAD_API_TOKEN" in secrets(name)] == ["api"]
    services = ("ingest", "worker", "trainer", "api")
    own = {f"DAYAHEAD_{name.upper()}_DATABASE_URL" for name in services}
    for name in services:
        assert secrets(name) & own == {f"DAYAHEAD_{name.upper()}_DATABASE_URL"}, "its own role of the database"
    readme = (FOLDER / "README.md").read_text()
    named = set(re.findall(r"--from-literal=(\w+)=", readme))
    # the keys of publishers are a secret of their own, which only some sources need
    assert every == {name for name in named if not name.startswith("DAYAHEAD_SOURCE_KEYS__")}
    assert "DAYAHEAD_SOURCE_KEYS__ENTSOE" in named
    assert not every & set(SETTINGS)
