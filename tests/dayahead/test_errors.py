"""The tree of errors is drawn in the docstring of `dayahead/errors.py` and includes every public error."""

import ast
import builtins
import re
from pathlib import Path

from dayahead import errors

CHECKOUT = Path(__file__).parents[2]
PACKAGES = ("dayahead", "ingest", "stream", "trainer", "api", "consumers", "dashboards", "deploy")
BUILTIN_ERRORS = {
    name for name, one in vars(builtins).items() if isinstance(one, type) and issubclass(one, BaseException)
}


def base_classes() -> dict[str, set[str]]:
    """Every class of the packages with the names of its base classes."""
    found: dict[str, set[str]] = {}
    for package in PACKAGES:
        for path in (CHECKOUT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ClassDef):
                    found.setdefault(node.name, set()).update(ast.unparse(base) for base in node.bases)
    return found


def drawn_tree() -> set[tuple[str, str]]:
    """(class, its base class) for each line of the drawing."""
    pairs: set[tuple[str, str]] = set()
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if not (match := re.match(r"((?:[│ ]   )*(?:[├└]── )?)(\w+)(?: {2,}|$)", line)):
            continue
        depth = len(match[1]) // 4
        path[depth:] = [match[2]]
        if depth:
            pairs.add((match[2], path[depth - 1]))
    return pairs


def test_the_drawing_shows_every_error_under_its_base_class() -> None:
    classes = base_classes()
    known, pairs = {"DayaheadError"}, set[tuple[str, str]]()
    while new := {(name, base) for name, bases in classes.items() for base in bases & known} - pairs:
        pairs |= new
        known |= {name for name, _ in new}
    assert drawn_tree() == pairs


def test_no_public_error_is_outside_the_tree() -> None:
    outside = {name for name, bases in base_classes().items() if bases & BUILTIN_ERRORS and not name.startswith("_")}
    assert outside == {"DayaheadError"}
