"""Kill the labelling page again and again, and look for every answer it had acknowledged.

    python benchmarks/kill_label.py [--kills 200] [--people 4]

Each time a new server process is killed (SIGKILL) at a random moment while people answer and take
back answers. Afterwards the store must hold, in order, all that was acknowledged by an HTTP reply,
at most one thing more per person (a request whose reply the kill cut off), and be sound.
"""

import argparse
import http.client
import json
import sqlite3
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

import numpy as np
from label_page import Client, fields_of, fill, start

from prefgym.feedback.label.desk import cookie_name

CHOICES = ("0", "1", "tie", "skip")
UNDO_SHARE = 0.2
MAX_WAIT = 0.5  # [s] between the first reply and the kill
Done = tuple[str, str]
"""What was acknowledged: "answer" or "undo", and the assignment answered; "" for an undo."""


class Person(threading.Thread):
    """Answers and takes back until the server is gone."""

    def __init__(self, client: Client, rng: np.random.Generator) -> None:
        super().__init__()
        self.client = client
        self.rng = rng
        self.acknowledged: list[Done] = []
        self.unsure = False

    def run(self) -> None:
        """Label."""
        try:
            while True:
                page = self.client.get("/label")[1]
                fields = fields_of(page)
                if "assignment" not in fields:
                    return
                undo = 'action="/undo"' in page and self.rng.random() < UNDO_SHARE
                self._send(fields, undo)
        except (OSError, http.client.HTTPException):
            return

    def _send(self, fields: dict[str, str], undo: bool) -> None:
        self.unsure = True
        if undo:
            status = self.client.post("/undo", {"csrf": fields["csrf"]})
            done = ("undo", "")
        else:
            said = fields | {"choice": CHOICES[self.rng.integers(4)]}
            status = self.client.post("/answer", said)
            done = ("answer", fields["assignment"])
        self.unsure = False
        if status != 303:
            raise RuntimeError(f"the server answered {status}")
        self.acknowledged.append(done)


def main() -> None:
    """Kill, check, and print one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--people", type=int, default=4)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "feedback.sqlite"
        sessions = fill(str(path), 20_000, options.people)
        totals = {"acknowledged": 0, "cut_off_but_stored": 0, "lost": 0, "unsound": 0}
        seen: list[int] = [0] * options.people
        for _ in range(options.kills):
            people = kill_once(path, sessions, rng=rng)
            totals["unsound"] += not is_sound(path)
            for number, person in enumerate(people):
                stored = events_of(path, f"person {number}", seen[number])
                seen[number] += len(stored)
                extra = len(stored) - len(person.acknowledged)
                kept = [
                    match(done, event)
                    for done, event in zip(person.acknowledged, stored, strict=False)
                ]
                totals["acknowledged"] += len(person.acknowledged)
                totals["lost"] += kept.count(False) + max(0, -extra)
                totals["cut_off_but_stored"] += max(0, extra)
                if extra > person.unsure:
                    raise RuntimeError(f"stored {extra} more than was asked: {stored}")
        print(json.dumps({"kills": options.kills, "people": options.people, **totals}))


def kill_once(path: Path, sessions: list[str], *, rng: np.random.Generator) -> list[Person]:
    """People who labelled until their server was killed."""
    process, port = start(str(path))
    cookie = cookie_name("session", str(path))
    people = [
        Person(Client(port, cookie, session), generator)
        for session, generator in zip(sessions, rng.spawn(len(sessions)), strict=True)
    ]
    for person in people:
        person.start()
    while not any(person.acknowledged for person in people):
        if not any(person.is_alive() for person in people):
            process.kill()
            raise RuntimeError("the server acknowledges nothing")
        time.sleep(0.005)
    time.sleep(rng.uniform(0.0, MAX_WAIT))
    process.kill()
    process.communicate()
    for person in people:
        person.join()
    return people


def events_of(path: Path, rater: str, after: int) -> list[tuple[str, str]]:
    """Kind and key of a person's events but for the first `after`, in the order stored."""
    query = "SELECT kind, key FROM events WHERE rater = ? ORDER BY seq LIMIT -1 OFFSET ?"
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query, (rater, after)).fetchall()


def match(done: Done, event: tuple[str, str]) -> bool:
    """Whether an event is what was acknowledged."""
    what, assignment = done
    kind, key = event
    return (
        kind == "undo" if what == "undo" else key.startswith(f"{assignment}-") != (kind == "undo")
    )


def is_sound(path: Path) -> bool:
    """Whether SQLite finds the file, and all references in it, to be sound."""
    with closing(sqlite3.connect(path)) as connection:
        (found,) = connection.execute("PRAGMA integrity_check").fetchone()
        broken = connection.execute("PRAGMA foreign_key_check").fetchall()
    return found == "ok" and not broken


if __name__ == "__main__":
    main()
