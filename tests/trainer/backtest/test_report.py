import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.console import Console

from dayahead.horizon import DAY_LEADS
from tests.trainer.filling import NOW
from trainer.backtest.figures import Figures, figures_of
from trainer.backtest.report import Report, render_report, share
from trainer.backtest.table import print_backtest
from trainer.backtest.walk import Backtest


@pytest.fixture(scope="module")
def figures(walked: Backtest) -> Figures:
    return figures_of(walked)


class Tags(HTMLParser):
    """What a page is made of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_parts_of_each_breakdown_make_the_whole(walked: Backtest, figures: Figures) -> None:
    """Shares weighted with what they are shares of: summed errors are the same however the hours are cut."""
    result = walked.result.first_day
    valid = result.origin[:, None] + np.arange(1, DAY_LEADS + 1)
    weight = np.abs(result.actual)
    for slices, of in (
        (figures.by_lead[:DAY_LEADS], np.broadcast_to(np.arange(DAY_LEADS), weight.shape)),
        (figures.by_hour, (valid + 1) % 24),  # Copenhagen in January: UTC+1
    ):
        parts = np.bincount(of.ravel(), weight.ravel(), DAY_LEADS)
        assert sum(part.hours for part in slices) == figures.accuracy.hours
        assert np.dot([part.wape for part in slices], parts) / parts.sum() == pytest.approx(figures.accuracy.wape)
        assert np.dot([part.bias for part in slices], parts) / parts.sum() == pytest.approx(figures.accuracy.bias)
        assert np.isfinite(result.weekly_naive).all()
        for name in ("weekly_naive_wape", "daily_naive_wape", "naive_wape"):
            naive = np.dot([getattr(part, name) for part in slices], parts) / parts.sum()
            assert naive == pytest.approx(getattr(figures.accuracy, name))
    assert len(figures.by_lead) == walked.result.p50.shape[1] > 2 * DAY_LEADS
    assert [part.hours for part in figures.by_horizon_day] == [
        figures.accuracy.hours,
        sum(part.hours for part in figures.by_lead[DAY_LEADS : 2 * DAY_LEADS]),
    ]
    for slices in (figures.by_day, figures.by_area, figures.by_time):
        assert sum(part.hours for part in slices) == figures.accuracy.hours
    assert [part.name for part in figures.by_area] == ["DK1", "DK2"]


def test_the_naive_of_a_breakdown_is_over_the_hours_that_it_forecasts(walked: Backtest) -> None:
    result = walked.result
    naive = result.weekly_naive.copy()
    naive[:, 0] = result.actual[:, 0] * 1.5
    naive[::2, 0] = np.nan
    naive[:, 1] = np.nan
    by_lead = figures_of(replace(walked, result=replace(result, weekly_naive=naive, daily_naive=naive))).by_lead
    for name in ("weekly_naive_wape", "daily_naive_wape", "naive_wape"):
        assert getattr(by_lead[0], name) == pytest.approx(0.5)
        assert np.isnan(getattr(by_lead[1], name))
    assert by_lead[1].hours == by_lead[0].hours > 0


def test_kinds_of_day_follow_the_calendar_of_the_consumers(figures: Figures) -> None:
    """17 January 2023 18:00Z is a Tuesday; four days and a half later it is the night to Sunday in Copenhagen."""
    assert [part.name for part in figures.by_day] == ["Workday", "Saturday"]


def test_quantiles_below_which_too_much_came_are_seen(walked: Backtest, figures: Figures) -> None:
    assert figures.below[0] < figures.below[1] < figures.below[2]
    low = replace(walked, result=replace(walked.result, p10=walked.result.p10 * 100, p50=walked.result.p50 * 100))
    assert figures_of(low).below[:2] == (1.0, 1.0)


def test_the_worst_series_come_first_with_their_worst_day(walked: Backtest, figures: Figures) -> None:
    result = walked.result
    wape = {name: accuracy.wape for name, accuracy in result.by_series().items()}
    worst = max(wape, key=lambda name: wape[name])
    assert figures.worst[0].name == worst.replace("/", " / ")
    assert figures.worst[0].accuracy.wape == wape[worst]
    rows = np.array([result.series_ids[number] == worst for number in result.series])
    assert figures.worst[0].origin == result.origin[rows][np.argmax(result.scores.absolute_error[rows])]


def test_the_page_needs_nothing_but_itself(walked: Backtest, figures: Figures) -> None:
    page = render_report(Report(walked, figures), NOW)
    tags = Tags(page)
    assert not {"script", "link", "img", "iframe", "object", "embed"} & set(tags.tags)
    assert not [value for name, value in tags.attributes if name in {"src", "href", "style"} or name.startswith("on")]
    assert not re.search(r"https?:|@import|url\(", page)
    assert tags.tags.count("svg") >= 7 + len(figures.worst)


def test_the_page_shows_the_figures(walked: Backtest, figures: Figures) -> None:
    said = " ".join(Tags(render_report(Report(walked, figures), NOW)).texts)
    (release,) = walked.releases.values()
    for part in (
        f"{figures.accuracy.wape:.2%}".replace("%", "\u202f%"),
        f"same hour last day {figures.accuracy.daily_naive_wape:.2%}".replace("%", "\u202f%"),
        f"last week {figures.accuracy.weekly_naive_wape:.2%}".replace("%", "\u202f%"),
        "0 is the same hour of the last day, the better naive",
        release.release_id,
        figures.worst[0].name,
        "2023-01-17 18:00",
    ):
        assert part in said


def test_a_name_is_never_markup(walked: Backtest) -> None:
    ids = tuple(f"%3Cscript%3E{number}/<b>&" for number in range(len(walked.result.series_ids)))
    named = replace(walked, source="<i>a & b</i>", result=replace(walked.result, series_ids=ids))
    page = render_report(Report(named, figures_of(named)), NOW)
    assert not {"script", "i"} & set(Tags(page).tags)
    assert "&lt;script&gt;" in page


def test_what_could_not_be_measured_is_a_dash_and_not_nan(walked: Backtest) -> None:
    nothing = np.full_like(walked.result.actual, np.nan)
    scores = walked.result.scores
    empty = replace(
        walked.result,
        actual=nothing,
        scores=replace(scores, **{name: np.zeros_like(getattr(scores, name)) for name in vars(scores)}),
    )
    run = replace(walked, result=empty)
    page = render_report(Report(run, figures_of(run)), NOW)
    assert not re.search(r"\bnan\b", page, re.IGNORECASE)
    assert "\u2013" in page


def test_each_day_of_the_horizon_has_its_own_figures_and_each_lead_too(walked: Backtest, figures: Figures) -> None:
    result = walked.result
    leads = result.p50.shape[1]
    assert [part.name for part in figures.by_horizon_day] == [f"day {day}" for day in range(1, leads // 24 + 1)]
    assert [part.name for part in figures.by_lead] == [f"{lead} h" for lead in range(1, leads + 1)]
    second = slice(24, 48)
    known = np.isfinite(result.actual[:, second])
    error = np.abs(result.p50[:, second] - result.actual[:, second])[known].sum()
    wape = error / np.abs(result.actual[:, second])[known].sum()
    assert figures.by_horizon_day[1].wape == pytest.approx(wape)

    page = render_report(Report(walked, figures), NOW)
    assert "By day of the horizon" in page
    assert f"day 2: WAPE {share(wape)}" in page
    console = Console(record=True, width=160)
    print_backtest(console, walked, figures)
    shown = console.export_text()
    assert re.search(rf"day 2 .*{wape:.2%}", shown)
    assert "leads 24(d - 1) + 1 to 24d" in shown


def test_a_run_of_24_hours_has_no_days_of_the_horizon_to_show(walked: Backtest) -> None:
    day = replace(walked, result=walked.result.first_day)
    figures = figures_of(day)
    console = Console(record=True, width=160)
    print_backtest(console, day, figures)
    assert "day 1" not in console.export_text()
    assert "By day of the horizon" not in render_report(Report(day, figures), NOW)
