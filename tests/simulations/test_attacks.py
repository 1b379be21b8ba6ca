from collections import Counter

import numpy as np
import pytest

from prefgym.simulations.attacks import ATTACKS, NEGATIVES, NUM_RAMBLED, attacked, rambling
from prefgym.simulations.tokens import split_sentences, words

ENGLISH = [
    "The ferry sank at noon. Nobody was hurt. The harbour is closed.",
    "Bread is dear. The mill stands still. Farmers wait for rain.",
]
CHINESE = ["渡船中午沉没了。没有人受伤。港口关闭了。", "面包很贵。磨坊停了。农民在等雨。"]


def bad(name: str, sources: list[str] = ENGLISH, language: str = "en") -> list[str]:
    attack = {**ATTACKS, **NEGATIVES}[name]
    rng = np.random.default_rng(0)
    return [summary for _, summary in attacked(attack, sources, language, rng)]


@pytest.mark.parametrize("name", [*ATTACKS, *NEGATIVES])
@pytest.mark.parametrize(("sources", "language"), [(ENGLISH, "en"), (CHINESE, "zh")])
def test_every_attack_is_a_text_and_none_is_its_source(
    name: str, sources: list[str], language: str
) -> None:
    for source, summary in zip(sources, bad(name, sources, language), strict=True):
        assert split_sentences(summary)
        assert summary != source


def test_attacks_are_what_they_are_called() -> None:
    assert bad("first sentence three times")[0] == " ".join(["The ferry sank at noon."] * 3)
    assert bad("another source's lead")[0] == "Bread is dear. The mill stands still."
    first_two = " ".join(split_sentences(ENGLISH[0])[:2])
    shuffled = bad("shuffled words")[0]
    assert Counter(words(shuffled)) == Counter(words(first_two))
    assert words(shuffled) != words(first_two)


def test_what_is_trained_against_is_not_what_is_measured() -> None:
    assert not set(ATTACKS.values()) & set(NEGATIVES.values())
    known = {summary for name in ATTACKS for summary in bad(name)}
    assert not known & {summary for name in NEGATIVES for summary in bad(name)}


def test_rambling_takes_many_sentences_in_their_own_order_and_no_more_than_there_are() -> None:
    sentences = [f"Number {i:02} came." for i in range(20)]
    found = split_sentences(rambling("en", sentences, "", np.random.default_rng(0)))
    assert len(set(found)) == NUM_RAMBLED
    assert found == sorted(found)
    assert set(found) <= set(sentences)
    assert rambling("en", sentences[:2], "", np.random.default_rng(0)) == " ".join(sentences[:2])
