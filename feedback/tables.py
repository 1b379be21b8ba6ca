"""The tables of a feedback store."""

import sqlalchemy as sa

SCHEMA_VERSION = 2

# What a browser shows as a picture or a film, and never runs as a page.
MEDIA_TYPES = (
    "image/apng",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "video/mp4",
    "video/webm",
)

SCHEMA = sa.MetaData()
META = sa.Table(
    "meta",
    SCHEMA,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
SEGMENTS = sa.Table(
    "segments",
    SCHEMA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("payload", sa.LargeBinary, nullable=False),
)
EVENTS = sa.Table(
    "events",
    SCHEMA,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("rater", sa.Text, nullable=False),
    sa.Column("round", sa.Integer, nullable=False),
    sa.Column("segments", sa.Text, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("answered_at", sa.Text),
)
CLIPS = sa.Table(
    "clips",
    SCHEMA,
    sa.Column("segment", sa.Text, sa.ForeignKey(SEGMENTS.c.id), primary_key=True),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
)
# `answers` counts the people who answered, not their repeats. `open` says in one word, for the
# index, that a query is still asked: it is not closed and wants more answers.
QUERIES = sa.Table(
    "queries",
    SCHEMA,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("segments", sa.Text, nullable=False),
    sa.Column("round", sa.Integer, nullable=False),
    sa.Column("criteria", sa.Text, nullable=False),
    sa.Column("overlap", sa.Integer, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("gold", sa.Text),
    sa.Column("scene", sa.Text, nullable=False),
    sa.Column("answers", sa.Integer, nullable=False),
    sa.Column("closed", sa.Boolean, nullable=False),
    sa.Column("open", sa.Boolean, nullable=False),
)
sa.Index(
    "queries_open",
    QUERIES.c.priority.desc(),
    QUERIES.c.seq,
    sqlite_where=sa.text("open = 1"),  # as queries spell it; else SQLite passes the index over
    postgresql_where=QUERIES.c.open,
)
# One row per query and person, and one more if the person is asked again. `answered` is the
# event of the answer in force, `revision` the number of answers taken back.
ASSIGNMENTS = sa.Table(
    "assignments",
    SCHEMA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("query", sa.Integer, sa.ForeignKey(QUERIES.c.seq), nullable=False),
    sa.Column("rater", sa.Text, nullable=False),
    sa.Column("repeat", sa.Boolean, nullable=False),
    sa.Column("shown", sa.Text, nullable=False),
    sa.Column("token", sa.Text, nullable=False),
    sa.Column("expires_at", sa.Double, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("answered", sa.Integer, sa.ForeignKey(EVENTS.c.seq)),
    sa.Column("seconds", sa.Double),
    sa.UniqueConstraint("query", "rater", "repeat"),
    sa.Index("assignments_rater", "rater", "answered"),
)
PEOPLE = sa.Table(
    "people",
    SCHEMA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("language", sa.Text, nullable=False),
)
# `person` is who used an invitation, or whose session it is.
TOKENS = sa.Table(
    "tokens",
    SCHEMA,
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("person", sa.Text, sa.ForeignKey(PEOPLE.c.name)),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("expires_at", sa.Double, nullable=False),
)
