"""What a series is called and which Kafka partition it lives in."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from urllib.parse import quote, unquote

from kafka.partitioner import murmur2

from dayahead.errors import ContractError, DeadLetterCode

MAX_SERIES_ID_LENGTH = 200


def series_id_of(label_values: Iterable[str]) -> str:
    """Label values in the order that their source names them, joined by "/"; percent-encoded where needed.

    Raises:
        ContractError: a label is empty or blank, or the id is longer than 200 characters.
    """
    values = list(label_values)
    if not values or not all(values):
        raise ContractError(
            DeadLetterCode.BAD_SERIES_ID, f"labels {values} of a series must be texts that are not empty"
        )
    series_id = "/".join(map(encoded_label, values))
    check_series_id(series_id)
    return series_id


def encoded_label(value: str) -> str:
    """A label value as it stands in a series_id."""
    return quote(value, safe=" -._~")


def canonical_series_id(series_id: str) -> str:
    """The one way to write a series_id: as `series_id_of` does, however its labels were encoded by who sent it.

    A label that is not encoded is encoded; what stands for another character already (`%C3%A6`) stays.
    """
    return "/".join(encoded_label(unquote(label)) for label in series_id.split("/"))


def check_canonical(series_id: str) -> None:
    """Refuse a series_id that is written another way than `series_id_of` writes it: it would be a second series.

    Raises:
        ContractError: it is; the message has the id to send.
    """
    if series_id != (canonical := canonical_series_id(series_id)):
        raise ContractError(
            DeadLetterCode.BAD_SERIES_ID,
            f"series_id {series_id!r} must be percent-encoded like those of files: send {canonical!r}",
        )


def check_series_id(series_id: str) -> None:
    """Refuse what no source can have meant as a series.

    Raises:
        ContractError: it is empty, too long, has an empty or blank label, or an unprintable character.
    """
    if not series_id or len(series_id) > MAX_SERIES_ID_LENGTH:
        raise ContractError(
            DeadLetterCode.BAD_SERIES_ID,
            f"a series_id has 1 to {MAX_SERIES_ID_LENGTH} characters, this one {len(series_id)}: {series_id[:60]!r}",
        )
    if not series_id.isprintable() or not all(unquote(label).strip() for label in series_id.split("/")):
        raise ContractError(
            DeadLetterCode.BAD_SERIES_ID,
            f"series_id {series_id[:60]!r} has an empty or blank label, or an unprintable character",
        )


def labels_of(series_id: str, names: Sequence[str]) -> Mapping[str, str]:
    """The labels behind a series_id.

    Args:
        series_id: the id, percent-encoded.
        names: the label names that the source declares, in its order.

    Raises:
        ContractError: the id has another number of labels than the source declares.
    """
    values = [unquote(part) for part in series_id.split("/")]
    if len(values) != len(names):
        raise ContractError(
            DeadLetterCode.BAD_SERIES_ID,
            f"series_id {series_id!r} has {len(values)} labels, its source declares {len(names)}: {', '.join(names)}",
        )
    return dict(zip(names, values, strict=True))


def in_order(labels: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """Sort labels as their source names them; jsonb, in which TimescaleDB keeps them, sorts names by their length.

    Args:
        labels: names and values in any order.
        names: the label names that the source declares, in its order; labels that it does not declare come last.
    """
    return {name: labels[name] for name in [*names, *labels] if name in labels}


@lru_cache(maxsize=1_000_000)
def partition_of(series_id: str, partitions: int) -> int:
    """The partition of a series: Kafka's default partitioner on the bytes of its id."""
    return int(murmur2(series_id.encode()) & 0x7FFFFFFF) % partitions
