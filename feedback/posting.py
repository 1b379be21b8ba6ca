"""Queries on their way into the store, checked against what is there."""

from collections.abc import Sequence

import sqlalchemy as sa

from prefgym.feedback.answers import check_answer
from prefgym.feedback.database import lock
from prefgym.feedback.posted_query import PostedQuery
from prefgym.feedback.rows import QUERY_COLUMNS, batches, query_row, require_segments, row_query
from prefgym.feedback.tables import QUERIES


def post_queries(connection: sa.Connection, store_name: str, queries: Sequence[PostedQuery]) -> int:
    """Write the queries that are not stored yet, in the caller's transaction; their number.

    Raises:
        ValueError: if a key is taken by another query, a segment is not stored, or the answer
            known to be right is none.
    """
    by_key: dict[str, PostedQuery] = {}
    for query in queries:
        _require_same(by_key.setdefault(query.key, query), query)
        if query.gold is not None:
            check_answer(query, query.gold, query.segments)
    shown = [name for query in by_key.values() for name in (*query.segments, query.scene)]
    lock(connection, "post")
    require_segments(connection, store_name, [name for name in shown if name])
    stored = stored_queries(connection, list(by_key))
    for key, query in stored.items():
        _require_same(query, by_key[key])
    new = [query_row(query) for key, query in by_key.items() if key not in stored]
    if new:
        connection.execute(sa.insert(QUERIES), new)
    return len(new)


def stored_queries(connection: sa.Connection, keys: Sequence[str]) -> dict[str, PostedQuery]:
    """Those of the queries that are stored, by key."""
    found: dict[str, PostedQuery] = {}
    for batch in batches(keys):
        rows = connection.execute(sa.select(*QUERY_COLUMNS).where(QUERIES.c.key.in_(batch)))
        found.update((row.key, row_query(*row)) for row in rows)
    return found


def posted_queries(connection: sa.Connection, round_number: int) -> list[PostedQuery]:
    """What a round of the loop asks, in the order posted."""
    query = sa.select(*QUERY_COLUMNS).where(QUERIES.c.round == round_number)
    return [row_query(*row) for row in connection.execute(query.order_by(QUERIES.c.seq))]


def _require_same(stored: PostedQuery, query: PostedQuery) -> None:
    if stored != query:
        raise ValueError(
            f"key {query.key!r} must always name the same query, got {query} where {stored} "
            "is posted; give another query a key of its own"
        )
