"""What may be said to a query, kind by kind."""

from collections.abc import Sequence

from prefgym.feedback.event import Answer, JsonScalar
from prefgym.feedback.posted_query import PostedQuery

MAX_RATING = 5


def answered_segments(query: PostedQuery, segments: Sequence[str] | None) -> tuple[str, ...]:
    """The segments that an event about the query names.

    Args:
        query: what was asked.
        segments: those that the answer made, None if it made none.
    """
    if segments is not None:
        return tuple(segments)
    return () if query.kind in ("intervention", "demonstration") else query.segments


def check_answer(query: PostedQuery, answer: Answer, segments: tuple[str, ...]) -> None:
    """Refuse what is no answer to the query.

    Raises:
        ValueError: if it is none.
    """
    checks = {
        "comparison": _is_comparison,
        "ranking": _is_ranking,
        "rating": _is_rating,
        "correction": _is_correction,
        "intervention": _is_intervention,
        "demonstration": _is_demonstration,
    }
    if not checks[query.kind](query, answer, segments):
        raise ValueError(
            f"answer to {query.kind} {query.key!r} of {len(query.segments)} segments must be one "
            f"of those that its kind allows, got {answer} about {len(segments)} segments"
        )


def is_abstention(answer: Answer) -> bool:
    """Whether the person could not tell, whatever the kind."""
    return bool(answer) and all(value is None for value in answer.values())


def _is_comparison(query: PostedQuery, answer: Answer, segments: tuple[str, ...]) -> bool:
    said = answer.get("preference", "")
    known = said is None or (isinstance(said, float) and said in (0.0, 0.5, 1.0))
    return segments == query.segments and set(answer) == {"preference"} and known


def _is_ranking(query: PostedQuery, answer: Answer, segments: tuple[str, ...]) -> bool:
    ranks = answer.get("ranks", "")
    if segments != query.segments or set(answer) != {"ranks"}:
        return False
    if ranks is None:
        return True
    count = len(segments)
    return (
        isinstance(ranks, list) and len(ranks) == count and all(_is_index(r, count) for r in ranks)
    )


def _is_rating(query: PostedQuery, answer: Answer, segments: tuple[str, ...]) -> bool:
    if segments != query.segments or set(answer) != set(query.criteria):
        return False
    return all(v is None or (_is_index(v, MAX_RATING + 1) and v != 0) for v in answer.values())


def _is_correction(query: PostedQuery, answer: Answer, segments: tuple[str, ...]) -> bool:
    if "corrected" in answer:
        nothing = answer["corrected"] is None or answer["corrected"] is False
        return segments == query.segments and set(answer) == {"corrected"} and nothing
    start = answer.get("start", 0)
    known = isinstance(answer.get("what"), str) and set(answer) <= {"start", "what"}
    corrected = len(segments) == 2 and segments[1:] == query.segments != segments[:1]
    return corrected and known and _is_index(start, None)


def _is_intervention(query: PostedQuery, answer: Answer, segments: tuple[str, ...]) -> bool:
    takeovers = answer.get("takeovers", "")
    if set(answer) != {"takeovers"}:
        return False
    if takeovers is None:
        return segments == ()
    times = takeovers if isinstance(takeovers, list) else [None]
    return all(_is_index(time, None) for time in times) and len(segments) == 2 * len(times)


def _is_demonstration(query: PostedQuery, answer: Answer, segments: tuple[str, ...]) -> bool:
    said = answer.get("demonstrated", "")
    known = (said is True and len(segments) > 1) or (said is None and segments == ())
    return set(answer) == {"demonstrated"} and known


def _is_index(value: JsonScalar | list[JsonScalar], count: int | None) -> bool:
    """Whether this is a whole number in [0, count)."""
    if isinstance(value, bool) or not isinstance(value, int):
        return False
    return value >= 0 and (count is None or value < count)
