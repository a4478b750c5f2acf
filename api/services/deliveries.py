"""Deliveries: calls the webhooks of rules that have fired, again and later where it did not work.

What is to be sent is stored with the firing; a process that is killed has sent it or not, and the next one sends what
is not known to have arrived: at least once, under the same id. Only the process that runs the tasks sends.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from api import metrics
from api.domain.retry import RetryPolicy
from api.domain.rule import Delivery, DeliveryStatus, Rule
from api.errors import RuncastError
from api.log import get_logger
from api.ports import Clock, Store
from api.runtime.base import Runtime
from api.services.loop import NudgedLoop
from api.webhook.signature import signed

_log = get_logger(__name__)
AT_ONCE = 8
"""Calls that are made side by side, each of another rule: one receiver that is slow holds up none but its own."""
LONGEST_SECONDS = 5.0
"""It sleeps until the next try, but no longer than this: somebody may set the clock."""
BUSY_SECONDS = 1.0
STANDBY_SECONDS = 0.5
Call = Callable[[str, bytes, Mapping[str, str]], str]
"""URL, body, headers → what was wrong, or nothing."""


class Deliveries(NudgedLoop):
    name = "deliveries"
    retry_seconds = BUSY_SECONDS

    def __init__(
        self,
        store: Store,
        clock: Clock,
        runtime: Runtime,
        call: Call,
        retry: RetryPolicy,
        *,
        tries: int,
        holds: Callable[[], bool],
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`holds`: whether this process is the one that runs the tasks."""
        super().__init__(runtime)
        self._store = store
        self._clock = clock
        self._call = call
        self._retry = retry
        self._tries = tries
        self._holds = holds
        self._chance = chance
        self._busy: set[str] = set()
        """Rules whose webhook is being called."""

    def step(self) -> float:
        """Begin to send what is due; how many seconds to wait for a nudge then."""
        if not self._holds():
            return STANDBY_SECONDS
        while len(self._busy) < AT_ONCE and not self._leaving:
            delivery = self._due()
            if delivery is None:
                break
            self._busy.add(delivery.rule_id)
            self._runtime.spawn(self._send, delivery)
        if self._busy:
            return BUSY_SECONDS
        at = self._store.read(lambda tx: tx.next_delivery_at())
        return LONGEST_SECONDS if at is None else min(LONGEST_SECONDS, max(0.0, (at - self._clock()).total_seconds()))

    def _due(self) -> Delivery | None:
        now, busy = self._clock(), sorted(self._busy)
        return next(iter(self._store.read(lambda tx: tx.due_deliveries(now, without_rules=busy, limit=1))), None)

    def _send(self, delivery: Delivery) -> None:
        try:
            rule = self._store.read(lambda tx: tx.rule(delivery.rule_id))
            if rule is not None:
                tried = self._tried(delivery, rule)
                self._store.write(lambda tx: tx.save_delivery(tried))
        except RuncastError as error:
            metrics.failure("delivery")
            _log.warning("delivery_delayed", delivery_id=delivery.id, reason=error.message)
            self._runtime.sleep(BUSY_SECONDS)
        except Exception:  # noqa: BLE001  one delivery must not hold up the others; counted and logged
            metrics.failure("delivery_broken")
            _log.exception("delivery_broken", delivery_id=delivery.id)
            self._runtime.sleep(BUSY_SECONDS)
        finally:
            self._busy.discard(delivery.rule_id)
            self._nudge.set()

    def _tried(self, delivery: Delivery, rule: Rule) -> Delivery:
        if rule.webhook is None:
            return _over(delivery, DeliveryStatus.GIVEN_UP, "the rule calls no webhook any more")
        error = self._posted(delivery, rule, rule.webhook)
        now = self._clock()
        tried = replace(delivery, attempts=delivery.attempts + 1, tried_at=now)
        if not error:
            metrics.WEBHOOKS.labels("delivered").inc()
            return _over(tried, DeliveryStatus.DELIVERED, None)
        metrics.WEBHOOKS.labels("failed").inc()
        _log.info("webhook_failed", rule_id=rule.id, delivery_id=delivery.id, attempt=tried.attempts, reason=error)
        if tried.attempts >= self._tries:
            return _over(tried, DeliveryStatus.GIVEN_UP, error)
        return replace(tried, due_at=now + self._retry.delay(tried.attempts, self._chance()), error=error)

    def _posted(self, delivery: Delivery, rule: Rule, url: str) -> str:
        timestamp, body = _seconds(self._clock()), delivery.body.encode()
        headers = {
            "X-Runcast-Delivery": delivery.id,
            "X-Runcast-Timestamp": str(timestamp),
            "X-Runcast-Signature": signed(rule.secret, timestamp, body),
        }
        return self._call(url, body, headers)


def _over(delivery: Delivery, status: DeliveryStatus, error: str | None) -> Delivery:
    return replace(delivery, due_at=None, body="", status=status, error=error)


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
