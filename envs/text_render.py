"""A source and what was picked from it, as plain text and as HTML."""

import textwrap
from html import escape

from prefgym.simulations.source import Source, join

WIDTH = 78
NO_GOLD = "gold is unavailable: this text has no annotations"


def as_ansi(source: Source, picked: list[str]) -> str:
    """The source, the units with their numbers and the order of the picks, and the summary."""
    order = {text: i + 1 for i, text in enumerate(picked)}
    lines = [source.title, ""] if source.title else []
    lines += [*_wrapped(source.text, source.language), "", "units"]
    for number, unit in enumerate(source.units):
        mark = f"[{order[unit.text]}]" if unit.text in order else "   "
        lines += _wrapped(unit.text, source.language, f"{number:3d} {mark} ")
    summary = join(picked, source.language)
    lines += ["", "summary", *_wrapped(summary or "(empty)", source.language)]
    if not source.annotated:
        lines.append(f"({NO_GOLD})")
    return "\n".join(lines) + "\n"


def _wrapped(text: str, language: str, label: str = "") -> list[str]:
    width = WIDTH // 2 if language in ("zh", "ja") else WIDTH  # wide characters take two columns
    return textwrap.wrap(text, width, initial_indent=label, subsequent_indent=" " * len(label))


def as_html(source: Source, picked: list[str]) -> str:
    """Source and summary side by side; source sentences that were taken as they are are marked."""
    taken = set(picked)
    sentences = [
        f"<mark>{escape(sentence)}</mark>" if sentence in taken else escape(sentence)
        for sentence in source.sentences
    ]
    own = set(source.sentences)
    written = [escape(text) if text in own else f"<em>{escape(text)}</em>" for text in picked]
    note = "" if source.annotated else f"<p><small>{NO_GOLD}</small></p>"
    title = f"<h3>{escape(source.title)}</h3>" if source.title else ""
    return (
        f'<div class="texts" lang="{escape(source.language)}" '
        'style="display:grid;grid-template-columns:1fr 1fr;gap:1.5em">'
        f"<section>{title}<p>{join(sentences, source.language)}</p></section>"
        f"<section><p>{join(written, source.language)}</p>{note}</section></div>"
    )
