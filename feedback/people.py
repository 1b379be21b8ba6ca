"""The people who answer: invitations, sessions and names. Of tokens, only hashes are stored."""

import hashlib
import secrets
import unicodedata
from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import sqlalchemy as sa

from prefgym.feedback.database import clock, lock
from prefgym.feedback.store import FeedbackStore
from prefgym.feedback.tables import PEOPLE, TOKENS

Role = Literal["admin", "annotator"]
ROLES: tuple[Role, ...] = get_args(Role)
MAX_NAME = 40
_SESSION_SECONDS = 30 * 24 * 3600.0
_TOKEN_BYTES = 32


_SESSION = (
    sa.select(PEOPLE.c.name, PEOPLE.c.role, PEOPLE.c.language, TOKENS.c.expires_at)
    .join(TOKENS, TOKENS.c.person == PEOPLE.c.name)
    .where(TOKENS.c.sha256 == sa.bindparam("sha256"), TOKENS.c.purpose == "session")
)


class Person(NamedTuple):
    """Somebody who joined; `language` is that of their pages."""

    name: str
    role: str
    language: str


class Invitation(NamedTuple):
    """An invitation that was made; `used_by` is "" until somebody joins with it."""

    role: str
    created_at: float
    expires_at: float
    used_by: str


class People:
    """Who may answer the queries of a store. Nobody joins without an invitation."""

    def __init__(self, store: FeedbackStore, *, session_seconds: float = _SESSION_SECONDS) -> None:
        """Read and write the people of a store.

        Args:
            store: where they are.
            session_seconds: how long a person stays signed in [s].
        """
        self.store = store
        self.session_seconds = session_seconds

    def invite(self, role: str, *, ttl_seconds: float, name: str | None = None) -> str:
        """A token with which one person can join, once.

        Args:
            role: what they may do.
            ttl_seconds: how long the invitation holds [s].
            name: somebody who joined before and is to come back, None for somebody new.

        Raises:
            ValueError: if there is no such role or person.
        """
        if role not in ROLES:
            raise ValueError(f"role must be one of {', '.join(ROLES)}, got {role!r}")
        with self.store.database.write() as connection:
            if name is not None and _person(connection, name) is None:
                raise ValueError(f"an invitation to come back must name a person, got {name!r}")
            return _new_token(connection, "invitation", role, name, ttl_seconds)

    def join(self, token: str, name: str, language: str = "en") -> str:
        """The token of a session of this name; the invitation is used up.

        Raises:
            ValueError: if the invitation does not hold, or the name is taken or none.
        """
        name = _clean_name(name)
        row = TOKENS.c
        mine = sa.select(row.role, row.person, row.expires_at).where(row.sha256 == _hash(token))
        with self.store.database.write() as connection:
            lock(connection, "people")
            invitation = connection.execute(mine.where(row.purpose == "invitation")).one_or_none()
            if invitation is None or invitation.expires_at <= clock(connection):
                raise ValueError(
                    "the invitation is used up, has expired or was never made; ask for a new one"
                )
            if _person(connection, name) is None and invitation.person is None:
                values = {"name": name, "role": invitation.role, "language": language}
                connection.execute(sa.insert(PEOPLE).values(values))
            elif name != invitation.person:
                raise ValueError(f"the name {name!r} is taken; choose another")
            else:
                again = sa.update(PEOPLE).where(PEOPLE.c.name == name)
                connection.execute(again.values(role=invitation.role, language=language))
            used = sa.update(TOKENS).where(row.sha256 == _hash(token))
            connection.execute(used.values(purpose="used", person=name))
            return _new_token(connection, "session", invitation.role, name, self.session_seconds)

    def session(self, token: str) -> Person | None:
        """Whose session this is; None if it is over or never was."""
        with self.store.database.read() as connection:
            found = connection.execute(_SESSION, {"sha256": _hash(token)}).one_or_none()
            if found is None or found.expires_at <= clock(connection):
                return None
        return Person(found.name, found.role, found.language)

    def sign_out(self, token: str) -> None:
        """End a session."""
        row = TOKENS.c
        session = sa.delete(TOKENS).where(row.sha256 == _hash(token), row.purpose == "session")
        with self.store.database.write() as connection:
            connection.execute(session)

    def set_language(self, name: str, language: str) -> None:
        """Show this person's pages in another language."""
        with self.store.database.write() as connection:
            connection.execute(
                sa.update(PEOPLE).where(PEOPLE.c.name == name).values(language=language)
            )

    def list(self) -> Sequence[Person]:
        """Everyone who joined, by name."""
        query = sa.select(PEOPLE.c.name, PEOPLE.c.role, PEOPLE.c.language).order_by(PEOPLE.c.name)
        with self.store.database.read() as connection:
            return [Person(*row) for row in connection.execute(query)]

    def invitations(self) -> Sequence[Invitation]:
        """Every invitation ever made, the oldest first."""
        row = TOKENS.c
        query = (
            sa.select(row.role, row.created_at, row.expires_at, row.person, row.purpose)
            .where(row.purpose.in_(["invitation", "used"]))
            .order_by(row.created_at)
        )
        with self.store.database.read() as connection:
            return [
                Invitation(role, created, expires, person if purpose == "used" else "")
                for role, created, expires, person, purpose in connection.execute(query)
            ]


def _new_token(
    connection: sa.Connection, purpose: str, role: str, person: str | None, ttl_seconds: float
) -> str:
    token, now = secrets.token_urlsafe(_TOKEN_BYTES), clock(connection)
    row = {"sha256": _hash(token), "purpose": purpose, "role": role, "person": person}
    row_times = {"created_at": now, "expires_at": now + ttl_seconds}
    connection.execute(sa.insert(TOKENS), [row | row_times])
    return token


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _person(connection: sa.Connection, name: str) -> str | None:
    return connection.scalar(sa.select(PEOPLE.c.name).where(PEOPLE.c.name == name))


def _clean_name(name: str) -> str:
    """The name as it is stored: two that look the same are the same.

    Raises:
        ValueError: if it is empty, too long or not printable.
    """
    clean = " ".join(unicodedata.normalize("NFKC", name).split())
    if not 1 <= len(clean) <= MAX_NAME or not clean.isprintable():
        raise ValueError(f"a name has 1 to {MAX_NAME} printable characters, got {name!r}")
    return clean
