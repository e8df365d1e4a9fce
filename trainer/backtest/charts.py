"""Charts of a report as inline SVG; the style sheet of the page colours them by class."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

WIDTH, WIDE, HEIGHT = 640.0, 1320.0, 220.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 8.0, 10.0, 26.0


@dataclass(frozen=True)
class Mark:
    """One value of a chart.

    Attributes:
        label: on the axis.
        value: a share; NaN draws nothing.
        hint: text of the tooltip.
        reference: value to compare with, e.g. the naive's; NaN draws nothing.
    """

    label: str
    value: float
    hint: str
    reference: float = float("nan")


@dataclass(frozen=True)
class _Scale:
    top: float
    step: float

    @classmethod
    def to(cls, greatest: float) -> "_Scale":
        """From 0 to a round number above the greatest value, in three to six steps."""
        if not greatest > 0:
            return cls(0.01, 0.0025)
        rough = greatest / 4
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
        return cls(step * math.ceil(greatest / step * 0.999), step)

    def y(self, value: float) -> float:
        """Height of a value, from the top."""
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / self.top)

    def grid(self, width: float = WIDTH) -> str:
        """Lines across and their labels."""
        digits = max(0, -math.floor(math.log10(self.step * 100) + 1e-9))
        digits += 1 if f"{self.step * 100:.{digits}f}" != f"{self.step * 100:g}" and self.step * 100 % 1 else 0
        lines = []
        for number in range(round(self.top / self.step) + 1):
            value = number * self.step
            y = self.y(value)
            lines.append(f'<line class="grid" x1="{LEFT:g}" x2="{width - RIGHT:g}" y1="{y:.1f}" y2="{y:.1f}"/>')
            lines.append(f'<text class="tick" x="{LEFT - 6:g}" y="{y + 4:.1f}" text-anchor="end">'
                         f"{value * 100:.{digits}f}&#8239;%</text>")  # fmt: skip
        return "".join(lines)


def columns(marks: Sequence[Mark], title: str, labelled: int = 1) -> Markup:
    """Upright bars; `reference` is a line across the bar.

    Args:
        marks: from left to right.
        title: text for screen readers.
        labelled: label every n-th bar on the axis.
    """
    scale = _scale_of(marks)
    pitch = (WIDTH - LEFT - RIGHT) / max(len(marks), 1)
    width = min(0.72 * pitch, 64.0)
    parts = [scale.grid()]
    for number, mark in enumerate(marks):
        middle = LEFT + pitch * (number + 0.5)
        shapes = ""
        if math.isfinite(mark.value):
            y = scale.y(mark.value)
            shapes += (
                f'<rect class="bar" x="{middle - width / 2:.1f}" y="{y:.1f}" width="{width:.1f}" '
                f'height="{max(scale.y(0) - y, 0):.1f}" rx="2"/>'
            )
        if math.isfinite(mark.reference):
            y = scale.y(mark.reference)
            shapes += f'<line class="reference" x1="{middle - width / 2 - 3:.1f}" x2="{middle + width / 2 + 3:.1f}" ' \
                      f'y1="{y:.1f}" y2="{y:.1f}"/>'  # fmt: skip
        parts.append(f"<g><title>{escape(mark.hint)}</title>{shapes}{_whole_height(middle - pitch / 2, pitch)}</g>")
        if number % labelled == 0:
            parts.append(_axis_label(middle, mark.label))
    return _svg(parts, title)


def lines(marks: Sequence[Mark], title: str, most_labels: int) -> Markup:
    """A line for the values and a thin one for the references; a label that repeats the one before is omitted.

    Args:
        marks: from left to right.
        title: text for screen readers.
        most_labels: maximum number of labels on the axis.
    """
    scale = _scale_of(marks)
    pitch = (WIDE - LEFT - RIGHT) / max(len(marks), 1)
    at = [LEFT + pitch * (number + 0.5) for number in range(len(marks))]
    parts = [scale.grid(WIDE)]
    references = [mark.reference for mark in marks]
    for kind, values in (("line reference", references), ("line", [mark.value for mark in marks])):
        parts.append(f'<path class="{kind}" d="{_path(at, [scale.y(value) for value in values])}"/>')
    named = [number for number in range(len(marks)) if number == 0 or marks[number].label != marks[number - 1].label]
    shown = set(named[:: -(-len(named) // most_labels)])
    for number, (x, mark) in enumerate(zip(at, marks, strict=True)):
        y = scale.y(mark.value)
        dot = f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>' if math.isfinite(y) else ""
        parts.append(f"<g><title>{escape(mark.hint)}</title>{dot}{_whole_height(x - pitch / 2, pitch)}</g>")
        if number in shown:
            parts.append(_axis_label(x, mark.label))
    return _svg(parts, title, WIDE)


def fan(
    p10: NDArray[np.float32],
    p50: NDArray[np.float32],
    p90: NDArray[np.float32],
    actual: NDArray[np.float64],
    title: str,
) -> Markup:
    """A forecast day as a band with its median, and the actual values; each float [24]. Without axes."""
    width, height, pad = 240.0, 88.0, 4.0
    known = np.concatenate([p10, p90, actual])
    known = known[np.isfinite(known)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    span = (high - low) or 1.0
    at = [pad + (width - 2 * pad) * lead / (len(p50) - 1) for lead in range(len(p50))]

    def ys(values: NDArray[np.floating]) -> list[float]:
        return [pad + (height - 2 * pad) * (1 - (float(value) - low) / span) for value in values]

    band = ""
    if np.isfinite(p10).all() and np.isfinite(p90).all():
        upper = [f"{x:.1f},{y:.1f}" for x, y in zip(at, ys(p90), strict=True)]
        lower = [f"{x:.1f},{y:.1f}" for x, y in zip(at, ys(p10), strict=True)]
        band = f'<polygon class="band" points="{" ".join(upper + lower[::-1])}"/>'
    return Markup(  # noqa: S704 - numbers, and a title that is escaped
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(title)}">{band}'
        f'<path class="line" d="{_path(at, ys(p50))}"/><path class="line actual" d="{_path(at, ys(actual))}"/></svg>'
    )


def _scale_of(marks: Sequence[Mark]) -> _Scale:
    values = [value for mark in marks for value in (mark.value, mark.reference) if math.isfinite(value)]
    return _Scale.to(max(values, default=0.0))


def _path(xs: Sequence[float], ys: Sequence[float]) -> str:
    """A line that breaks where a value is missing."""
    steps, pen_up = [], True
    for x, y in zip(xs, ys, strict=True):
        if not math.isfinite(y):
            pen_up = True
            continue
        steps.append(f"{'M' if pen_up else 'L'}{x:.1f},{y:.1f}")
        pen_up = False
    return "".join(steps)


def _whole_height(x: float, width: float) -> str:
    """The area that shows the tooltip: the whole column, not only its bar."""
    return f'<rect class="catch" x="{x:.1f}" y="{TOP:g}" width="{width:.1f}" height="{HEIGHT - TOP - BOTTOM:g}"/>'


def _axis_label(x: float, label: str) -> str:
    return f'<text class="tick" x="{x:.1f}" y="{HEIGHT - 8:g}" text-anchor="middle">{escape(label)}</text>'


def _svg(parts: Sequence[str], title: str, width: float = WIDTH) -> Markup:
    return Markup(  # noqa: S704 - numbers, and texts that are escaped above
        f'<svg viewBox="0 0 {width:g} {HEIGHT:g}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )
