"""A labelling page to try hard: a real server process, drives to look at, and a lean client."""

import http.client
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import numpy as np

from prefgym.feedback.label_queue import LabelQueue
from prefgym.feedback.people import People
from prefgym.feedback.posted_query import Environment, PostedQuery
from prefgym.feedback.store import FeedbackStore

_SERVE = """
import sys
from prefgym.feedback.label.serve import serve
from prefgym.feedback.label.settings import LabelSettings
limits = LabelSettings(port=int(sys.argv[2]), min_seconds=0.0, requests_per_second=1e6, burst=10**6)
serve(sys.argv[1], limits, open_browser=False, say=lambda text: print(text, flush=True))
"""
_FIELD = re.compile(r'name="(assignment|token|csrf)" value="([^"]*)"')


def fill(url: str, num_queries: int, num_people: int) -> list[str]:
    """Post comparisons of drives; one session token per person."""
    rng = np.random.default_rng(0)
    with FeedbackStore(url) as store:
        store.set_environment(Environment("prefgym/Driving-v0"))
        ids = store.add_segments([_drive(rng) for _ in range(64)])
        pairs = [rng.choice(len(ids), 2, replace=False) for _ in range(num_queries)]
        queries = [
            PostedQuery(f"q{number}", "comparison", (ids[a], ids[b]))
            for number, (a, b) in enumerate(pairs)
        ]
        LabelQueue(store, rng=rng).post(queries)
        people = People(store)
        invited = [people.invite("annotator", ttl_seconds=3600.0) for _ in range(num_people)]
        return [people.join(token, f"person {k}") for k, token in enumerate(invited)]


def _drive(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Twenty states of thirty cars that keep their speeds."""
    speed = rng.uniform(20.0, 35.0, 30)
    x = rng.uniform(-200.0, 200.0, 30) + 0.5 * speed * np.arange(20)[:, None]
    rows = [x, np.tile(rng.choice([0.0, 4.0, 8.0], 30), (20, 1)), np.tile(speed, (20, 1))]
    states = np.stack([*rows, np.full((20, 30), 4.5)], axis=2).astype(np.float32)
    return {"states": states, "mask": np.ones(20, np.bool_)}


def start(url: str, port: int = 0) -> tuple[subprocess.Popen[str], int]:
    """A server process, listening, and its port."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE, url, str(port)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    link = urlsplit(line.split()[-1])
    if link.port is None:
        raise RuntimeError(f"the server did not start: {line!r}")
    return process, link.port


@contextmanager
def server(url: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server process and its port; it is stopped in the end."""
    process, port = start(url)
    try:
        yield process, port
    finally:
        process.terminate()
        process.communicate(timeout=30)


def cpu_seconds(process: subprocess.Popen[str]) -> float:
    """Time that a process has spent computing so far (Linux) [s]."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Client:
    """One person's browser: keeps its connection."""

    def __init__(self, port: int, cookie: str, session: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.headers = {
            "Cookie": f"{cookie}={session}",
            "Origin": f"http://127.0.0.1:{port}",
            "Content-Type": "application/x-www-form-urlencoded",
        }

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of a page."""
        self.connection.request("GET", path, headers=self.headers)
        reply = self.connection.getresponse()
        return reply.status, reply.read().decode()

    def post(self, path: str, fields: dict[str, str]) -> int:
        """Status of the answer to a form."""
        self.connection.request("POST", path, urlencode(fields), self.headers)
        reply = self.connection.getresponse()
        reply.read()
        return reply.status


def fields_of(page: str) -> dict[str, str]:
    """The hidden fields of a question's form; fewer where nothing is asked."""
    return dict(_FIELD.findall(page))


def resident_mib(process: subprocess.Popen[str]) -> float:
    """Memory that a process holds (Linux) [MiB]."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
