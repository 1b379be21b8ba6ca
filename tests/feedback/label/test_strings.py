import re
from importlib.resources import files

import pytest

from prefgym.feedback.label.strings import EN, LANGUAGES, ZH, translator

LABEL = files("prefgym.feedback.label")
TEMPLATES = "\n".join(
    path.read_text(encoding="utf-8") for path in LABEL.joinpath("templates").iterdir()
)
SCRIPTS = "\n".join(
    path.read_text(encoding="utf-8")
    for path in LABEL.joinpath("static").iterdir()
    if path.name.endswith(".js")
)
# Keys that are put together, or that only the server names.
FAMILIES = (
    "kind_",
    "help_",
    "place_",
    "stars_",
    "error_",
    "criterion_",
    "meaning_",
    "ask_",
    "hint_",
)


def placeholders(text):
    return sorted(re.findall(r"\{(\w+)\}", text))


def test_both_languages_say_the_same_things():
    assert list(EN) == list(ZH)
    assert {key: placeholders(text) for key, text in EN.items()} == {
        key: placeholders(text) for key, text in ZH.items()
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_string_is_empty_or_padded(language):
    joined = {"as_good_as", "better_than"}
    for key, text in LANGUAGES[language].items():
        assert text, key
        assert key in joined or text == text.strip(), key


def test_chinese_is_punctuated_in_chinese():
    latin = re.compile(r"[\u4e00-\u9fff][,;:!?()]|[,;:!?()][\u4e00-\u9fff]")
    assert [text for text in ZH.values() if latin.search(text)] == []


@pytest.mark.parametrize(
    "key", sorted(set(re.findall(r'\bt\(\s*["\'](\w+)["\']\s*[,)]', TEMPLATES)))
)
def test_every_key_of_the_templates_exists(key):
    assert key in EN


def test_every_string_is_used():
    used = set(re.findall(r'"(\w+)"', TEMPLATES + SCRIPTS) + re.findall(r"'(\w+)'", TEMPLATES))
    assert [key for key in EN if key not in used and not key.startswith(FAMILIES)] == []


def test_scripts_say_only_what_the_page_gives_them():
    given = re.search(r"for key in \[(.*?)\] %}", TEMPLATES, re.DOTALL)
    assert given is not None
    keys = set(re.findall(r'"(\w+)"', given[1]))
    assert keys <= set(EN)
    said = set(re.findall(r'say\(\s*"(\w+)"', SCRIPTS))
    said |= set(re.findall(r'say\([^"()]*\? "(\w+)"', SCRIPTS))
    said |= set(re.findall(r'say\([^"()]*\? "\w+" : "(\w+)"', SCRIPTS))
    assert said <= keys
    assert {"left", "right", "faster", "slower", "closer", "farther", "keep"} <= keys


def test_a_translator_fills_what_it_is_given_and_leaves_the_rest():
    t = translator("en")
    assert t("better", name="B") == "B is better"
    assert t("time_of", seconds="1.5") == "1.5 of {total} seconds"
    assert t("signed_in", name="{seconds}") == "Signed in as {seconds}"


def test_a_translator_speaks_english_where_it_knows_no_other():
    assert translator("fr")("close") == "Close"
    assert translator("zh")("close") == "关闭"


def test_an_unknown_key_is_an_error():
    with pytest.raises(KeyError, match="no such key"):
        translator("en")("no such key")
