import os

import numpy as np
import pytest

from prefgym.agents.summeval import (
    NUM_TRAIN,
    Articles,
    Judged,
    n_grams,
    read_articles,
    read_judged,
    rouge,
    summeval_folder,
)
from prefgym.agents.text_agreement import comparisons, pair_agreement
from prefgym.feedback.written import written_segments
from prefgym.simulations.tokens import split_sentences

needs_data = pytest.mark.skipif("PREFGYM_DATA" not in os.environ, reason="needs SummEval")


def test_rouge_by_hand() -> None:
    reference = n_grams("the cat ran home")
    # one word of two and four, no pair: (2 * 1 / 6 + 0) / 2
    assert rouge("the dog", [reference]) == pytest.approx(1 / 6)
    # "the cat": two words, one pair of one and three: (4 / 6 + 2 / 4) / 2
    assert rouge("The cat", [reference]) == pytest.approx(7 / 12)
    assert rouge("The cat", [reference, n_grams("bread")]) == pytest.approx(7 / 24)
    assert rouge("the cat ran home", [reference]) == 1.0


def test_shuffles_keep_every_sentence_and_differ() -> None:
    text = " ".join(f"Number {i} is here." for i in range(12))
    articles = Articles(("a",), (text,), (("r",),))
    twice = articles.shuffles(2, 0)
    assert twice.ids == ("a", "a")
    assert twice.texts[0] != twice.texts[1]
    for shuffled in twice.texts:
        assert sorted(split_sentences(shuffled)) == sorted(split_sentences(text))
    assert articles.shuffles(2, 0) == twice


def test_an_article_that_fares_well_is_not_what_a_summary_is_praised_for() -> None:
    texts = written_segments([("One came. Two went.", "One came.")] * 5)
    ratings = np.array([[5.0, 1.0], [2.0, 2.0], [3.0, 1.0], [1.0, 2.0], [5.0, 4.0]])
    judged = Judged(texts, ratings, np.array([7, 2, 7, 2, 7]))
    expected = [[2 / 3, -1], [0.5, 0], [-4 / 3, -1], [-0.5, 0], [2 / 3, 2]]
    np.testing.assert_allclose(judged.within_article, expected, atol=1e-12)


def test_missing_data_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFGYM_DATA", raising=False)
    with pytest.raises(ValueError, match="variable PREFGYM_DATA to the folder that"):
        summeval_folder()


@needs_data
def test_the_split_is_fixed_and_people_agree_with_themselves() -> None:
    articles = read_articles(summeval_folder())
    assert len(articles.ids) == 70
    assert list(articles.ids) == sorted(articles.ids)
    some = articles.take(slice(NUM_TRAIN, NUM_TRAIN + 3))
    judged = read_judged(summeval_folder(), some, budget=4)
    assert judged.ratings.shape == (48, 4)
    assert pair_agreement(judged.overall, judged) == 1.0
    assert pair_agreement(-judged.overall, judged) == 0.0
    assert pair_agreement(np.zeros(48), judged) == 0.5
    pairs = comparisons(judged, 300, rng=np.random.default_rng(0))
    assert (judged.article[pairs.first] == judged.article[pairs.second]).all()
    lead = judged.overall[pairs.first] - judged.overall[pairs.second]
    assert (np.sign(lead.round(9)) == np.sign(pairs.preference - 0.5)).all()
