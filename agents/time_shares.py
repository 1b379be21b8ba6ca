"""How people's time is shared between kinds of answers, and whose turn it is to be asked."""

from collections.abc import Mapping, Sequence

from prefgym.feedback.posted_query import QueryKind

SECONDS: Mapping[QueryKind, float] = {
    "comparison": 4.0,
    "ranking": 14.0,
    "rating": 4.0,
    "correction": 10.0,
    "intervention": 25.0,
    "demonstration": 45.0,
}
"""Per answer. A comparison takes 3 to 5 s (Christiano et al. 2017); the others are assumed in
proportion to what has to be watched, read and typed."""

SHARES: Mapping[str, Mapping[QueryKind, float]] = {
    "prefgym/Driving-v0": {
        "comparison": 0.05,
        "ranking": 0.1,
        "rating": 0.75,
        "correction": 1 / 30,
        "intervention": 1 / 30,
        "demonstration": 1 / 30,
    },
    "prefgym/TextSummary-v0": {
        "comparison": 0.05,
        "ranking": 0.05,
        "rating": 0.85,
        "correction": 0.05,
    },
}
"""Shares of the time that teach most, as simulated people have it (`prefgym benchmark mixed`)."""


def default_shares(env_id: str, kinds: Sequence[QueryKind]) -> list[float]:
    """Shares of the time for kinds of answers; equal ones where nothing has been measured."""
    known = SHARES.get(env_id, {})
    share = [known.get(kind, 0.0) for kind in kinds]
    return share if all(share) else [1.0] * len(kinds)


def turns(kinds: Sequence[QueryKind], shares: Sequence[float], num_queries: int) -> list[QueryKind]:
    """The kinds of so many queries in the order in which they are asked.

    Each turn is that of the kind on which the least time has been spent for its share, the first
    of equals. Every kind has its turn once before any has it twice, and however many queries are
    asked, a shorter list is the beginning of a longer.

    >>> turns(["comparison", "correction"], [0.5, 0.5], 6)
    ['comparison', 'correction', 'comparison', 'comparison', 'correction', 'comparison']

    Args:
        kinds: what is asked.
        shares: of the time, positive, in any unit.
        num_queries: how many.

    Raises:
        ValueError: if there is not one positive share for each kind.
    """
    if len(shares) != len(kinds) or not all(0 < share < float("inf") for share in shares):
        raise ValueError(
            f"shares must be a positive number for each of {', '.join(kinds)}, got {[*shares]}"
        )
    spent = [0.0] * len(kinds)
    order: list[QueryKind] = []
    for _ in range(num_queries):
        least = min(range(len(kinds)), key=lambda k: spent[k] / shares[k])
        spent[least] += SECONDS[kinds[least]]
        order.append(kinds[least])
    return order


def answers_within(
    kinds: Sequence[QueryKind], shares: Sequence[float], seconds: float
) -> dict[QueryKind, int]:
    """How many of each kind are asked before the next in turn would take too long.

    Every kind is asked once, whatever the time.
    """
    least = min(SECONDS[kind] for kind in kinds)
    count = dict.fromkeys(kinds, 0)
    spent = 0.0
    for kind in turns(kinds, shares, len(kinds) + int(seconds / least)):
        spent += SECONDS[kind]
        if spent > seconds and min(count.values()) > 0:
            break
        count[kind] += 1
    return count
