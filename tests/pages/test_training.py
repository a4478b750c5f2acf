"""The training page in Chromium: jobs, curves, control, and what it does when the connection fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import requests
from playwright.sync_api import Locator, Page, expect

from tests.pages.test_reach import UNNAMED
from tests.support.events import history, submit, wait_for_status
from tests.support.servers import ServerProcess
from tests.support.waiting import wait_until

SHORT = {"epochs": 3, "hidden_layers": [16], "batch_size": 64, "patience": 0, "seed": 1}
LONG = SHORT | {"epochs": 5000, "batch_size": 8}
MARKUP = "<img src=x onerror=\"document.title='owned'\"><b>bold</b>"
DRAWN = """([title, job]) => [...document.querySelectorAll(`training-panel[data-job="${job}"] training-chart`)]
  .find((chart) => chart.querySelector("h4").textContent === title)?.data ?? [[]]"""


@pytest.fixture(scope="module")
def one_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    env = {"RUNCAST_MAX_WORKERS": "2", "RUNCAST_WARM_WORKERS": "1"}
    with ServerProcess(tmp_path_factory.mktemp("data"), env=env) as running:
        yield running


@pytest.fixture
def server(one_server: ServerProcess) -> Iterator[ServerProcess]:
    """Runs, and lists no training: what a test leaves there is removed."""
    if one_server.exited:
        one_server.start()
    yield one_server
    if one_server.exited:
        one_server.start()
    for job in requests.get(f"{one_server.url}/api/training/jobs", timeout=10).json():
        stop(one_server, job["id"])
        wait_until(partial(deleted, one_server, job["id"]), 20)


def deleted(server: ServerProcess, job: str) -> bool:
    return requests.delete(f"{server.url}/api/tasks/{job}", timeout=10).status_code == 204


class TrainingPage:
    def __init__(self, page: Page, server: ServerProcess) -> None:
        self.page = page
        self.url = server.url
        self.connection = page.locator("training-connection .badge")
        self.rows = page.locator("training-list li")
        self.toasts = page.locator("toast-list .toast")

    def open(self, query: str = "") -> TrainingPage:
        self.page.goto(f"{self.url}/training{query}")
        return self

    def live(self) -> TrainingPage:
        expect(self.connection).to_have_text("Live")
        return self

    def panel(self, job: str) -> Locator:
        return self.page.locator(f'training-panel[data-job="{job}"]')

    def press(self, job: str, button: str) -> None:
        self.panel(job).get_by_role("button", name=button, exact=True).click()

    def curves(self, job: str, title: str = "Loss") -> list[list[Any]]:
        drawn: list[list[Any]] = self.page.evaluate(DRAWN, [title, job])
        return drawn

    def has_epochs(self, job: str, least: int) -> None:
        self.page.wait_for_function(f"(least) => ({DRAWN})(['Loss', '{job}'])[0].length >= least", arg=least)


def train(server: ServerProcess, name: str = "", **params: Any) -> str:
    return submit(server.url, "training", {**SHORT, **params}, name=name)


def stop(server: ServerProcess, *jobs: str) -> None:
    for job in jobs:
        requests.post(f"{server.url}/api/training/jobs/{job}/stop", timeout=10)


def stored_losses(server: ServerProcess, job: str) -> dict[int, float]:
    events = [each["data"] for each in history(server.url, job) if each["event_type"] == "iteration_complete"]
    return {data["iteration"]: data["metrics"]["train_loss"] for data in events}


def test_a_training_is_started_here_and_followed_to_its_end(
    new_page: Callable[..., Page], server: ServerProcess
) -> None:
    training = TrainingPage(new_page(), server).open().live()
    expect(training.page.get_by_text("No training yet.")).to_be_visible()
    training.page.get_by_text("New training").click()
    training.page.get_by_label(re.compile("^Epochs")).fill("3")
    training.page.get_by_role("button", name="Create task").click()
    expect(training.rows).to_have_count(1)
    expect(training.rows.locator(".badge")).to_have_text("completed")
    expect(training.rows).to_contain_text("epoch 3 of 3")
    expect(training.toasts.filter(has_text="has finished")).to_be_visible()
    job = re.search(r"jobs=([0-9a-f-]{36})", training.page.url)
    assert job is not None
    expect(training.panel(job[1]).locator(".figures")).to_contain_text("best epoch")
    assert [1, 2, 3] == training.curves(job[1])[0]
    for title, count in (("Accuracy", 3), ("Learning rate", 2)):
        curves = training.curves(job[1], title)
        assert count == len(curves)
        assert all(isinstance(value, int | float) for values in curves for value in values)
    training.toasts.first.get_by_role("button").click()
    expect(training.toasts.filter(has_text="Connected")).to_have_count(0)


def test_curves_are_whole_after_a_reload_in_the_middle(new_page: Callable[..., Page], server: ServerProcess) -> None:
    job = train(server, **LONG)
    training = TrainingPage(new_page(), server).open().live()
    training.has_epochs(job, 5)
    training.page.reload()
    training.live().has_epochs(job, 10)
    training.press(job, "Pause")
    expect(training.panel(job).locator(".underway")).to_have_text(re.compile(r"paused after epoch \d+"))
    stored = stored_losses(server, job)
    training.has_epochs(job, len(stored))
    numbers, losses, _ = training.curves(job)
    assert stored == dict(zip(numbers, losses, strict=True))
    assert list(range(1, len(stored) + 1)) == numbers
    stop(server, job)


def test_pause_continue_and_stop_show_their_effect(new_page: Callable[..., Page], server: ServerProcess) -> None:
    job = train(server, **LONG)
    training = TrainingPage(new_page(), server).open().live()
    panel, buttons = training.panel(job), training.panel(job).locator(".controls button:visible")
    training.has_epochs(job, 1)
    expect(buttons).to_have_text(["Pause", "Stop"])
    training.press(job, "Pause")
    expect(panel.locator(".badge")).to_have_text("paused")
    expect(buttons).to_have_text(["Continue", "Stop"])
    before = len(training.curves(job)[0])
    training.press(job, "Continue")
    expect(panel.locator(".badge")).to_have_text("running")
    training.has_epochs(job, before + 2)
    training.press(job, "Stop")
    question = training.page.get_by_role("dialog", name="Stop this training?")
    question.get_by_role("button", name="Keep it going").click()
    expect(panel.locator(".badge")).to_have_text("running")
    training.press(job, "Stop")
    question.get_by_role("button", name="Stop the training").click()
    expect(panel.locator(".badge")).to_have_text("stopped")
    expect(buttons).to_have_count(0)
    expect(training.toasts.filter(has_text="was stopped")).to_be_visible()


def test_a_server_that_goes_and_comes_back_leaves_no_gap(new_page: Callable[..., Page], server: ServerProcess) -> None:
    job = train(server, **LONG)
    training = TrainingPage(new_page(), server).open().live()
    training.has_epochs(job, 3)
    server.kill()
    expect(training.connection).to_have_text("Reconnecting")
    expect(training.page.locator("training-connection .detail")).to_contain_text(re.compile(r"try \d+ of 10"))
    expect(training.toasts.filter(has_text="connection is lost")).to_be_visible()
    expect(training.panel(job).locator(".state")).to_have_text("running")  # a lost connection is no ended task
    server.start()
    training.live()
    expect(training.toasts.filter(has_text="Connected again")).to_be_visible()
    training.has_epochs(job, len(stored_losses(server, job)) + 3)
    training.press(job, "Pause")
    expect(training.panel(job).locator(".badge")).to_have_text("paused")
    stored = stored_losses(server, job)
    training.has_epochs(job, len(stored))
    assert sorted(stored) == training.curves(job)[0]
    stop(server, job)


def test_without_sockets_it_asks_and_says_so_and_comes_back(
    new_page: Callable[..., Page], server: ServerProcess
) -> None:
    page, closed = new_page(), [True]
    page.route_web_socket(
        re.compile(r"/ws/training"), lambda route: route.close() if closed[0] else route.connect_to_server() and None
    )
    job = train(server, "blocked", **LONG)
    training = TrainingPage(page, server).open()
    expect(training.connection).to_have_text("Asking every few seconds")
    training.has_epochs(job, 2)
    expect(training.rows.locator(".badge")).to_have_text("running")
    expect(training.page.locator("training-connection .detail")).to_contain_text("of 10")
    training.press(job, "Pause")
    expect(training.panel(job).locator(".badge")).to_have_text("paused")
    closed[0] = False
    training.page.get_by_role("button", name="Try now").click()
    training.live()
    stop(server, job)
    expect(training.panel(job).locator(".badge")).to_have_text("stopped")


def test_two_trainings_stand_side_by_side_and_in_the_address(
    new_page: Callable[..., Page], server: ServerProcess
) -> None:
    jobs = [train(server, f"number {n}", learning_rate=0.01 / n) for n in (1, 2)]
    for job in jobs:
        wait_for_status(server.url, job, "completed")
    training = TrainingPage(new_page(), server).open().live()
    expect(training.rows).to_have_count(2)
    expect(training.panel(jobs[1])).to_be_visible()  # the newest, when nothing was chosen
    training.page.get_by_label(re.compile("number 1")).check()
    boxes = [training.panel(job).bounding_box() for job in jobs]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[0]["y"] == boxes[1]["y"]
    for job in jobs:
        training.has_epochs(job, 3)
    assert training.curves(jobs[0]) != training.curves(jobs[1])
    training.page.reload()
    for job in jobs:
        training.has_epochs(job, 3)
    training.panel(jobs[0]).get_by_role("button", name="Close this panel").click()
    expect(training.panel(jobs[0])).to_have_count(0)
    training.page.go_back()
    expect(training.panel(jobs[0])).to_be_visible()


def test_a_failed_training_says_why_and_names_are_text(new_page: Callable[..., Page], server: ServerProcess) -> None:
    (server.data_dir / "bad.csv").write_text("a,b\n1,2\n")
    upload = requests.post(f"{server.url}/api/files", files={"file": ("bad.csv", b"a,class\n1,x\n")}, timeout=10).json()
    job = train(server, MARKUP, csv_file=upload["file"])
    wait_for_status(server.url, job, "failed")
    training = TrainingPage(new_page(), server).open(f"?jobs={job}").live()
    expect(training.panel(job).get_by_role("alert")).not_to_be_empty()
    expect(training.rows.locator(".name")).to_have_text(MARKUP)
    expect(training.page.locator("img[src=x], training-panel b")).to_have_count(0)
    assert "owned" not in training.page.title()


def test_a_list_that_cannot_be_had_is_no_empty_list(new_page: Callable[..., Page], server: ServerProcess) -> None:
    page, broken = new_page(), [True]
    page.route("**/api/training/jobs", lambda route: route.abort() if broken[0] else route.continue_())
    page.route_web_socket(re.compile(r"/ws/training"), lambda route: route.close())
    training = TrainingPage(page, server).open()
    expect(page.get_by_text("Could not load the trainings.")).to_be_visible()
    broken[0] = False
    page.locator("training-list").get_by_role("button", name="Try again").click()
    expect(page.get_by_text("No training yet.")).to_be_visible()
    expect(training.connection).to_have_text("Asking every few seconds")


def test_a_list_that_comes_late_does_not_undo_what_was_heard(
    new_page: Callable[..., Page], server: ServerProcess
) -> None:
    page, answers = new_page(), []
    page.route("**/api/training/jobs", lambda route: answers.append((route, route.fetch())))
    job = train(server, "late", **LONG)
    training = TrainingPage(page, server).open(f"?jobs={job}").live()
    training.has_epochs(job, 1)
    assert {"running"} == {row["status"] for _, answer in answers for row in answer.json()}
    stop(server, job)
    expect(training.panel(job).locator(".badge")).to_have_text("stopped")
    for route, answer in answers:
        route.fulfill(response=answer)
    expect(training.rows.locator(".name")).to_have_text("late")
    expect(training.rows.locator(".badge")).to_have_text("stopped")
    expect(training.panel(job).locator(".badge")).to_have_text("stopped")


def test_it_fits_every_screen_and_every_control_is_named(new_page: Callable[..., Page], server: ServerProcess) -> None:
    job = train(server, "a-name-without-a-single-place-to-break-it-" * 3)
    wait_for_status(server.url, job, "completed")
    for width in (360, 1280, 2560):
        training = TrainingPage(new_page(viewport={"width": width, "height": 900}), server).open().live()
        training.has_epochs(job, 3)
        assert width >= training.page.evaluate("document.documentElement.scrollWidth")
        assert [] == training.page.evaluate(UNNAMED)
