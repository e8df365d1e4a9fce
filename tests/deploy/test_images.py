"""The image of each service is built as a release builds it, is small, and runs: with buildah, which needs no daemon.

Its base comes from Debian's packages, since no registry is asked: the same Python as in the image that the Dockerfile
names. What was built is kept in .local/images, so that an unchanged layer is not built again.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from deploy.local.ports import free_ports
from deploy.local.stack import LocalStack
from deploy.local.tree import LEFT_OUT, SUITE
from tests.conftest import TopicRoom
from tests.consumers.messages import send_forecasts
from tests.consumers.mqtt.mosquitto import Mosquitto, reading
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
STORE = ROOT / ".local" / "images"
SERVICES = ("ingest", "worker", "trainer", "api", "consumers")
LIMIT_MB = {"ingest": 450, "worker": 450, "api": 450, "consumers": 450}
"""Of an image with its base; the trainer carries all that a fit needs, and has none."""
OF_THIS_MACHINE = ("/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")
"""How this machine reaches its index of packages."""

pytestmark = [
    pytest.mark.images,
    pytest.mark.timeout(3600),  # images from nothing
    pytest.mark.skipif(
        shutil.which("buildah") is None or shutil.which("mmdebstrap") is None,
        reason="builds images: apt-get install buildah mmdebstrap",
    ),
    pytest.mark.skipif(os.getuid() != 0, reason="buildah changes root: run as root, or in a container"),
]


def buildah(*arguments: str) -> str:
    done = subprocess.run(command(*arguments), capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, f"buildah {' '.join(arguments)}:\n{done.stdout[-2_000:]}\n{done.stderr[-4_000:]}"
    return done.stdout.strip()


def command(*arguments: str) -> list[str]:
    return ["buildah", "--root", str(STORE / "store"), "--runroot", str(STORE / "run"), *arguments]


@contextmanager
def container(image: str) -> Iterator[str]:
    name = buildah("from", image)
    try:
        yield name
    finally:
        buildah("rm", name)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image with Debian and its Python, as the one that the Dockerfile names."""
    image = f"localhost/dayahead-base:{SUITE}"
    if subprocess.run(command("inspect", image), capture_output=True, check=False).returncode == 0:
        return image
    archive = tmp_path_factory.mktemp("base") / "base.tar"
    made = ["mmdebstrap", "--quiet", "--variant=minbase", "--include=python3,python3-venv,ca-certificates"]
    made += [f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT]
    subprocess.run([*made, SUITE, str(archive)], check=True)
    with container("scratch") as name:
        buildah("add", name, str(archive), "/")
        buildah("config", "--env", "PATH=/usr/local/bin:/usr/bin:/bin", name)
        buildah("commit", "--quiet", name, image)
    return image


class Images(dict[str, str]):
    """The image of each service, by service; built when it is first asked for."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self._base = base

    def __missing__(self, service: str) -> str:
        image = self[service] = f"localhost/dayahead-{service}"
        options = ["--isolation", "chroot", "--layers", "--quiet", "--file", "deploy/docker/Dockerfile"]
        options += [f"--volume={file}:{file}:ro" for file in OF_THIS_MACHINE if Path(file).is_file()]
        arguments = [f"--build-arg=PYTHON_IMAGE={self._base}", f"--build-arg=SERVICE={service}"]
        buildah("build", *options, *arguments, "--tag", image, ".")
        return image


@pytest.fixture(scope="module")
def images(base: str) -> Images:
    return Images(base)


def inside(image: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program in a new container of an image, as its user."""
    with container(image) as name:
        run = command("run", "--isolation", "chroot", name, "--", *arguments)
        done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, f"{image}:\n{done.stdout[-2_000:]}\n{done.stderr[-4_000:]}"
    return done


@contextmanager
def started(image: str, settings: Mapping[str, str], *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A service in a new container of an image, ended as an orchestrator does."""
    with container(image) as name:
        given = [f"--env={key}={value}" for key, value in settings.items()]
        run = command("run", "--isolation", "chroot", *given, name, "--", "dayahead", *arguments)
        process = subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=60)
            sys.stdout.write(output[-4_000:])


def is_answered(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def size_mb(image: str) -> float:
    """Bytes of the files of an image, in MB."""
    with container(image) as name:
        tree = buildah("mount", name)
        used = subprocess.run(["du", "--summarize", "--bytes", tree], capture_output=True, text=True, check=True)
        return int(used.stdout.split()[0]) / 1e6


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_is_small(images: Images, service: str) -> None:
    size = size_mb(images[service])
    print(f"{service}: {size:.0f} MB")
    assert size < LIMIT_MB.get(service, 1_000)


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_has_no_pip_no_compiler_and_no_tests_of_packages(images: Images, service: str) -> None:
    with container(images[service]) as name:
        packages = next(Path(buildah("mount", name)).glob("opt/dayahead/lib/python3*/site-packages"))
        found = {path.name for path in packages.iterdir()}
        assert not found & {"pip", "setuptools", "llvmlite", "numba"}
        assert not list((packages / "numpy").rglob("tests"))
        assert {file.suffix for file in (packages / "dayahead" / "machine_code" / "prebuilt").iterdir()} == {".so"}
        for file in packages.glob("dayahead/**/*.py"):
            assert list(file.parent.glob(f"__pycache__/{file.stem}.*.pyc")), f"{file} has no bytecode"
    assert "No module named pip" in inside(images[service], "python3", "-m", "pip", check=False).stderr


@pytest.mark.parametrize("service", ["worker", "trainer", "api"])
def test_an_image_forecasts_without_a_compiler(images: Images, service: str) -> None:
    """Machine code, and LightGBM's library with the OpenMP runtime that it needs."""
    program = (
        "import numpy; from dayahead.features.fill import fill; assert fill(numpy.ones((1, 200))).values.sum() == 200\n"
        "from dayahead.models.serving import lightgbm_trees; lightgbm_trees._library()\n"
    )
    inside(images[service], "python3", "-c", program)


def test_what_was_taken_out_of_pyarrow_is_not_missed(images: Images) -> None:
    # written as the API does, read as files are: reading a file of Python's, the process may abort when it ends
    program = (
        "import io, pathlib, pyarrow as pa, pyarrow.csv, pyarrow.parquet as pq, pyarrow.compute\n"
        "table = pa.table({'a': [1.5, None]}); sink = io.BytesIO(); pq.write_table(table, sink, compression='zstd')\n"
        "path = pathlib.Path('/tmp/table.parquet'); path.write_bytes(sink.getvalue())\n"
        "with pa.OSFile(str(path)) as opened, pq.ParquetFile(opened) as file:\n"
        "    assert file.read().equals(table)\n"
    )
    for service in ("api", "ingest", "trainer"):
        inside(images[service], "python3", "-c", program)


def test_a_command_of_another_service_says_where_it_runs(images: Images) -> None:
    ended = inside(images["worker"], "dayahead", "api", check=False)
    assert "this command needs" in ended.stdout + ended.stderr


@pytest.mark.servers
@pytest.mark.parametrize("service", ["worker", "api"])
def test_a_service_starts_from_its_image_and_is_alive(
    images: Images, service: str, database_url: str, redis_url: str, topics: TopicRoom, stack: LocalStack
) -> None:
    topics.create()
    (port,) = free_ports(1)
    settings = {
        "DAYAHEAD_DATABASE_URL": database_url,
        "DAYAHEAD_REDIS_URL": redis_url,
        "DAYAHEAD_KAFKA_BOOTSTRAP": stack.kafka.bootstrap,
        "DAYAHEAD_TOPIC_PREFIX": topics.prefix,
        "DAYAHEAD_METRICS_PORT": str(port),
        "DAYAHEAD_API_PORT": str(port),
    }
    with started(images[service], settings, service):
        wait_until(lambda: is_answered(f"http://127.0.0.1:{port}/health/live"), 180, f"{service} to be alive")
        if service == "api":
            wait_until(lambda: is_answered(f"http://127.0.0.1:{port}/health/ready"), 60, "the API to be ready")
            assert httpx.get(f"http://127.0.0.1:{port}/v1/series", trust_env=False).json()["series"] == []


def test_mcp_answers_from_the_image_of_the_consumers(images: Images) -> None:
    metrics, port = free_ports(2)
    settings = {"DAYAHEAD_METRICS_PORT": str(metrics), "DAYAHEAD_MCP_PORT": str(port)}
    with started(images["consumers"], settings, "mcp"):
        wait_until(lambda: is_answered(f"http://127.0.0.1:{metrics}/health/live"), 180, "mcp to be alive")
        asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        headers = {"accept": "application/json, text/event-stream"}
        answer = httpx.post(f"http://127.0.0.1:{port}/mcp", json=asked, headers=headers, trust_env=False).json()
        assert "get_forecast" in {tool["name"] for tool in answer["result"]["tools"]}


@pytest.mark.servers
def test_mqtt_publishes_from_the_image_of_the_consumers(images: Images, topics: TopicRoom, tmp_path: Path) -> None:
    topics.create(2)
    send_forecasts(topics, "DK1/111")
    broker = Mosquitto(tmp_path)
    broker.start()
    (metrics,) = free_ports(1)
    settings = {
        "DAYAHEAD_KAFKA_BOOTSTRAP": topics.bootstrap,
        "DAYAHEAD_TOPIC_PREFIX": topics.prefix,
        "DAYAHEAD_MQTT_PORT": str(broker.port),
        "DAYAHEAD_METRICS_PORT": str(metrics),
    }
    try:
        with started(images["consumers"], settings, "mqtt"), reading(broker) as reader:
            wait_until(lambda: is_answered(f"http://127.0.0.1:{metrics}/health/ready"), 180, "mqtt to be ready")
            wait_until(lambda: "dayahead/DK1_111/forecast" in reader.topics, 60, "a forecast at the broker")
    finally:
        broker.stop()
