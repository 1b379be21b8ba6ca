"""Texts of the user's own as sources: a string, a file, or a folder of files."""

import re
from pathlib import Path

from prefgym.simulations.source import MAX_UNITS, Source, Unit, join
from prefgym.simulations.tokens import length_units, split_sentences

MAX_BYTES = 1_000_000
MIN_SENTENCES = 2


def read_texts(text: str | Path) -> tuple[Source, ...]:
    """Sources without annotations.

    Args:
        text: the path of a file or folder, or the text itself. A string is taken for a path if
            something of that name is there.

    Raises:
        ValueError: if there is nothing to summarise: no file, an empty, binary or oversized file,
            or a single sentence.
    """
    path = _existing(text)
    if path is None:
        if isinstance(text, Path) or re.fullmatch(r"\S*(?:/|\\|\.\w{1,4})\S*", text):
            raise ValueError(f"there is no file or folder {text}")
        return (source_from_text(text, "text"),)
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix in (".txt", ".md"))
        if not files:
            raise ValueError(f"folder {path} must hold .txt or .md files, got none")
        return tuple(source_from_text(read_file(file), file.name) for file in files)
    return (source_from_text(read_file(path), path.name),)


def _existing(text: str | Path) -> Path | None:
    """The path that the argument names, None if it is a text."""
    if isinstance(text, str) and ("\n" in text or len(text) > 1000 or not text.strip()):
        return None
    try:
        return Path(text) if Path(text).exists() else None
    except (OSError, ValueError):  # too long a name, or a null character: a text
        return None


def read_file(path: Path) -> str:
    """A file's text.

    Raises:
        ValueError: if it cannot be read, is longer than MAX_BYTES, or is not text.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ValueError(
                f"{path} must be at most {MAX_BYTES:,} bytes, got {size:,}; "
                "summarise it a chapter at a time"
            )
        document = path.read_bytes()
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from error
    try:
        text = document.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be text in UTF-8, got binary or another encoding") from error
    if "\0" in text:
        raise ValueError(f"{path} must be text in UTF-8, got a binary file")
    return text


def source_from_text(text: str, name: str) -> Source:
    """A source whose units are the text's sentences; a long text's are merged into MAX_UNITS.

    Raises:
        ValueError: if there are fewer than two sentences.
    """
    sentences = split_sentences(text)
    if not sentences:
        raise ValueError(f"{name} must hold at least {MIN_SENTENCES} sentences, got an empty text")
    if len(sentences) < MIN_SENTENCES:
        raise ValueError(
            f"{name} must hold at least {MIN_SENTENCES} sentences, got one; "
            "there is nothing to leave out"
        )
    language = guess_language(text)
    units = merge(sentences, language)
    return Source(
        id=name,
        language=language,
        topic="own",
        title="",
        sentences=tuple(units),
        units=tuple(Unit(unit, place=place) for place, unit in enumerate(units)),
        annotated=False,
    )


def merge(sentences: list[str], language: str) -> list[str]:
    """At most MAX_UNITS units: neighbours are joined, the shortest pair first."""
    units = list(sentences)
    lengths = [length_units(unit) for unit in units]
    while len(units) > MAX_UNITS:
        pair = min(range(len(units) - 1), key=lambda i: lengths[i] + lengths[i + 1])
        units[pair : pair + 2] = [join(units[pair : pair + 2], language)]
        lengths[pair : pair + 2] = [lengths[pair] + lengths[pair + 1]]
    return units


def guess_language(text: str) -> str:
    """The code "zh" or "ja" where such characters prevail, "en" for all that has spaces."""
    han, kana = len(re.findall(r"[\u4e00-\u9fff]", text)), len(re.findall(r"[\u3040-\u30ff]", text))
    if han + kana <= len(re.findall(r"[A-Za-z]", text)) / 2:
        return "en"
    return "ja" if kana > han / 10 else "zh"
