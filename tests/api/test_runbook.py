"""The runbook that alerts link: served by the API, with an anchor for each alert."""

from html.parser import HTMLParser

import yaml

from api.page.runbook import CHECKOUT, anchor_of, render
from deploy.monitoring import MonitoringSettings, render_rules
from tests.api.fakes import FakeServers


class Anchors(HTMLParser):
    """Ids and targets of links of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids |= {given["id"] or ""} if "id" in given else set()
        self.links += [given["href"] or ""] if tag == "a" else []


def test_each_alert_has_an_anchor_where_its_annotation_links(servers: FakeServers) -> None:
    with servers.client() as client:
        answer = client.get("/runbook")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    found = Anchors(answer.text)
    for text in render_rules(MonitoringSettings.model_construct()).values():
        for group in yaml.safe_load(text)["groups"]:
            for rule in group["rules"]:
                if "alert" in rule:
                    anchor = rule["annotations"]["runbook_url"].partition("#")[2]
                    assert anchor in found.ids, rule["alert"]
                    assert f"#{anchor}" in found.links


def test_no_link_of_the_page_leads_to_a_file_that_is_not_served() -> None:
    links = Anchors(render(CHECKOUT.read_text(encoding="utf-8"))).links
    assert {link for link in links if not link.startswith(("#", "https://"))} == {"/"}


def test_what_the_runbook_holds_is_text_and_no_markup() -> None:
    page = render("# A\n\n## Two words\n<script>x</script> [m](metrics.md#a), [w](https://w.org) and [s](#two-words)\n")
    assert "<script>" not in page
    assert f'id="{anchor_of("Two words")}"' in page
    assert "m (<code>docs/metrics.md</code>)" in page
    assert Anchors(page).links == ["/", "#two-words", "https://w.org", "#two-words"]
