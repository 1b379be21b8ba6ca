"""What the database under the store promises."""

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import pytest
import sqlalchemy as sa

from prefgym.feedback.database import Database, clock, lock
from prefgym.feedback.label_queue import LabelQueue
from prefgym.feedback.lease import FIRST_FREE
from prefgym.feedback.posted_query import PostedQuery
from prefgym.feedback.store import FeedbackStore
from prefgym.feedback.tables import ASSIGNMENTS, META


def pragma(database, name):
    with database.read() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def test_an_answer_is_on_the_disk_before_the_call_returns(path):
    database = Database(path)
    assert pragma(database, "synchronous") == 2
    assert pragma(database, "foreign_keys") == 1
    assert pragma(database, "busy_timeout") == 30_000
    database.close()


def journal(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA journal_mode").fetchone()[0]


def test_many_may_read_while_one_writes_once_people_answer(path):
    with FeedbackStore(path) as store:
        assert journal(path) == "delete"
        LabelQueue(store, rng=np.random.default_rng(0))
        assert journal(path) == "wal"
    with FeedbackStore(path) as store:
        assert journal(path) == "wal"
        store.compact()
        assert journal(path) == "delete"


def test_a_closed_store_is_one_file(path, tmp_path):
    with FeedbackStore(path) as store:
        ids = store.add_segments([{"x": np.arange(i)} for i in range(2)])
        queue = LabelQueue(store, rng=np.random.default_rng(0))
        queue.post([PostedQuery("q", "comparison", tuple(ids))])
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: queue.claim("ann"), range(8)))
        assert len(list(tmp_path.iterdir())) == 3
    assert list(tmp_path.iterdir()) == [path]


def test_a_queue_can_be_opened_while_others_use_the_store(path):
    """Changing the journal waits for whoever reads or writes."""
    with FeedbackStore(path) as store:
        store.add_segments([{"x": np.arange(3)}])

    def use(number):
        with FeedbackStore(path) as own:
            if number % 2:
                LabelQueue(own, rng=np.random.default_rng(0))
            for i in range(5):
                own.add_segments([{"x": np.arange(3) + 100 * number + i}])
                own.count()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, range(8)))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM segments").fetchone() == (40,)


def test_the_clock_is_the_same_for_all_who_share_a_database(place):
    with FeedbackStore(place) as store, store.database.write() as connection:
        before = clock(connection)
        time.sleep(0.05)
        after = clock(connection)
    assert before == pytest.approx(time.time(), abs=5)
    assert 0.04 < after - before < 5


def test_rows_name_only_rows_that_exist(place):
    with FeedbackStore(place) as store:
        lost = {"id": "a", "query": 7, "rater": "ann", "repeat": False, "shown": "[0]"}
        lost |= {"token": "t", "expires_at": 0.0, "revision": 0}
        insert = sa.insert(ASSIGNMENTS).values(lost)
        with pytest.raises(OSError, match=r"(?i)foreign key"), store.database.write() as connection:
            connection.execute(insert)


def test_a_transaction_that_fails_leaves_nothing(place):
    database = Database(place)

    def fail():
        with database.write() as connection:
            connection.execute(sa.insert(META), [{"key": "a", "value": "b"}])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(META)) == 1
    database.close()


def test_who_holds_a_name_is_alone(place):
    database, order = Database(place), []

    def hold(number):
        with database.write() as connection:
            lock(connection, "name")
            order.append(number)
            time.sleep(0.02)
            order.append(number)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(hold, range(4)))
    assert order[::2] == order[1::2]
    database.close()


def test_every_thread_has_a_connection(place):
    """Forty threads of a web server read at once."""
    database, barrier = Database(place), threading.Barrier(40)

    def read(_):
        with database.read() as connection:
            barrier.wait(timeout=20)
            return connection.scalar(sa.select(sa.func.count()).select_from(META))

    with ThreadPoolExecutor(40) as pool:
        assert list(pool.map(read, range(40))) == [1] * 40
    database.close()


def test_many_may_create_one_store_at_once(place):
    def create(_):
        FeedbackStore(place).close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(create, range(8)))
    with FeedbackStore(place) as store:
        assert store.count() == 0


def test_the_next_query_is_found_by_the_index(path):
    """Else a claim would take longer the more queries there are."""
    query = FIRST_FREE.params(rater="ann", now=0.0)
    with FeedbackStore(path) as store, store.database.read() as connection:
        sql = query.compile(connection, compile_kwargs={"literal_binds": True})
        plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}").all())
    assert "queries USING INDEX queries_open" in plan
    assert "TEMP B-TREE" not in plan
