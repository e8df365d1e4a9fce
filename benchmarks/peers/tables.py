"""The tables of docs/accuracy.md."""

from collections.abc import Callable

from benchmarks.accuracy_methods import Measured
from benchmarks.accuracy_protocols import PROTOCOLS
from benchmarks.peers.figures import Figures

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


def peers_section(figures: Figures, remark: str) -> str:
    """All tables, and where a peer is ahead of us; Markdown.

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
        _verdict(figures),
        "The variants of mlforecast; its column above is the one that did best on the last week of training:",
        _table(figures, VARIANTS, _errors),
        "Mean of each series' MASE:",
        _table(figures, PEERS | ours, lambda one: f"{one.mase:.3f}"),
        "Coverage of the 10-90 % band / pinball loss of the three quantiles, per cent of the mean:",
        _table(figures, _banded(figures, PEERS | ours), _band),
        "Fit, seconds / a forecast of 24 hours, microseconds; processor time on one thread:",
        _table(figures, PEERS | ours, lambda one: f"{one.fit_s:.1f} / {one.us_per_series:.0f}"),
        "\n".join(_notes(figures, remark)),
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


def _verdict(figures: Figures) -> str:
    """Where a peer or a variant is ahead of us in one of the two errors."""
    ahead = []
    for protocol in PROTOCOLS:
        own = figures.measured(protocol, OURS)
        for method in PEERS | VARIANTS:
            one = figures.measured(protocol, method)
            if own is None or one is None:
                continue
            if one.wape < own.wape:
                ahead.append(f"{method} on {protocol} in WAPE ({one.wape * 100:.2f} against {own.wape * 100:.2f})")
            if one.wape_series_mean < own.wape_series_mean:
                means = f"{one.wape_series_mean * 100:.2f} against {own.wape_series_mean * 100:.2f}"
                ahead.append(f"{method} on {protocol} in the mean over series ({means})")
    if not ahead:
        return "No peer and no variant that was measured is ahead of Dayahead on any protocol in either measure."
    return "Ahead of Dayahead:\n\n" + "\n".join(f"- {one}" for one in ahead)


def _notes(figures: Figures, remark: str) -> list[str]:
    notes = [f"- {remark}"]
    notes += [f"- {one.protocol}: {one.method}." for one in figures.remarks()]
    notes += [f"- {one.protocol}, {one.method}: {one.skipped}." for one in figures.missing()]
    for method in PEERS | VARIANTS:
        open_ones = [protocol for protocol in PROTOCOLS if not figures.has(protocol, method)]
        if open_ones:
            notes.append(f"- {method}: not measured yet on {', '.join(open_ones)}.")
    return notes
