import math

import numpy as np
import pytest

from prefgym.simulations.source import Source, Unit
from prefgym.simulations.text_gold import FLOOR, score_text
from prefgym.simulations.text_table import text_table

TASTE = np.array([0.35, 0.25, 0.25, 0.15, 1.0, 0.4])
BUDGET = 3
UNITS = (
    Unit("The bell broke in the storm.", place=0, states=("broke",), senses=("storm",)),
    Unit("Nobody minded.", place=1),
    Unit("So fewer pupils were late.", place=2, states=("late",), needs=(0,)),
    Unit(
        "A crackling storm felled the bell.", "vivid", 0, ("broke",), senses=("crackling", "storm")
    ),
    Unit(
        "The bell was stolen by magpies.", "false", 0, contradicts=("broke",), senses=("magpies",)
    ),
    Unit("Buses are yellow.", "off-topic"),
)
SOURCE = Source(
    "test", "en", "school", "", tuple(u.text for u in UNITS[:3]), UNITS, {"broke": 1.0, "late": 3.0}
)


def gold(*picks, budget=BUDGET):
    table = text_table([SOURCE], budget, {})
    out = np.full(5, np.nan)
    padded = np.zeros(budget, np.int64)
    padded[: len(picks)] = picks
    score_text(table, 0, padded, len(picks), TASTE, budget, out)
    return dict(zip(("accuracy", "coherence", "vividness", "appeal", "overall"), out, strict=True))


def test_accuracy_is_the_importance_told():
    assert gold(0)["accuracy"] == pytest.approx(0.25)
    assert gold(2)["accuracy"] == pytest.approx(0.75)
    assert gold(0, 2)["accuracy"] == pytest.approx(1.0)


def test_a_small_budget_is_measured_by_what_it_can_tell():
    assert gold(2, budget=1)["accuracy"] == pytest.approx(1.0)


def test_a_lie_costs_half():
    assert gold(0, 2, 4)["accuracy"] == pytest.approx(0.5)
    assert gold(4)["accuracy"] == 0.0


@pytest.mark.parametrize(
    ("picks", "coherence"),
    [
        ((0, 2), 1.0),
        ((3, 2), 1.0),  # a rewording does for the sentence it stands for
        ((2,), 0.0),  # "so" what?
        ((2, 0), 0.0),  # lacks what it needs, and a step back
        ((0, 3), 0.5),  # the same fact twice
        ((0, 5), 0.5),  # another matter
        ((0, 1, 2), 1.0),
    ],
)
def test_coherence_counts_faults_per_unit(picks, coherence):
    assert gold(*picks)["coherence"] == pytest.approx(coherence)


def test_vividness_counts_different_senses_of_true_units():
    assert gold(0)["vividness"] == pytest.approx(1 - math.exp(-1 / 3))
    assert gold(3)["vividness"] == pytest.approx(1 - math.exp(-2 / 3))
    assert gold(0, 3)["vividness"] == pytest.approx(1 - math.exp(-2 / 3))  # "storm" once
    assert gold(4)["vividness"] == 0.0


def test_overall_is_a_weighted_geometric_mean_with_a_floor():
    found = gold(0)
    named = ("accuracy", "coherence", "vividness", "appeal")
    logs = [
        weight * math.log(max(found[n], FLOOR)) for n, weight in zip(named, TASTE, strict=False)
    ]
    assert found["overall"] == pytest.approx(math.exp(sum(logs)))


def test_a_vivid_lie_is_worth_less_than_a_dull_truth():
    assert gold(4, 2)["overall"] < gold(0, 2)["overall"]


def test_nothing_said_is_worth_nothing():
    assert set(gold().values()) == {0.0}


def test_criteria_lie_in_the_unit_interval():
    rng = np.random.default_rng(0)
    for _ in range(200):
        picks = rng.permutation(len(UNITS))[: rng.integers(1, BUDGET + 1)]
        assert all(0 <= value <= 1 for value in gold(*picks).values())


def test_wrong_annotations_are_refused():
    with pytest.raises(ValueError, match="unknown facts: lost"):
        Source("x", "en", "t", "", ("A.",), (Unit("A.", states=("lost",)),), {"kept": 1.0})
    with pytest.raises(ValueError, match=r"sense words .* must stand in its text"):
        Source("x", "en", "t", "", ("A.",), (Unit("A.", senses=("red",)),), {"kept": 1.0})
    with pytest.raises(ValueError, match="1 to 20 units, got 0"):
        Source("x", "en", "t", "", (), (), {"kept": 1.0})
