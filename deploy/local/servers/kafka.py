"""Kafka: one broker that is its own controller (KRaft)."""

import base64
import subprocess
import uuid
from collections.abc import Sequence

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from pydantic import SecretStr

from dayahead.errors import StackError
from deploy.local.kafka_libs import LOG_SETTINGS
from deploy.local.ports import HOST, is_taken
from deploy.local.servers.server import Ground, fingerprint_of
from deploy.local.supervision import Program

USER = "dayahead"
"""User name of clients, and of the broker towards itself."""

LOCAL_MECHANISMS = ("SCRAM-SHA-512", "PLAIN")


def login_properties(listener: str, password: SecretStr, mechanisms: Sequence[str]) -> dict[str, str]:
    """Properties of a broker whose clients log in on a listener; the broker itself uses the first mechanism.

    Args:
        listener: its name, equal to its security protocol.
        password: of `USER`.
        mechanisms: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512; SCRAM passwords are set when the storage is formatted.
    """
    own = listener.lower()
    return {
        "listener.security.protocol.map": f"{listener}:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": listener,
        "sasl.mechanism.inter.broker.protocol": mechanisms[0],
        "sasl.enabled.mechanisms": ",".join(mechanisms),
        **{f"listener.name.{own}.{one.lower()}.sasl.jaas.config": jaas(one, password) for one in mechanisms},
    }


def jaas(mechanism: str, password: SecretStr) -> str:
    """The JAAS line of a broker: its own login, and for PLAIN also the accepted users."""
    secret = password.get_secret_value()
    kind = "plain.PlainLoginModule" if mechanism == "PLAIN" else "scram.ScramLoginModule"
    users = f' user_{USER}="{secret}"' if mechanism == "PLAIN" else ""
    return f'org.apache.kafka.common.security.{kind} required username="{USER}" password="{secret}"{users};'


class Kafka:
    """One broker with the jars of `.local/kafka/libs`."""

    name = "kafka"
    ready_within_s = 60.0

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._data = ground.folder / "kafka"
        self._config = ground.folder / "kafka.properties"

    @property
    def bootstrap(self) -> str:
        """host:port for clients."""
        return f"{HOST}:{self._ground.ports.kafka}"

    def _java(self, main: str, *arguments: str, memory: str = "512m") -> list[str]:
        # C1 only: it starts in half the time, and C2 does not matter at a few thousand messages a second
        quick = [] if self._ground.durable else ["-XX:TieredStopAtLevel=1"]
        options = [f"-Xmx{memory}", "-XX:+UseSerialGC", "-Xshare:auto", *quick]
        options += [f"-Dlog4j2.configurationFile={LOG_SETTINGS}"]
        return ["java", *options, "-cp", f"{self._ground.places.kafka_libs}/*", main, *arguments]

    def prepare(self) -> None:
        """Write the broker's properties and, the first time, format its storage.

        Raises:
            StackError: the storage could not be formatted.
        """
        controller = f"{HOST}:{self._ground.ports.kafka_controller}"
        listener = "SASL_PLAINTEXT" if self._ground.kafka_login else "PLAINTEXT"
        properties = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.bootstrap.servers": controller,
            "listeners": f"{listener}://{self.bootstrap},CONTROLLER://{controller}",
            "advertised.listeners": f"{listener}://{self.bootstrap}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(self._data),
            # topics are created by `dayahead migrate`: one created by a typo would swallow messages
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "4",
            # a killed broker can register again only after its old session has expired
            "broker.heartbeat.interval.ms": "1000",
            "broker.session.timeout.ms": "5000",
            # workers that start together join in one generation, without a second rebalance
            "group.initial.rebalance.delay.ms": "3000" if self._ground.durable else "0",
            "message.max.bytes": str(8 * 1024 * 1024),
        }
        if self._ground.kafka_login:
            properties |= login_properties(listener, self._ground.passwords.kafka, LOCAL_MECHANISMS)
        self._config.touch(mode=0o600)
        self._config.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
        if (self._data / "meta.properties").exists():
            return
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # an id that starts with a dash would be parsed as an option
        cluster_id = cluster_id.replace("-", "A")
        command = ["format", "--standalone", "--cluster-id", cluster_id, "--config", str(self._config)]
        if self._ground.kafka_login:
            secret = self._ground.passwords.kafka.get_secret_value()
            command += ["--add-scram", f"SCRAM-SHA-512=[name={USER},password={secret}]"]
        done = subprocess.run(
            self._java("kafka.tools.StorageTool", *command, memory="128m"),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise StackError(f"Kafka could not format its storage {self._data}: {(done.stdout + done.stderr).strip()}")

    def program(self) -> Program:
        """`kafka.Kafka` on 127.0.0.1 only."""
        return Program(
            self.name,
            self._java("kafka.Kafka", str(self._config)),
            stop_signal=self._ground.stop_signal("TERM"),
            stop_wait_s=30,
            fingerprint=fingerprint_of(self._config),
        )

    def _login(self) -> dict[str, str]:
        if not self._ground.kafka_login:
            return {}
        return {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": LOCAL_MECHANISMS[0],
            "sasl.username": USER,
            "sasl.password": self._ground.passwords.kafka.get_secret_value(),
        }

    def is_ready(self) -> bool:
        """Whether the broker answers and has registered itself."""
        if not is_taken(self._ground.ports.kafka):
            return False  # the client library would only log that the connection is refused
        try:
            client = AdminClient({"bootstrap.servers": self.bootstrap, "socket.timeout.ms": 2000, **self._login()})
            return bool(client.list_topics(timeout=2).brokers)
        except KafkaException:
            return False
