"""What is read out of each kind of document, and what is said of those that are bad."""

from __future__ import annotations

import codecs
import os

import pytest

from api.workloads.indexing import documents, reader_process
from api.workloads.indexing.documents import BadDocument, Document
from api.workloads.indexing.encoding import decode
from api.workloads.indexing.extract import extract
from api.workloads.indexing.reading import Reader
from tests.support.pdfs import bomb, locked, pdf, tedious
from tests.support.processes import child_pids, gone

SENTENCE = "Füße und Öl: naïve café, Ελλάδα, Жизнь"


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_a_byte_order_mark_says_the_encoding_and_utf_8_needs_none(mark: bytes, encoding: str) -> None:
    assert SENTENCE == extract("a.txt", mark + SENTENCE.encode(encoding)).text


def test_text_that_is_no_utf_8_is_guessed() -> None:
    german = "Die Größe der Straße überrascht: Österreich schätzt schöne Grüße aus Köln und München. " * 5
    assert "schöne Grüße aus Köln" in extract("a.txt", german.encode("cp1252")).text


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "binary"),
        (codecs.BOM_UTF16_LE + b"a", "UTF-16-LE"),
        (codecs.BOM_UTF8 + b"\xff\xfe", "UTF-8"),
    ],
)
def test_what_is_no_text_is_told(data: bytes, words: str) -> None:
    with pytest.raises(BadDocument, match=words):
        decode(data)


def test_control_characters_are_left_out() -> None:
    """Those that mark words in a snippet among them; every kind of line end is one."""
    assert "a b\nc\nd" == extract("a.txt", b"a\x02\x03b\r\nc\rd\x1b").text


def test_html_is_what_a_browser_would_show() -> None:
    page = b"""<!doctype html><html><head><title>A &amp; B</title><style>p { color: red }</style>
        <script>var hidden = "<p>no</p>";</script></head><body><h1>Head</h1><p>one<b>two</b> three<p>four
        <svg><title>drawn</title><text>nothing</text></svg><template>later</template><img alt="a cat" src=x>
        <!-- comment --> &eacute;&#x41; <td>cell<td>other"""
    found = extract("a.HTML", page)
    assert "A & B" == found.title
    assert "onetwo three" in found.text
    assert "a cat" in found.text
    assert "éA" in found.text
    assert "cell\nother" in found.text
    assert not {"red", "hidden", "drawn", "nothing", "later", "comment"} & set(found.text.split())


def test_html_that_names_its_encoding_is_believed_when_it_fits() -> None:
    page = '<meta charset="windows-1251"><p>Жизнь</p>'
    assert "Жизнь" == extract("a.html", page.encode("cp1251")).text
    assert "Füße" == extract("a.html", b'<meta charset="no-such"><p>' + "Füße".encode()).text
    assert "even" == extract("a.html", b'<meta charset="utf-16"><p>even').text


@pytest.mark.parametrize(
    "page", [b"", b"<", b"<p", b"</p></p>", b"<svg>" * 20_000, b"<p>" * 50_000, b"<!--", b"<![CDATA["]
)
def test_broken_html_is_no_error(page: bytes) -> None:
    extract("a.html", page)


def test_markdown_loses_its_markup_and_nothing_else() -> None:
    source = """---
title: "The front"
tags: [x]
---
# Head *line*

Some **bold** and `code_word` and [a link](http://example.test/hidden "tip") ![a picture](x.png) snake_case_name
<!-- comment -->

> quoted \\*star\\*

| a | b |
|---|---|
| cell | other |

```python
def in_fence(): pass
```

<div>raw <i>html</i></div>

[ref]: http://example.test/unseen
"""
    found = extract("a.md", source.encode())
    assert "The front" == found.title
    for text in (
        "Head line\n",
        "Some bold and code_word and a link a picture snake_case_name",
        "quoted *star*",
        "cell\nother",
        "def in_fence(): pass",
        "raw html",
    ):
        assert text in found.text
    for text in ("hidden", "unseen", "tags", "```", "**", "|", "comment"):
        assert text not in found.text


def test_the_title_of_markdown_is_its_first_heading() -> None:
    assert "The code word" == extract("a.markdown", b"text\n\nThe `code` *word*\n===\n\n# Another").title


def test_the_text_and_title_of_a_pdf_are_found() -> None:
    found = extract("a.PDF", pdf("first page", "second page", title="Report"))
    assert ("Report", "first page\n\nsecond page") == (found.title, found.text)


def test_a_pdf_that_is_encrypted_without_a_password_is_read() -> None:
    assert "open secret" == extract("a.pdf", locked("open secret", "")).text


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no PDF"),
        (b"hello", "no PDF"),
        (b"%PDF-1.4\n", "broken PDF"),
        (pdf("text")[:200], "broken PDF"),
        (locked("text", "secret"), "password"),
        (pdf("", ""), "no text"),
        (bomb(80), "unpacks to more"),
    ],
    ids=["empty", "text", "head", "cut", "password", "pictures", "bomb"],
)
def test_a_bad_pdf_is_told(data: bytes, words: str) -> None:
    with pytest.raises(BadDocument, match=words):
        extract("a.pdf", data)


def test_a_document_of_too_much_text_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_CHARACTERS", 1000)
    with pytest.raises(BadDocument, match="more than 1,000 characters"):
        extract("a.txt", b"x" * 1001)


# -- in a process of its own ------------------------------------------------------------------------------


def test_a_document_that_takes_too_long_is_told_and_the_next_one_is_read() -> None:
    with Reader(seconds=1) as reader:
        with pytest.raises(BadDocument, match="longer than 1 s"):
            reader.read("a.pdf", tedious(2_000_000))
        assert "next" == reader.read("b.txt", b"next").text


def test_a_document_that_ends_the_process_is_told_and_the_next_one_is_read() -> None:
    before = set(child_pids(os.getpid()))
    with Reader(seconds=30) as reader:
        reader.read("a.txt", b"first")
        (pid,) = set(child_pids(os.getpid())) - before
        os.kill(pid, 9)
        with pytest.raises(BadDocument, match="signal 9"):
            reader.read("b.txt", b"second")
        assert "third" == reader.read("c.txt", b"third").text


def test_what_needs_too_much_memory_is_told() -> None:
    """The process may have a gibibyte: 400 MB with one wide character become four times as much."""
    with Reader(seconds=60) as reader, pytest.raises(BadDocument, match="memory"):
        reader.read("a.txt", codecs.BOM_UTF8 + "🙂".encode() + b"x" * 400_000_000)


def test_the_process_ends_with_its_reader() -> None:
    before = set(child_pids(os.getpid()))
    with Reader(seconds=30) as reader:
        reader.read("a.txt", b"first")
        (pid,) = set(child_pids(os.getpid())) - before
    assert gone(pid)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RecursionError("maximum recursion depth exceeded"), "is nested too deep to be read"),
        (ZeroDivisionError("by zero"), "cannot be read: ZeroDivisionError: by zero"),
    ],
)
def test_whatever_a_parser_trips_over_is_told(monkeypatch: pytest.MonkeyPatch, error: Exception, said: str) -> None:
    def trip(name: str, data: bytes) -> Document:
        raise error

    monkeypatch.setattr(reader_process, "extract", trip)
    assert said == reader_process.read("a.txt", b"")
