import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing

import numpy as np
import pytest
import sqlalchemy as sa

from prefgym.feedback.database import database_url, open_engine
from prefgym.feedback.event import Event
from prefgym.feedback.label_queue import LabelQueue
from prefgym.feedback.migration import STEPS
from prefgym.feedback.posted_query import PostedQuery
from prefgym.feedback.store import FeedbackStore
from prefgym.feedback.tables import SCHEMA, SCHEMA_VERSION

A = "4076e75c6740a8c01e518134682c6e5de91798caff42ff60f5aaa5bb01ac95f3"
B = "dd89e0986cedf6e36fb87726ca713d7e091be3fe3f9fc6f73ad676da4c77f2a2"

# As prefgym 0.1 wrote it, word for word.
VERSION_1 = f"""
CREATE TABLE events (
	seq INTEGER NOT NULL,
	kind TEXT NOT NULL,
	"key" TEXT NOT NULL,
	rater TEXT NOT NULL,
	round INTEGER NOT NULL,
	segments TEXT NOT NULL,
	answer TEXT NOT NULL,
	answered_at TEXT,
	PRIMARY KEY (seq),
	UNIQUE ("key")
);
CREATE TABLE meta (
	"key" TEXT NOT NULL,
	value TEXT NOT NULL,
	PRIMARY KEY ("key")
);
CREATE TABLE segments (
	id TEXT NOT NULL,
	payload BLOB NOT NULL,
	PRIMARY KEY (id)
);
INSERT INTO meta VALUES('schema_version','1');
INSERT INTO segments VALUES('{A}',X'78012B284A4D4BAFCC55482C2A4AAC2C5630E48A8E56AA50D251B2C9B450D289368E8D8DE56280024628CD04A501D4DA0AA5');
INSERT INTO segments VALUES('{B}',X'78012B284A4D4BAFCC55482C2A4AAC2C5630E48A8E56AA50D251B2C9B450D289368E8D8DE5626480002628CD0CA501D50A0AA8');
INSERT INTO events(kind,"key",rater,round,segments,answer,answered_at) VALUES('comparison','round-0-query-0','teacher',0,'["{A}","{B}"]','{{"preference":1.0}}',NULL);
INSERT INTO events(kind,"key",rater,round,segments,answer,answered_at) VALUES('comparison','round-0-query-1','teacher',0,'["{B}","{A}"]','{{"preference":null}}',NULL);
INSERT INTO events(kind,"key",rater,round,segments,answer,answered_at) VALUES('undo','back','teacher',0,'[]','{{"key":"round-0-query-1"}}',NULL);
"""  # noqa: E501
ANSWER = Event("comparison", "round-0-query-0", "teacher", 0, (A, B), {"preference": 1.0})


def write_version_1(place):
    """A store as prefgym 0.1 left it."""
    script = VERSION_1
    engine = open_engine(database_url(place))
    if engine.dialect.name == "postgresql":
        script = script.replace("seq INTEGER", "seq SERIAL").replace("BLOB", "BYTEA")
        script = script.replace("X'", "'\\x")
    with engine.begin() as connection:
        for statement in filter(str.strip, script.split(";\n")):
            connection.exec_driver_sql(statement)
    engine.dispose()
    return place


def test_a_store_of_version_1_is_brought_up_to_date_when_opened(place):
    write_version_1(place)
    with FeedbackStore(place) as store:
        assert store.events() == [ANSWER]
        assert [event.key for event in store.events(kinds=["undo"])] == ["back"]
        arrays = store.segments([A, B])
        np.testing.assert_array_equal(arrays[1]["x"], np.arange(3) + 1, strict=True)
        assert store.environment() is None
        queue = LabelQueue(store, rng=np.random.default_rng(0))
        queue.post([PostedQuery("q", "comparison", (A, B))])
        lent = queue.claim("ann")
        queue.submit(lent.id, lent.token, {"preference": 0.0})
    with FeedbackStore(place) as store:
        assert [event.rater for event in store.events()] == ["teacher", "ann"]


def described(place):
    """What the tables of a database are like."""
    engine = open_engine(database_url(place))
    inspector = sa.inspect(engine)
    tables = {
        table: (
            [(c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns(table)],
            inspector.get_pk_constraint(table)["constrained_columns"],
            sorted(str(key["referred_table"]) for key in inspector.get_foreign_keys(table)),
            sorted((str(i["name"]), i["column_names"]) for i in inspector.get_indexes(table)),
        )
        for table in sorted(inspector.get_table_names())
    }
    engine.dispose()
    return tables


def test_an_old_store_ends_with_the_tables_of_a_new_one(tmp_path):
    for path in (write_version_1(tmp_path / "old.sqlite"), tmp_path / "new.sqlite"):
        FeedbackStore(path).close()
    old, new = (described(tmp_path / f"{name}.sqlite") for name in ("old", "new"))
    assert old == new
    assert set(new) == set(SCHEMA.tables)


def test_every_old_version_has_a_step():
    assert sorted(STEPS) == list(range(1, SCHEMA_VERSION))


def test_a_store_that_may_not_be_written_keeps_its_version(tmp_path):
    path = write_version_1(tmp_path / "old.sqlite")
    before = path.read_bytes()
    with pytest.raises(OSError, match="readonly database"):
        FeedbackStore(f"sqlite:///file:{path}?mode=ro&uri=true")
    assert path.read_bytes() == before


KILLED = """
    import os, random, signal, sys, time
    from pathlib import Path

    sys.path.insert(0, {tests!r})
    import test_migration
    from prefgym.feedback.store import FeedbackStore

    folder, generator = Path({folder!r}), random.Random(1)
    kills = trial = unfinished = 0
    while kills < 20:
        path = test_migration.write_version_1(folder / f"{{trial}}.sqlite")
        trial += 1
        start = os.fork()
        if start == 0:
            FeedbackStore(path)
            os._exit(0)
        time.sleep(generator.uniform(0, 0.03))
        os.kill(start, signal.SIGKILL)
        kills += os.waitpid(start, 0)[1] != 0
        version = test_migration.check_whole(path)
        unfinished += version == "1"
        FeedbackStore(path).close()
        assert test_migration.check_whole(path) == "2"
        assert not Path(f"{{path}}-journal").exists()
    print(unfinished)
"""


def check_whole(path):
    """The version of a store that was perhaps killed; it has all of its tables or none."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (version,) = connection.execute(
            "SELECT value FROM meta WHERE key = 'schema_version'"
        ).fetchone()
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        names = {name for (name,) in rows}
        assert names == ({"meta", "segments", "events"} if version == "1" else set(SCHEMA.tables))
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (3,)
    return version


def test_a_store_that_is_killed_on_the_way_is_of_the_old_version_or_the_new(tmp_path):
    tests = str(__file__).rsplit("/", 1)[0]
    code = textwrap.dedent(KILLED.format(tests=tests, folder=str(tmp_path)))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0
