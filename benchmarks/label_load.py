"""Sixteen people label as fast as they can: what is lost, and how long an answer takes.

    python benchmarks/label_load.py [--store URL] [--people 16] [--answers 500] [--pause 0]

One real server process, loopback HTTP with kept connections. Every person gets a question and
answers it, again and again: without a pause, which is far more than people do, or after a time of
`pause` seconds on average.
"""

import argparse
import json
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from label_page import Client, cpu_seconds, fields_of, fill, resident_mib, server

from prefgym.feedback.label.desk import cookie_name
from prefgym.feedback.label_queue import LabelQueue
from prefgym.feedback.store import FeedbackStore

CHOICES = ("0", "1", "tie", "skip")


class Person(threading.Thread):
    """Answers until all answers are given or nothing is asked."""

    def __init__(self, client: Client, answers: int, pause: float, seed: int) -> None:
        super().__init__()
        self.client = client
        self.answers = answers
        self.pause = pause
        self.rng = np.random.default_rng(seed)
        self.acknowledged: list[str] = []
        self.seconds: dict[str, list[float]] = {"question": [], "answer": []}
        self.refused: list[int] = []

    def run(self) -> None:
        """Label."""
        for number in range(self.answers):
            page = self._timed("question", lambda: self.client.get("/label")[1])
            fields = fields_of(page)
            if "assignment" not in fields:
                return
            time.sleep(self.rng.exponential(self.pause))
            said = fields | {"choice": CHOICES[number % 4], "seconds": "1.5"}
            status = self._timed("answer", lambda: self.client.post("/answer", said))  # noqa: B023
            if status == 303:
                self.acknowledged.append(fields["assignment"])
            else:
                self.refused.append(status)

    def _timed(self, name, call):  # type: ignore[no-untyped-def]
        begin = time.perf_counter()
        result = call()
        self.seconds[name].append(time.perf_counter() - begin)
        return result


def main() -> None:
    """Run and print one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--store", default="")
    parser.add_argument("--people", type=int, default=16)
    parser.add_argument("--answers", type=int, default=500)
    parser.add_argument("--pause", type=float, default=0.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = options.store or str(Path(folder) / "feedback.sqlite")
        print(json.dumps(measure(url, options.people, options.answers, options.pause)))


def measure(url: str, num_people: int, num_answers: int, pause: float) -> dict[str, object]:
    """What so many people did, and what is stored of it."""
    sessions = fill(url, num_people * num_answers, num_people)
    with FeedbackStore(url) as store:
        cookie = cookie_name("session", store.database.name)
    with server(url) as (process, port):
        people = [
            Person(Client(port, cookie, session), num_answers, pause, seed)
            for seed, session in enumerate(sessions)
        ]
        people[0].client.get("/label")
        begin, spent, held = time.perf_counter(), cpu_seconds(process), resident_mib(process)
        _run(people)
        elapsed, spent = time.perf_counter() - begin, cpu_seconds(process) - spent
        grown = resident_mib(process) - held
    with FeedbackStore(url) as store:
        records = LabelQueue(store, rng=np.random.default_rng(0)).records()
        num_events = len(store.events())
    stored = [record.event.rsplit("-", 1)[0] for record in records]
    acknowledged = [name for person in people for name in person.acknowledged]
    queries = [record.query for record in records if not record.repeat]
    milliseconds = {
        f"{name}_ms": _percentiles([s for person in people for s in person.seconds[name]])
        for name in ("answer", "question")
    }
    return {
        "store": url.split(":")[0] if "://" in url else "sqlite",
        "people": num_people,
        "pause_seconds": pause,
        "acknowledged": len(acknowledged),
        "stored": num_events,
        "lost": len(set(acknowledged) - set(stored)),
        "doubled": len(stored) - len(set(stored)) + len(queries) - len(set(queries)),
        "refused": [status for person in people for status in person.refused],
        "answers_per_second": round(len(acknowledged) / elapsed, 1),
        "server_ms_per_answer": round(1000 * spent / max(len(acknowledged), 1), 1),
        "server_mib": round(held, 1),
        "server_mib_grown": round(grown, 1),
        **milliseconds,
    }


def _run(people: list[Person]) -> None:
    """Let everyone label at once."""
    for person in people:
        person.start()
    for person in people:
        person.join()


def _percentiles(seconds: list[float]) -> dict[str, float]:
    return {
        f"p{share}": round(1000 * float(np.percentile(seconds, share)), 1) for share in (50, 95, 99)
    }


if __name__ == "__main__":
    main()
