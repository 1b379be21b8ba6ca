import numpy as np
import pytest

from prefgym.feedback.query import Queries, random_queries
from prefgym.feedback.segment import Segments

NUM_QUERIES = 20_000


def blank(num_segments: int) -> Segments:
    steps = np.zeros((num_segments, 1, 1), np.float32)
    mask = np.ones((num_segments, 1), bool)
    return Segments(steps, steps, steps, mask, steps.astype(np.float64))


def ask(num_segments: int, num_new: int, old_share: float = 0.0, seed: int = 0) -> Queries:
    return random_queries(
        blank(num_segments),
        NUM_QUERIES,
        num_new=num_new,
        old_share=old_share,
        rng=np.random.default_rng(seed),
    )


def near(realised: float, expected: float) -> bool:
    """Within four standard errors of a share of all queries."""
    return abs(realised - expected) < 4 * (expected * (1 - expected) / NUM_QUERIES) ** 0.5


def test_no_segment_meets_itself_and_every_pair_is_as_likely() -> None:
    queries = ask(4, 4)
    pairs, counts = np.unique(queries.pairs, axis=0, return_counts=True)
    assert len(pairs) == 12
    assert (pairs[:, 0] != pairs[:, 1]).all()
    assert all(near(count / NUM_QUERIES, 1 / 12) for count in counts)


def test_the_asked_for_share_of_partners_is_old() -> None:
    queries = ask(30, 10, old_share=0.3)
    is_old = queries.pairs >= 10
    assert not is_old.all(axis=1).any()
    assert near(float(is_old.any(axis=1).mean()), 0.3)


def test_old_and_new_are_shown_first_equally_often() -> None:
    queries = ask(30, 10, old_share=1.0)
    assert ((queries.first >= 10) ^ (queries.second >= 10)).all()
    assert near(float((queries.first >= 10).mean()), 0.5)


def test_without_old_segments_their_share_is_new() -> None:
    assert (ask(10, 10, old_share=1.0).pairs < 10).all()


def test_the_same_generator_gives_the_same_queries() -> None:
    assert np.array_equal(ask(9, 5, 0.5).pairs, ask(9, 5, 0.5).pairs)
    assert not np.array_equal(ask(9, 5, 0.5).pairs, ask(9, 5, 0.5, seed=1).pairs)


@pytest.mark.parametrize(("num_segments", "num_new"), [(5, 1), (5, 0), (5, 6)])
def test_an_impossible_number_of_new_segments_is_refused(num_segments: int, num_new: int) -> None:
    with pytest.raises(ValueError, match=f"at least 2 and at most the 5 segments, got {num_new}"):
        ask(num_segments, num_new)


def test_queries_are_taken_in_the_order_asked_for() -> None:
    queries = ask(9, 9)
    index = np.array([3, 1, 3])
    assert np.array_equal(queries.take(index).pairs, queries.pairs[index])
    assert queries.take(index).segments is queries.segments
    assert len(queries.take(index)) == 3
