import os
import uuid

import numpy as np
import pytest
import sqlalchemy as sa

from prefgym.feedback.database import database_url, open_engine
from prefgym.feedback.label_queue import LabelQueue
from prefgym.feedback.posted_query import PostedQuery
from prefgym.feedback.store import FeedbackStore


@pytest.fixture
def path(tmp_path):
    return tmp_path / "feedback.sqlite"


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, path):
    """Where a store can be: a file, and a schema of its own on the server for tests."""
    if request.param == "sqlite":
        yield path
        return
    if "PREFGYM_TEST_POSTGRES" not in os.environ:
        pytest.skip("PREFGYM_TEST_POSTGRES names no PostgreSQL server for tests")
    url = database_url(os.environ["PREFGYM_TEST_POSTGRES"])
    schema = f"prefgym_{uuid.uuid4().hex}"
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema(schema))
    own = url.update_query_dict({"options": f"-csearch_path={schema}"})
    yield own.render_as_string(hide_password=False)
    with engine.begin() as connection:
        connection.execute(sa.schema.DropSchema(schema, cascade=True))
    engine.dispose()


@pytest.fixture
def store(place):
    with FeedbackStore(place) as store:
        yield store


@pytest.fixture
def ids(store):
    """Segments that are stored."""
    return store.add_segments([{"speed": np.full(3, i)} for i in range(6)])


@pytest.fixture
def new_queue(store):
    """A queue of the store; no repeats unless asked for."""

    def new(seed=0, **options):
        rng = np.random.default_rng(seed)
        return LabelQueue(store, **{"repeat_share": 0.0, **options}, rng=rng)

    return new


@pytest.fixture
def queue(new_queue):
    return new_queue()


@pytest.fixture
def pairs(ids):
    """So many comparisons of stored segments."""

    def pairs(count, **fields):
        shown = [(ids[i % 6], ids[(i + 1) % 6]) for i in range(count)]
        return [PostedQuery(f"q{i}", "comparison", pair, **fields) for i, pair in enumerate(shown)]

    return pairs
