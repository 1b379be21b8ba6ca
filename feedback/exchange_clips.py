"""Clips of segments, to and from an .npz file: bytes under the segment's id and the media type."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from prefgym.feedback.npz import read_npz, write_npz
from prefgym.feedback.rows import known, require_segments
from prefgym.feedback.tables import CLIPS, MEDIA_TYPES


def write_clips(connection: sa.Connection, path: Path) -> int:
    """Write every clip; how many there are."""
    ids = list(connection.scalars(sa.select(CLIPS.c.segment).order_by(CLIPS.c.segment)))
    write_npz(path, _clips(connection, ids))
    return len(ids)


def read_clips(connection: sa.Connection, store_name: str, path: Path) -> int:
    """Store the clips of segments that have none, in the caller's transaction; their number.

    Raises:
        ValueError: if one is no picture or film of a stored segment.
    """
    count = 0
    for name, array in read_npz(path):
        segment, _, media_type = name.partition("/")
        if media_type not in MEDIA_TYPES or array.dtype != np.uint8 or array.ndim != 1:
            raise ValueError(f"{path} must hold the bytes of clips, got {name!r}")
        require_segments(connection, store_name, [segment])
        if not known(connection, CLIPS.c.segment, [segment]):
            row = {"segment": segment, "media_type": media_type, "content": array.tobytes()}
            connection.execute(sa.insert(CLIPS), [row])
            count += 1
    return count


def _clips(connection: sa.Connection, ids: list[str]) -> Iterator[tuple[str, np.ndarray]]:
    for identity in ids:
        query = sa.select(CLIPS.c.media_type, CLIPS.c.content).where(CLIPS.c.segment == identity)
        media_type, content = connection.execute(query).one()
        yield f"{identity}/{media_type}", np.frombuffer(content, np.uint8)
