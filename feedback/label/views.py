"""What a page shows, as plain values: the templates read nothing else."""

from dataclasses import dataclass, field
from typing import Literal

from prefgym.feedback.posted_query import QueryKind


@dataclass(frozen=True, slots=True)
class DrivingView:
    """A drive, drawn on a canvas.

    Args:
        trace: JSON: {"dt": seconds between states, "num_lanes", "lane_width" [m], "ramp": null or
            [start, end] [m], "states": [time][vehicle][x, y, speed, length], null where absent;
            vehicle 0 is the ego, x grows along the road, y to the left}.
        picture: address of an animated image of the same, for browsers without scripts.
    """

    trace: str
    picture: str
    kind: Literal["driving"] = "driving"


@dataclass(frozen=True, slots=True)
class TextView:
    """A text and what it was made from.

    Args:
        source: the text that was read.
        text: what was written.
        language: "en" or "zh".
        sentences: the sentences of what was written.
        wordings: for each sentence, other wordings of it that the source offers.
    """

    source: str
    text: str
    language: str
    sentences: tuple[str, ...] = ()
    wordings: tuple[tuple[str, ...], ...] = ()
    kind: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class ClipView:
    """Recorded frames of any other environment, as an animated image or a video."""

    url: str
    media_type: str
    kind: Literal["clip"] = "clip"


@dataclass(frozen=True, slots=True)
class NumbersView:
    """A segment that nobody can draw: its steps as numbers."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    kind: Literal["numbers"] = "numbers"


View = DrivingView | TextView | ClipView | NumbersView


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a person, and everyone, has come.

    Args:
        mine: answers of this person.
        answered: queries that have all the answers they want.
        total: queries posted.
        seconds_left: at this person's median pace; None until it is known.
        round: round of the loop that asked the latest query.
    """

    mine: int
    answered: int
    total: int
    seconds_left: float | None
    round: int


@dataclass(frozen=True, slots=True)
class Frame:
    """What every page needs.

    Args:
        language: of the interface, "en" or "zh".
        rater: who is signed in; "" for nobody.
        admin: whether this person may see everyone's answers and invite people.
        csrf: token that every form sends back.
        message: key of a message in `strings`, or "".
        path: of this page, for the links that change the language.
    """

    language: str
    rater: str
    admin: bool
    csrf: str
    message: str = ""
    path: str = "/label"


@dataclass(frozen=True, slots=True)
class LabelPage:
    """One question.

    Args:
        frame: what every page needs.
        kind: what is asked.
        assignment: its id.
        token: its token.
        views: what is shown, in the order shown.
        criteria: what to rate.
        progress: how far everyone has come.
        news: whether the policy was trained between the last question and this one.
        previous: names and values of the form's fields as they were answered before, where an
            answer was taken back.
        lease_seconds: how long the question stays with this person without a sign of life.
        min_seconds: how long it must be looked at before an answer counts.
        settings: kind-specific: for a correction or takeover of driving {"steps": decisions in the
            scene, "start": decision at which the scene may first be changed}.
    """

    frame: Frame
    kind: QueryKind
    assignment: str
    token: str
    views: tuple[View, ...]
    criteria: tuple[str, ...]
    progress: Progress
    news: bool = False
    previous: dict[str, str] = field(default_factory=dict)
    lease_seconds: int = 60
    min_seconds: float = 1.0
    settings: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WaitPage:
    """Nothing to answer just now: the trainer has asked nothing more, or all is answered."""

    frame: Frame
    progress: Progress


@dataclass(frozen=True, slots=True)
class JoinPage:
    """Who are you? `token` is the invitation's, `name` a suggestion."""

    frame: Frame
    token: str
    name: str


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % interval; None where too little is known."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class RaterRow:
    """One person on the dashboard; shares are of 1, seconds are medians."""

    name: str
    answers: int
    seconds: float | None
    first_share: Interval
    tie_share: float | None
    skip_share: float | None
    self_agreement: Interval
    gold_share: Interval
    trust: float | None


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Everyone's answers at a glance.

    Args:
        frame: what every page needs.
        progress: how far everyone has come.
        by_kind: answers of each kind.
        agreement: Krippendorff's alpha, ordinal, over queries that several people answered.
        kappa: Fleiss' kappa over the same comparisons.
        raters: one row per person.
        per_hour: answers per hour over the last ten minutes.
    """

    frame: Frame
    progress: Progress
    by_kind: dict[str, int]
    agreement: Interval
    kappa: Interval
    raters: tuple[RaterRow, ...]
    per_hour: float


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation on the people page; `link` is shown once, when it is made."""

    role: str
    created: str
    used_by: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """Who takes part, and invitations for more; admins only."""

    frame: Frame
    invitations: tuple[Invitation, ...]
    people: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """Something went wrong; `message` is a key of `strings`, `status` the HTTP status."""

    frame: Frame
    status: int
    message: str
