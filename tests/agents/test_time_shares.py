import pytest

from prefgym.agents.config import PeopleConfig
from prefgym.agents.time_shares import SECONDS, SHARES, answers_within, default_shares, turns
from prefgym.feedback.posted_query import KINDS

DRIVING = "prefgym/Driving-v0"


def test_time_is_shared_as_wanted() -> None:
    shares = [0.5, 0.2, 0.3]
    kinds = KINDS[:3]
    asked = turns(kinds, shares, 2000)
    spent = [SECONDS[kind] * asked.count(kind) for kind in kinds]
    for one, share in zip(spent, shares, strict=True):
        assert one / sum(spent) == pytest.approx(share, abs=0.01)


def test_every_kind_has_its_turn_before_any_has_two() -> None:
    asked = turns(KINDS, default_shares(DRIVING, KINDS), 40)
    assert sorted(asked[: len(KINDS)]) == sorted(KINDS)
    assert asked.count("demonstration") == 1


def test_later_rounds_go_on_where_earlier_ones_stopped() -> None:
    shares = default_shares(DRIVING, KINDS)
    assert turns(KINDS, shares, 100)[:37] == turns(KINDS, shares, 37)


def test_shares_that_nobody_measured_are_equal() -> None:
    assert default_shares("Pendulum-v1", ["comparison", "rating"]) == [1.0, 1.0]
    assert default_shares("prefgym/TextSummary-v0", ["rating", "ranking"]) == [0.85, 0.05]
    assert default_shares("prefgym/TextSummary-v0", ["rating", "demonstration"]) == [1.0, 1.0]
    for shares in SHARES.values():
        assert sum(shares.values()) == pytest.approx(1)


@pytest.mark.parametrize("seconds", [600, 1800, 3600])
def test_answers_fill_the_time_and_no_more(seconds: float) -> None:
    count = answers_within(KINDS, [1.0] * 6, seconds)
    spent = sum(SECONDS[kind] * number for kind, number in count.items())
    assert seconds - max(SECONDS.values()) < spent <= seconds
    assert answers_within(["rating"], [1.0], seconds) == {"rating": seconds // 4}


def test_however_short_the_time_all_kinds_are_asked() -> None:
    assert answers_within(KINDS, [1.0] * 6, 1.0) == dict.fromkeys(KINDS, 1)


@pytest.mark.parametrize("shares", [[0.5], [0.5, 0.0], [0.5, float("inf")]])
def test_shares_must_be_positive_and_one_for_each(shares: list[float]) -> None:
    with pytest.raises(ValueError, match="positive number for each of comparison, rating"):
        turns(["comparison", "rating"], shares, 3)


def test_people_are_asked_by_shares_that_fit_their_kinds() -> None:
    PeopleConfig(kinds=("comparison", "rating"), shares=(3.0, 1.0))
    with pytest.raises(ValueError, match=r"each of the kinds \(2\), got 1"):
        PeopleConfig(kinds=("comparison", "rating"), shares=(1.0,))
