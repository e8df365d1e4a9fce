"""One method on some protocols in its own process, fitted once where their training parts are the same.

Prints a JSON line a protocol: what was measured, or `skipped` and why.
"""

from dataclasses import asdict, replace
from typing import Annotated

import orjson
import typer
from numpy import int64
from numpy.typing import NDArray

from benchmarks.accuracy_methods import Method, MethodForecast, NoForecastError, OverTimeError, measure
from benchmarks.accuracy_protocols import DataAbsentError
from benchmarks.accuracy_run import ALL_PROTOCOLS, make_method
from dayahead.models.history import History
from dayahead.models.serving.window import WindowBatch


class FittedOnce:
    """A method that is not fitted again to what it has just been fitted to."""

    def __init__(self, method: Method) -> None:
        self.name = method.name
        self.batch = method.batch
        self.refitted = True
        self._method = method
        self._learnt = ""

    def fit(self, training: History) -> None:
        """Fit, unless the last fit was to the same history."""
        self.refitted = training.fingerprint != self._learnt
        if self.refitted:
            self._method.fit(training)
            self.name = self._method.name  # once fitted it may say more
            self._learnt = training.fingerprint

    def forecast(self, series: NDArray[int64], windows: WindowBatch) -> MethodForecast:
        """Forecast as the method does."""
        return self._method.forecast(series, windows)


def main(
    method: Annotated[str, typer.Argument(help="As in the table")],
    protocols: Annotated[list[str], typer.Argument(help=f"Of {', '.join(ALL_PROTOCOLS)}")],
    limit_s: Annotated[float, typer.Option(help="Processor seconds that it may take on each")] = float("inf"),
) -> None:
    """Measure one method on some protocols."""
    made = FittedOnce(make_method(method, limit_s))
    fit_s = 0.0
    for name in protocols:
        try:
            measured = measure(ALL_PROTOCOLS[name](), made, limit_s)
        except (OverTimeError, NoForecastError, DataAbsentError) as reason:
            line = {"protocol": name, "method": method, "skipped": str(reason)}
        else:
            fit_s = measured.fit_s if made.refitted else fit_s
            line = asdict(replace(measured, fit_s=fit_s))
        print(orjson.dumps(line).decode(), flush=True)


if __name__ == "__main__":
    typer.run(main)
