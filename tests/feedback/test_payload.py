import hashlib
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from prefgym.feedback.payload import decode_arrays, encode_arrays

ARRAYS = hnp.arrays(
    st.sampled_from([np.bool_, np.int64, np.uint8, np.float32, np.float64]),
    hnp.array_shapes(min_dims=0, min_side=0),
)


@given(st.dictionaries(st.text(max_size=8), ARRAYS, max_size=4))
def test_arrays_come_back_as_they_were(arrays):
    identity, payload = encode_arrays(arrays)
    found = decode_arrays(identity, payload)
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert found[name].tobytes() == array.tobytes()
        assert found[name].flags.writeable


def test_golden_bytes():
    identity, payload = encode_arrays({"b": np.array([[1.0, 2.0]]), "a": np.array([True])})
    content = b'prefgym arrays 1\n[["a","|b1",[1]],["b","<f8",[1,2]]]\n\x01'
    content += b"\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\0\x40"
    assert zlib.decompress(payload) == content
    assert identity == hashlib.sha256(content).hexdigest()


def test_same_content_same_bytes_whatever_the_layout_and_order():
    array = np.arange(12.0).reshape(3, 4)
    first = encode_arrays({"x": array, "y": np.arange(3)})
    second = encode_arrays(
        {"y": np.arange(6)[::2] // 2, "x": np.asfortranarray(array).astype(">f8")}
    )
    assert first == second
    for other in (array + 1, array.astype(np.float32), array.reshape(4, 3)):
        assert encode_arrays({"x": other, "y": np.arange(3)})[0] != first[0]


@pytest.mark.parametrize("array", [np.array([None]), np.array(["text"]), np.array([1j])])
def test_what_is_not_numbers_is_refused(array):
    with pytest.raises(ValueError, match=r"must hold numbers or booleans, got 'bad' of "):
        encode_arrays({"bad": array})


def test_damage_is_noticed():
    identity, payload = encode_arrays({"x": np.arange(100)})
    other = encode_arrays({"x": np.arange(99)})[1]
    for damaged in (payload[:-9], b"nonsense", other):
        with pytest.raises(ValueError, match=f"segment {identity} is damaged"):
            decode_arrays(identity, damaged)


def test_another_format_is_named():
    content = b"prefgym arrays 2\n[]\n"
    identity = hashlib.sha256(content).hexdigest()
    with pytest.raises(
        ValueError, match=r"must be in the format 'prefgym arrays 1', got b'prefgym"
    ):
        decode_arrays(identity, zlib.compress(content))
