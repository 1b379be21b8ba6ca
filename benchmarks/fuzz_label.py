"""Ten thousand requests that nobody would make: how many does the labelling page answer with 5xx?

    python benchmarks/fuzz_label.py [--requests 10000] [--seed 0]

Schemathesis draws requests from the page's OpenAPI description, in process. To get past the door,
most carry the session and form token of an admin who is signed in, and those about a question the
question that this person holds.
"""

import argparse
import json
import logging
import tempfile
from collections import Counter
from pathlib import Path

import hypothesis
import numpy as np
import schemathesis
from fastapi import FastAPI
from hypothesis import strategies as st
from schemathesis import Case
from starlette.testclient import TestClient

from prefgym.feedback.label.app import create_app
from prefgym.feedback.label.demo import post_demo
from prefgym.feedback.label.desk import Desk
from prefgym.feedback.label.security import derived
from prefgym.feedback.label.settings import LabelSettings

ORIGIN = "http://127.0.0.1:8765"
LIMITS = LabelSettings(min_seconds=0.0, requests_per_second=1e6, burst=10**6)
FAULT = 500


class Intruder:
    """Sends what is drawn, and counts what comes back."""

    def __init__(self, app: FastAPI) -> None:
        self.desk: Desk = app.state.desk
        self.client = TestClient(
            app, base_url=ORIGIN, follow_redirects=False, raise_server_exceptions=False
        )
        self.session = ""
        self.statuses: Counter[int] = Counter()
        self.faults: list[str] = []
        self.sign_in()

    def sign_in(self) -> None:
        """Begin a session, where the last one was signed out."""
        if self.desk.people.session(self.session) is None:
            known = [person.name for person in self.desk.people.list()]
            name = "ann" if "ann" in known else None
            token = self.desk.people.invite("admin", ttl_seconds=600.0, name=name)
            self.session = self.desk.people.join(token, "ann")

    def send(self, case: Case, honest: dict[str, bool]) -> None:
        """Send one request; `honest` says which of its parts are as they should be."""
        self.sign_in()
        body = dict(case.body) if isinstance(case.body, dict) else {}
        if honest["form"]:
            body["csrf"] = derived(self.session, "form")
        held = self.desk.queue.claim("ann") if honest["question"] else None
        if held is not None:
            body |= {"assignment": held.id, "token": held.token}
        headers = {"origin": ORIGIN} if honest["origin"] else {}
        if honest["session"]:
            headers["cookie"] = f"{self.desk.session_cookie}={self.session}"
        reply = self.client.request(
            case.method,
            case.formatted_path,
            params=_texts(case.query),
            data=_texts(body) if case.method == "POST" else None,
            headers=headers,
        )
        self.statuses[reply.status_code] += 1
        if reply.status_code >= FAULT:
            self.faults.append(f"{case.method} {case.formatted_path} {body!r}")


def _texts(values: object) -> dict[str, str]:
    """Names and values as a form or an address carries them."""
    if not isinstance(values, dict):
        return {}
    return {
        _sendable(name): _sendable(value if isinstance(value, str) else json.dumps(value))
        for name, value in values.items()
    }


def _sendable(text: str) -> str:
    return text.encode(errors="replace").decode()


def fuzz(app: FastAPI, num_requests: int, seed: int) -> Intruder:
    """Send about so many requests, as many to every address."""
    intruder = Intruder(app)
    description = schemathesis.openapi.from_dict(app.openapi())
    operations = [found.ok() for found in description.get_all_operations()]
    mostly = st.sampled_from([True, True, True, False])
    honest = st.fixed_dictionaries(dict.fromkeys(("form", "question", "origin", "session"), mostly))
    for number, operation in enumerate(operations):
        drawn = st.tuples(operation.as_strategy(), honest)
        share = num_requests // len(operations) + (number < num_requests % len(operations))

        @hypothesis.seed(seed)
        @hypothesis.settings(
            max_examples=share,
            database=None,
            deadline=None,
            phases=[hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        @hypothesis.given(drawn)
        def send(found: tuple[Case, dict[str, bool]]) -> None:
            intruder.send(*found)

        send()
    return intruder


def main() -> None:
    """Fuzz, and print one line of JSON; exit code 1 if there was a fault."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    logging.disable(logging.WARNING)  # refusals are what is asked for
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(Path(folder) / "feedback.sqlite", settings=LIMITS)
        store = app.state.desk.store
        post_demo(store, "driving", rng=np.random.default_rng(0))
        intruder = fuzz(app, options.requests, options.seed)
        store.close()
    found = {"requests": intruder.statuses.total(), "faults": len(intruder.faults)}
    statuses = {str(status): count for status, count in sorted(intruder.statuses.items())}
    print(json.dumps({**found, "statuses": statuses}))
    for fault in intruder.faults[:10]:
        print(fault)
    raise SystemExit(bool(intruder.faults))


if __name__ == "__main__":
    main()
