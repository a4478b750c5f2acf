"""Announcements between processes, on every store."""

from __future__ import annotations

from api.domain.announcement import Parcel, Topic
from api.ports import Store


def parcel(number: int, **changes) -> Parcel:
    return Parcel(Topic.ALERTS, ({"type": "alert", "title": f"“{number}”"},), **changes)


def test_they_come_back_in_order_but_those_of_the_asker(store: Store) -> None:
    mine, theirs = [parcel(1), parcel(2)], [parcel(3, count=7, owner="ada", throttle=False), parcel(4, owner="")]
    assert 0 == store.read(lambda tx: tx.last_parcel())
    for origin, parcels in (("me", mine[:1]), ("they", theirs[:1]), ("me", mine[1:]), ("they", theirs[1:])):
        store.write(lambda tx, o=origin, p=parcels: tx.add_parcels(o, p, keep=10))
    found = store.read(lambda tx: tx.parcels(after=0, without="me", limit=10))
    assert theirs == [each for _, each in found]
    last = store.read(lambda tx: tx.last_parcel())
    assert (last, []) == (found[-1][0], store.read(lambda tx: tx.parcels(after=last, without="me", limit=10)))
    assert [theirs[1]] == [
        each for _, each in store.read(lambda tx: tx.parcels(after=found[0][0], without="me", limit=10))
    ]
    assert 1 == len(store.read(lambda tx: tx.parcels(after=0, without="nobody", limit=1)))


def test_only_the_last_ones_stay_and_their_numbers_go_on(store: Store) -> None:
    store.write(lambda tx: tx.add_parcels("me", [parcel(n) for n in range(5)], keep=3))
    store.write(lambda tx: tx.add_parcels("me", [parcel(5)], keep=3))
    found = store.read(lambda tx: tx.parcels(after=0, without="they", limit=10))
    assert [(4, parcel(3)), (5, parcel(4)), (6, parcel(5))] == found
