from collections import Counter

import numpy as np
import pytest

from prefgym.simulations.articles import TOPICS, articles
from prefgym.simulations.corpora import CORPORA, LANGUAGES, sources
from prefgym.simulations.scenes import ASPECTS, NUM_SCENES, phrase_book, scene
from prefgym.simulations.tokens import content_words


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_in_two_splits(language):
    for corpus in CORPORA:
        splits = ("train", "validation", "test", *(("topic",) if corpus == "articles" else ()))
        ids = [source.id for split in splits for source in sources(corpus, language, split)]
        assert len(ids) == len(set(ids))


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_eight_articles_of_each_topic(language):
    topics = Counter(source.topic for source in articles(language))
    assert topics == dict.fromkeys(TOPICS, 8)
    assert len(sources("articles", language, "topic")) == 8


@pytest.mark.parametrize("language", LANGUAGES)
def test_annotations_leave_a_good_summary_possible(language):
    """Every article's plain rewordings, told in order, are accurate and coherent."""
    for source in articles(language):
        plain = [i for i, unit in enumerate(source.units) if unit.kind == "plain"]
        plain.sort(key=lambda i: source.units[i].place)
        told = {fact for i in plain for fact in source.units[i].states}
        assert sum(source.facts[fact] for fact in told) >= 0.5 * sum(source.facts.values())
        assert not any(source.units[i].contradicts for i in plain)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_article_does_not_begin_with_its_point(language):
    for source in sources("articles", language, "train"):
        point = max(source.facts, key=lambda fact: source.facts[fact])
        own = [unit for unit in source.units if unit.kind == "source"]
        assert all(point not in unit.states for unit in own[:2]), source.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_scene_tells_every_fact_plainly_and_vividly_and_falsely(language):
    for number in (0, 137, NUM_SCENES - 1):
        units = scene(language, number, rng=np.random.default_rng(number)).units
        for kind in ("plain", "vivid"):
            told = [fact for unit in units if unit.kind == kind for fact in unit.states]
            assert sorted(told) == sorted(ASPECTS)
        wrong = [fact for unit in units if unit.kind == "false" for fact in unit.contradicts]
        assert sorted(wrong) == sorted(ASPECTS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_vivid_wording_shares_a_word_with_its_note(language):
    """Without it a reader of the notes could not tell a vivid truth from a vivid lie."""
    for values in phrase_book(language).values:
        for value in values:
            note = set(content_words(value.note))
            for unit in (*value.plain, *value.vivid):
                assert note & set(content_words(unit.text)), unit.text


def test_scenes_repeat_by_number_and_seed():
    one, same, other = (scene("en", 5, rng=np.random.default_rng(seed)).units for seed in (1, 1, 2))
    assert one == same != other


def test_unknown_corpora_are_refused():
    with pytest.raises(ValueError, match="language must be one of en, zh, got 'fr'"):
        sources("sunsets", "fr", "train")
    with pytest.raises(ValueError, match="sunsets have one topic"):
        sources("sunsets", "en", "topic")
    with pytest.raises(ValueError, match=r"in \[0, 1024\), got 1024"):
        scene("en", NUM_SCENES, rng=np.random.default_rng(0))
