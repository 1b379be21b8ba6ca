"""kill -9 at random moments: no answer that was acknowledged may be lost, and no file half written.

    python benchmarks/kill_store.py [--kills 200] [--postgres postgresql://user@host/name]

Processes that answer, take back, export and migrate are killed at random moments. Each notes what
was acknowledged in a file of its own; afterwards the store is opened again and held against it.
"""

import argparse
import json
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from prefgym.feedback.database import database_url, open_engine
from prefgym.feedback.exchange import export_store, import_store
from prefgym.feedback.label_queue import LabelQueue
from prefgym.feedback.posted_query import PostedQuery
from prefgym.feedback.store import FeedbackStore
from prefgym.feedback.tables import ASSIGNMENTS, EVENTS, META, QUERIES, SCHEMA, SEGMENTS

SHARES = {"labelling": 0.4, "undo": 0.25, "export": 0.175, "migration": 0.175}
NUM_PEOPLE = 3  # processes that answer at once
NUM_QUERIES = 600
OVERLAP = 2
patience = [0.1]  # seconds until a migration is killed, at most; follows what they take
COLUMNS = ("kills", "acknowledged", "lost", "doubled", "half written", "damaged")


def main() -> int:
    """Kill, look, and print a table; the number of things that went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--postgres", help="URL of a database in which schemas may be made")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng, rows = random.Random(options.seed), {}
    for engine in ["SQLite", *(["PostgreSQL"] if options.postgres else [])]:
        for during, share in SHARES.items():
            wanted, counts = round(share * options.kills), Counter[str]()
            while counts["kills"] < wanted:
                with tempfile.TemporaryDirectory() as folder:
                    url = options.postgres if engine == "PostgreSQL" else None
                    counts += trial(during, Path(folder), url, rng)
            rows[engine, during] = counts
            print(f"{engine}, {during}: {dict(counts)}", file=sys.stderr)
    print("| engine | killed during | " + " | ".join(COLUMNS) + " |")
    print("| --- " * (2 + len(COLUMNS)) + "|")
    for (engine, during), counts in rows.items():
        print(f"| {engine} | {during} | " + " | ".join(str(counts[c]) for c in COLUMNS) + " |")
    return sum(counts[name] for counts in rows.values() for name in COLUMNS[2:])


def trial(during: str, folder: Path, url: str | None, rng: random.Random) -> Counter[str]:
    """Prepare a store, let processes at it, kill them, and look."""
    place, drop = new_place(folder, url)
    try:
        prepare(place, during)
        if during == "migration":
            begin = time.monotonic() + rng.uniform(0, patience[0])
            counts = kill(
                [lambda: FeedbackStore(place).close()], [lambda: time.monotonic() > begin]
            )
            counts += look_at_migration(place)
            # so that about half are killed before and half after the store is of the new version
            patience[0] *= 1.1 if counts["version 1"] else 0.9
            return counts
        if during == "export":
            number, num_files = rng.randrange(3), rng.randrange(7)
            partial = folder / f".export-{number}.partial"
            counts = kill(
                [lambda: export(place, folder)],
                [lambda: partial.exists() and len(list(partial.iterdir())) >= num_files],
                rng.uniform(0, 0.02),
            )
            return counts + look_at_export(folder) + look_at_answers(place, folder)
        people = range(NUM_PEOPLE)
        notes = [folder / f"{number}.notes" for number in people]
        wanted = sorted(rng.randrange(2, 40) for _ in people)
        counts = kill(
            [lambda n=n: answer(place, notes[n], n, during == "undo") for n in people],
            [lambda n=n: num_lines(notes[n]) >= wanted[n] for n in people],
            rng.uniform(0, 0.03),
        )
        return counts + look_at_answers(place, folder)
    finally:
        drop()


def num_lines(path: Path) -> int:
    """Lines of a file that may not be there yet."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


def new_place(folder: Path, url: str | None) -> tuple[str, Callable[[], None]]:
    """Where the trial's store is, and what removes it."""
    if url is None:
        return str(folder / "feedback.sqlite"), lambda: None
    schema = f"prefgym_{uuid.uuid4().hex}"
    execute(url, f"CREATE SCHEMA {schema}")
    own = database_url(url).update_query_dict({"options": f"-csearch_path={schema}"})
    return (
        own.render_as_string(hide_password=False),
        lambda: execute(url, f"DROP SCHEMA {schema} CASCADE"),
    )


def execute(place: str, *statements: str) -> None:
    """Change a database behind the store's back."""
    engine = open_engine(database_url(place))
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def prepare(place: str, during: str) -> None:
    """A store to answer from, one with answers to export, or one of the old version."""
    with FeedbackStore(place) as store:
        ids = store.add_segments([{"x": np.full(500, float(i))} for i in range(60)])
        queue = new_queue(store)
        queue.post(
            [
                PostedQuery(
                    f"q{i}", "comparison", (ids[i % 60], ids[(i + 7) % 60]), overlap=OVERLAP
                )
                for i in range(NUM_QUERIES)
            ]
        )
        for _ in range({"export": 20, "migration": 3}.get(during, 0)):
            lent = queue.claim("ann")
            queue.submit(lent.id, lent.token, {"preference": 1.0})
    if during == "migration":
        engine = open_engine(database_url(place))
        with engine.begin() as connection:
            old = {META, SEGMENTS, EVENTS}
            SCHEMA.drop_all(connection, [t for t in SCHEMA.sorted_tables if t not in old])
            connection.execute(sa.update(META).values(value="1"))
        engine.dispose()


def new_queue(store: FeedbackStore, seed: int = 0) -> LabelQueue:
    """The queue that everybody uses."""
    return LabelQueue(store, repeat_share=0.1, rng=np.random.default_rng(seed))


def kill(
    works: list[Callable[[], None]], due: list[Callable[[], bool]], later: float = 0.0
) -> Counter[str]:
    """Let each run in a process of its own, killed when it is due, and a little later [s].

    Those that had ended by then are no kills.
    """
    children = []
    for work in works:
        child = os.fork()
        if child == 0:
            try:
                work()
            finally:
                os._exit(0)
        children.append(child)
    kills = 0
    for child, is_due in zip(children, due, strict=True):
        ended = 0
        while not ended and not is_due():
            time.sleep(0.001)
            ended, status = os.waitpid(child, os.WNOHANG)
        if not ended:
            time.sleep(later)
            os.kill(child, signal.SIGKILL)
            status = os.waitpid(child, 0)[1]
        kills += os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    return Counter({"kills": kills})


def answer(place: str, path: Path, number: int, take_back: bool) -> None:
    """Answer for ever, taking back every third answer if so asked, and note what was stored."""
    rater = f"rater {number}"
    notes = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with FeedbackStore(place) as store:
        queue = new_queue(store, number)
        for turn in range(10**9):
            lent = queue.claim(rater)
            if lent is None:
                return
            said = {"preference": (1.0, 0.5, 0.0, None)[turn % 4]}
            event = queue.submit(lent.id, lent.token, said, seconds=1.0)
            os.write(notes, (json.dumps([event.key, said]) + "\n").encode())
            if take_back and turn % 3 == 2 and queue.undo(rater):
                os.write(
                    notes, (json.dumps([f"{event.key}-undo", {"key": event.key}]) + "\n").encode()
                )


def export(place: str, folder: Path) -> None:
    """Export again and again."""
    with FeedbackStore(place) as store:
        for number in range(10**9):
            export_store(store, folder / f"export-{number}", format="jsonl")


def look_at_answers(place: str, folder: Path) -> Counter[str]:
    """Hold the store against what was acknowledged."""
    noted: dict[str, object] = {}
    for path in folder.glob("*.notes"):
        # the last note may be torn: nobody was told of it
        noted |= dict(json.loads(line) for line in path.read_text().splitlines(keepends=True))
    found: Counter[str] = Counter({"acknowledged": len(noted)})
    with FeedbackStore(place) as store:
        with store.database.read() as connection:
            stored = dict(connection.execute(sa.select(EVENTS.c.key, EVENTS.c.answer)).all())
            found["damaged"] += not consistent(connection)
        found["lost"] += sum(
            key not in stored or json.loads(stored[key]) != said for key, said in noted.items()
        )
        # of every process, one answer may be stored that it did not live to note
        found["doubled"] += max(0, len(stored) - len(noted) - NUM_PEOPLE) if noted else 0
        records = new_queue(store).records()
        asked = Counter((r.query, r.rater, r.repeat) for r in records)
        answered = Counter(r.query for r in records if not r.repeat)
        found["doubled"] += sum(count > 1 for count in asked.values())
        found["doubled"] += sum(count > OVERLAP for count in answered.values())
        found["damaged"] += {r.event for r in records} != {e.key for e in store.events()}
    if "://" not in place:
        found["damaged"] += not sound(place)
    return found


def consistent(connection: sa.Connection) -> bool:
    """Whether each query's count of answers is that of its assignments."""
    row = ASSIGNMENTS.c
    counted = sa.select(sa.func.count()).where(
        row.query == QUERIES.c.seq, row.answered.is_not(None), ~row.repeat
    )
    wrong = sa.select(sa.func.count()).where(
        (QUERIES.c.answers != counted.scalar_subquery())
        | (QUERIES.c.open != (QUERIES.c.answers < QUERIES.c.overlap))
    )
    return connection.execute(wrong).scalar_one() == 0


def sound(path: str) -> bool:
    """What SQLite itself says of the file, and whether it is alone in its folder."""
    with closing(sqlite3.connect(path)) as connection:
        whole = connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        linked = connection.execute("PRAGMA foreign_key_check").fetchall() == []
    beside = [name for name in ("-wal", "-shm", "-journal") if Path(path + name).exists()]
    return whole and linked and not beside


def look_at_export(folder: Path) -> Counter[str]:
    """Import every export that has its name."""
    found: Counter[str] = Counter()
    for exported in folder.glob("export-*"):
        found["acknowledged"] += 1
        with FeedbackStore("sqlite://") as store:
            try:
                found["half written"] += import_store(store, exported).events != 20
            except ValueError:
                found["half written"] += 1
    return found


def look_at_migration(place: str) -> Counter[str]:
    """The store is of the old version or the new, with every answer, and is migrated then."""
    engine = open_engine(database_url(place))
    with engine.connect() as connection:
        version = connection.scalar(sa.select(META.c.value).where(META.c.key == "schema_version"))
        tables = set(sa.inspect(connection).get_table_names())
        events = connection.scalar(sa.select(sa.func.count()).select_from(EVENTS))
    engine.dispose()
    expected = {"1": {"meta", "segments", "events"}, "2": set(SCHEMA.tables)}[str(version)]
    with FeedbackStore(place) as store:
        kept = store.count()
    return Counter(
        {
            "acknowledged": 3,
            "lost": 3 - min(events or 0, kept),
            "half written": int(tables != expected),
            "damaged": 0 if "://" in place else int(not sound(place)),
            f"version {version}": 1,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
