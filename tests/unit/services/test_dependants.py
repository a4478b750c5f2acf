"""Dependants on a store in memory, where what is left to be done waits until the test does it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.domain.dependency import MARK, Follow, OnParentFailure
from api.domain.lifecycle import Status
from api.domain.permission import LOCAL, Principal, Role
from api.errors import Conflict, InvalidInput, NotFound
from api.ports import Ending, Outcome
from api.runtime.threads import ThreadRuntime
from api.services.batches import Batches, Member
from api.services.dependants import STEPS
from api.services.follow_up import FollowUp
from api.services.submit import Submission
from tests.unit.services.world import World

CANCEL, WAIT = OnParentFailure.CANCEL, OnParentFailure.WAIT
ANN, BOB = (Principal(name, Role.OPERATOR) for name in ("ann", "bob"))


class Family(World):
    def __init__(self):
        super().__init__()
        runtime = ThreadRuntime()
        workloads, check = self.submitter._workloads, self.submitter._check
        self.follow_up = FollowUp(
            self.store, self.publisher, self.controller, self.clock, runtime, workloads, check, self.wake
        )
        self.batches = Batches(
            self.store, self.publisher, self.clock, runtime, self.submitter, self.controller, self.follow_up
        )

    def batch(self, parents, principal=LOCAL, **options):
        members = [Member(Submission("x", **options), depends_on=tuple(each)) for each in parents]
        return list(self.batches.submit(principal, members, "").task_ids)

    def settle(self):
        while self.follow_up.some():
            pass

    def left(self):
        return len(self.store.read(lambda tx: tx.continuations(tuple(Follow), limit=10_000)))

    def end(self, task_id, status="completed", result=None):
        if status == "failed":
            self.emitter.emit(task_id, "error", {"error": "it broke"})
            return
        if self.task(task_id).status is Status.PENDING and status == "completed":
            self.emitter.emit(task_id, "status_change", {"status": "running"})
        self.emitter.emit(task_id, "status_change", {"status": status, "result": result})

    def statuses(self, ids):
        return [str(self.task(task_id).status) for task_id in ids]


@pytest.fixture
def world():
    made = Family()
    yield made
    made.store.close()


@pytest.fixture
def parent(world):
    return world.submit(kind="away").id


def test_dependants_are_released_in_the_same_commit_and_rung_after_it(world, parent):
    (child,) = world.batch([[parent]])
    world.bells.clear()
    world.end(parent)
    assert () == world.task(child).waiting_on
    assert [parent, child] == [bell.task_id for bell in world.bells]
    assert (child, 0) == (world.take().task.id, world.left())


def test_one_transaction_tells_a_bounded_number_and_the_rest_is_not_forgotten(world, parent):
    children = world.batch([[parent]] * (2 * STEPS + 1))
    world.end(parent, "failed")
    assert (STEPS, 1) == (world.statuses(children).count("cancelled"), world.left())
    world.settle()
    assert ({"cancelled"}, 0) == (set(world.statuses(children)), world.left())


def test_a_long_chain_is_walked_without_recursion(world, parent):
    chain = world.batch([[parent], *([number] for number in range(3 * STEPS))])
    world.end(parent, "cancelled")
    assert STEPS == world.statuses(chain).count("cancelled")
    world.settle()
    assert {"cancelled"} == set(world.statuses(chain))


def test_a_retry_waits_for_its_turn_behind_the_failure_that_it_makes_up_for(world):
    """The children that have not heard of the failure yet get to know both, in their order."""
    parent = world.submit().id
    children = world.batch([[parent]] * (2 * STEPS), on_parent_failure=WAIT)
    world.end(parent, "failed")
    retry = world.submitter.retry(LOCAL, parent).id
    world.settle()
    for child in map(world.task, children):
        assert ((retry,), (retry,)) == (child.depends_on, child.waiting_on)
    world.end(retry, "completed")
    world.settle()
    assert {()} == {world.task(child).waiting_on for child in children}


def test_the_retry_of_a_completed_parent_takes_nobody_over(world):
    parent, other = world.submit().id, world.submit().id
    (child,) = world.batch([[parent, other]])
    world.end(parent)
    world.submitter.retry(LOCAL, parent)
    world.settle()
    assert ((parent, other), (other,)) == (world.task(child).depends_on, world.task(child).waiting_on)


def test_a_waiting_task_that_is_cancelled_holds_on_to_nothing(world, parent):
    (child,) = world.batch([[parent]])
    world.end(child, "cancelled")
    world.end(parent)
    assert (Status.CANCELLED, 0) == (world.task(child).status, world.left())


def test_a_result_is_put_in_after_the_commit_of_the_parent_and_checked(world, parent):
    child = world.submit(params={"n": {MARK: parent, "path": "a"}}).id
    world.end(parent, result={"a": 7})
    assert ((parent,), None) == (world.task(child).waiting_on, world.take())
    world.settle()
    assert (7, child) == (world.task(child).params["n"], world.take().task.id)


def test_a_child_whose_params_cannot_be_made_holds_up_no_other(world, parent):
    odd, other = (world.submit(params={"n": {MARK: parent, "path": path}}).id for path in ("zero", "one"))
    world.follow_up._check = lambda workload, params, owner: {"n": 1 / params["n"]}
    world.end(parent, result={"zero": 0, "one": 1})
    world.settle()
    assert (Status.FAILED, "its params cannot be made (ZeroDivisionError)") == (
        world.task(odd).status,
        world.task(odd).error,
    )
    assert ((), {"n": 1}) == (world.task(other).waiting_on, world.task(other).params)


def test_a_result_that_would_be_taken_for_a_reference_is_refused(world, parent):
    child = world.submit(params={"n": {MARK: parent}}).id
    world.end(parent, result={"deep": [{MARK: "other"}]})
    world.settle()
    assert "'$result'" in world.task(child).error


def test_a_child_that_is_cancelled_before_the_result_is_put_in_stays_so(world, parent):
    child = world.submit(params={"n": {MARK: parent}}).id
    world.end(parent, result={})
    world.end(child, "cancelled")
    world.settle()
    assert (Status.CANCELLED, 0) == (world.task(child).status, world.left())


def test_what_one_may_not_see_one_cannot_depend_on(world):
    (secret,) = world.batch([[]], principal=BOB)
    for depends_on, params in (((secret,), {}), ((), {"n": {MARK: secret}})):
        with pytest.raises(InvalidInput, match="there is no task"):
            world.submitter.submit(ANN, Submission("x", params, depends_on=depends_on))
    with pytest.raises(InvalidInput, match="there is no task"):
        world.batch([[secret]], principal=ANN)


def test_the_batch_of_another_is_not_there(world):
    batch_id = world.batches.submit(BOB, [Member(Submission("x"))], "").batch.id
    for ask in (world.batches.view, world.batches.cancel):
        with pytest.raises(NotFound, match="no such batch"):
            ask(ANN, batch_id)
    assert 1 == world.batches.view(BOB, batch_id).counts[Status.PENDING]


def test_a_batch_is_cancelled_to_its_end_in_the_background(world):
    members = [Member(Submission("x"))] * (2 * STEPS + 1)
    batch_id = world.batches.submit(ANN, members, "").batch.id
    assert STEPS == world.batches.cancel(ANN, batch_id).counts[Status.CANCELLED]
    world.settle()
    state = world.batches.view(ANN, batch_id)
    assert (len(members), Status.CANCELLED) == (state.counts[Status.CANCELLED], state.status)


def test_a_key_is_good_for_one_batch(world):
    members = [Member(Submission("x", {"a": 1})), Member(Submission("x"), ref="r", depends_on=(0,))]
    made = world.batches.submit(ANN, members, "n", idempotency_key="k")
    assert replace(made, new=False) == world.batches.submit(ANN, members, "n", idempotency_key="k")
    with pytest.raises(Conflict):
        world.batches.submit(ANN, members, "other", idempotency_key="k")
    with pytest.raises(Conflict):
        world.submitter.submit(ANN, members[0].submission, idempotency_key="k")


GRAPHS = st.integers(1, 10).flatmap(
    lambda n: st.tuples(*(st.sets(st.integers(0, number - 1)) if number else st.just(set()) for number in range(n)))
)


@settings(deadline=None, max_examples=60)  # a busy machine is no failure
@given(GRAPHS, st.data())
def test_whatever_the_graph_and_the_ends_nothing_starts_early_and_nothing_waits_for_ever(graph, data):
    world = Family()
    ids = world.batch([sorted(parents) for parents in graph])
    parents = {ids[number]: [ids[parent] for parent in each] for number, each in enumerate(graph)}
    while (grant := world.take()) is not None:
        assert {"completed"} >= set(world.statuses(parents[grant.task.id]))
        ending = data.draw(st.sampled_from([Ending.COMPLETED, Ending.COMPLETED, Ending.FAILED, Ending.CANCELLED]))
        world.grants.finish(grant, Outcome(ending, error="over"), None)
    world.settle()
    for task_id in ids:
        task = world.task(task_id)
        met = {"completed"} >= set(world.statuses(parents[task_id]))
        assert task.terminal
        assert met is (task.started_at is not None)
        assert met or task.status is Status.CANCELLED
        assert [] == world.store.read(lambda tx, id_=task_id: tx.dependants(id_, limit=1))
    assert 0 == world.left()
