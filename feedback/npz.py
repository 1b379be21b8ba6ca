"""Arrays in .npz files whose bytes follow from their content, and read without trusting them.

Members are not compressed: the file is read by `np.load(..., allow_pickle=False)`, has the same
bytes wherever it is written, and cannot swell when it is read.
"""

import io
import math
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(
    _MAGIC + rb"..\{'descr': '(?P<dtype>[<|][biuf]\d{1,2})', 'fortran_order': False, "
    rb"'shape': \((?P<shape>[\d, ]{0,200})\), \} *\n",
    re.DOTALL,
)
_DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip file knows
_SUFFIX = ".npy"


def write_npz(path: Path, arrays: Iterable[tuple[str, np.ndarray]]) -> None:
    """Write named arrays in the order given."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays:
            stream = io.BytesIO()
            np.lib.format.write_array(stream, np.asarray(array, order="C"), allow_pickle=False)
            member = zipfile.ZipInfo(name + _SUFFIX, _DATE)
            member.external_attr = 0o644 << 16
            archive.writestr(member, stream.getbuffer())


def read_npz(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """The named arrays in the order written, one at a time.

    Raises:
        ValueError: if this is no such file: objects, compressed or overlapping members, and
            headers that promise what does not follow are refused.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            claimed, size = sum(member.file_size for member in members), path.stat().st_size
            if claimed > size:
                raise ValueError(f"members are {claimed} bytes, more than the file")
            for member in members:
                if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
                    raise ValueError(f"member {member.filename!r} is compressed or encrypted")
                if not 0 <= member.header_offset < size:
                    raise ValueError(f"member {member.filename!r} lies outside the file")
                if not member.filename.endswith(_SUFFIX):
                    raise ValueError(f"member {member.filename!r} is no array")
                name = member.filename.removesuffix(_SUFFIX)
                yield name, _read_array(name, archive.read(member))
    except (ValueError, TypeError, EOFError, NotImplementedError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} must hold plain arrays of numbers, got: {error}") from error


def _read_array(name: str, content: bytes) -> np.ndarray:
    """The array of a member, whose header must be spelt as `write_array` spells it.

    NumPy's own reader evaluates headers as Python and makes room for what they promise.
    """
    found = _HEADER.match(content)
    if found is None:
        raise ValueError(f"array {name!r} has no header of numbers or booleans in C order")
    dtype = np.dtype(found["dtype"].decode())
    shape = tuple(int(size) for size in found["shape"].replace(b",", b" ").split())
    length = len(_MAGIC) + 2 + int.from_bytes(content[len(_MAGIC) : len(_MAGIC) + 2], "little")
    body = len(content) - length
    if found.end() != length or math.prod(shape) * dtype.itemsize != body:
        raise ValueError(f"array {name!r} of shape {shape} has {body} bytes")
    return np.frombuffer(content, dtype, offset=length).reshape(shape)
