import numpy as np

from prefgym.agents.questions import certain
from prefgym.feedback.query import Queries
from prefgym.feedback.segment import Segments


def pairs(totals: list[list[float]], first: list[int], second: list[int]) -> Queries:
    steps = np.zeros((len(totals), 1, 1), np.float32)
    segments = Segments(
        observations=steps,
        actions=steps,
        next_observations=steps,
        mask=np.ones((len(totals), 1), np.bool_),
        criteria=np.array(totals, np.float64)[:, None],
    )
    return Queries(segments, np.array(first), np.array(second))


def test_a_pair_is_certain_where_one_side_leads_on_every_criterion() -> None:
    """Of 0 (2, 2), 1 (1, 1), 2 (3, 0), 3 (0, 0): 2 beats nobody surely but 3."""
    queries = pairs([[2, 2], [1, 1], [3, 0], [0, 0]], [1, 2, 3, 0], [0, 0, 0, 2])
    index, preference = certain(queries, 4)
    assert index.tolist() == [2, 0]
    assert preference.tolist() == [0.0, 0.0]


def test_no_more_pairs_are_certain_than_wanted() -> None:
    queries = pairs([[2, 2], [1, 1], [0, 0]], [0, 0, 1], [1, 2, 2])
    index, preference = certain(queries, 1)
    assert (index.tolist(), preference.tolist()) == ([1], [1.0])
    assert len(certain(queries, 0).numbers) == 0
