import pytest

from prefgym.simulations.tokens import (
    content_words,
    leans_on_context,
    length_units,
    split_sentences,
    stem,
    words,
)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Mr. Oak paid 3.50 for it. Then he left.", ["Mr. Oak paid 3.50 for it.", "Then he left."]),
        ('"Go!" she said. He went.', ['"Go!" she said.', "He went."]),
        ("他说：“走吧。”她走了。", ["他说：“走吧。”", "她走了。"]),
        ("A heading\n\nA sentence.", ["A heading", "A sentence."]),
        ("no full stop", ["no full stop"]),
        ("  \n ", []),
    ],
)
def test_texts_are_split_into_sentences(text, sentences):
    assert split_sentences(text) == sentences


def test_splitting_loses_no_letter():
    text = "Rain fell (hard). 雨停了！They said: “No.” Why? e.g. this. 好。"
    kept = "".join("".join(split_sentences(text)).split())
    assert kept == "".join(text.split())


def test_chinese_is_read_in_pairs_of_characters():
    assert words("太阳落山, then dark") == ["太阳", "阳落", "落山", "then", "dark"]


def test_small_words_carry_no_content():
    assert content_words("The drivers were stopped by it") == ["driver", "stop"]
    assert content_words("他的狗") == []


def test_endings_fall_away():
    assert {stem(word) for word in ("walk", "walks", "walked", "walking")} == {"walk"}
    assert stem("glass") == "glass"


def test_a_pronoun_at_the_start_points_back():
    assert leans_on_context("She laughed.")
    assert leans_on_context("于是大家都笑了。")
    assert not leans_on_context("Mrs Oak laughed.")


def test_two_characters_are_as_long_as_a_word():
    assert length_units("four words of English") == 4
    assert length_units("八个汉字长度一样") == 4
