"""When webhooks are called, and again, and no more."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from api.domain.permission import LOCAL
from api.domain.retry import RetryPolicy
from api.domain.rule import DeliveryStatus
from api.services.deliveries import AT_ONCE, LONGEST_SECONDS, STANDBY_SECONDS, Deliveries
from api.webhook.signature import signed
from tests.support.waiting import wait_until
from tests.unit.services.rule_world import LOSS, NOTIFY, WEBHOOK, RuleWorld

SECRET = "s" * 16
RETRY = RetryPolicy(1.0, 3600.0, factor=4)


class Post(RuleWorld):
    """Rules whose webhook is called by the test's own `call`."""

    def __init__(self):
        super().__init__()
        self.calls = []
        self.error = ""
        self.sender = Deliveries(
            self.store,
            self.clock,
            self.runtime,
            self.call,
            RETRY,
            tries=4,
            holds=lambda: self.holds,
            chance=lambda: 1.0,
        )

    def clock(self):
        return self.now

    def call(self, url, body, headers):
        self.calls.append((url, body, headers))
        return self.error

    def fire(self, rule_id, times=1):
        task_id = self.external()
        self.report(task_id, *[2, 0] * times)
        self.watch.step()

    def send(self):
        """All that is due; how long it would sleep then."""
        self.sender.step()
        wait_until(lambda: not self.sender._busy)
        return self.sender.step()

    def pass_time(self, **span):
        self.now += timedelta(**span)


@pytest.fixture
def post():
    return Post()


def test_a_delivery_is_signed_sent_and_over(post):
    rule_id = post.rule(LOSS, WEBHOOK, secret=SECRET)
    post.fire(rule_id)
    assert LONGEST_SECONDS == post.send()
    ((url, body, headers),) = post.calls
    (delivery,) = post.deliveries(rule_id)
    assert (WEBHOOK.url, DeliveryStatus.DELIVERED, 1, None) == (url, delivery.status, delivery.attempts, delivery.error)
    at = int(post.now.timestamp())
    assert {
        "X-Runcast-Delivery": delivery.id,
        "X-Runcast-Timestamp": str(at),
        "X-Runcast-Signature": signed(SECRET, at, body),
    } == headers
    post.pass_time(days=1)
    post.send()
    assert 1 == len(post.calls)


def test_a_call_that_fails_is_made_again_ever_later_and_given_up_in_the_end(post):
    rule_id = post.rule(LOSS, WEBHOOK)
    post.error = "it answered 503"
    post.fire(rule_id)
    waits = []
    for attempt in (1, 2, 3):
        post.send()
        (delivery,) = post.deliveries(rule_id)
        assert (DeliveryStatus.PENDING, attempt, "it answered 503") == (
            delivery.status,
            delivery.attempts,
            delivery.error,
        )
        waits.append((delivery.due_at - post.now).total_seconds())
        post.pass_time(seconds=waits[-1])
    assert [1, 4, 16] == waits
    post.send()
    (delivery,) = post.deliveries(rule_id)
    assert (DeliveryStatus.GIVEN_UP, 4, None) == (delivery.status, delivery.attempts, delivery.due_at)
    assert delivery == post.rules.view(LOCAL, rule_id).last_delivery
    assert 1 == len({headers["X-Runcast-Delivery"] for _, _, headers in post.calls})
    assert 4 == len({headers["X-Runcast-Signature"] for _, _, headers in post.calls})


def test_it_sleeps_until_the_next_try(post):
    post.error = "no"
    post.fire(post.rule(LOSS, WEBHOOK))
    assert 1.0 == post.send()
    post.pass_time(seconds=0.5)
    assert 0.5 == post.send()
    assert 1 == len(post.calls)


def test_a_receiver_that_is_back_gets_what_waited(post):
    rule_id = post.rule(LOSS, WEBHOOK)
    post.error = "nobody there"
    post.fire(rule_id, times=3)
    post.send()
    post.error = ""
    post.pass_time(hours=1)
    for _ in range(4):
        post.send()
    assert {DeliveryStatus.DELIVERED} == {each.status for each in post.deliveries(rule_id)}


def test_one_receiver_that_is_slow_holds_up_no_other_and_the_calls_at_once_are_bounded(post):
    free, running, most = threading.Event(), [], []

    def call(url, body, headers):
        running.append(url)
        most.append(len(running))
        free.wait(30)
        running.pop()
        return ""

    post.sender._call = call
    task_id = None
    for number in range(AT_ONCE + 2):
        post.rule(LOSS, replace(WEBHOOK, url=f"https://hooks.example/{number}"))
    task_id = post.external()
    post.report(task_id, 2, 0, 2)
    post.watch.step()
    post.sender.step()
    wait_until(lambda: len(running) == AT_ONCE)
    assert AT_ONCE == len(set(running))
    free.set()
    wait_until(lambda: post.sender._busy or post.sender.step() == LONGEST_SECONDS)
    wait_until(lambda: not post.sender._busy and post.sender.step() == LONGEST_SECONDS)
    assert (2 * (AT_ONCE + 2), AT_ONCE) == (len(most), max(most))


def test_a_rule_that_calls_nobody_any_more_gives_up_what_waits(post):
    rule_id = post.rule(LOSS, WEBHOOK)
    post.fire(rule_id)
    post.rules.edit(LOCAL, rule_id, {"actions": (NOTIFY,)}, match={})
    post.send()
    (delivery,) = post.deliveries(rule_id)
    assert ([], DeliveryStatus.GIVEN_UP) == (post.calls, delivery.status)


def test_what_a_deleted_rule_had_to_tell_is_dropped(post):
    rule_id = post.rule(LOSS, WEBHOOK)
    post.fire(rule_id)
    post.rules.delete(LOCAL, rule_id)
    post.send()
    assert [] == post.calls


def test_another_url_or_secret_holds_for_what_waits_too(post):
    rule_id = post.rule(LOSS, WEBHOOK)
    post.fire(rule_id)
    moved = replace(WEBHOOK, url="https://hooks.example/moved")
    post.rules.edit(LOCAL, rule_id, {"actions": (moved,)}, match={}, secret=SECRET)
    post.send()
    ((url, body, headers),) = post.calls
    assert moved.url == url
    assert signed(SECRET, int(headers["X-Runcast-Timestamp"]), body) == headers["X-Runcast-Signature"]


def test_who_stands_by_calls_nobody(post):
    post.fire(post.rule(LOSS, WEBHOOK))
    post.holds = False
    assert STANDBY_SECONDS == post.send()
    assert [] == post.calls
