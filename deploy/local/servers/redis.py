"""Redis, from the Debian tree."""

from urllib.parse import quote

import redis

from deploy.local.ports import HOST
from deploy.local.servers.server import Ground, fingerprint_of
from deploy.local.supervision import Program


class Redis:
    """Redis with a password; its data can be rebuilt from TimescaleDB, so they are saved only on shutdown."""

    name = "redis"
    ready_within_s = 20.0

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._data = ground.folder / "redis"

    def url(self, database: int = 0) -> str:
        """The redis:// URL of a numbered database."""
        password = quote(self._ground.passwords.redis.get_secret_value(), safe="")
        return f"redis://:{password}@{HOST}:{self._ground.ports.redis}/{database}"

    def prepare(self) -> None:
        """Write redis.conf, with the password: a command line would be readable by every user."""
        self._data.mkdir(exist_ok=True)
        lines = [
            f"bind {HOST}",
            f"port {self._ground.ports.redis}",
            f"dir {self._ground.inside(self._data)}",
            f'requirepass "{self._ground.passwords.redis.get_secret_value()}"',
            "databases 64",
            'save ""',
            # keep the windows over a planned stop; after a crash Redis is behind and gets filled
            f"shutdown-on-sigterm {'save' if self._ground.durable else 'default'}",
            "appendonly no",
            "daemonize no",
            "set-proc-title no",  # it would overwrite the environment, which identifies a stray
            "enable-debug-command local",
        ]
        config = self._ground.folder / "redis.conf"
        config.touch(mode=0o600)
        config.write_text("\n".join(lines) + "\n")

    def program(self) -> Program:
        """`redis-server` on 127.0.0.1 only."""
        config = self._ground.folder / "redis.conf"
        return Program(
            self.name,
            self._ground.chroot("/usr/bin/redis-server", self._ground.inside(config)),
            stop_signal=self._ground.stop_signal("TERM"),
            fingerprint=fingerprint_of(config),
        )

    def is_ready(self) -> bool:
        """Whether it has loaded its data and answers."""
        try:
            with redis.Redis.from_url(self.url(), socket_connect_timeout=2, socket_timeout=2) as client:
                return bool(client.ping())
        except (redis.ConnectionError, redis.TimeoutError):
            return False
