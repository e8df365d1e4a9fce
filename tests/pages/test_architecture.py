"""docs/architecture.md has the floors of the worker, the tables with their writers, and the topics of the code."""

import re
import tomllib

from dayahead.topics import TOPICS
from tests.pages.examples import CHECKOUT

PAGE = (CHECKOUT / "docs/architecture.md").read_text()
MIGRATIONS = CHECKOUT / "dayahead/storage/migrations"
SERVICES = ("ingest", "worker", "trainer", "api")


def rows(section: str) -> list[list[str]]:
    """Cells of the table rows of a section, without the heading."""
    text = PAGE.partition(f"## {section}\n")[2].partition("\n## ")[0]
    found = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    assert found, section
    return found[1:]


def test_the_rooms_of_the_worker_stand_on_the_floors_that_the_import_rules_check() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    (layers,) = (
        contract["layers"] for contract in project["tool"]["importlinter"]["contracts"] if contract["type"] == "layers"
        and contract["containers"] == ["stream"]
    )  # fmt: skip
    floors = [[str(number), f"`{room}`"] for number, floor in enumerate(layers, 1) for room in floor.split(" : ")]
    assert [row[:2] for row in rows("The rooms of the worker") if row[0].isdigit()] == floors


def test_every_topic_is_documented() -> None:
    assert [row[0] for row in rows("Topics") if row[0].startswith("`")] == [f"`{topic.name}`" for topic in TOPICS]


def test_every_table_is_documented_with_its_writers() -> None:
    tables = set()
    for migration in MIGRATIONS.glob("[0-9]*.sql"):
        tables |= set(re.findall(r"^CREATE TABLE (\w+) \(", migration.read_text(), re.MULTILINE))
    writers: dict[str, list[str]] = {table: [] for table in tables}
    rights = re.sub(r"^--.*$", "", (MIGRATIONS / "roles.sql").read_text(), flags=re.MULTILINE)
    for granted, role in re.findall(r"GRANT INSERT[\w, ]*?\s+ON\s+([\w,\s]+?)\s+TO dayahead_(\w+)", rights):
        for table in re.split(r",\s*", granted):
            writers[table].append(role)
    named = {row[0].strip("`"): row[1].split(", ") for row in rows("Tables") if row[0].startswith("`")}
    services = {table: [role for role in roles if role in SERVICES] for table, roles in named.items()}
    schema = {"schema_version"}
    assert {table: sorted(roles) for table, roles in services.items() if table not in schema} == {
        table: sorted(roles) for table, roles in writers.items() if table not in schema
    }
