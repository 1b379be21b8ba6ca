"""Named arrays as bytes: the same arrays always give the same bytes, and nothing is unpickled.

Layout before compression: a line with the format's name, a line of JSON that lists name, dtype and
shape of each array by name, then the arrays' little-endian bytes in C order, in the same order.
"""

import hashlib
import json
import math
import zlib
from collections.abc import Mapping

import numpy as np

_MAGIC = b"prefgym arrays 1\n"
_KINDS = "biuf"  # booleans, integers and floats
# Recorded floats hardly compress; more effort than this costs time and saves nothing.
_COMPRESSION_LEVEL = 1


def encode_arrays(arrays: Mapping[str, np.ndarray]) -> tuple[str, bytes]:
    """The arrays' identity, a SHA-256 of their content, and their compressed bytes.

    Raises:
        ValueError: if an array holds anything but numbers and booleans.
    """
    header, bodies = [], []
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        if array.dtype.kind not in _KINDS:
            raise ValueError(
                f"arrays of a segment must hold numbers or booleans, got {name!r} of "
                f"{array.dtype}; convert it first"
            )
        canonical = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
        header.append([name, canonical.dtype.str, list(canonical.shape)])
        bodies.append(canonical.tobytes())
    description = json.dumps(header, separators=(",", ":"), ensure_ascii=True)
    content = b"".join([_MAGIC, description.encode(), b"\n", *bodies])
    return hashlib.sha256(content).hexdigest(), zlib.compress(content, _COMPRESSION_LEVEL)


def decode_arrays(identity: str, payload: bytes) -> dict[str, np.ndarray]:
    """The arrays whose `encode_arrays` gave this identity and payload.

    Raises:
        ValueError: if the payload is not what was stored under this identity.
    """
    try:
        content = zlib.decompress(payload)
    except zlib.error as error:
        raise ValueError(f"segment {identity} is damaged: {error}") from error
    if hashlib.sha256(content).hexdigest() != identity:
        raise ValueError(f"segment {identity} is damaged: its content has another hash")
    if not content.startswith(_MAGIC):
        raise ValueError(
            f"segment {identity} must be in the format {_MAGIC.decode().strip()!r}, "
            f"got {content[: len(_MAGIC)]!r}; it is of another version of prefgym"
        )
    end = content.index(b"\n", len(_MAGIC))
    arrays, offset = {}, end + 1
    for name, dtype, shape in json.loads(content[len(_MAGIC) : end]):
        count = math.prod(shape)
        flat = np.frombuffer(content, np.dtype(dtype), count, offset)
        arrays[name] = flat.reshape(shape).copy()
        offset += flat.nbytes
    return arrays
