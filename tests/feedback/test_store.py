import sqlite3
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from prefgym.feedback.database import database_url, insert_missing, open_engine
from prefgym.feedback.event import Event
from prefgym.feedback.posted_query import Environment
from prefgym.feedback.store import FeedbackStore
from prefgym.feedback.tables import SCHEMA


def segment(number, num_steps=20):
    rng = np.random.default_rng(number)
    return {
        "observations": rng.normal(size=(num_steps, 12)).astype(np.float32),
        "mask": np.ones(num_steps, bool),
        "criteria": rng.normal(size=(num_steps, 4)),
    }


def comparison(key, ids, *, preference=1.0, round_index=0, rater="ann", **fields):
    return Event("comparison", key, rater, round_index, ids, {"preference": preference}, **fields)


def undo(key, superseded, *, round_index=0):
    return Event("undo", key, "ann", round_index, answer={"key": superseded})


@pytest.fixture
def pair(store):
    return tuple(store.add_segments([segment(0), segment(1)]))


def fill(path, num_rounds=4):
    """What a small run writes."""
    with FeedbackStore(path) as store:
        for round_index in range(num_rounds):
            ids = store.add_segments([segment(10 * round_index + i) for i in range(6)])
            store.append(
                [
                    comparison(
                        f"{round_index}/{i}",
                        (ids[i], ids[i + 1]),
                        preference=[0.0, 0.5, 1.0, None][i % 4],
                        round_index=round_index,
                    )
                    for i in range(5)
                ]
            )
        store.append([undo("back", "1/2", round_index=1)])
    return path


# --- segments


def test_segments_come_back_as_they_were_under_an_id_that_is_their_content(store):
    ids = store.add_segments([segment(0), segment(1), segment(0)])
    assert ids[0] == ids[2] != ids[1]
    assert all(len(identity) == 64 for identity in ids)
    back = store.segments([ids[1], ids[0], ids[1]])
    for found, number in zip(back, (1, 0, 1), strict=True):
        expected = segment(number)
        assert found.keys() == expected.keys()
        for name, array in expected.items():
            np.testing.assert_array_equal(found[name], array, strict=True)
    assert store.segments([]) == []
    assert store.add_segments([]) == []


def test_more_segments_than_fit_into_one_query(store):
    ids = store.add_segments([{"x": np.array([i])} for i in range(1300)])
    assert len(set(ids)) == 1300
    assert [int(arrays["x"][0]) for arrays in store.segments(ids)] == list(range(1300))


def test_unknown_or_damaged_segments_are_named(store, place, pair):
    with pytest.raises(ValueError, match=r"segments must be stored .*got 1 unknown.*'nobody'"):
        store.segments([pair[0], "nobody"])
    engine = open_engine(database_url(place))
    with engine.begin() as connection:
        damage = sa.update(SCHEMA.tables["segments"]).values(payload=b"nonsense")
        connection.execute(damage)
    engine.dispose()
    with pytest.raises(ValueError, match=f"segment {pair[0]} is damaged"):
        store.segments([pair[0]])


# --- events


def test_events_come_back_as_they_were_and_in_order(store, pair):
    events = [
        comparison("a", pair, preference=0.5, answered_at="2020-02-02T02:02:02Z"),
        comparison("b", pair, preference=None, round_index=3, rater="bob"),
        Event("rating", "c", "ann", 3, pair[:1], {"stars": 4, "words": ["calm", "slow"]}),
    ]
    assert store.append(events[:1]) == 1
    assert store.append(events[1:]) == 2
    assert store.events() == events
    assert store.events(up_to_round=2) == events[:1]
    assert store.events(kinds=["rating"]) == events[2:]
    assert store.count() == 3
    assert store.count(up_to_round=3, kinds=["comparison"]) == 2
    assert store.append([]) == 0


def test_answers_outlive_the_process(place, pair, store):
    store.append([comparison("a", pair)])
    with FeedbackStore(place) as reopened:
        assert [event.key for event in reopened.events()] == ["a"]
        assert len(reopened.segments(pair)) == 2


def test_a_repeated_answer_is_stored_once(store, pair):
    event = comparison("a", pair, answered_at="2020-02-02T02:02:02Z")
    assert store.append([event, event]) == 1
    again = comparison("a", pair, answered_at="2020-02-02T02:02:09Z")
    assert store.append([again, comparison("b", pair)]) == 1
    assert store.events() == [event, comparison("b", pair)]


def test_another_answer_under_the_same_key_is_refused_and_nothing_stored(store, pair):
    store.append([comparison("a", pair)])
    with pytest.raises(ValueError, match=r"key 'a' must always name the same event, got .*0\.0"):
        store.append([comparison("b", pair), comparison("a", pair, preference=0.0)])
    with pytest.raises(ValueError, match="key 'c' must always name"):
        store.append([comparison("c", pair), comparison("c", pair[::-1])])
    assert [event.key for event in store.events()] == ["a"]


def test_undo_takes_back_and_stays_on_record(store, pair):
    store.append([comparison("a", pair, round_index=1), comparison("b", pair, round_index=1)])
    store.append([undo("u", "a", round_index=2)])
    assert [event.key for event in store.events()] == ["b"]
    assert [event.key for event in store.events(kinds=["undo", "comparison"])] == ["b", "u"]
    assert [event.key for event in store.events(up_to_round=1)] == ["a", "b"]
    store.append([undo("redo", "u", round_index=2)])
    assert store.count() == 2
    # Answered anew under a key of its own, in one call with the undo.
    store.append([undo("u2", "b"), comparison("b2", pair, preference=0.0)])
    assert [event.key for event in store.events()] == ["a", "b2"]


def test_events_about_the_unknown_are_refused(store, pair):
    with pytest.raises(ValueError, match=r"segments must be stored.*'nobody'"):
        store.append([comparison("a", (pair[0], "nobody"))])
    with pytest.raises(ValueError, match=r"events must be stored.*'never'"):
        store.append([comparison("a", pair), undo("u", "never")])
    assert store.count() == 0


def test_raters_may_answer_at_the_same_time(place, store, pair):
    def answer(rater):
        with FeedbackStore(place) as own:
            for i in range(10):
                own.append([comparison(f"{rater}/{i}", pair, rater=str(rater))])
                store.append([comparison(f"shared/{i}", pair)])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(answer, range(4)))
    assert store.count() == 50


def test_of_two_who_race_with_one_key_the_slower_is_refused(store, place, pair, monkeypatch):
    check = FeedbackStore._check
    rival = [comparison("a", pair, preference=0.0)]

    def slow_check(self, connection, events):
        stored = check(self, connection, events)
        if rival:
            connection.rollback()
            with FeedbackStore(place) as other:
                monkeypatch.setattr(FeedbackStore, "_check", check)
                other.append([rival.pop()])
        return stored

    monkeypatch.setattr(FeedbackStore, "_check", slow_check)
    with pytest.raises(ValueError, match="key 'a' must always name the same event"):
        store.append([comparison("a", pair), comparison("b", pair)])
    assert [event.answer["preference"] for event in store.events()] == [0.0]


# --- bytes


def test_same_calls_same_bytes(tmp_path):
    one, two = (fill(tmp_path / name).read_bytes() for name in ("one.sqlite", "two.sqlite"))
    assert one == two


def test_repeated_calls_leave_the_bytes_alone(path):
    before = fill(path).read_bytes()
    assert fill(path).read_bytes() == before


def test_reading_leaves_the_bytes_alone(path):
    before = fill(path).read_bytes()
    with FeedbackStore(path) as store:
        store.segments(list(store.events()[0].segments))
        store.count()
    assert path.read_bytes() == before


KILLED_RUN = """
    import os, random, signal, sys, time
    from pathlib import Path

    sys.path.insert(0, {tests!r})
    import test_store

    folder, generator = Path({folder!r}), random.Random(1)
    start = time.monotonic()
    reference = test_store.fill(folder / "whole.sqlite").read_bytes()
    duration = time.monotonic() - start
    kills = trial = 0
    while kills < 20:
        path = folder / f"{{trial}}.sqlite"
        trial += 1
        while True:
            child = os.fork()
            if child == 0:
                test_store.fill(path)
                os._exit(0)
            time.sleep(generator.uniform(0, 0.7 * duration))
            os.kill(child, signal.SIGKILL)
            if os.waitpid(child, 0)[1] == 0:
                break
            kills += 1
        assert path.read_bytes() == reference, trial
        assert not Path(str(path) + "-journal").exists()
"""


def run_python(code):
    """A script in a process of its own, which may be killed or starved."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120
    )


def test_killed_runs_that_start_over_leave_the_same_bytes(tmp_path):
    tests = str(__file__).rsplit("/", 1)[0]
    done = run_python(KILLED_RUN.format(tests=tests, folder=str(tmp_path)))
    assert done.returncode == 0, done.stderr


def test_compact_bytes_follow_from_content_alone(tmp_path):
    fill(tmp_path / "at once.sqlite")
    with FeedbackStore(tmp_path / "at once.sqlite") as store:
        events = store.events(kinds=["comparison", "undo"])
        ids = [identity for event in events for identity in event.segments]
        ids = list(dict.fromkeys(ids))
        arrays = store.segments(ids)
        store.compact()
        assert store.events(kinds=["comparison", "undo"]) == events
    with FeedbackStore(tmp_path / "bit by bit.sqlite") as other:
        for part in arrays:
            other.add_segments([part])
    with FeedbackStore(tmp_path / "bit by bit.sqlite") as other:
        lost = comparison("1/2", (ids[6 + 2], ids[6 + 3]), round_index=1)
        for event in [*events[:7], lost, *events[7:]]:
            other.append([event])
        before = (tmp_path / "bit by bit.sqlite").read_bytes()
        other.compact()
    one, two = ((tmp_path / f"{name}.sqlite").read_bytes() for name in ("at once", "bit by bit"))
    assert before != two
    with FeedbackStore(tmp_path / "at once.sqlite") as store:
        assert store.count() == 19
    assert one == two
    assert sorted(p.name for p in tmp_path.iterdir()) == ["at once.sqlite", "bit by bit.sqlite"]


def test_compact_twice_is_compact_once(path):
    fill(path)
    with FeedbackStore(path) as store:
        store.compact()
        once = path.read_bytes()
        store.compact()
        assert path.read_bytes() == once
        store.append([undo("another", "0/0")])
        assert store.count() == 18
    assert path.read_bytes() != once


def test_a_store_that_cannot_be_compacted_stays_as_it_is(path):
    before = fill(path).read_bytes()
    with FeedbackStore(path) as store:
        path.with_name(path.name + ".compact").mkdir()
        with pytest.raises(OSError, match="compact"):
            store.compact()
        assert store.count() == 19
    assert path.read_bytes() == before
    with FeedbackStore("sqlite://") as memory:
        memory.compact()


# --- what can go wrong


def test_a_folder_is_no_store(tmp_path):
    with pytest.raises(OSError, match="must be a file, got the folder"):
        FeedbackStore(tmp_path)


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(OSError, match=r"nowhere/f\.sqlite: unable to open"):
        FeedbackStore(tmp_path / "nowhere" / "f.sqlite")


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"\x00" * 5000])
def test_a_file_that_is_no_database_is_refused_and_left_alone(path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"feedback\.sqlite must be a feedback store, got a file"):
        FeedbackStore(path)
    assert path.read_bytes() == content


def test_a_damaged_store_is_refused(path):
    fill(path)
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xaa" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"got a file that is none or is damaged"):  # noqa: SIM117
        with FeedbackStore(path) as store:
            store.events()


def test_a_database_of_something_else_is_refused(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()
    with pytest.raises(ValueError, match="got a database with the tables recipes"):
        FeedbackStore(path)


def test_the_store_of_a_newer_version_is_refused(place, store):
    store.close()
    engine = open_engine(database_url(place))
    with engine.begin() as connection:
        connection.execute(sa.update(SCHEMA.tables["meta"]).values(value="3"))
    engine.dispose()
    with pytest.raises(ValueError, match=r"must have schema version 2 or an older one, got 3; "):
        FeedbackStore(place)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("://", r"a file or a database URL, got '://'"),
        ("mysql://host/name", "must be in sqlite or postgresql, got mysql"),
    ],
)
def test_other_databases_are_refused(url, message):
    with pytest.raises(ValueError, match=message):
        FeedbackStore(url)


def test_a_store_that_may_only_be_read_can_be_read(path):
    fill(path)
    with FeedbackStore(f"sqlite:///file:{path}?mode=ro&uri=true") as store:
        assert store.count() == 19
        assert store.append([store.events()[0]]) == 0
        with pytest.raises(OSError, match=r"cannot write feedback store .*readonly database"):
            store.add_segments([segment(99)])


FULL_DISK = """
    import resource, sys
    from pathlib import Path

    sys.path.insert(0, {tests!r})
    import test_store
    from prefgym.feedback.store import FeedbackStore

    path = Path({path!r})
    test_store.fill(path)
    before = path.read_bytes()
    limit = len(before) + {spare}
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    with FeedbackStore(path) as store:
        for attempt in range(2):
            try:
                store.add_segments([test_store.segment(i, 500) for i in range(100, 140)])
            except OSError as error:
                print(error)
            else:
                raise AssertionError("there is room")
        store.count()
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    with FeedbackStore(path) as store:
        store.add_segments([test_store.segment(100, 500)])
        assert store.count() == 19
"""


@pytest.mark.parametrize("spare", [0, 20_000, 400_000])
def test_on_a_full_disk_a_call_fails_clearly_and_leaves_no_trace(path, spare):
    tests = str(__file__).rsplit("/", 1)[0]
    done = run_python(FULL_DISK.format(tests=tests, path=str(path), spare=spare))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert line.startswith(f"cannot write feedback store {path}: ")
        assert line.endswith("it is as it was before this call")


def test_on_a_full_disk_no_store_is_created(path):
    code = f"""
        import resource
        from prefgym.feedback.store import FeedbackStore
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, resource.RLIM_INFINITY))
        try:
            FeedbackStore({str(path)!r})
        except OSError as error:
            print(error)
    """
    done = run_python(code)
    assert f"cannot write feedback store {path}: " in done.stdout, done.stderr
    assert path.stat().st_size == 0
    fill(path)


# --- PostgreSQL


def test_every_statement_is_also_postgresql():
    dialect = postgresql.dialect()
    for table in SCHEMA.sorted_tables:
        sql = str(sa.schema.CreateTable(table).compile(dialect=dialect))
        assert f"CREATE TABLE {table.name}" in sql
    assert "BYTEA" in str(sa.schema.CreateTable(SCHEMA.tables["segments"]).compile(dialect=dialect))
    insert = insert_missing("postgresql", SCHEMA.tables["segments"])
    assert "ON CONFLICT DO NOTHING" in str(insert.compile(dialect=dialect))


def test_postgresql_without_its_driver_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ValueError, match=r"needs psycopg.*pip install 'psycopg\[binary\]'"):
        open_engine(sa.make_url("postgresql+psycopg://nobody@localhost/none"))


# --- what else a store keeps


def test_a_clip_comes_back_and_stays(store, pair):
    assert store.clip(pair[0]) is None
    store.add_clip(pair[0], "image/webp", b"\x00picture")
    store.add_clip(pair[0], "image/png", b"another")
    assert store.clip(pair[0]) == ("image/webp", b"\x00picture")
    assert store.clip(pair[1]) is None


@pytest.mark.parametrize("media_type", ["text/html", "image/svg+xml", "", "IMAGE/PNG"])
def test_what_a_browser_might_run_is_no_clip(store, pair, media_type):
    with pytest.raises(ValueError, match="a clip's media type must be one of image/apng"):
        store.add_clip(pair[0], media_type, b"<script>")


def test_a_clip_is_of_a_stored_segment(store):
    with pytest.raises(ValueError, match=r"segments must be stored .*'nobody'"):
        store.add_clip("nobody", "image/png", b"picture")


def test_what_segments_were_recorded_in_is_said_once(store, place):
    merge = Environment("prefgym/Driving-v0", {"scenario": "merge", "cars": 3}, ("comfort",))
    assert store.environment() is None
    store.set_environment(merge)
    store.set_environment(merge)
    assert store.environment() == merge
    with pytest.raises(ValueError, match=r"were recorded in .*merge.*, got .*; use another store"):
        store.set_environment(Environment("CartPole-v1"))
    with FeedbackStore(place) as again:
        assert again.environment() == merge


def test_saying_again_what_is_stored_leaves_the_bytes_alone(path):
    def say(store):
        store.set_environment(Environment("CartPole-v1"))
        (identity,) = store.add_segments([segment(0)])
        store.add_clip(identity, "image/png", b"picture")

    with FeedbackStore(path) as store:
        say(store)
    before = path.read_bytes()
    with FeedbackStore(path) as store:
        say(store)
    assert path.read_bytes() == before
