import hashlib
import io
import json
import pickle
import shutil
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from prefgym.feedback.event import Event
from prefgym.feedback.exchange import export_store, import_store, read_manifest
from prefgym.feedback.exchange_jsonl import FILES
from prefgym.feedback.label_queue import LabelQueue
from prefgym.feedback.people import People
from prefgym.feedback.posted_query import Environment, PostedQuery
from prefgym.feedback.store import FeedbackStore
from prefgym.feedback.tables import SCHEMA

ENVIRONMENT = Environment("prefgym/Driving-v0", {"scenario": "merge", "cars": 12}, ("comfort",))


def fill(store):
    """A bit of everything: simulated answers, people's, ties, repeats, and some taken back."""
    store.set_environment(ENVIRONMENT)
    ids = store.add_segments(
        [
            {
                "observations": np.random.default_rng(i).normal(size=(5, 3)).astype(np.float32),
                "mask": np.arange(5) < i,
                "length": np.array(i),
                "nothing": np.zeros((0, 2)),
                "dict/space": np.arange(i, dtype=np.uint8),
            }
            for i in range(8)
        ]
    )
    store.append(
        [
            Event(
                "comparison", "round-0-query-0", "teacher", 0, tuple(ids[:2]), {"preference": 1.0}
            ),
            Event("rating", "round-0-query-1", "teacher", 0, (ids[2],), {"comfort": 2.75}),
            Event("undo", "back", "teacher", 0, (), {"key": "round-0-query-1"}),
        ]
    )
    queue = LabelQueue(store, repeat_share=0.4, rng=np.random.default_rng(3))
    queue.post(
        [
            PostedQuery(f"小/{i}", "comparison", (ids[i], ids[i + 1]), round=1, overlap=1 + i % 2)
            for i in range(6)
        ]
    )
    queue.post(
        [
            PostedQuery("gold", "comparison", tuple(ids[:2]), gold={"preference": 1.0}, priority=9),
            PostedQuery("ranked", "ranking", tuple(ids[:4]), round=2, priority=-1),
            PostedQuery("rated", "rating", (ids[5],), round=2, criteria=("a", "b")),
            PostedQuery("mended", "correction", (ids[6],), round=2, scene=ids[7]),
        ]
    )
    said = {
        "comparison": {"preference": 0.5},
        "ranking": {"ranks": [0, 1, 1, 2]},
        "rating": {"a": 3, "b": None},
        "correction": {"what": "平静", "start": 3},
    }
    for number in range(14):
        rater = ("ann", "小明")[number % 2]
        lent = queue.claim(rater)
        if lent is None:
            continue
        made = (ids[0], ids[6]) if lent.query.kind == "correction" else None
        queue.submit(lent.id, lent.token, said[lent.query.kind], segments=made, seconds=1.5)
        if number % 5 == 4:
            queue.undo(rater)
    queue.close(0)
    people = People(store)
    people.join(people.invite("admin", ttl_seconds=60.0), "ann")
    return queue


def content(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def state(store):
    queue = LabelQueue(store, rng=np.random.default_rng(0))
    ids = sorted({name for event in store.events() for name in event.segments})
    return (
        store.events(),
        store.events(kinds=["undo"]),
        queue.records(),
        queue.progress(),
        store.environment(),
        [sorted(arrays) for arrays in store.segments(ids)],
        [store.clip(identity) for identity in ids],
    )


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("original") / "exported"
    with FeedbackStore("sqlite://") as source:
        fill(source)
        export_store(source, folder, format="jsonl")
    return folder


@pytest.fixture
def exported(original, tmp_path):
    return shutil.copytree(original, tmp_path / "exported")


@pytest.fixture
def memory():
    with FeedbackStore("sqlite://") as store:
        yield store


# --- there and back


def test_what_is_imported_is_what_was_exported_and_exports_the_same_bytes(place, store, tmp_path):
    with FeedbackStore(tmp_path / "source.sqlite") as source:
        fill(source)
        manifest = export_store(source, tmp_path / "one", format="jsonl")
        expected = state(source)
    counts = import_store(store, tmp_path / "one")
    assert counts._asdict() == manifest.counts
    assert manifest.counts["queries"] == 10
    assert state(store) == expected
    again = export_store(store, tmp_path / "two", format="jsonl")
    assert again == manifest == read_manifest(tmp_path / "two")
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_a_store_on_either_engine_exports_the_same_bytes(store, exported, tmp_path):
    import_store(store, exported)
    export_store(store, tmp_path / "again", format="jsonl")
    assert content(tmp_path / "again") == content(exported)


def test_importing_again_adds_nothing(store, exported):
    first = import_store(store, exported)
    before = state(store)
    assert sum(import_store(store, exported)) == 0 < sum(first)
    assert state(store) == before


def test_labelling_goes_on_after_an_import(store, exported):
    import_store(store, exported)
    queue = LabelQueue(store, repeat_share=0.0, rng=np.random.default_rng(9))
    before = queue.records()
    for rater in ("ann", "小明", "new"):
        while lent := queue.claim(rater):
            answer = {
                "comparison": {"preference": 0.0},
                "ranking": {"ranks": None},
                "rating": {"a": 1, "b": 1},
                "correction": {"corrected": False},
            }[lent.query.kind]
            queue.submit(lent.id, lent.token, answer)
    assert queue.records()[: len(before)] == before
    assert queue.progress()[1] == queue.progress()[2]
    taken = queue.undo("ann")
    assert taken.previous is not None


def test_an_import_joins_what_is_there(store, exported):
    ids = store.add_segments([{"x": np.zeros(2)}, {"x": np.ones(2)}])
    store.append([Event("comparison", "mine", "teacher", 0, tuple(ids), {"preference": 0.0})])
    counts = import_store(store, exported)
    assert store.count() == counts.events - 1 - 2 * len(store.events(kinds=["undo"])) + 1 + 1


def test_an_export_holds_no_people_tokens_or_leases(exported):
    text = b"".join(content(exported).values())
    assert b"token" not in text
    assert b"expires" not in text
    assert b"admin" not in text


def test_the_arrays_are_read_by_numpy_without_pickle(exported):
    with np.load(exported / "segments.npz", allow_pickle=False) as arrays:
        assert len(arrays.files) == 40
        assert {name.partition("/")[2] for name in arrays.files} >= {"observations", "dict/space"}


def test_an_empty_store_can_be_exported_and_imported(store, tmp_path):
    with FeedbackStore("sqlite://") as empty:
        manifest = export_store(empty, tmp_path / "empty", format="jsonl")
    assert set(manifest.counts.values()) == {0}
    assert sum(import_store(store, tmp_path / "empty")) == 0


def test_a_folder_in_use_is_left_alone(tmp_path):
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "letter.txt").write_text("dear")
    with FeedbackStore("sqlite://") as store:
        with pytest.raises(ValueError, match="must be a new or empty folder"):
            export_store(store, tmp_path / "used", format="jsonl")
        assert content(tmp_path / "used") == {"letter.txt": b"dear"}
        (tmp_path / "empty").mkdir()
        export_store(store, tmp_path / "empty", format="jsonl")


def test_an_export_that_fails_leaves_nothing(tmp_path):
    def forgetful(identity):
        raise KeyError(identity)

    with FeedbackStore("sqlite://") as store:
        fill(store)
        with pytest.raises(KeyError):
            export_store(store, tmp_path / "texts", format="trl", texts=forgetful)
    assert list(tmp_path.iterdir()) == []


def test_an_export_is_of_one_moment(place, store, tmp_path, pairs, queue):
    """What is answered while it is written is in it wholly or not at all."""
    queue.post(pairs(2))
    lent = queue.claim("ann")
    with store.database.snapshot() as connection:
        before = connection.execute(sa.text("SELECT count(*) FROM events")).scalar()
        with FeedbackStore(place) as other:
            mine = LabelQueue(other, rng=np.random.default_rng(0))
            mine.submit(lent.id, lent.token, {"preference": 1.0})
        after = connection.execute(sa.text("SELECT count(*) FROM events")).scalar()
    assert before == after == 0
    assert store.count() == 1


# --- folders not to be trusted


def rows_in(store):
    with store.database.read() as connection:
        return {
            table.name: connection.scalar(sa.select(sa.func.count()).select_from(table))
            for table in SCHEMA.sorted_tables
        }


def rewrite(folder, name, change):
    """Change a file and put its new hash into the manifest, as somebody malicious would."""
    path = folder / name
    changed = change(path.read_bytes())
    path.write_bytes(changed)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = hashlib.sha256(changed).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def refused(store, folder, message):
    before = rows_in(store)
    with pytest.raises(ValueError, match=message):
        import_store(store, folder)
    assert rows_in(store) == before


def edit_line(number, **fields):
    """A change of one row."""

    def change(content):
        lines = content.decode().splitlines(keepends=True)
        lines[number] = json.dumps(json.loads(lines[number]) | fields) + "\n"
        return "".join(lines).encode()

    return change


class Fire:
    def __reduce__(self):
        return (print, ("executed",))


def zipped(members, **options):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", **options) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return stream.getvalue()


def npy(array, **options):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, **options)
    return stream.getvalue()


NAME = "0" * 64 + "/x.npy"
OBJECTS = npy(np.array([Fire()], dtype=object), allow_pickle=True)
HUGE = b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little")
HUGE += b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }".ljust(117) + b"\n"
EVIL_HEADER = b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little")
EVIL_HEADER += b"{'descr': __import__('os').system('true'), 'shape': ()}".ljust(117) + b"\n"


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (zipped([(NAME, OBJECTS)]), "no header of numbers"),
        (zipped([(NAME, pickle.dumps(Fire()))]), "no header of numbers"),
        (zipped([(NAME, EVIL_HEADER)]), "no header of numbers"),
        (zipped([(NAME, HUGE)]), "has 0 bytes"),
        (zipped([(NAME, npy(np.zeros(10**7)))], compression=zipfile.ZIP_DEFLATED), "more than"),
        (zipped([(NAME, npy(np.arange(3)))], compression=zipfile.ZIP_LZMA), "is compressed"),
        (zipped([(NAME, npy(np.arange(3)))]), "the hash of their content"),
        (zipped([("../../../etc/cron.d/x.npy", npy(np.arange(3)))]), "the hash of their content"),
        (zipped([("/etc/passwd", b"root")]), "is no array"),
        (zipped([(NAME, npy(np.arange(3))[:-1])]), "has 23 bytes"),
        (zipped([(NAME, npy(np.zeros(2, "M8[s]")))]), "no header of numbers"),
        (zipped([(NAME, npy(np.zeros((2, 3), order="F")))]), "no header of numbers"),
        (b"", "not a zip"),
        (b"PK\x05\x06" + b"\xff" * 18, "plain arrays of numbers"),
        (zipped([(NAME, npy(np.arange(3)))])[:-30], "not a zip"),
    ],
)
def test_arrays_that_are_no_plain_numbers_are_refused(memory, exported, capsys, archive, message):
    rewrite(exported, "segments.npz", lambda _: archive)
    refused(memory, exported, rf"segments\.npz must hold .*{message}")
    assert "executed" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["{}/text/html", "{}/image/png/x", "none/image/png", "../{}"])
def test_clips_that_are_none_are_refused(memory, exported, name):
    with np.load(exported / "segments.npz") as arrays:
        identity = arrays.files[0].partition("/")[0]
    member = (name.format(identity) + ".npy", npy(np.zeros(3, np.uint8)))
    rewrite(exported, "clips.npz", lambda _: zipped([member]))
    refused(memory, exported, "must hold the bytes of clips|must be stored")


def test_overlapping_members_cannot_swell(memory, exported):
    """A bomb without compression: many entries of the directory that name one member."""
    one = zipped([(NAME, npy(np.zeros(5000)))])
    start = one.index(b"PK\x01\x02")
    end = one.index(b"PK\x05\x06")
    entry, count = one[start:end], 50
    directory = entry * count
    tail = one[end : end + 8] + count.to_bytes(2, "little") * 2
    tail += len(directory).to_bytes(4, "little") + start.to_bytes(4, "little") + b"\0\0"
    rewrite(exported, "segments.npz", lambda _: one[:start] + directory + tail)
    refused(memory, exported, "more than the file")


LINES = [
    ("events.jsonl", lambda c: b"{" + c, "line 1 of .*events.jsonl is no row"),
    ("events.jsonl", lambda c: c + b"[1]\n", "is no JSON object"),
    ("events.jsonl", lambda c: c + b"[" * 200_000 + b"\n", "is no row"),
    ("events.jsonl", lambda c: c + b'{"a": NaN}\n', "NaN is no JSON"),
    ("events.jsonl", lambda c: c + b'"' + b"x" * 2**20 + b'"\n', "more than 1048576 characters"),
    ("events.jsonl", lambda c: c + b"\xff\n", "is no row"),
    ("events.jsonl", edit_line(0, key=7), "key must be a text"),
    ("events.jsonl", edit_line(0, key=""), "key must be a text"),
    ("events.jsonl", edit_line(0, rater="a\0b"), "no zero character"),
    ("events.jsonl", edit_line(0, rater="\ud800"), "surrogates not allowed"),
    ("events.jsonl", edit_line(0, round=2**40), "round must be a whole number"),
    ("events.jsonl", edit_line(0, round=True), "round must be a whole number"),
    ("events.jsonl", edit_line(0, segments="ab"), "segments must be a list"),
    ("events.jsonl", edit_line(0, segments=["a", "b"]), "segments must be stored"),
    ("events.jsonl", edit_line(0, answer={"preference": 2.0}), "a preference in"),
    ("events.jsonl", edit_line(0, answer={"preference": {"a": 1}}), "nothing within"),
    ("events.jsonl", edit_line(0, answer=[1]), "answer must be an object"),
    ("events.jsonl", edit_line(0, extra=1), "it must have kind, key"),
    ("events.jsonl", edit_line(2, answer={"key": "never"}), "events must be stored"),
    ("events.jsonl", edit_line(2, answer={"key": "back"}), "must come after"),
    ("events.jsonl", edit_line(1, key="round-0-query-0"), "must always name the same event"),
    ("events.jsonl", edit_line(4, answer={"preference": 0.7}), "must be one of those"),
    ("events.jsonl", edit_line(4, rater="eve"), "is no answer of"),
    ("queries.jsonl", edit_line(0, kind="duel"), "kind must be one of"),
    ("queries.jsonl", edit_line(0, overlap=0), "overlap of .* must be at least 1"),
    ("queries.jsonl", edit_line(0, scene="none"), "segments must be stored"),
    ("queries.jsonl", edit_line(0, gold={"preference": "x"}), "must be one of those"),
    ("queries.jsonl", edit_line(0, closed=1), "closed must be true or false"),
    ("queries.jsonl", edit_line(1, key="小/0"), "must always name the same query"),
    ("assignments.jsonl", edit_line(0, query="none"), "query 'none' is not stored"),
    ("assignments.jsonl", edit_line(0, shown=[0, 0]), "shown must be an order"),
    ("assignments.jsonl", edit_line(0, shown=[0]), "shown must be an order of 2"),
    ("assignments.jsonl", edit_line(0, event="round-0-query-0"), "event must be"),
    ("assignments.jsonl", edit_line(0, event=None, revision=0), "never answered"),
    ("assignments.jsonl", edit_line(0, revision=5), "is not stored"),
    ("assignments.jsonl", edit_line(0, rater="eve"), "event must be|is not stored"),
    ("assignments.jsonl", edit_line(0, seconds=-1.0), "seconds must be"),
]


@pytest.mark.parametrize(("name", "change", "message"), LINES)
def test_rows_that_say_something_else_are_refused(memory, exported, name, change, message):
    rewrite(exported, name, change)
    refused(memory, exported, message)


@settings(max_examples=150)
@given(st.sampled_from([*FILES, "manifest.json"]), st.randoms(use_true_random=False))
def test_whatever_is_changed_there_is_one_kind_of_error_or_none(original, name, random):
    with tempfile.TemporaryDirectory() as place, FeedbackStore("sqlite://") as store:
        folder = shutil.copytree(original, Path(place) / "folder")
        changed = bytearray((folder / name).read_bytes())
        for _ in range(random.choice([1, 1, 2, 5])):
            start = random.randrange(len(changed))
            end = start + random.choice([0, 1, 1, 30])
            changed[start:end] = random.choices(b'0123456789-"{}[],:ex\x00\xff', k=end - start + 1)
        if name == "manifest.json":
            (folder / name).write_bytes(changed)
        else:
            rewrite(folder, name, lambda _: bytes(changed))
        before = rows_in(store)
        try:
            import_store(store, folder)
        except ValueError:
            assert rows_in(store) == before


def test_a_file_that_was_changed_is_refused(memory, exported):
    path = exported / "events.jsonl"
    path.write_bytes(path.read_bytes()[:-1])
    refused(memory, exported, r"events\.jsonl is damaged")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "use a newer one"),
        ({"format": "trl"}, "must be an export of format jsonl"),
        ({"files": []}, "no files or no counts"),
        ({"files": {"../x.jsonl": "0"}}, "outside the folder"),
        ({"files": {"/etc/passwd": "0"}}, "outside the folder"),
        ({"files": {}}, r"must hold segments\.npz"),
        ({"counts": {"events": "many"}}, "counts that are no numbers"),
        ({"counts": {"events": 1e999}}, "counts that are no numbers"),
        ({"environment": 5}, "no object"),
        ({"environment": {"env_id": 5, "env_kwargs": {}, "criteria": []}}, "without id"),
        ({"environment": {"env_id": "a", "env_kwargs": {}, "criteria": [1]}}, "without criteria"),
        ({"environment": {"env_id": "a", "env_kwargs": {"b": []}, "criteria": []}}, "no plain"),
    ],
)
def test_manifests_that_say_something_else_are_refused(memory, exported, change, message):
    path = exported / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    refused(memory, exported, message)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, " " * 2**21])
def test_what_is_no_manifest_is_refused(memory, exported, text):
    (exported / "manifest.json").write_text(text)
    refused(memory, exported, "must be")


def test_what_is_no_export_is_refused(memory, tmp_path):
    refused(memory, tmp_path, r"must be an export of a feedback store, with a manifest\.json")


def test_links_out_of_the_folder_are_refused(memory, exported, tmp_path):
    shutil.move(exported / "events.jsonl", tmp_path / "elsewhere")
    (exported / "events.jsonl").symlink_to(tmp_path / "elsewhere")
    refused(memory, exported, "must be a file of the export")
    (exported / "events.jsonl").unlink()
    refused(memory, exported, "must be a file of the export")


def test_another_environment_is_refused(memory, exported):
    memory.set_environment(replace(ENVIRONMENT, env_id="prefgym/TextSummary-v0"))
    refused(memory, exported, "use another store")


def test_other_answers_to_the_same_questions_are_refused(store, exported):
    import_store(store, exported)
    name = "assignments.jsonl"
    rewrite(exported, name, edit_line(0, seconds=99.0))
    refused(store, exported, "has answered .* otherwise in this store")
    LabelQueue(store, rng=np.random.default_rng(0)).undo("ann")
    refused(store, exported, "otherwise in this store|was taken back")


# --- other formats


def test_unknown_formats_are_refused(tmp_path):
    with FeedbackStore("sqlite://") as store:
        with pytest.raises(ValueError, match="format must be one of jsonl, trl, parquet"):
            export_store(store, tmp_path / "x", format="csv")
        with pytest.raises(ValueError, match="say how to get them"):
            export_store(store, tmp_path / "x", format="trl")


def test_events_as_parquet(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    with FeedbackStore("sqlite://") as store:
        fill(store)
        manifest = export_store(store, tmp_path / "p", format="parquet")
        assert export_store(store, tmp_path / "q", format="parquet") == manifest
        kept = [event.key for event in store.events()]
        undos = [event.key for event in store.events(kinds=["undo"])]
    rows = parquet.read_table(tmp_path / "p" / "events.parquet").to_pylist()
    assert len(rows) == manifest.counts["events"]
    in_force = [row["key"] for row in rows if row["in_force"]]
    assert sorted(in_force) == sorted(kept + undos)
    assert rows[0]["answer"] == '{"preference":1.0}'
    assert len(rows[0]["segments"]) == 2
    with FeedbackStore("sqlite://") as other:
        refused(other, tmp_path / "p", "must be an export of format jsonl")
