"""Searching: words as users type them, and answers that anybody can show."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from api.errors import Conflict, InvalidInput, TaskFailed, Unavailable
from api.workloads.indexing import lookup
from api.workloads.indexing.documents import Document, document
from api.workloads.indexing.index import Index
from api.workloads.indexing.lookup import search_index
from api.workloads.indexing.words import MAX_WORDS, expression


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "an index?.db"


@pytest.fixture
def index(file: Path):
    with Index(file, "docs", "task-1") as made:
        yield made


def put(index: Index, **texts: str) -> None:
    for name, text in texts.items():
        index.put(f"{name}.txt", name.encode(), Document("", text))


def found(file: Path, words: str, limit: int = 20, offset: int = 0) -> list[str]:
    return [hit.path for hit in search_index(file, words, limit, offset).hits]


@pytest.mark.parametrize(
    ("words", "paths"),
    [
        ("thermal", ["both.txt", "one.txt"]),
        ("THERMAL model", ["both.txt"]),
        ('"thermal model"', ["both.txt"]),
        ('"model thermal"', []),
        ("therm", []),
        ("therm*", ["both.txt", "one.txt"]),
        ("therm* mod*", ["both.txt"]),
        ("cafe", ["accents.txt"]),
        ("CAFÉ", ["accents.txt"]),
        ("ελλάδα", ["accents.txt"]),
        ("thermal-model", ["both.txt"]),
        ("thermal !!! ---", ["both.txt", "one.txt"]),
        ("thermal 🙂", ["both.txt", "one.txt"]),
        ('"thermal', ["both.txt", "one.txt"]),
        ("nowhere", []),
    ],
)
def test_all_words_must_occur(file: Path, index: Index, words: str, paths: list[str]) -> None:
    put(index, both="a thermal model", one="thermal only", accents="Café in Ελλάδα")
    assert paths == sorted(found(file, words))


@pytest.mark.parametrize(
    "words",
    [
        *("thermal AND", "OR", "NOT thermal", "NEAR(a b)", "title:thermal", "{title body}:x", "^thermal", "a + b"),
        *("a)", '"a" b"', '""a', "a**", "*a", "a*b", "'; DROP TABLE texts; --", "-a", "a:b:c", "a\\*", "a\tb\nc"),
        *("a" * 500, "ǆ", "\u0301a", "a\u200b", "é" * 100, "a🙂"),
    ],
)
def test_no_word_is_syntax(file: Path, index: Index, words: str) -> None:
    put(index, a="thermal and or not near")
    assert search_index(file, words, 20, 0).total in (0, 1)


def test_what_looks_like_an_operator_is_a_word(file: Path, index: Index) -> None:
    put(index, a="this OR that", b="this", c="that")
    assert ["a.txt"] == found(file, "this OR that")
    assert [] == found(file, "this NOT that")


@pytest.mark.parametrize("words", ["", " ", "!?", '"', '""', '"*', "(", ")", "\\", "%", "_", "***", "🙂", '"- -"'])
def test_words_without_a_letter_are_refused_in_a_sentence(words: str) -> None:
    with pytest.raises(InvalidInput, match="letters or digits") as told:
        expression(words)
    assert ("q",) == told.value.flaws[0].loc


def test_too_many_words_are_refused() -> None:
    with pytest.raises(InvalidInput, match=f"{MAX_WORDS} at most"):
        expression("a " * (MAX_WORDS + 1))


def test_the_best_come_first_and_pages_of_them_follow_one_another(file: Path, index: Index) -> None:
    """A title is worth more than a mention, and more mentions more than one."""
    index.put("title.txt", b"1", Document("Thermal", "about heat"))
    put(index, often="thermal thermal thermal", rare="thermal " + "word " * 50, none="heat")
    answer = search_index(file, "thermal", 20, 0)
    assert ["title.txt", "often.txt", "rare.txt"] == [hit.path for hit in answer.hits]
    scores = [hit.score for hit in answer.hits]
    assert sorted(scores, reverse=True) == scores
    assert 3 == answer.total
    assert ["often.txt"] == found(file, "thermal", limit=1, offset=1)
    beyond = search_index(file, "thermal", 20, 3)
    assert (3, ()) == (beyond.total, beyond.hits)


def test_a_snippet_is_plain_text_with_the_places_of_the_words(file: Path, index: Index) -> None:
    text = "word " * 100 + "<b>🙂 Thermal</b> & thermals" + " word" * 100
    put(index, a=text)
    (hit,) = search_index(file, "thermal*", 20, 0).hits
    assert "<b>🙂 Thermal</b> & thermals" in hit.snippet
    assert hit.snippet.startswith("…")
    assert hit.snippet.endswith("…")
    assert ["Thermal", "thermals"] == [hit.snippet[start:end] for start, end in hit.marks]


def test_a_document_without_a_title_has_its_name(file: Path, index: Index) -> None:
    index.put("a/b/c.txt", b"1", Document("", "word"))
    assert "c.txt" == search_index(file, "word", 1, 0).hits[0].title


def test_there_may_be_no_index_yet(file: Path) -> None:
    with pytest.raises(Conflict, match="no index yet"):
        search_index(file, "word", 1, 0)
    assert not file.exists()
    file.write_bytes(b"")
    with pytest.raises(Conflict, match="no index yet"):
        search_index(file, "word", 1, 0)


def test_a_damaged_index_is_told(file: Path) -> None:
    file.write_bytes(b"no database" * 1000)
    with pytest.raises(Conflict, match="rebuild"):
        search_index(file, "word", 1, 0)


def test_a_search_writes_nothing(file: Path, index: Index) -> None:
    put(index, a="word")
    with (
        sqlite3.connect(lookup._address(file), uri=True) as db,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        db.execute("DELETE FROM documents")
    db.close()


def test_a_search_that_takes_too_long_is_given_up(file: Path, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    put(index, **{f"n{number}": "word" for number in range(500)})
    monkeypatch.setattr(lookup, "SECONDS", -1.0)
    with pytest.raises(Unavailable, match="rarer words"):
        search_index(file, "word", 100, 0)


def test_who_searches_sees_what_was_committed_while_somebody_writes(file: Path, index: Index) -> None:
    put(index, a="word")
    with index._transaction():
        index._record("b.txt", b"2", None)
        assert ["a.txt"] == found(file, "word")


def test_a_word_beside_an_emoji_is_found(file: Path, index: Index) -> None:
    index.put("a.txt", b"1", document("", "Great🙂work"))
    assert ["a.txt"] == found(file, "great") == found(file, "work") == found(file, "great🙂work")


def test_a_full_disk_fails_the_task_in_a_sentence_and_leaves_the_index_as_it_was(file: Path, index: Index) -> None:
    put(index, a="old word")
    pages = index._db.execute("PRAGMA page_count").fetchone()[0]
    index._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(TaskFailed, match="disk is full"):
        index.put("a.txt", b"2", Document("", " ".join(map(str, range(100_000)))))
    assert ["a.txt"] == found(file, "old")
    index._db.execute("PRAGMA max_page_count = 100000")
    put(index, b="new word")
    assert ["a.txt", "b.txt"] == sorted(found(file, "word"))
