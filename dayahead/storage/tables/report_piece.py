"""Table `report_piece`: pieces of the pages of reports, each text once."""

import hashlib
import re
import zlib

import psycopg

EDGE = re.compile(r"(?<=</script>)|(?<=</style>)")
"""Where a page is cut: the code that draws it is the same in each, what it shows is not."""


def save_pieces(connection: psycopg.Connection, page: str) -> list[bytes]:
    """Store the pieces of a page that are not stored yet; the caller commits.

    Returns:
        The digests of all pieces, in order.
    """
    texts = [text.encode() for text in EDGE.split(page) if text]
    digests = [hashlib.sha256(text).digest() for text in texts]
    with connection.cursor() as cursor:
        # sorted: of two that are stored at the same time, one waits for the other, and never both
        cursor.executemany(
            "INSERT INTO report_piece (digest, content) VALUES (%s, %s) ON CONFLICT (digest) DO NOTHING",
            [(digest, zlib.compress(text, 9)) for digest, text in sorted(zip(digests, texts, strict=True))],
        )
    return digests


def load_pieces(connection: psycopg.Connection, digests: list[bytes]) -> str:
    """Put the page together that consists of these pieces."""
    rows = connection.execute("SELECT digest, content FROM report_piece WHERE digest = ANY (%s)", [digests])
    texts = {bytes(digest): zlib.decompress(content) for digest, content in rows}
    return b"".join(texts[digest] for digest in digests).decode()


def delete_unused_pieces(connection: psycopg.Connection) -> int:
    """Delete the pieces that are in no page; returns how many."""
    with connection.transaction():
        # no report may be stored between the look and the removal: it could count on a piece that is removed
        connection.execute("LOCK TABLE report_piece IN SHARE ROW EXCLUSIVE MODE")
        return connection.execute(
            "DELETE FROM report_piece WHERE NOT EXISTS ("
            " SELECT FROM model_report WHERE report_piece.digest = ANY (model_report.pieces))"
        ).rowcount
