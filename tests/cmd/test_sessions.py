"""Sessions of a server: its store, tickets that are handles, and what is taken back."""
import re

import pytest

from support import command
from support.control import Control
from support.peers import PING


@pytest.fixture
def control_path(tmp_path):
    return tmp_path / "control"


@pytest.fixture
def session(tmp_path):
    return tmp_path / "session"


def connect(cli, port, session, *options, resumed):
    client = cli.connect(port, "--session", session, *options, data=PING)
    assert client.code == command.DONE, client.report()
    assert command.connected(client.err)["resumed"] == resumed, client.report()


def store(control):
    """The numbers of the store's line in the status."""
    line = next(line for line in control.ask("status") if line.startswith("store "))
    return {name: int(value) for name, value in command.pairs(line).items() if name}


def connections(control):
    return [command.pairs(line) for line in control.ask("status") if line.startswith("[")]


def test_a_session_of_single_use_is_resumed_once(cli, session, control_path):
    server = cli.serve("--session-store", "memory", "--single-use", "--control", control_path)
    connect(cli, server.port, session, resumed="no")
    used = session.read_bytes()
    connect(cli, server.port, session, resumed="yes")
    session.write_bytes(used)
    connect(cli, server.port, session, resumed="no")
    with Control(control_path) as control:
        assert store(control) == {"admitted": 1, "used": 1, "revoked": 0, "full": 0, "entries": 1, "sessions": 0,
                                  "evicted": 0}


def test_without_single_use_a_session_is_resumed_again(cli, session):
    server = cli.serve("--session-store", "memory:16")
    connect(cli, server.port, session, resumed="no")
    used = session.read_bytes()
    for _ in range(3):
        session.write_bytes(used)
        connect(cli, server.port, session, resumed="yes")


def test_tickets_that_are_handles(cli, session, control_path):
    server = cli.serve("--session-store", "memory", "--stateful-tickets", "--control", control_path)
    connect(cli, server.port, session, resumed="no")
    used = session.read_bytes()
    assert len(used) < 400
    for _ in range(3):
        connect(cli, server.port, session, resumed="yes")
    session.write_bytes(used)
    connect(cli, server.port, session, resumed="no")
    with Control(control_path) as control:
        assert store(control)["sessions"] == 7  # 10 were kept and 3 taken


def test_a_small_store_keeps_the_newest(cli, session, control_path):
    server = cli.serve("--session-store", "memory:16", "--stateful-tickets", "--tickets", "8", "--control", control_path)
    connect(cli, server.port, session, resumed="no")
    for _ in range(5):
        connect(cli, server.port, session, resumed="yes")
    with Control(control_path) as control:
        numbers = store(control)
        assert numbers["sessions"] <= 16 and numbers["evicted"] > 0


def test_openssl_resumes_by_a_handle(cli, peer, session):
    server = cli.serve("--session-store", "memory", "--stateful-tickets")

    def once(*options):
        client = peer.start_openssl_client(server.port, *options)
        client.write(PING)
        client.wait_out(re.compile(rb"^" + PING, re.M))
        client.close_stdin()
        client.wait()
        return b"\nReused, TLSv1.3" in client.out
    assert not once("-sess_out", session)
    assert once("-sess_in", session)
    assert not once("-sess_in", session)


@pytest.mark.parametrize("by", ["lineage", "identity", "name", "generation"])
@pytest.mark.parametrize("stateful", [[], ["--stateful-tickets"]])
def test_what_is_revoked_is_a_full_handshake(cli, pki, session, control_path, by, stateful):
    server = cli.serve("--session-store", "memory", "--control", control_path, "--client-ca", pki.ca, *stateful)
    own = command.client_auth(pki.client_p256)
    connect(cli, server.port, session, *own, resumed="no")
    connect(cli, server.port, session, *own, resumed="yes")
    with Control(control_path) as control:
        live = cli.start_connect(server.port, "--session", session, *own)
        live.write(PING)
        live.wait_out_size(len(PING))
        facts, = connections(control)
        key = {"lineage": facts["lineage"], "identity": facts["identity"], "name": facts["sni"], "generation": "1"}[by]
        assert control.ask(f"revoke {by} {key}") == ["ok"]
        live.write(PING)  # it goes on
        live.wait_out_size(2 * len(PING))
        live.close_stdin()
        assert live.wait() == 0
    connect(cli, server.port, session, *own, resumed="no")


def test_a_session_is_revoked_by_its_id(cli, session, control_path):
    server = cli.serve("--session-store", "memory", "--control", control_path)
    connect(cli, server.port, session, resumed="no")
    used = session.read_bytes()
    with Control(control_path) as control:
        live = cli.start_connect(server.port, "--session", session)
        live.write(PING)
        live.wait_out_size(len(PING))
        facts, = connections(control)
        assert control.ask(f"revoke session {facts['session']} close") == ["connections=1", "ok"]
        live.close_stdin()
        assert live.wait() == 0
    connect(cli, server.port, session, resumed="yes")  # another ticket
    session.write_bytes(used)
    connect(cli, server.port, session, resumed="no")


def test_live_connections_are_closed_when_that_is_asked(cli, control_path):
    server = cli.serve("--session-store", "memory", "--control", control_path)
    first, second = (cli.start_connect(server.port) for _ in range(2))
    for client in (first, second):
        client.write(PING)
        client.wait_out_size(len(PING))
    with Control(control_path) as control:
        one, two = connections(control)
        assert one["lineage"] != two["lineage"]
        assert control.ask(f"revoke lineage {one['lineage']} close") == ["connections=1", "ok"]
        assert [c["lineage"] for c in connections(control)] == [two["lineage"]]
        assert control.ask("revoke name localhost close") == ["connections=1", "ok"]
    assert first.wait() == 0 and second.wait() == 0
    assert "closed clean" in first.err


@pytest.mark.parametrize("words", ["", "name", "lineage 00", "identity zz", "session " + "0" * 31, "sessions x",
                                   "generation -1", "name a open", "name a close now"])
def test_orders_that_are_wrong_revoke_nothing(cli, session, control_path, words):
    server = cli.serve("--session-store", "memory", "--control", control_path)
    connect(cli, server.port, session, resumed="no")
    with Control(control_path) as control:
        answer, = control.ask("revoke " + words)
        assert answer.startswith("error: ")
        assert store(control)["entries"] == 0
    connect(cli, server.port, session, resumed="yes")


def test_without_a_store_nothing_can_be_revoked(cli, control_path):
    cli.serve("--control", control_path)
    with Control(control_path) as control:
        assert control.ask("revoke name localhost") == ["error: there is no store; see --session-store"]


@pytest.mark.parametrize("options", [["--single-use"], ["--stateful-tickets"], ["--session-store", "disk"],
                                     ["--session-store", "memory:15"], ["--session-store", "memory:"],
                                     ["--session-store", "memory", "--single-use", "--tickets", "0"]])
def test_options_that_make_no_sense(cli, options):
    assert cli.run("serve", "--listen", "127.0.0.1:0", "--echo", *options).code == command.USAGE


def test_the_end_point_is_that_of_the_full_handshake(cli, peer, session):
    server = cli.serve("--session-store", "memory")
    found = []
    for resumed in ("no", "yes", "yes"):
        client = cli.connect(server.port, "--session", session, "--commands", "~", data=b"~b\n")
        assert command.connected(client.err)["resumed"] == resumed
        found.append(re.search(r"binding tls-server-end-point ([0-9a-f]{64})", client.err)[1])
    assert len(set(found)) == 1
