import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from prefgym.feedback.people import People, Person
from prefgym.feedback.tables import TOKENS


@pytest.fixture
def people(store):
    return People(store)


def test_who_is_invited_joins_and_is_known_by_the_session(people):
    session = people.join(people.invite("annotator", ttl_seconds=60.0), "Ann", "zh")
    assert people.session(session) == Person("Ann", "annotator", "zh")
    admin = people.join(people.invite("admin", ttl_seconds=60.0), "小明")
    assert people.session(admin) == Person("小明", "admin", "en")
    assert people.list() == [Person("Ann", "annotator", "zh"), Person("小明", "admin", "en")]


def test_an_invitation_is_for_one(people):
    token = people.invite("annotator", ttl_seconds=60.0)
    people.join(token, "Ann")
    with pytest.raises(ValueError, match="used up"):
        people.join(token, "Bob")
    assert [person.name for person in people.list()] == ["Ann"]


def test_of_many_who_use_an_invitation_at_once_one_joins(people):
    token = people.invite("annotator", ttl_seconds=60.0)

    def join(number):
        try:
            return people.join(token, f"person {number}")
        except ValueError:
            return None

    with ThreadPoolExecutor(8) as pool:
        sessions = [session for session in pool.map(join, range(8)) if session]
    assert len(sessions) == len(people.list()) == 1


def test_of_many_who_take_a_name_at_once_one_has_it(people):
    tokens = [people.invite("annotator", ttl_seconds=60.0) for _ in range(8)]

    def join(token):
        try:
            people.join(token, "Ann")
        except ValueError as error:
            return str(error)

    with ThreadPoolExecutor(8) as pool:
        complaints = list(pool.map(join, tokens))
    assert complaints.count(None) == 1
    assert complaints.count("the name 'Ann' is taken; choose another") == 7


def test_an_invitation_expires_and_so_does_a_session(store):
    people = People(store, session_seconds=0.05)
    with pytest.raises(ValueError, match="has expired"):
        people.join(people.invite("admin", ttl_seconds=0.0), "Ann")
    session = people.join(people.invite("admin", ttl_seconds=60.0), "Ann")
    assert people.session(session) is not None
    time.sleep(0.06)
    assert people.session(session) is None


def test_an_invitation_is_no_session_and_a_session_no_invitation(people):
    token = people.invite("admin", ttl_seconds=60.0)
    assert people.session(token) is None
    session = people.join(token, "Ann")
    assert people.session(token) is None
    with pytest.raises(ValueError, match="used up"):
        people.join(session, "Bob")
    with pytest.raises(ValueError, match="never made"):
        people.join("guessed", "Bob")


def test_a_name_is_one_persons(people):
    people.join(people.invite("annotator", ttl_seconds=60.0), "Ann")
    token = people.invite("annotator", ttl_seconds=60.0)
    with pytest.raises(ValueError, match="'Ann' is taken"):
        people.join(token, "  \uff21nn ")
    assert people.session(people.join(token, "Ann B")).name == "Ann B"


def test_who_joined_before_can_be_invited_back(people):
    first = people.join(people.invite("annotator", ttl_seconds=60.0), "Ann")
    with pytest.raises(ValueError, match="must name a person, got 'Bob'"):
        people.invite("annotator", ttl_seconds=60.0, name="Bob")
    token = people.invite("admin", ttl_seconds=60.0, name="Ann")
    with pytest.raises(ValueError, match="'Bob' is taken"):
        people.join(token, "Bob")
    again = people.join(token, "Ann")
    assert people.session(again) == people.session(first) == Person("Ann", "admin", "en")
    assert [invitation.used_by for invitation in people.invitations()] == ["Ann", "Ann"]


@pytest.mark.parametrize("name", ["", "   ", "x" * 41, "a\x00b", "a\u202eb"])
def test_what_is_no_name_is_refused(people, name):
    with pytest.raises(ValueError, match="1 to 40 printable characters"):
        people.join(people.invite("annotator", ttl_seconds=60.0), name)


def test_other_roles_are_refused(people):
    with pytest.raises(ValueError, match="role must be one of admin, annotator, got 'owner'"):
        people.invite("owner", ttl_seconds=60.0)


def test_signing_out_ends_this_session_alone(people):
    one = people.join(people.invite("annotator", ttl_seconds=60.0), "Ann")
    two = people.join(people.invite("annotator", ttl_seconds=60.0, name="Ann"), "Ann")
    people.sign_out(one)
    people.sign_out("nobody's")
    assert people.session(one) is None
    assert people.session(two).name == "Ann"


def test_an_invitation_cannot_be_signed_out(people):
    token = people.invite("annotator", ttl_seconds=60.0)
    people.sign_out(token)
    assert people.session(people.join(token, "Ann")).name == "Ann"


def test_pages_change_their_language(people):
    session = people.join(people.invite("annotator", ttl_seconds=60.0), "Ann")
    people.set_language("Ann", "zh")
    assert people.session(session).language == "zh"


def test_invitations_are_listed_with_who_used_them(people):
    people.join(people.invite("admin", ttl_seconds=60.0), "Ann")
    people.invite("annotator", ttl_seconds=60.0)
    used, unused = people.invitations()
    assert (used.role, used.used_by) == ("admin", "Ann")
    assert (unused.role, unused.used_by) == ("annotator", "")
    assert unused.expires_at - unused.created_at == pytest.approx(60)
    assert unused.created_at == pytest.approx(time.time(), abs=5)


def test_no_token_is_stored(people, store):
    tokens = [people.invite("annotator", ttl_seconds=60.0)]
    tokens.append(people.join(people.invite("annotator", ttl_seconds=60.0), "Ann"))
    with store.database.read() as connection:
        stored = str(connection.execute(sa.select(TOKENS)).all())
    assert all(len(token) == 43 and token not in stored for token in tokens)
