"""Sentences and words of a text in any language, without a dictionary.

Scripts that put spaces between words are split there; Chinese, Japanese and Korean are read as
overlapping pairs of characters, which serve as words well enough to compare sentences.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

_CLOSERS = "\"'”’」』）)】》"
_SENTENCE = re.compile(rf"(?<=[。！？…])[{_CLOSERS}]*|(?<=[.!?])[{_CLOSERS}]*(?=\s+|$)|\n\s*\n")
_ABBREVIATION = re.compile(
    r"(?:^|\s)(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|etc|e\.g|i\.e|approx|No|[A-Z])\.$"
)
_CJK = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_RUN = re.compile(rf"[{_CJK}]+|[^\W_{_CJK}]+(?:'[^\W_{_CJK}]+)*")


@cache
def _small_words() -> tuple[frozenset[str], frozenset[str], tuple[str, ...]]:
    """Stop words (or characters), reference words, and openings in scripts without spaces."""
    path = files("prefgym.simulations") / "corpus" / "words.toml"
    lists = tomllib.loads(path.read_text("utf-8")).values()
    stop = frozenset(word for part in lists for word in part["stop"].split())
    reference = [word for part in lists for word in part["reference"].split()]
    spaced = frozenset(word for word in reference if not re.match(rf"[{_CJK}]", word))
    return stop, spaced, tuple(word for word in reference if word not in spaced)


def split_sentences(text: str) -> list[str]:
    """The sentences of a text, each without white space around it.

    >>> split_sentences("Dr. Hu came. “Late!” she said.  太阳落山了。天黑了！")
    ['Dr. Hu came.', '“Late!” she said.', '太阳落山了。', '天黑了！']
    """
    found: list[str] = []
    begin = 0
    for match in _SENTENCE.finditer(text):
        piece = text[begin : match.end()].strip()
        if _ABBREVIATION.search(piece) or _goes_on(text, match.end()):
            continue
        if piece:
            found.append(re.sub(r"\s+", " ", piece))
        begin = match.end()
    last = text[begin:].strip()
    if last:
        found.append(re.sub(r"\s+", " ", last))
    return found


def _goes_on(text: str, index: int) -> bool:
    """Whether the sentence goes on after a mark: '“Late!” she said.' is one."""
    rest = text[index : index + 80].lstrip(" ")
    return bool(rest) and rest[0].islower() and text[index - 1] != "."


def words(text: str) -> list[str]:
    """Words in lower case; runs of Chinese, Japanese or Korean as pairs of characters.

    >>> words("The sun's gone. 太阳落山")
    ['the', "sun's", 'gone', '太阳', '阳落', '落山']
    """
    found: list[str] = []
    for run in _RUN.findall(unicodedata.normalize("NFKC", text).lower()):
        if re.match(rf"[{_CJK}]", run):
            found += [run[i : i + 2] for i in range(max(len(run) - 1, 1))]
        else:
            found.append(run)
    return found


def content_words(text: str) -> list[str]:
    """Words that carry content, reduced to a stem where English endings allow it."""
    return [stem(word) for word in words(text) if not _is_stop(word)]


def _is_stop(word: str) -> bool:
    stop = _small_words()[0]
    return word in stop or (not word.isascii() and any(character in stop for character in word))


def stem(word: str) -> str:
    """An English word without a regular ending; any other word as it is.

    >>> [stem(word) for word in ("drivers", "stopped", "carries", "sing")]
    ['driver', 'stop', 'carry', 'sing']
    """
    if not word.isascii() or len(word) < 4:
        return word
    if word.endswith("'s"):
        return stem(word[:-2])
    for ending, replacement in (("ies", "y"), ("ing", ""), ("ed", ""), ("es", "e"), ("s", "")):
        base = word.removesuffix(ending)
        if base != word and len(base) >= 3 and not (ending == "s" and base.endswith("s")):
            doubled = len(base) > 3 and base[-1] == base[-2] and ending in ("ing", "ed")
            return (base[:-1] if doubled and base[-1] not in "ls" else base) + replacement
    return word


def leans_on_context(text: str) -> bool:
    """Whether a sentence opens with a pronoun or connective that points back."""
    _, spaced, openings = _small_words()
    first = next(iter(words(text)), "")
    return first in spaced or text.lstrip("“‘\"'").startswith(openings)


def length_units(text: str) -> int:
    """Length in words; for scripts without spaces in characters, which are about as long to read.

    Two Chinese characters count as one word.
    """
    runs = _RUN.findall(text)
    cjk = sum(len(run) for run in runs if re.match(rf"[{_CJK}]", run))
    return sum(1 for run in runs if not re.match(rf"[{_CJK}]", run)) + (cjk + 1) // 2


def vocabulary(texts: Iterable[str]) -> dict[str, int]:
    """In how many of the texts each content word occurs."""
    counts: dict[str, int] = {}
    for text in texts:
        for word in set(content_words(text)):
            counts[word] = counts.get(word, 0) + 1
    return counts
