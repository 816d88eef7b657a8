"""The connection of a page to its server serves the page's own session only, whoever knows the page's id."""

from __future__ import annotations

import http.client
import json
from typing import Any

import pytest
from playwright.sync_api import Page

from facemeld.users.types import Role
from tests.console.browser import ConsoleWorld, Listener, Visit, listeners

RAW = """(messages) => new Promise((resolve) => {
    const heard = [];
    const here = location.origin.replace("http", "ws");
    const socket = new WebSocket(`${here}/console/_nicegui_ws/socket.io/?EIO=4&transport=websocket`);
    socket.onmessage = ({ data }) => {
        heard.push(String(data));
        if (data.startsWith("0{")) socket.send("40");
        if (data.startsWith("40{")) messages.forEach((one) => socket.send(one));
    };
    setTimeout(() => { socket.close(); resolve(heard); }, 1500);
})"""


def pressed(page: Page, name: str) -> Listener:
    """What listens to a button."""
    number = int(str(page.get_by_role("button", name=name, exact=True).get_attribute("id")).removeprefix("c"))
    (found,) = [one for one in listeners(page) if one[0] == number]
    return found


def frames(victim: Page, listener: Listener) -> list[str]:
    """What a program would send to take a page's place: its handshake, a press of its button, an answer, an acknowledgement, a line."""
    query: dict[str, Any] = victim.evaluate("() => ({ ...window.socket.io.opts.query, next_message_id: 0 })")
    page = {"client_id": query["client_id"]}
    told: list[tuple[str, Any]] = [
        ("handshake", query),
        ("event", {**page, "id": listener[0], "listener_id": listener[1], "args": []}),
        ("javascript_response", {**page, "request_id": "x", "result": 1}),
        ("ack", {**page, "next_message_id": 1_000_000}),
        ("log", {**page, "level": "info", "message": "forged"}),
        ("event", {"id": listener[0], "listener_id": listener[1], "args": []}),
        ("event", None),
    ]
    return [f"42{number}{json.dumps(one)}" for number, one in enumerate(told)]


@pytest.mark.parametrize("thief", [Role.VIEWER, Role.OWNER])
def test_who_knows_a_pages_id_can_do_nothing_with_it(visit: Visit, thief: Role) -> None:
    """A connection of another session, even of a higher role, neither presses the page's buttons nor hears what it is told."""
    victim = visit("/showcase", Role.OPERATOR)
    messages = frames(victim, pressed(victim, "Clear"))
    victim.get_by_label("Text", exact=True).fill("kept")
    heard = visit("/", thief).evaluate(RAW, messages)
    assert len([one for one in heard if one.startswith("43")]) == len(messages)
    assert not [one for one in heard if one.startswith("42")]
    assert victim.get_by_label("Text", exact=True).input_value() == "kept"
    # The same messages over a connection of its own session do their work, or the attempt above would prove nothing.
    visit("/", Role.OPERATOR).evaluate(RAW, messages[1:2])
    assert victim.get_by_label("Text", exact=True).input_value() == ""


def poll(world: ConsoleWorld, role: Role, query: str = "") -> tuple[int, str]:
    """One request of a connection without websocket."""
    connection = http.client.HTTPConnection("127.0.0.1", world.server.port, timeout=20)
    headers = {"Cookie": f"facemeld_session={world.sessions[role]}"}
    connection.request("GET", f"/console/_nicegui_ws/socket.io/?EIO=4&transport=polling{query}", headers=headers)
    reply = connection.getresponse()
    text = reply.read().decode()
    connection.close()
    return reply.status, text


def test_connections_that_poll_stay_with_who_began_them(console_world: ConsoleWorld) -> None:
    """Another session cannot go on with a connection, nor begin one for a page."""
    status, text = poll(console_world, Role.OPERATOR)
    assert status == 200
    number = json.loads(text.removeprefix("0"))["sid"]
    assert poll(console_world, Role.VIEWER, f"&sid={number}")[0] == 403
    connection = http.client.HTTPConnection("127.0.0.1", console_world.server.port, timeout=20)
    headers = {"Cookie": f"facemeld_session={console_world.sessions[Role.OPERATOR]}", "Origin": console_world.address}
    connection.request("POST", f"/console/_nicegui_ws/socket.io/?EIO=4&transport=polling&sid={number}", "40", headers)
    assert connection.getresponse().status == 200
    connection.close()


def test_a_page_is_not_connected_to_by_another_session(visit: Visit, console_world: ConsoleWorld) -> None:
    """Not with the page's id in the address either."""
    client = visit("/showcase", Role.OPERATOR).evaluate("window.clientId")
    assert poll(console_world, Role.OWNER, f"&client_id={client}")[0] == 403
    assert poll(console_world, Role.OPERATOR, f"&client_id={client}")[0] == 200
