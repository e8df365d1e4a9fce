"""Steps of `dayahead up` and `servers` on the local stack."""

from collections.abc import Callable, Sequence
from functools import cached_property

from rich.console import Console

from dayahead.errors import StackError
from dayahead.hours import wall_clock
from deploy.arrival import TRAINING_PARTS, all_forecast, forecast_progress, polled_source, show_results
from deploy.live import check_reachable
from deploy.local import sample
from deploy.local.assembly import Assembly
from deploy.local.build import build
from deploy.local.preflight import port_obstacles, refuse, setting_obstacles
from deploy.local.services import ServiceProcess
from deploy.local.stack import FAILED, last_lines
from deploy.local.steps import Steps
from deploy.local.supervision import ProgramState, log_file
from deploy.local.waiting import Progress, wait_on_progress
from deploy.overview import Overview, read_champion, read_lag, read_overview
from deploy.running import run_dayahead, strays_sentence

WITHOUT_MODEL = ("waits for history", "no model was good enough")
"""How the trainer's reason begins while a live source has too few hours to fit a model, or hours that none is good at:
the profile forecasts it until then."""
WITHOUT_GRAFANA = "not without Docker; start your own, then `dayahead dashboards publish` (dashboards/README.md)"
MOST_LIVES = 4  # a process that ended this often while being waited for is in a crash loop


class Up:
    """Starts the stack from any state: what is already built, stored or running as configured is left alone."""

    def __init__(self, assembly: Assembly, console: Console) -> None:
        self.assembly = assembly
        self.stack = assembly.stack
        self.steps = Steps(console)
        self._database_url = assembly.stack.postgres.app_url()
        self._seen: Overview | None = None
        self._lives: dict[str, list[int]] = {}  # pids of each process that was waited for, the newest last
        self._named: dict[str, int] = {}  # how many of them had ended when the last end was printed

    def servers_only(self) -> None:
        """Build what is missing, start the servers and migrate.

        Raises:
            StackError: a check or a step failed.
        """
        refuse(setting_obstacles(self.assembly.env_file))  # before a running process is restarted with them
        if self.stack.strays():
            with self.steps.step("processes without supervisord stopped") as step:
                step.outcome = strays_sentence(self.stack.stop_strays())
        if not self.stack.is_running():
            refuse(port_obstacles(self.assembly.ports()))
        with self.steps.step("Debian tree and Kafka jars") as step:
            built = build(self.stack.places, self.steps.console.print)
            step.outcome = f"built {' and '.join(built)}" if built else "already built"
        with self.steps.step(f"servers: {', '.join(server.name for server in self.stack.servers)}") as step:
            was_running = self.stack.is_running()
            self.assembly.write_env()  # first: data must never outlive the passwords that it was made with
            touched = self.assembly.apply_settings()
            taken_up = f"; restarted for changed settings: {', '.join(touched)}" if touched else ""
            step.outcome = f"were running{taken_up}" if was_running else "ready"
        with self.steps.step("tables, roles and topics") as step:
            step.outcome = run_dayahead("migrate")[-1]

    def everything(self) -> None:
        """Start servers and services, publish the history, and wait for a model and a forecast of every series.

        Raises:
            StackError: a check or a step failed or timed out.
        """
        if not self._replays:
            self._check_live_source()
        self.servers_only()
        with self.steps.step("workers and API"):
            self._start("worker", "api")
        if self._replays:
            self._give_history()
            self._train()
            self._poll("live replay of the sample")
        else:
            self._poll("poller, with the last weeks of its source first")
            self._train()
        with self.steps.step("every service ready"):
            self._await(self._all_ready, lambda: len(self._ready()), "every service to be ready", *self._jobs)
        port = self.assembly.settings.api_port
        show_results(self.steps.console, self._overview(), port, WITHOUT_GRAFANA, self.steps.elapsed_s)

    def _check_live_source(self) -> None:
        settings = self.assembly.settings
        file = settings.source_file(in_containers=False)
        with self.steps.step("host of the source") as step:
            if file is not None:
                step.outcome = check_reachable(file, None if settings.source_url is None else str(settings.source_url))

    def _train(self) -> None:
        with self.steps.step("first model") as step:
            self._start("trainer")
            what = "the trainer to promote a first model"
            self._await(self._has_champion_or_waits, self._training_parts, what, "trainer")
            step.outcome = self._champion() or self._without_model() or ""

    def _poll(self, step_name: str) -> None:
        with self.steps.step(step_name) as step:
            self._start("replay", "ingest")
            what = f"a forecast of every series of {self._source}"
            self._await(self._all_forecast, self._forecasts, what, "ingest", "worker")
            step.outcome = f"{self._forecasts()[1]} series have a forecast"

    def _has_champion_or_waits(self) -> bool:
        return self._has_champion() or self._without_model() is not None

    def _without_model(self) -> str | None:
        """What the trainer says while a live source has no model, and needs none to start; None otherwise."""
        if self._replays:
            return None
        reasons = [service.readiness().reason for service in self.assembly.services if service.job == "trainer"]
        return next((reason for reason in reasons if reason.startswith(WITHOUT_MODEL)), None)

    @cached_property
    def _source(self) -> str | None:
        return polled_source(self.assembly.settings)

    @property
    def _replays(self) -> bool:
        return self.assembly.settings.replays

    def _start(self, *jobs: str) -> None:
        self.stack.start_services([service.name for service in self.assembly.services if service.job in jobs])

    def _give_history(self) -> None:
        with self.steps.step("history of the sample") as step:
            if self._has_champion():
                step.outcome = "already there"
                return
            step.outcome = run_dayahead(*sample.backfill_arguments())[-1]
            self._await(self._nothing_waits, self._caught_up, "the workers to process the history", "worker")

    def _overview(self) -> Overview:
        self._seen = read_overview(self._database_url, wall_clock())
        return self._seen

    def _champion(self) -> str | None:
        return read_champion(self._database_url)

    @property
    def _jobs(self) -> set[str]:
        return {service.job for service in self.assembly.services}

    def _ready(self) -> list[str]:
        """Names of the services that are ready, or whose trainer only lacks a model."""
        return [service.name for service in self.assembly.services if self._is_ready(service)]

    def _is_ready(self, service: ServiceProcess) -> bool:
        readiness = service.readiness()
        return readiness.ok or (not self._replays and readiness.reason.startswith(WITHOUT_MODEL))

    def _all_ready(self) -> bool:
        states = self.stack.states()
        running = all(states[service.name].state == "RUNNING" for service in self.assembly.services)
        return running and len(self._ready()) == len(self.assembly.services)

    def _lag(self) -> dict[int, int]:
        return read_lag(self._database_url, self.stack.kafka.bootstrap)

    def _caught_up(self) -> float:
        """Messages that wait, below 0: it grows as the workers catch up."""
        return -sum(self._lag().values())

    def _nothing_waits(self) -> bool:
        return not any(self._lag().values())

    def _training_parts(self) -> float:
        return sum(service.counted(TRAINING_PARTS) for service in self.assembly.services if service.job == "trainer")

    def _has_champion(self) -> bool:
        return self._champion() is not None

    def _forecasts(self) -> tuple[int, int, int]:
        """Result of the newest query of `_all_forecast`: a query takes CPU from the workers."""
        return forecast_progress(self._seen or self._overview(), self._source, replays=self._replays)

    def _all_forecast(self) -> bool:
        # A live series is known once its first message is processed. Asked first: the overview then has all of them.
        waits = not self._replays and not self._nothing_waits()
        return all_forecast(self._overview(), self._source, replays=self._replays) and not waits

    def _await(self, condition: Callable[[], bool], progress: Callable[[], Progress], what: str, *jobs: str) -> None:
        """Wait for a condition as long as there is progress; if it stalls, show the last log lines of the services."""
        names = [service.name for service in self.assembly.services if service.job in jobs]

        def holds() -> bool:
            states = self.stack.states()
            for name in names:
                if self._watch(name, states[name]) > MOST_LIVES or states[name].state == "FATAL":
                    raise StackError(f"{name} crashes repeatedly ({states[name].description})")
            return condition()

        try:
            wait_on_progress(holds, progress, self.assembly.settings.stalled_after_s, what)
        except StackError as error:
            raise StackError(
                f"{error}.\n{self._last_words(names)}\nThe stack is left running: `make status`."
            ) from error

    def _watch(self, name: str, state: ProgramState) -> int:
        """Print once for each time that a process ended by itself that it did, with its last log line.

        Returns:
            Processes of this name so far.
        """
        lives = self._lives.setdefault(name, [])
        ended = lives and (state.state in FAILED or state.pid not in (0, lives[-1]))
        if ended and self._named.get(name) != len(lives):
            self._named[name] = len(lives)
            line = last_lines(log_file(self.stack.folder, name), 1).strip()
            self.steps.console.print(f"{name} ended and is restarted. Its last log line: {line}", markup=False)
        if state.pid and state.pid not in lives:
            lives.append(state.pid)
        return len(lives)

    def _last_words(self, names: Sequence[str]) -> str:
        """The last log lines of the services that are not ready, or of all if all are."""
        services = [service for service in self.assembly.services if service.name in names]
        unready = [service.name for service in services if not service.readiness().ok]
        logs = [log_file(self.stack.folder, name) for name in unready or names]
        return "\n".join(f"The last lines of {log}:\n{last_lines(log, 6)}" for log in logs)
