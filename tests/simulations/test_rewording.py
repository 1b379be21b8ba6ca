import numpy as np

from prefgym.simulations.rewording import rewordings
from prefgym.simulations.source import Source, Unit
from prefgym.simulations.text_worlds import STOP

SOURCE = Source(
    id="walk",
    language="en",
    topic="",
    title="",
    sentences=("It rained.", "We walked."),
    units=(
        Unit("It rained.", place=0),
        Unit("We walked.", place=1),
        Unit("Rain fell.", kind="plain", place=0),
        Unit("Warm rain fell.", kind="vivid", place=0),
        Unit("Cats sleep.", kind="off-topic", place=0),
    ),
    annotated=False,
)


def test_each_unit_in_turn_is_worded_otherwise():
    found = rewordings(SOURCE, np.array([1, 0, STOP]))
    assert found.tolist() == [[1, 2, STOP], [1, 3, STOP]]


def test_what_the_text_holds_already_is_no_other_wording():
    assert rewordings(SOURCE, np.array([0, 3])).tolist() == [[2, 3], [0, 2]]


def test_what_is_off_topic_words_nothing_else():
    assert rewordings(SOURCE, np.array([4, STOP])).shape == (0, 2)
    assert rewordings(SOURCE, np.array([STOP, STOP])).shape == (0, 2)
