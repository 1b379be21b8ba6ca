"""Laws of the queue of queries, held against a model of a few dictionaries."""

import numpy as np
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from prefgym.feedback.label_queue import LabelQueue
from prefgym.feedback.posted_query import MAX_RANKED, PostedQuery
from prefgym.feedback.store import FeedbackStore
from prefgym.feedback.tables import EVENTS

RATERS = st.sampled_from(["ann", "bob", "小明"])
PREFERENCES = st.sampled_from([{"preference": p} for p in (1.0, 0.5, 0.0, None)])


def ranks(count):
    given = st.lists(st.integers(0, count - 1), min_size=count, max_size=count)
    return st.builds(lambda value: {"ranks": value}, given | st.none())


class Labelling(RuleBasedStateMachine):
    """People claim, answer and take back in any order."""

    @initialize()
    def begin(self):
        self.store = FeedbackStore("sqlite://")
        self.ids = self.store.add_segments([{"x": np.full(2, i)} for i in range(4)])
        rng = np.random.default_rng(0)
        self.queue = LabelQueue(self.store, lease_seconds=1e6, repeat_share=0.0, rng=rng)
        self.posted, self.closed = [], set()
        self.held, self.lent = {}, {}  # by rater
        self.given = {}  # by key and rater, in the order given: the event
        self.num_events = 0
        for number in range(6):
            self.post(1 + number % 3, number % 2, number)

    def teardown(self):
        if hasattr(self, "store"):
            self.store.close()

    @rule(overlap=st.integers(1, 3), priority=st.integers(0, 2), round_index=st.integers(0, 9))
    def post(self, overlap, priority, round_index):
        query = PostedQuery(
            f"q{len(self.posted)}",
            "comparison",
            (self.ids[0], self.ids[1]),
            round=round_index,
            overlap=overlap,
            priority=priority,
        )
        self.posted.append(query)
        assert self.queue.post([query]) == 1
        assert self.queue.post(self.posted[:1]) == 0

    def answers(self, key):
        return sum(answered == key for answered, _ in self.given)

    def expected(self, rater):
        """The key of the query that this person is to be lent."""
        if rater in self.held:
            return self.held[rater]
        free = [
            (-query.priority, number, query.key)
            for number, query in enumerate(self.posted)
            if query.key not in self.closed
            and (query.key, rater) not in self.given
            and self.answers(query.key) + list(self.held.values()).count(query.key) < query.overlap
        ]
        return min(free)[2] if free else None

    @rule(rater=RATERS)
    def claim(self, rater):
        expected = self.expected(rater)
        lent = self.queue.claim(rater)
        assert (lent and lent.query.key) == expected
        if lent:
            self.held[rater], self.lent[rater] = expected, lent

    @rule(rater=RATERS, said=PREFERENCES)
    def submit(self, rater, said):
        self.claim(rater)
        if rater not in self.held:
            return
        lent = self.lent[rater]
        event = self.queue.submit(lent.id, lent.token, said, seconds=1.0)
        assert self.queue.submit(lent.id, lent.token, said) == event
        assert (event.answer, event.segments) == (said, lent.query.segments)
        self.given[self.held.pop(rater), rater] = event
        self.num_events += 1

    @precondition(lambda self: self.given)
    @rule(rater=RATERS)
    def undo(self, rater):
        mine = [place for place in self.given if place[1] == rater]
        again = self.queue.undo(rater)
        if not mine:
            assert again is None
            return
        event = self.given.pop(mine[-1])
        assert (again.query.key, again.previous) == (mine[-1][0], event.answer)
        self.held[rater], self.lent[rater] = mine[-1][0], again
        self.num_events += 1

    @precondition(lambda self: len(self.posted) > 9)
    @rule(round_index=st.integers(0, 4))
    def close(self, round_index):
        self.queue.close(round_index)
        self.closed |= {query.key for query in self.posted if query.round <= round_index}

    @invariant()
    def answers_in_force_are_those_given_and_not_taken_back(self):
        assert self.store.events() == list(self.given.values())
        records = self.queue.records()
        assert [(record.query, record.rater) for record in records] == list(self.given)

    @invariant()
    def nothing_that_was_ever_said_is_gone(self):
        with self.store.database.read() as connection:
            count = connection.scalar(sa.select(sa.func.count()).select_from(EVENTS))
        assert count == self.num_events

    @invariant()
    def progress_counts_what_is_there(self):
        done = [query.key for query in self.posted if self.answers(query.key) >= query.overlap]
        asked = [query.key for query in self.posted if query.key not in (*done, *self.closed)]
        progress = self.queue.progress()
        assert progress[:3] == (len(self.given), len(done), len(done) + len(asked))
        assert self.queue.answered([query.key for query in self.posted]) == len(done)


Labelling.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_the_queue_does_what_a_few_dictionaries_do = Labelling.TestCase


@given(st.lists(PREFERENCES, min_size=1, max_size=12))
@settings(max_examples=30)
def test_so_many_answers_give_so_many_stored_answers_ties_among_them(said):
    with FeedbackStore("sqlite://") as store:
        pair = tuple(store.add_segments([{"x": np.zeros(1)}, {"x": np.ones(1)}]))
        queue = LabelQueue(store, repeat_share=0.0, rng=np.random.default_rng(0))
        queue.post([PostedQuery(f"q{i}", "comparison", pair) for i in range(len(said))])
        for answer in said:
            lent = queue.claim("ann")
            queue.submit(lent.id, lent.token, answer)
        assert [event.answer for event in store.events()] == said
        assert all(event.segments == pair for event in store.events())


@given(st.integers(2, MAX_RANKED).flatmap(ranks))
@settings(max_examples=30)
def test_a_ranking_survives_as_a_ranking(said):
    count = len(said["ranks"] or [0, 0])
    with FeedbackStore("sqlite://") as store:
        ids = tuple(store.add_segments([{"x": np.full(1, i)} for i in range(count)]))
        queue = LabelQueue(store, rng=np.random.default_rng(0))
        queue.post([PostedQuery("q", "ranking", ids)])
        lent = queue.claim("ann")
        assert sorted(lent.order) == list(range(count))
        event = queue.submit(lent.id, lent.token, said)
        assert store.events() == [event]
        assert (event.kind, event.segments, event.answer) == ("ranking", ids, said)


@given(st.data(), st.integers(0, 3))
@settings(max_examples=30)
def test_taking_back_restores_all_but_the_record_of_it(data, num_answers):
    with FeedbackStore("sqlite://") as store:
        pair = tuple(store.add_segments([{"x": np.zeros(1)}, {"x": np.ones(1)}]))
        queue = LabelQueue(store, repeat_share=0.0, rng=np.random.default_rng(0))
        queue.post([PostedQuery(f"q{i}", "comparison", pair, overlap=2) for i in range(4)])
        seen = []
        for _ in range(num_answers):
            lent = queue.claim("ann")
            seen.append((store.events(), queue.records(), queue.progress("ann")))
            queue.submit(lent.id, lent.token, data.draw(PREFERENCES))
        for before in reversed(seen):
            queue.undo("ann")
            assert (store.events(), queue.records(), queue.progress("ann")) == before
