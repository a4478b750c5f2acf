"""What every store does to list tasks: their order, pages, filters and search."""

from __future__ import annotations

from datetime import timedelta

import pytest

from api.domain.lifecycle import Status
from api.errors import InvalidInput
from api.ports import Store, TaskPage
from tests.contract.tasks import add, found, ids, page
from tests.support.stores import START, a_task


class TestListing:
    def test_the_newest_comes_first_and_the_id_decides_between_twins(self, store: Store) -> None:
        add(store, a_task(1), a_task(3), a_task(2), a_task(4, created_at=a_task(3).created_at))
        assert found(store) == ids(4, 3, 2, 1)

    def test_pages_follow_one_another_without_gap_or_duplicate(self, store: Store) -> None:
        add(store, *(a_task(n, created_at=START + timedelta(seconds=n // 3)) for n in range(10)))
        seen, cursor, pages = [], None, 0
        while pages == 0 or cursor:
            got = page(store, limit=3, cursor=cursor)
            seen += [task.id for task in got.tasks]
            assert got.total == 10
            cursor, pages = got.next_cursor, pages + 1
        assert seen == ids(*reversed(range(10)))
        assert pages == 4

    def test_the_last_page_has_no_cursor_even_when_it_is_full(self, store: Store) -> None:
        add(store, a_task(1), a_task(2))
        assert page(store, limit=2).next_cursor is None

    def test_tasks_that_come_meanwhile_do_not_shift_the_pages(self, store: Store) -> None:
        add(store, a_task(1), a_task(2), a_task(3))
        first = page(store, limit=2)
        add(store, a_task(4))
        assert [task.id for task in page(store, limit=2, cursor=first.next_cursor).tasks] == ids(1)

    @pytest.mark.parametrize(
        "cursor", ["", "x", "!!!!", "AAAA", "bm86eA", "é", "MTph=", "MTph\n", "OTk5OTk5OTk5OTk5OTk5OTk5OTk6YQ"]
    )
    def test_a_cursor_that_is_none_is_invalid_input(self, store: Store, cursor: str) -> None:
        with pytest.raises(InvalidInput) as caught:
            page(store, cursor=cursor)
        assert [flaw.loc for flaw in caught.value.flaws] == [("cursor",)]

    def test_each_filter_narrows_the_list_and_the_total(self, store: Store) -> None:
        add(
            store,
            a_task(1, status=Status.RUNNING, tags=("night", "gpu")),
            a_task(2, owner="ada", tags=("night",)),
            a_task(3, type="optimization"),
        )
        assert found(store, status=Status.RUNNING) == ids(1)
        assert found(store, type="optimization") == ids(3)
        assert found(store, owner="ada") == ids(2)
        assert found(store, tag="night") == ids(2, 1)
        assert found(store, visible_to="ada") == ids(2)
        assert found(store, owner="local", visible_to="ada") == []
        assert found(store, tag="night", status=Status.RUNNING, type="training", owner="local") == ids(1)
        assert page(store, limit=1, tag="night").total == 2

    def test_tags_are_found_as_they_stand_after_a_change(self, store: Store) -> None:
        add(store, a_task(tags=("old", "kept")))
        store.write(lambda tx: tx.save_task(a_task(tags=("kept", "new"))))
        assert [found(store, tag=tag) for tag in ("old", "kept", "new")] == [[], ids(1), ids(1)]

    def test_text_is_sought_in_name_params_and_the_beginning_of_the_id(self, store: Store) -> None:
        add(
            store,
            a_task(1, name="Nightly Run"),
            a_task(2, params={"bom_file": "Satellite.json"}),
            a_task(3, id="abcdef00-0000-4000-8000-000000000003"),
        )
        assert found(store, text="nightly") == ids(1)
        assert found(store, text="satellite") == ids(2)
        assert found(store, text="ABCDEF") == ["abcdef00-0000-4000-8000-000000000003"]
        assert found(store, text="bcdef") == []
        assert page(store, text="absent") == TaskPage((), 0, None)

    def test_wildcards_and_quotes_in_the_text_mean_themselves(self, store: Store) -> None:
        names = ["100% sure", "100 sure", "a_b", "axb", "back\\slash", 'say "hi"', "Größe"]
        add(store, *(a_task(n, name=name, params={"note": name}) for n, name in enumerate(names)))
        for number in (0, 2, 4, 5, 6):
            assert found(store, text=names[number]) == ids(number)
        assert found(store, text="%") == ids(0)
        assert found(store, text="_") == ids(2)

    def test_params_are_searched_by_what_they_say_not_by_how_json_writes_it(self, store: Store) -> None:
        add(store, a_task(1, params={"note": 'say "hi" \\ Größe\n'}))
        assert [found(store, text=text) for text in ('say "hi" \\', "Größe", "\n")] == [ids(1)] * 3
