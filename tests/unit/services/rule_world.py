"""The services with alert rules: bells reach the watch at once, and nothing runs but what a test steps."""

from __future__ import annotations

from datetime import UTC, datetime

from api.delivery.dialects.rule import webhook_body
from api.domain.permission import LOCAL
from api.domain.rule import Condition, Kind, Match, Reaction, ReactionKind
from api.runtime.threads import ThreadRuntime
from api.services.reactions import Reactions
from api.services.rule_watch import RuleWatch
from api.services.rules import Rules
from api.webhook.target import Targets
from tests.unit.services.world import World

NOTIFY, PAUSE, STOP = (Reaction(kind) for kind in (ReactionKind.NOTIFY, ReactionKind.PAUSE, ReactionKind.STOP))
WEBHOOK = Reaction(ReactionKind.WEBHOOK, "https://hooks.example/a")
FAILED = Condition(Kind.FAILED)
LOSS = Condition(Kind.METRIC, metric="loss", bound=1.0)


class Said(list):
    """An announcer."""

    def announce(self, announcement):
        self.append(announcement)

    def types(self):
        return [each.type for each in self]


class Bells:
    """A bus whose listeners may be deaf for a while."""

    def __init__(self):
        self.listeners = []
        self.deaf = False

    def ring(self, bell):
        for listener in [] if self.deaf else self.listeners:
            listener(bell)

    def listen(self, listener):
        self.listeners.append(listener)


class RuleWorld(World):
    def __init__(self, store=None):
        super().__init__(store)
        self.now = datetime(2026, 1, 2, tzinfo=UTC)
        self.bells = Bells()
        self.publisher._bus = self.bells
        self.said = Said()
        self.holds = True
        self.delivering = 0
        self.runtime = ThreadRuntime()
        self.watch = None
        self.start()

    def start(self):
        """A new process on the same store; the old one is gone."""
        self.bells.listeners.clear()
        reactions = Reactions(
            self.publisher, self.controller, self.said, self.clock, webhook_body, self.wake, self._deliver
        )
        self.watch = RuleWatch(self.store, self.bells, self.clock, self.runtime, reactions, lambda: self.holds, 0.0)
        self.rules = Rules(
            self.store, self.clock, self.said, Targets(["off"]).target, lambda: self.watch.rules_changed()
        )

    def _deliver(self):
        self.delivering += 1

    def rule(self, condition=FAILED, *actions, principal=LOCAL, match=None, secret=None, **options):
        """The id of a new rule, which the watch has taken up."""
        view = self.rules.create(principal, condition, match or Match(), actions, options, secret=secret)
        self.watch.step()
        return view.rule.id

    def external(self, **options):
        return self.submit(kind="away", **options).id

    def report(self, task_id, *losses, **metrics):
        """Each loss is a report of its own."""
        for number, loss in enumerate(losses, 1):
            self.emitter.emit(task_id, "iteration_complete", {"iteration": number, "metrics": {"loss": loss} | metrics})

    def fail(self, task_id):
        self.emitter.emit(task_id, "error", {"error": "boom"})

    def sweep(self):
        """What no bell told."""
        self.watch._sweep_at = 0.0
        self.watch.step()

    def fired(self, rule_id):
        """(task, seq) of each firing, oldest first."""
        found = self.store.read(lambda tx: tx.firings(rule_id, limit=1000))
        return [(each.task_id, each.seq) for each in reversed(found)]

    def firings(self, rule_id):
        return self.store.read(lambda tx: tx.firings(rule_id, limit=1000))

    def deliveries(self, rule_id):
        return self.store.read(lambda tx: tx.deliveries(rule_id, limit=1000))

    def marks(self, task_id):
        return self.store.read(lambda tx: tx.marks(task_id))
