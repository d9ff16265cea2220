"""The page in a real browser: in each phase of a node, narrow and wide, light and dark, and read by a checker."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import tasks
from monitoring.tools import AXE, CHROMIUM
from monitoring_site import FACTS, get, served
from node import DATABASE, Node
from playwright.sync_api import Page, sync_playwright
from processes import OCTO_NODE, ROOT, free_port, wait_until
from standin.sqlserver.testing import SqlServer


WIDTHS = (400, 1400)
PATIENCE = 120_000  # milliseconds
SHOTS = "OCTO_TEST_SCREENSHOTS"  # a folder for the pictures, to be looked at


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Give a browser."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Page]:  # noqa: ANN401 - a browser of playwright's
    """Give an empty page; a message of the browser's console that is an error fails the test."""
    # the checker is put into the page, which the page's own policy forbids everybody else
    context = browser.new_context(bypass_csp=False)
    made = context.new_page()
    made.set_default_timeout(PATIENCE)
    errors: list[str] = []
    made.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    made.on("pageerror", lambda error: errors.append(str(error)))
    yield made
    context.close()
    assert not [error for error in errors if "Failed to load resource" not in error and "ERR_" not in error]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Give the folder for the pictures."""
    folder = Path(os.environ.get(SHOTS, tmp_path / "pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def look(page: Page, name: str, pictures: Path) -> None:
    """Take pictures of the page as it is, and check in each that all can be read and nothing sticks out."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=pictures / f"{name}-{width}-{scheme}.png", full_page=True)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} sticks out at {width}"
            assert violations(page) == [], f"{name} at {width} pixels, {scheme}"


def violations(page: Page) -> list[str]:
    """Return what axe-core finds against the page: landmarks, contrast, names, tables."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run()")
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found["violations"]]


@contextmanager
def left_over(node: Node, port: int) -> Iterator[None]:
    """Serve what a node left in its run folder, as somebody does who looks at it afterwards."""
    environ = {name: value for name, value in node.environment.items() if value}
    with subprocess.Popen([*OCTO_NODE, "serve-http"], env=environ, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: get(port, "/")[0] == 200, what="it serves")
            yield
        finally:
            process.kill()


def test_a_nodes_life(page: Page, tmp_path: Path, pictures: Path) -> None:
    """Waiting for SQL Server, up, draining: one page that was opened once shows each of them by itself."""
    port, sql = free_port(), SqlServer(tmp_path / "sql", free_port(), tls="off")
    with Node(tmp_path, sql, OCTO_NODE_HTTP=f"127.0.0.1:{port}") as node:
        node.start()
        wait_until(lambda: get(port, "/")[0] == 200, what="it serves")
        page.goto(f"http://127.0.0.1:{port}/")
        look(page, "1-boot", pictures)
        page.wait_for_selector("#summary:has-text('SQL Server')")
        page.wait_for_selector("h2:has-text('Start')")
        look(page, "2-waiting", pictures)
        sql.launch()
        try:
            page.wait_for_selector(".badge:text-is('up')")
            page.wait_for_selector("h2:has-text('Nodes')")
            look(page, "3-up", pictures)
            running = tasks.task(node, 600)
            assert node.verb("drain", "--wait", "0.1").returncode
            page.wait_for_selector(f"th:has-text('{running}')")
            page.wait_for_selector("#summary:has-text('draining')")
            look(page, "4-draining", pictures)
        finally:
            node.close()
            sql.stop()
        page.wait_for_selector("#trouble:has-text('gives no answer')")
        assert page.is_visible("#trouble")


def test_a_node_that_failed_or_is_held(page: Page, tmp_path: Path, pictures: Path) -> None:
    """A node that failed tells why, to whoever serves what it left; one that is held says so."""
    port = free_port()
    with Node(tmp_path / "failed", OCTO_NODE_HTTP=f"127.0.0.1:{port}", DB_CONNECTION_STRING="Server=x") as node:
        assert node.start().wait() == 11
        with left_over(node, port):
            page.goto(f"http://127.0.0.1:{port}/")
            page.wait_for_selector("h2:has-text('Start')")
            assert "failed" in page.inner_text("header")
            look(page, "5-failed", pictures)
    with (
        SqlServer.start(tmp_path / "sql", tls="off") as sql,
        Node(tmp_path / "held", sql, OCTO_NODE_HTTP=f"127.0.0.1:{port}", OCTO_NODE_HOLD="Y") as node,
    ):
        node.start().wait_phase("held")
        page.goto(f"http://127.0.0.1:{port}/")
        page.wait_for_selector(".badge:text-is('held')")
        page.wait_for_selector("text=no node yet")
        look(page, "6-held", pictures)
        assert DATABASE in page.inner_text("main")


def test_everything_at_once(page: Page, pictures: Path) -> None:
    """With all that there can be, long texts included, nothing sticks out and everything can be read."""
    long = "Deploy " + "a-very-long-name-without-a-space" * 4
    busy = [
        {"id": f"ServerTasks-{number}", "description": long, "state": "Executing", "seconds": 9e5}
        for number in range(9)
    ]
    with served({**FACTS, "tasks": busy, "warnings": [long, *FACTS["warnings"]]}) as port:
        page.goto(f"http://127.0.0.1:{port}/")
        look(page, "7-all", pictures)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "To the content"
        assert page.is_visible("text=To the content")


def test_without_scripts(browser: Any, pictures: Path) -> None:  # noqa: ANN401 - as above
    """Whoever has no scripts is shown the same, and the page loads itself again."""
    with served() as port:
        context = browser.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{port}/")
        page.screenshot(path=pictures / "8-no-script.png")
        assert "Backup" in page.inner_text("main")
        with page.expect_navigation(timeout=PATIENCE):
            pass
        context.close()
