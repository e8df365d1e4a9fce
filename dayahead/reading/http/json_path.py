"""Finds records and single values in a JSON document by a dotted path."""

from collections.abc import Iterator, Mapping, Sequence

from dayahead.errors import MalformedAnswer
from dayahead.reading.record_table import Record


def value_at(document: object, path: str) -> object:
    """The value at a path; None if a step of it does not exist."""
    value = document
    for step in filter(None, path.split(".")):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def records_at(document: object, path: str, columns: Sequence[str] = ()) -> list[Record]:
    """The records at a path of a document.

    Where the path passes a list, it goes on in each element; single values on the way, such as the name of a series,
    are columns of the records below. A member of a record that is an object gives columns with dotted names.

    Args:
        document: parsed JSON.
        path: dotted; empty: the document itself.
        columns: names of the columns where records are lists ([[time, value], …]), or of the name and value of the
            members of an object ({time: value, …}).

    Returns:
        Of a list of objects, the objects; of an object of lists, which are columns, its rows; null: none.

    Raises:
        MalformedAnswer: there is no such place, or no records are there.
    """
    steps = [step for step in path.split(".") if step]
    found: list[Record] = []
    for place, above in _places(document, steps, path, {}):
        found += [{**above, **record} for record in _records(place, path, columns)]
    return found


def _places(
    value: object, steps: Sequence[str], path: str, above: Mapping[str, object]
) -> Iterator[tuple[object, Mapping[str, object]]]:
    if not steps:
        yield value, above
    elif isinstance(value, list):
        for element in value:
            yield from _places(element, steps, path, above)
    elif isinstance(value, Mapping) and steps[0] in value:
        single = {name: one for name, one in value.items() if not isinstance(one, list | Mapping)}
        yield from _places(value[steps[0]], steps[1:], path, {**above, **single})
    elif value is not None:
        names = ", ".join(map(str, value)) if isinstance(value, Mapping) else type(value).__name__
        raise MalformedAnswer(f"no `{steps[0]}` of `{path}`, but {names or 'nothing'}")


def _records(place: object, path: str, columns: Sequence[str]) -> list[Record]:
    where = f"`{path}`" if path else "the document"
    if place is None:
        return []
    if isinstance(place, Mapping):
        return _of_object(place, where, columns)
    if not isinstance(place, list):
        raise MalformedAnswer(f"{where} that is a {type(place).__name__}")
    if all(isinstance(one, Mapping) for one in place):
        return [_flat(one) for one in place]
    if not columns:
        raise MalformedAnswer(f"{where} that are not objects: name their columns")
    if not all(isinstance(one, list) and len(one) >= len(columns) for one in place):
        raise MalformedAnswer(f"{where} that are not lists of {len(columns)} values")
    return [dict(zip(columns, one, strict=False)) for one in place]


def _of_object(place: Mapping[str, object], where: str, columns: Sequence[str]) -> list[Record]:
    if columns:
        if len(columns) != 2:
            raise MalformedAnswer(f"{where} that is an object, whose members have a name and a value: name two columns")
        return [dict(zip(columns, member, strict=True)) for member in place.items()]
    lists = {name: column for name, column in place.items() if isinstance(column, list)}
    if not lists:
        raise MalformedAnswer(f"{where} that is an object without lists")
    lengths = {len(column) for column in lists.values()}
    if len(lengths) > 1:
        raise MalformedAnswer(f"{where} whose columns have {' and '.join(map(str, sorted(lengths)))} values")
    single = {name: one for name, one in place.items() if not isinstance(one, list | Mapping)}
    return [{**single, **dict(zip(lists, row, strict=True))} for row in zip(*lists.values(), strict=True)]


def _flat(record: Mapping[str, object]) -> Record:
    if not any(isinstance(one, Mapping) for one in record.values()):
        return record
    flat: dict[str, object] = {}
    for name, one in record.items():
        if isinstance(one, Mapping):
            flat.update({f"{name}.{inner}": value for inner, value in _flat(one).items()})
        else:
            flat[name] = one
    return flat
