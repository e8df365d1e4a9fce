"""Each table has one file: no service has SQL about it, and no other file writes it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
STORAGE = ROOT / "dayahead" / "storage"
TABLES = STORAGE / "tables"
PACKAGES = ("api", "dashboards", "dayahead", "deploy", "ingest", "stream", "trainer")

# Data for Grafana: tests/dashboards/test_queries.py runs each query on the real server.
PANELS = {ROOT / "dashboards" / "series.py", ROOT / "dashboards" / "reports.py"}

CREATED = re.compile(r"^CREATE (?:OR REPLACE )?(TABLE|VIEW) (\w+)", re.MULTILINE)


def created(kind: str) -> set[str]:
    """The tables or views that the migrations create."""
    texts = [path.read_text(encoding="utf-8") for path in (STORAGE / "migrations").glob("*.sql")]
    return {name for text in texts for found, name in CREATED.findall(text) if found == kind}


OURS = "|".join(sorted(created("TABLE") | created("VIEW") | {"schema_version"}))
# A name that is filled in may be one of ours: {table}, or {} of an f-string.
NAME = rf"(?:ONLY\s+)?(?:public\.)?({OURS}|\{{\w*\}})"
STATEMENT = re.compile(rf"\b(?:FROM|JOIN|INTO|UPDATE|COPY|TABLE|TRUNCATE)\s+{NAME}(?![\w.])")
WRITE = re.compile(rf"\b(?:INSERT INTO|UPDATE|DELETE FROM|COPY|LOCK TABLE)\s+{NAME}(?![\w.])")


def strings(source: str) -> Iterator[str]:
    """The texts of a module, an f-string with {} for what is filled in."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            parts = node.values
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def named_in(source: str, pattern: re.Pattern[str]) -> set[str]:
    return {name for text in strings(source) for name in pattern.findall(text)}


def modules(*folders: Path) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('x = "SELECT max(origin) FROM score"', {"score"}),
        (
            'x = """\n  SELECT 1\n  FROM\n    score_by_series s JOIN series USING (series_key)"""',
            {"score_by_series", "series"},
        ),
        ('x = f"SELECT {y} FROM {table} WHERE z"', {"{}"}),
        ('x = "UPDATE worker_offset SET claim = 1"', {"worker_offset"}),
        ('def f():\n  "Delete from source files: TABLE of observations."', set()),
        ('x = "SELECT 1 FROM pg_database"', set()),
        ('x = "FROM forecasts"', set()),
    ],
)
def test_sql_about_our_tables_is_recognised(source: str, found: set[str]) -> None:
    assert named_in(source, STATEMENT) == found


def test_no_sql_about_our_tables_is_outside_storage() -> None:
    outside = [
        path
        for path in modules(*(ROOT / package for package in PACKAGES))
        if not path.is_relative_to(STORAGE) and path not in PANELS
    ]
    assert len(outside) > 200
    found = {str(path.relative_to(ROOT)): names for path in outside if (names := named_in(path.read_text(), STATEMENT))}
    assert not found, f"move these statements to dayahead/storage/tables/: {found}"


def test_each_table_has_the_file_of_its_name() -> None:
    assert created("TABLE") <= {path.stem for path in modules(TABLES)}


def test_a_table_is_written_in_the_file_of_its_name_alone() -> None:
    found = {(path.stem, name) for path in modules(STORAGE) for name in named_in(path.read_text(), WRITE)}
    # given by name: what a checkpoint copies and upserts, and what retention deletes
    assert {file for file, name in found if "{" in name} == {"binary_copy", "copied_table", "retention"}
    elsewhere = {(file, name) for file, name in found if "{" not in name and file != name}
    assert elsewhere == {("migrate", "schema_version")}


def test_an_insert_names_its_columns() -> None:
    by_position = re.compile(rf"\bINSERT INTO {NAME}\s+(?:AS \w+\s+)?(?:VALUES|SELECT)\b")
    found = {path.stem: names for path in modules(STORAGE) if (names := named_in(path.read_text(), by_position))}
    assert not found, f"name the columns of these inserts, so that none depends on their order: {found}"
