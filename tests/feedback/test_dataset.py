from itertools import count

import numpy as np
import pytest

from prefgym.feedback.choice import Choice
from prefgym.feedback.comparison import Comparison
from prefgym.feedback.dataset import Dataset, Told, read_dataset, read_feedback, store_answers
from prefgym.feedback.event import Event
from prefgym.feedback.label_records import read_swapped
from prefgym.feedback.ranking import Ranking
from prefgym.feedback.rating import Rating
from prefgym.feedback.segment import Segments
from prefgym.feedback.store import FeedbackStore

NUMBER = count()


def segments(count: int, length: int, seed: int = 0) -> Segments:
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=(count, length, 2)).astype(np.float32)
    return Segments(
        observations=steps,
        actions=steps[..., :1],
        next_observations=steps + 1,
        mask=np.ones((count, length), bool),
        criteria=steps.astype(np.float64),
    )


def event(kind, shown, answer, *, rater="ann"):
    return Event(kind, f"event-{next(NUMBER)}", rater, 0, tuple(shown), answer)


def read(*events):
    return read_feedback(events, ("overall", "calm"))


def test_every_kind_is_read():
    names, feedback = read(
        event("comparison", "ab", {"preference": 1.0}),
        event("ranking", "cab", {"ranks": [0, 1, 1]}),
        event("ranking", "ad", {"ranks": [1, 0]}),
        event("rating", "e", {"overall": 4, "calm": None}, rater="bob"),
        event("rating", "a", {"overall": 2, "calm": 1}),
        event("correction", "fa", {"start": 3, "what": "left"}),
        event("intervention", "gahb", {"takeovers": [2, 11]}),
        event("demonstration", "iab", {"demonstrated": True}),
        event("demonstration", "jc", {"demonstrated": True}),
    )
    assert names == list("abcdefghij")
    compared, rated, ranked, corrected, taken_over, shown = feedback
    assert isinstance(compared, Comparison)
    assert (compared.first.tolist(), compared.second.tolist()) == ([0], [1])
    assert isinstance(rated, Rating)
    assert rated.segment.tolist() == [4, 0]
    np.testing.assert_array_equal(rated.values, [[4, np.nan], [2, 1]])
    assert (rated.rater.tolist(), rated.num_raters) == ([1, 0], 2)
    assert isinstance(ranked, Ranking)
    assert ranked.segment.tolist() == [[2, 0, 1], [0, 3, -1]]
    assert ranked.rank[:, :2].tolist() == [[0, 1], [1, 0]]
    choices = [kind for kind in feedback if isinstance(kind, Choice)]
    assert choices == [corrected, taken_over, shown]
    assert [kind.kind for kind in choices] == ["correction", "intervention", "demonstration"]
    assert corrected.segment.tolist() == [[5, 0]]
    assert taken_over.segment.tolist() == [[6, 0], [7, 1]]
    assert shown.segment.tolist() == [[8, 0, 1], [9, 2, -1]]


def test_who_compared_is_told_by_number_in_the_order_of_names():
    names = ["cat", "ann", "cat", "bob"]
    events = [event("comparison", "ab", {"preference": 1.0}, rater=name) for name in names]
    rated = event("rating", "a", {"overall": 2}, rater="abe")
    _, (compared, *_) = read(rated, *events)
    assert (compared.raters.tolist(), compared.num_raters) == ([2, 0, 2, 1], 3)


def test_the_segment_shown_first_is_the_first_of_a_comparison(new_queue, pairs):
    queue = new_queue(seed=1)
    queue.post(pairs(6))
    said = {}
    while (lent := queue.claim("bob")) is not None:
        queue.submit(lent.id, lent.token, {"preference": 1.0})
        said[lent.query.segments] = lent.order
    assert set(said.values()) == {(0, 1), (1, 0)}
    events = queue.store.events()
    with queue.store.database.read() as connection:
        swapped = read_swapped(connection)
    assert len(swapped) == list(said.values()).count((1, 0))
    names, (compared,) = read_feedback(events, (), swapped=swapped)
    for number, told in enumerate(events):
        turned = said[told.segments] == (1, 0)
        pair = [names[index[number]] for index in (compared.first, compared.second)]
        assert pair == list(told.segments[::-1] if turned else told.segments)
        assert compared.preference[number] == float(not turned)
    queue.undo("bob")
    with queue.store.database.read() as connection:
        left = read_swapped(connection)
    assert left == swapped - {events[-1].key}


def test_cannot_tell_is_never_trained_on():
    assert read(
        event("comparison", "ab", {"preference": None}),
        event("ranking", "abc", {"ranks": None}),
        event("rating", "a", {"overall": None, "calm": None}),
        event("correction", "a", {"corrected": None}),
        event("correction", "a", {"corrected": False}),
        event("intervention", "", {"takeovers": None}),
        event("intervention", "", {"takeovers": []}),
        event("demonstration", "a", {"demonstrated": None}),
    ) == ([], ())


def test_segments_that_only_skips_speak_of_are_left_out():
    names, (compared,) = read(
        event("comparison", "ab", {"preference": None}),
        event("comparison", "cd", {"preference": 0.5}),
    )
    assert names == ["c", "d"]
    assert compared.preference.tolist() == [0.5]


def test_a_ranking_with_ties_stays_a_ranking():
    _, (ranked,) = read(event("ranking", "abcd", {"ranks": [1, 0, 1, 0]}))
    assert isinstance(ranked, Ranking)
    assert ranked.rank.tolist() == [[1, 0, 1, 0]]
    _, (tied,) = read(event("ranking", "ab", {"ranks": [0, 0]}))
    assert not tied.informative


def test_whole_numbers_are_preferences_too_but_truth_values_are_not():
    _, (compared,) = read(
        event("comparison", "ab", {"preference": 1}),
        event("comparison", "ab", {"preference": True}),
    )
    assert compared.preference.tolist() == [1.0]


def test_ranks_must_fit_the_segments():
    with pytest.raises(ValueError, match="one for each of its 3 segments, got"):
        read(event("ranking", "abc", {"ranks": [0, 1]}))


def test_segments_of_different_lengths_are_padded_and_the_padding_counts_nothing():
    clips, takeovers = segments(2, 5), segments(2, 3, seed=1)
    with FeedbackStore("sqlite://") as store:
        compared = Told("comparison", clips, [(1, 0)], [{"preference": 0.0}])
        taken_over = Told("intervention", takeovers, [(0, 1)], [{"takeovers": [4]}])
        store_answers(store, compared, "ann", 0)
        store_answers(store, taken_over, "ann", 0, name="takeover")
        store_answers(store, taken_over, "ann", 0, name="takeover")  # again: nothing new
        assert store.count() == 2
        found = read_dataset(store, ("overall",))
    assert found is not None
    assert found.raters == ("ann",)
    assert found.num_steps.tolist() == [5, 5, 3, 3]
    assert found.segments.mask.sum(axis=1).tolist() == [5, 5, 3, 3]
    np.testing.assert_array_equal(found.segments.observations[2, :3], takeovers.observations[0])
    np.testing.assert_array_equal(
        found.segments.observations[2, 3:], [takeovers.observations[0, -1]] * 2
    )
    assert [len(kind) for kind in found.feedback] == [1, 1]
    np.testing.assert_array_equal(
        found.segments.last_steps().criteria[3, 0], takeovers.criteria[1, -1]
    )

    back = found.clips(3)
    assert back is not None
    for name, steps in takeovers.arrays(0).items():
        np.testing.assert_array_equal(back.arrays(0)[name], steps)
    assert found.clips(4) is None


def test_rounds_from_one_on_are_left_out():
    both = segments(2, 4)
    with FeedbackStore("sqlite://") as store:
        for number, preference in enumerate([1.0, 0.0]):
            told = Told("comparison", both, [(0, 1)], [{"preference": preference}])
            store_answers(store, told, "ann", number)
        assert read_dataset(store, (), before_round=0) is None
        before, all_ = (read_dataset(store, (), before_round=end) for end in (1, None))
    assert isinstance(before, Dataset)
    assert isinstance(all_, Dataset)
    assert [len(one.feedback[0]) for one in (before, all_)] == [1, 2]


def test_each_answer_may_be_of_another_rater():
    told = Told("comparison", segments(2, 5), [(0, 1), (1, 0)], [{"preference": 1.0}] * 2)
    with FeedbackStore("sqlite://") as store:
        store_answers(store, told, ["ann", "bob"], 0)
        store_answers(store, told, "cid", 1)
        assert [event.rater for event in store.events()] == ["ann", "bob", "cid", "cid"]
        with pytest.raises(ValueError, match="zip"):
            store_answers(store, told, ["ann"], 2)
