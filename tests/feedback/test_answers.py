import pytest

from prefgym.feedback.answers import answered_segments, check_answer, is_abstention
from prefgym.feedback.posted_query import PostedQuery

QUERIES = {
    "comparison": PostedQuery("q", "comparison", ("a", "b")),
    "ranking": PostedQuery("q", "ranking", ("a", "b", "c")),
    "rating": PostedQuery("q", "rating", ("a",), criteria=("comfort", "safety")),
    "correction": PostedQuery("q", "correction", ("a",)),
    "intervention": PostedQuery("q", "intervention", ("a",), scene="s"),
    "demonstration": PostedQuery("q", "demonstration", ("a",), scene="s"),
}
GOOD = [
    ("comparison", {"preference": 1.0}, None),
    ("comparison", {"preference": 0.5}, None),
    ("comparison", {"preference": 0.0}, None),
    ("comparison", {"preference": None}, None),
    ("ranking", {"ranks": [0, 1, 1]}, None),
    ("ranking", {"ranks": [2, 0, 1]}, None),
    ("ranking", {"ranks": None}, None),
    ("rating", {"comfort": 5, "safety": 1}, None),
    ("rating", {"comfort": None, "safety": 3}, None),
    ("rating", {"comfort": None, "safety": None}, None),
    ("correction", {"what": "keep", "start": 4}, ("new", "a")),
    ("correction", {"what": "A better text."}, ("new", "a")),
    ("correction", {"corrected": False}, None),
    ("correction", {"corrected": None}, None),
    ("intervention", {"takeovers": [3, 9]}, ("p1", "q1", "p2", "q2")),
    ("intervention", {"takeovers": []}, None),
    ("intervention", {"takeovers": None}, None),
    ("demonstration", {"demonstrated": True}, ("shown", "a")),
    ("demonstration", {"demonstrated": True}, ("shown", "a", "b")),
    ("demonstration", {"demonstrated": None}, None),
]
BAD = [
    ("comparison", {"preference": 1}, None),
    ("comparison", {"preference": True}, None),
    ("comparison", {"preference": 1.0}, ("b", "a")),
    ("comparison", {"preference": 1.0, "why": "calm"}, None),
    ("ranking", {"ranks": [0, 1]}, None),
    ("ranking", {"ranks": [0, 1, 3]}, None),
    ("ranking", {"ranks": [0, 1, 1.0]}, None),
    ("ranking", {"ranks": [0, True, 1]}, None),
    ("ranking", {"ranks": [0, -1, 1]}, None),
    ("ranking", {"ranks": "abc"}, None),
    ("rating", {"comfort": 5}, None),
    ("rating", {"comfort": 6, "safety": 1}, None),
    ("rating", {"comfort": 0, "safety": 1}, None),
    ("rating", {"comfort": 2.5, "safety": 1}, None),
    ("rating", {"comfort": 5, "safety": 1, "fun": 1}, None),
    ("correction", {"what": "keep"}, None),
    ("correction", {"what": "keep"}, ("a", "a")),
    ("correction", {"what": "keep"}, ("new", "b")),
    ("correction", {"what": None}, ("new", "a")),
    ("correction", {"what": "keep", "start": -1}, ("new", "a")),
    ("correction", {"corrected": True}, None),
    ("correction", {"corrected": False}, ("new", "a")),
    ("correction", {"corrected": False, "what": "x"}, None),
    ("intervention", {"takeovers": [3]}, ("p1",)),
    ("intervention", {"takeovers": ["3"]}, ("p1", "q1")),
    ("intervention", {"takeovers": None}, ("a",)),
    ("intervention", {"takeovers": "ab"}, ("p1", "q1")),
    ("intervention", {}, None),
    ("demonstration", {"demonstrated": True}, ("shown",)),
    ("demonstration", {"demonstrated": False}, ("shown", "a")),
    ("demonstration", {"demonstrated": None}, ("shown", "a")),
]


@pytest.mark.parametrize(("kind", "answer", "segments"), GOOD)
def test_what_a_kind_allows_is_accepted(kind, answer, segments):
    query = QUERIES[kind]
    check_answer(query, answer, answered_segments(query, segments))


@pytest.mark.parametrize(("kind", "answer", "segments"), BAD)
def test_everything_else_is_refused(kind, answer, segments):
    query = QUERIES[kind]
    with pytest.raises(ValueError, match=f"answer to {kind} 'q' of .* must be one of those"):
        check_answer(query, answer, answered_segments(query, segments))


def test_every_kind_lets_people_say_that_they_cannot_tell():
    assert [kind for kind, answer, _ in GOOD if is_abstention(answer)] == list(QUERIES)
