"""Ends a worker of this process at a step, for tests that continue with another one."""

from stream.servers.probe import Step


class Crash(BaseException):
    """The process is gone."""


class CrashingProbe:
    """Ends the worker at a step, the nth time that it is reached."""

    def __init__(self, step: Step, count: int = 1) -> None:
        self._step, self._left = step, count

    def reached(self, step: Step) -> None:
        if step is self._step:
            self._left -= 1
            if not self._left:
                raise Crash
