import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector.utils import batch_space
from hypothesis import given
from hypothesis import strategies as st

from prefgym.feedback.encoding import encode, encoded_size

LEAVES = st.one_of(
    st.lists(st.integers(1, 3), max_size=2).map(lambda shape: spaces.Box(-9.0, 9.0, tuple(shape))),
    st.builds(spaces.Discrete, st.integers(1, 4), start=st.integers(-3, 3)),
    st.lists(st.tuples(st.integers(1, 4), st.integers(-3, 3)), min_size=1, max_size=3).map(
        lambda axes: spaces.MultiDiscrete([n for n, _ in axes], start=[start for _, start in axes])
    ),
    st.integers(1, 3).map(spaces.MultiBinary),
)
SPACES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.dictionaries(st.sampled_from("abc"), inner, min_size=1).map(spaces.Dict),
        st.lists(inner, min_size=1, max_size=3).map(spaces.Tuple),
    ),
    max_leaves=4,
)


def test_box_is_flattened_row_by_row() -> None:
    batch = np.arange(12.0).reshape(2, 2, 3)
    rows = encode(spaces.Box(-99, 99, (2, 3)), batch)
    assert rows.dtype == np.float32
    assert rows.tolist() == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]


def test_a_box_of_one_number_is_one_column() -> None:
    assert encode(spaces.Box(-1, 1, ()), np.array([0.5, -0.5])).tolist() == [[0.5], [-0.5]]


def test_discrete_counts_from_its_start() -> None:
    rows = encode(spaces.Discrete(3, start=-1), np.array([-1, 1, 0]))
    assert rows.tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]


def test_multidiscrete_lays_its_axes_side_by_side() -> None:
    space = spaces.MultiDiscrete([2, 3], start=[0, 5])
    rows = encode(space, np.array([[1, 5], [0, 7]]))
    assert rows.tolist() == [[0, 1, 1, 0, 0], [1, 0, 0, 0, 1]]


def test_multidiscrete_may_have_two_axes() -> None:
    rows = encode(spaces.MultiDiscrete([[2, 2], [2, 2]]), np.array([[[0, 1], [1, 0]]]))
    assert rows.tolist() == [[1, 0, 0, 1, 0, 1, 1, 0]]


def test_small_integers_do_not_overflow() -> None:
    space = spaces.MultiDiscrete(np.array([100, 100], np.int8), dtype=np.int8, start=[100, 0])
    rows = encode(space, np.array([[110, 99]], np.int8))
    assert np.flatnonzero(rows[0]).tolist() == [10, 199]


def test_multibinary_keeps_its_bits() -> None:
    bits = np.array([[1, 0, 1]], np.int8)
    assert encode(spaces.MultiBinary(3), bits).tolist() == [[1, 0, 1]]


def test_a_dict_follows_the_space_whatever_the_order_of_the_batch() -> None:
    space = spaces.Dict({"a": spaces.Discrete(2), "b": spaces.Box(-9, 9, (1,))})
    batch = {"b": np.array([[7.0]]), "a": np.array([1])}
    assert encode(space, batch).tolist() == [[0, 1, 7]]


def test_tuples_and_dicts_nest() -> None:
    space = spaces.Tuple(
        (spaces.Discrete(2), spaces.Dict({"x": spaces.Tuple([spaces.MultiBinary(2)])}))
    )
    batch = (np.array([0]), {"x": (np.array([[0, 1]]),)})
    assert encode(space, batch).tolist() == [[1, 0, 0, 1]]


@given(SPACES, st.integers(0, 99))
def test_a_batch_has_the_rows_of_its_elements(space: spaces.Space[object], seed: int) -> None:
    batch = batch_space(space, 3)
    batch.seed(seed)
    sample = batch.sample()
    rows = encode(space, sample)
    assert rows.shape == (3, encoded_size(space))
    for i in range(3):
        assert np.array_equal(encode(space, element(sample, i)), rows[i : i + 1])


def element(batch: object, i: int) -> object:
    """Element `i` of a batch, as a batch of one."""
    if isinstance(batch, dict):
        return {key: element(part, i) for key, part in batch.items()}
    if isinstance(batch, tuple):
        return tuple(element(part, i) for part in batch)
    assert isinstance(batch, np.ndarray)
    return batch[i : i + 1]


@pytest.mark.parametrize(
    ("space", "batch", "message"),
    [
        (spaces.Box(-1, 1, (3,)), np.zeros((2, 4)), r"shape \(batch, \*\(3,\)\).*got \(2, 4\)"),
        (spaces.Box(-1, 1, (3,)), np.zeros(3), r"got \(3,\)"),
        (spaces.Discrete(3), np.zeros((2, 1), int), r"got \(2, 1\)"),
        (spaces.Discrete(3), np.array([0, 3]), r"from \[0\] to \[2\], got \[3\] in row 1"),
        (spaces.Discrete(3, start=1), np.array([0]), r"from \[1\] to \[3\], got \[0\]"),
        (spaces.Discrete(3), np.array([0.5]), r"whole numbers.*got \[0.5\]"),
        (spaces.Discrete(3), np.array([np.nan]), r"whole numbers.*got \[nan\]"),
        (spaces.MultiDiscrete([2, 2]), np.array([[0, 1], [2, 0]]), r"got \[2 0\] in row 1"),
        (spaces.Box(-1, 1, (1,)), np.array([["a"]]), "must hold numbers"),
        (spaces.Box(-1, 1, (1,)), np.array([[0.0], [np.nan]]), r"finite.*\[nan\] in row 1"),
        (spaces.Box(-1, 1, (1,)), np.array([[-np.inf]]), r"finite.*\[-inf\] in row 0"),
        (spaces.Box(-1, 1, (1,)), np.array([[1e300]]), "finite in float32"),
        (spaces.Dict({"a": spaces.Discrete(2)}), {"b": np.zeros(1, int)}, r"\['a'\], got \['b'\]"),
        (spaces.Dict({"a": spaces.Discrete(2)}), np.zeros(1, int), r"\['a'\], got ndarray"),
        (spaces.Tuple([spaces.Discrete(2)]), (), "tuple of 1 arrays, got 0"),
        (spaces.Tuple([spaces.Discrete(2)]), np.zeros(1, int), "tuple of 1 arrays, got ndarray"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused(
    space: spaces.Space[object], batch: object, message: str
) -> None:
    with pytest.raises(ValueError, match=f"^action.*{message}"):
        encode(space, batch, name="action")


def test_an_error_names_the_part() -> None:
    space = spaces.Dict({"speed": spaces.Tuple([spaces.Discrete(2)])})
    with pytest.raises(ValueError, match=r"^observation\['speed'\]\[0\]"):
        encode(space, {"speed": (np.array([2]),)})


@pytest.mark.parametrize("wrap", [lambda space: space, lambda space: spaces.Dict({"a": space})])
def test_a_space_without_a_flat_form_is_refused(wrap) -> None:  # type: ignore[no-untyped-def]
    text = spaces.Text(3)
    with pytest.raises(TypeError, match="space must be Box, Discrete"):
        encoded_size(wrap(text))
    with pytest.raises(TypeError, match="space must be Box, Discrete"):
        encode(wrap(text), {"a": ["abc"]} if wrap(text) is not text else ["abc"])
