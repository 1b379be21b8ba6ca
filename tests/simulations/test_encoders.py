import logging
import subprocess
import sys

import numpy as np
import pytest

from prefgym.simulations import encoders
from prefgym.simulations.corpora import sources
from prefgym.simulations.encoders import find_encoder, word_llama
from prefgym.simulations.summaries import summary_columns
from prefgym.simulations.text_table import text_table, tf_idf
from prefgym.simulations.tokens import content_words

TEXTS = ("It rained all night, and the river rose over the old bridge.", "雨下了一夜。", "Ducks.")


@pytest.fixture
def encode():
    pytest.importorskip("wordllama")
    return word_llama()


def test_rows_have_length_one_and_what_says_nothing_is_zero(encode):
    rows = encode((*TEXTS, ""))
    assert rows.dtype == np.float64
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), [1, 1, 1, 0], atol=1e-12)


def test_a_text_gives_the_same_bytes_in_any_company(encode):
    rows = encode(TEXTS)
    encoders._embed.cache_clear()
    again = word_llama()
    assert again(TEXTS).tobytes() == rows.tobytes()
    for text, row in zip(TEXTS, rows, strict=True):
        assert again([text]).tobytes() == row.tobytes()
        assert again([text] * 70)[69].tobytes() == row.tobytes()


def test_other_words_for_the_same_are_alike(encode):
    car, auto, bank = encode(
        ["The car is quick.", "An automobile drives fast.", "Banks lend money."]
    )
    assert car @ auto > car @ bank + 0.1


def test_nothing_is_downloaded(encode, monkeypatch):
    encoders._embed.cache_clear()
    requests = pytest.importorskip("requests")
    monkeypatch.setattr(requests, "get", lambda *_, **__: pytest.fail("asked the network"))
    assert word_llama()(TEXTS).shape == (3, 256)


def test_loading_leaves_the_root_logger_alone(encode):
    """On import the package would have every library print its INFO."""
    script = (
        "import logging; from prefgym.simulations.encoders import find_encoder\n"
        "find_encoder('wordllama'); root = logging.getLogger()\n"
        "assert (root.level, root.handlers) == (logging.WARNING, []), root.handlers"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_only_similarity_is_read_from_the_encoder(encode):
    texts = sources("articles", "en", "train")[:2]
    words, embedded = text_table(texts, 4, {}), text_table(texts, 4, {}, encode)
    assert words.dtype.names is not None
    for name in words.dtype.names:
        same = getattr(words, name).tobytes() == getattr(embedded, name).tobytes()
        assert same == (name not in ("static", "similarity", "norm", "likeness")), name
    units = [unit.text for unit in texts[0].units]
    n = len(units)
    expected = encode(units) @ encode(units).T
    np.testing.assert_allclose(embedded.similarity[0, :n, :n], expected, atol=1e-6)


def test_written_summaries_take_the_encoder_too(encode):
    columns = [
        summary_columns(TEXTS, [TEXTS[:1]], "en", 4, {}, encoder) for encoder in (None, encode)
    ]
    assert columns[0].shape == columns[1].shape
    assert (columns[0] != columns[1]).any()


def test_words_are_compared_by_tf_idf():
    assert find_encoder("words") is None
    source = sources("articles", "en", "train")[0]
    table = text_table([source], 4, {})
    documents = [content_words(unit.text) for unit in source.units]
    sentences = [content_words(text) for text in source.sentences]
    n = len(documents)
    weights = tf_idf(documents + sentences, sentences)[:n]
    np.testing.assert_allclose(table.norm[0, :n], np.linalg.norm(weights, axis=1))
    vectors = weights / np.linalg.norm(weights, axis=1, keepdims=True)
    np.testing.assert_allclose(table.similarity[0, :n, :n], vectors @ vectors.T, atol=1e-6)


def test_a_missing_package_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "wordllama", None)
    encoders._embed.cache_clear()
    handlers = list(logging.getLogger().handlers)
    with pytest.raises(ValueError, match=r"encoder 'wordllama' needs .*'prefgym\[text\]'"):
        find_encoder("wordllama")
    assert logging.getLogger().handlers == handlers


def test_an_unknown_encoder_is_refused():
    with pytest.raises(ValueError, match="encoder must be one of words, wordllama, got 'bert'"):
        find_encoder("bert")
