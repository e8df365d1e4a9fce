"""The tables of docs/accuracy.md."""

from collections.abc import Callable, Iterable

from benchmarks.accuracy_methods import Measured
from benchmarks.accuracy_protocols import PROTOCOLS
from benchmarks.peers.figures import Figures
from benchmarks.weather_protocols import ERRORS, TRAINING_YEARS, WEATHER_PROTOCOLS
from deploy.site.wrap import wrapped

OURS = "dayahead"
BEGIN, END = "<!-- peers: written by `make benchmark B=peer_figures` -->", "<!-- peers: end -->"
PEERS = {
    "seasonal naive 24": "naive 24",
    "seasonal naive 168": "naive 168",
    "mlforecast": "mlforecast",
    "AutoLightGBM": "AutoLightGBM",
    "statsforecast MSTL": "MSTL",
    "statsforecast AutoETS": "AutoETS",
    "statsforecast Theta": "Theta",
}
NAIVES = ("seasonal naive 24", "seasonal naive 168")
VARIANTS = {f"mlforecast {name}": name for name in ("L1", "L1 scaled", "L2", "L2 scaled")}
WEATHER_PEERS = {name: name for name in ("LightGBM with weather", "mlforecast with weather")}
WEATHER_METHODS = {
    "dayahead, no weather": "Dayahead without weather",
    OURS: "Dayahead",
    "dayahead, perfect weather": "Dayahead, perfect weather",
} | WEATHER_PEERS
"""What is compared on the protocols with weather; the others are compared on all other protocols."""


def methods_of(protocol: str) -> list[str]:
    """The methods that have a place in the tables of a protocol."""
    return list(WEATHER_METHODS) if protocol in WEATHER_PROTOCOLS else [OURS, *PEERS, *VARIANTS]


def all_sections(figures: Figures, remark: str) -> str:
    """All that the page has between its marks; Markdown.

    Args:
        figures: what was measured.
        remark: what holds for all of it, such as versions.
    """
    return peers_section(figures, remark) + "\n\n" + weather_section(figures)


def peers_section(figures: Figures, remark: str) -> str:
    """The tables of the protocols without weather, and where a peer is ahead of us; Markdown.

    Args:
        figures: what was measured.
        remark: what holds for all of it, such as versions.
    """
    ours = {OURS: "Dayahead"}
    parts = [
        "## Dayahead",
        "Per cent. Naive is the better seasonal naive by WAPE: the same hour a day, or a week, before.",
        _own_table(figures),
        "## Other libraries",
        "WAPE / mean of each series' WAPE, per cent:",
        _table(figures, PEERS | ours, _errors),
        _verdict(figures, PROTOCOLS, PEERS | VARIANTS),
        "The variants of mlforecast; its column above is the one that did best on the last week of training:",
        _table(figures, VARIANTS, _errors),
        "Mean of each series' MASE:",
        _table(figures, PEERS | ours, lambda one: f"{one.mase:.3f}"),
        "Coverage of the 10-90 % band / pinball loss of the three quantiles, per cent of the mean:",
        _table(figures, _banded(figures, PEERS | ours), _band),
        "Fit, seconds / a forecast of 24 hours, microseconds; processor time on one thread:",
        _table(figures, PEERS | ours, lambda one: f"{one.fit_s:.1f} / {one.us_per_series:.0f}"),
        "\n".join([f"- {remark}", *_notes(figures, PROTOCOLS, PEERS | VARIANTS)]),
    ]
    return "\n\n".join(parts)


def weather_section(figures: Figures) -> str:
    """The table of the protocols with weather, what that weather is, and where a peer is ahead of us; Markdown."""
    about = (
        f"Temperature after each origin is that of a simulated run: observed temperature with errors that grow from "
        f"{ERRORS.first_sd} K at 1 h to {ERRORS.last_sd} K at {ERRORS.last_h} h, a run every {ERRORS.every_h} hours, "
        f"usable {ERRORS.delay_h:.0f} hours after its start (seed {ERRORS.seed}). Everything is fitted on at most "
        f"{TRAINING_YEARS} years before the first origin. Perfect weather is the temperature that was observed. "
        "WAPE / mean of each series' WAPE, per cent:"
    )
    notes = _notes(figures, WEATHER_PROTOCOLS, WEATHER_METHODS)
    parts = [
        "## With weather",
        wrapped(about),
        _weather_table(figures),
        _verdict(figures, WEATHER_PROTOCOLS, WEATHER_PEERS),
        *(["\n".join(notes)] if notes else []),
    ]
    return "\n\n".join(parts)


def written_into(page: str, section: str) -> str:
    """A page with the section between its two marks.

    Raises:
        ValueError: the page has no such marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no place for the tables: put {BEGIN} and {END} where they belong")
    return f"{before}{BEGIN}\n\n{section}\n\n{END}{after}"


def _table(figures: Figures, methods: dict[str, str], cell: Callable[[Measured], str]) -> str:
    lines = ["| protocol | " + " | ".join(methods.values()) + " |", "| --- " * (len(methods) + 1) + "|"]
    for protocol in PROTOCOLS:
        results = [figures.measured(protocol, method) for method in methods]
        cells = ["-" if one is None else cell(one) for one in results]
        lines.append(f"| {protocol} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _own_table(figures: Figures) -> str:
    """Dayahead and the better seasonal naive: WAPE, mean over series, and the band."""
    titles = "protocol", "naive", "Dayahead", "coverage of the 10-90 % band", "pinball loss"
    lines = ["| " + " | ".join(titles) + " |", "| --- " * len(titles) + "|"]
    for protocol in PROTOCOLS:
        own = figures.measured(protocol, OURS)
        naive = [one for method in NAIVES if (one := figures.measured(protocol, method)) is not None]
        cells = [_errors(min(naive, key=lambda one: one.wape)) if naive else "-", "-", "-", "-"]
        if own is not None:
            cells[1:] = [_errors(own), _share(own.coverage, 1), _share(own.pinball, 3)]
        lines.append(f"| {protocol} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _weather_table(figures: Figures) -> str:
    """All methods on the protocols with weather, and the band of ours as served."""
    titles = "protocol", *WEATHER_METHODS.values(), "coverage of Dayahead's 10-90 % band"
    lines = ["| " + " | ".join(titles) + " |", "| --- " * len(titles) + "|"]
    for protocol in WEATHER_PROTOCOLS:
        results = [figures.measured(protocol, method) for method in WEATHER_METHODS]
        cells = ["-" if one is None else _errors(one) for one in results]
        own = figures.measured(protocol, OURS)
        cells.append("-" if own is None else _share(own.coverage, 1))
        lines.append(f"| {protocol} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _share(share: float | None, digits: int) -> str:
    return "-" if share is None else f"{share * 100:.{digits}f}"


def _errors(one: Measured) -> str:
    return f"{one.wape * 100:.2f} / {one.wape_series_mean * 100:.2f}"


def _band(one: Measured) -> str:
    if one.coverage is None or one.pinball is None:
        return "-"
    return f"{one.coverage * 100:.1f} / {one.pinball * 100:.2f}"


def _banded(figures: Figures, methods: dict[str, str]) -> dict[str, str]:
    def has_band(method: str) -> bool:
        results = [figures.measured(protocol, method) for protocol in PROTOCOLS]
        return any(one is not None and one.coverage is not None for one in results)

    return {method: title for method, title in methods.items() if has_band(method)}


def _verdict(figures: Figures, protocols: Iterable[str], methods: Iterable[str]) -> str:
    """Where one of the methods is ahead of us in one of the two errors."""
    ahead = []
    for protocol in protocols:
        own = figures.measured(protocol, OURS)
        for method in methods:
            one = figures.measured(protocol, method)
            if own is None or one is None:
                continue
            if one.wape < own.wape:
                ahead.append(f"{method} on {protocol} in WAPE ({one.wape * 100:.2f} against {own.wape * 100:.2f})")
            if one.wape_series_mean < own.wape_series_mean:
                means = f"{one.wape_series_mean * 100:.2f} against {own.wape_series_mean * 100:.2f}"
                ahead.append(f"{method} on {protocol} in the mean over series ({means})")
    if not ahead:
        return "No other library that was measured is ahead of Dayahead on any protocol in either measure."
    return "Ahead of Dayahead:\n\n" + "\n".join(f"- {one}" for one in ahead)


def _notes(figures: Figures, protocols: Iterable[str], methods: Iterable[str]) -> list[str]:
    """What the tables of some protocols leave unsaid of some methods."""
    notes = [f"- {one.protocol}: {one.method}." for one in figures.remarks() if one.protocol in protocols]
    without = [one for one in figures.missing() if one.protocol in protocols]
    notes += [f"- {one.protocol}, {one.method}: {one.skipped}." for one in without]
    for method in methods:
        open_ones = [protocol for protocol in protocols if not figures.has(protocol, method)]
        if open_ones:
            notes.append(f"- {method}: not measured yet on {', '.join(open_ones)}.")
    return notes
