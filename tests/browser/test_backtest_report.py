"""The report of a backtest, looked at as a person would."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from playwright.sync_api import Browser

from dayahead.reading.source_file import load_source
from tests.trainer.conftest import QUICK
from tests.trainer.filling import NOW, SAMPLE, SAMPLE_SOURCE
from trainer.backtest.ablation import ablation_of
from trainer.backtest.data_file import read_data_file
from trainer.backtest.figures import figures_of
from trainer.backtest.plan import Plan
from trainer.backtest.reader import FileReader
from trainer.backtest.report import Report, write_report
from trainer.backtest.walk import Walk
from trainer.backtest.weather import Variant
from trainer.settings import load_training_settings

pytestmark = pytest.mark.browser

LEADS = load_source(SAMPLE_SOURCE).leads


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on three days of the sample, with what weather would be worth if it were that."""
    settings = load_training_settings(None, QUICK, {})
    source = load_source(SAMPLE_SOURCE)
    data = read_data_file(SAMPLE, source, settings.quarantine, NOW).data
    reader = FileReader(data, SAMPLE.name, source, settings.quarantine)
    first = data.observed.start + 700
    backtest = Walk(reader, Plan(first, first + 72, 12), settings).run()
    variants = {
        variant: replace(backtest.result, p50=(backtest.result.actual * factor).astype(np.float32))
        for variant, factor in ((Variant.WITH, 1.05), (Variant.WITHOUT, 1.1), (Variant.PERFECT, 1.04))
    }
    ablation = ablation_of(variants, "observed weather with simulated errors", "places as the source names them")
    shown = Report(backtest, figures_of(backtest), ablation=ablation)
    return write_report(shown, tmp_path_factory.mktemp("report"), NOW)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_report_is_whole_by_itself_in_light_and_dark_on_any_screen(
    browser: Browser, report: Path, scheme: Literal["light", "dark"], width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    try:
        page = context.new_page()
        said: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(report.as_uri())
        assert said == []
        assert asked == [report.as_uri()]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for name in (
            "By lead",
            "By hour of the day",
            "By kind of day",
            "By area",
            "Calibration",
            "Weather by lead",
            "What weather is worth",
            "Worst series",
        ):
            assert page.get_by_role("heading", name=name, exact=True).is_visible()
        bars = page.locator("figure:has(h2:text-is('By lead')) rect.bar")
        assert bars.count() == LEADS
        assert all(bars.nth(number).bounding_box()["height"] > 0 for number in range(LEADS))
        # ink on ground, whichever of the two is the light one
        ink, ground = page.evaluate(
            "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
        )
        assert (_lightness(ink) > _lightness(ground)) == (scheme == "dark")
    finally:
        context.close()


def _lightness(colour: str) -> float:
    return sum(float(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")[:3])
