"""Further handshakes of TLS 1.2 in the middle of transfers, begun by either side, with stock programs in both roles."""
import hashlib
import random
import re
import socket

import pytest

from support import command
from support.peers import PING, packet_stdin
from support.process import DEADLINE

ONLY = ("--max-version", "TLSv1.2")
ALLOW = ("--peer-rehandshake", "allow")
PRIORITY = ("--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2")
PACKET = 8192  # what openssl reads from standard input at once
LONG = 4 * DEADLINE
BEGIN, END = b"=" * 8, b"." * 8
SIZES = [2_000_000, pytest.param(100_000_000, id="large")]


@pytest.fixture
def control(tmp_path):
    return tmp_path / "control"


def ask(path, line):
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(DEADLINE)
        raw.connect(str(path))
        raw.sendall(line.encode() + b"\n")
        got = b""
        while not re.search(rb"(^|\n)(ok|error)[^\n]*\n$", got):
            part = raw.recv(4096)
            assert part, got
            got += part
        return got.decode()


def sha(data):
    return hashlib.sha256(data).hexdigest()


def payload(size):
    """Digits in lines: no command letter of openssl, no "~"."""
    table = bytes(b"\n0123456789"[0 if n < 4 else 1 + n % 10] for n in range(256))
    return BEGIN + random.Random(size).randbytes(size).translate(table) + b"\n" + END


def in_parts(data, count):
    """About equal parts, each but the last one with a whole line at its end."""
    ends = [data.index(b"\n", n * len(data) // count) + 1 for n in range(1, count)]
    return [data[a:b] for a, b in zip([0, *ends], [*ends, len(data)])]


def keys(facts):
    return int(facts["epochs-sent"]), int(facts["epochs-received"])


def done(err):
    """What became of the rehandshakes, by the trace."""
    return [e["outcome"] for e in command.trace(err) if e["event"] == "rehandshake" and e["outcome"] != "begun"]


# we are the client


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("letter, outcome", [("r", "resumed"), ("R", "full")])
@pytest.mark.parametrize("server", ["openssl", "keyturn"])
def test_our_client_begins(cli, peer, tmp_path, server, letter, outcome, size):
    """Everything comes back, and nothing is lost on either way."""
    data = payload(size)
    if server == "openssl":
        there = peer.openssl_server("-tls1_2", "-client_renegotiation")
    else:
        there = cli.serve("--echo", *ONLY, *ALLOW)
    client = cli.start_connect(there.port, *ONLY, "--commands", "~", "--session", tmp_path / "session", "--trace=json")
    for n, part in enumerate(in_parts(data, 6)):
        if n > 0:
            client.write(b"~" + letter.encode() + b"\n")
        client.write(part, LONG)
    if server == "openssl":
        there.wait_out_end(END, LONG)
        got = there.out[there.out.index(BEGIN):]
        got = re.sub(rb"Read BLOCK\n", b"", got)
        # s_server tells of each handshake between the data.
        assert got.startswith(BEGIN) and got.endswith(END)
    else:
        client.wait_out_size(len(data), LONG)
        assert sha(client.out) == sha(data)
    client.close_stdin()
    client.wait(LONG)
    assert client.code == command.DONE, client.report()
    outcomes = done(client.err)
    assert len(outcomes) >= 1 and set(outcomes) == {outcome}, client.report()
    assert keys(command.closed(client.err)) == (len(outcomes) + 1, len(outcomes) + 1)


def test_our_client_begins_with_gnutls(cli, peer):
    """gnutls-serv grants it."""
    there = peer.gnutls_server(*PRIORITY)
    client = cli.start_connect(there.port, *ONLY, "--commands", "~", "--trace=json")
    for n in range(1, 4):
        client.write(b"~R\n" if n == 2 else b"~r\n")
        client.wait_err(re.compile(rb'("outcome":"(resumed|full)"[^\0]*){%d}' % n))
        client.write(PING)
        client.wait_out_size(n * len(PING))
    client.close_stdin()
    client.wait()
    assert client.out == 3 * PING
    assert done(client.err)[1] == "full"
    assert keys(command.closed(client.err)) == (4, 4)


@pytest.mark.parametrize("letter", ["r", "R"])
def test_an_openssl_server_begins(cli, peer, letter):
    """Its letter R asks for a certificate of ours, too."""
    ours, theirs = packet_stdin()
    there = peer.openssl_server("-tls1_2", stdin=theirs)
    client = cli.start_connect(there.port, *ONLY, *ALLOW, "--trace=json")
    client.write(PING)
    there.wait_out(re.compile(re.escape(PING)))
    for n in range(1, 4):
        ours.send(letter.encode() + b"\n")
        client.wait_err(re.compile(rb'("outcome":"(resumed|full)"[^\0]*){%d}' % n))
        ours.send(PING)
        client.wait_out_size(n * len(PING))
    client.close_stdin()
    client.wait()
    assert keys(command.closed(client.err)) == (4, 4)


def test_a_server_that_refuses_is_told_of_and_used(cli, peer):
    there = peer.openssl_server("-tls1_2")
    client = cli.start_connect(there.port, *ONLY, "--commands", "~", "--trace=json")
    client.write(b"~r\n")
    client.wait_err(re.compile(rb'"outcome":"refused"'))
    client.write(PING)
    there.wait_out(re.compile(re.escape(PING)))
    client.close_stdin()
    client.wait()
    assert keys(command.closed(client.err)) == (1, 1)


def test_a_server_is_refused_by_default(cli, peer):
    """s_server takes that for the end."""
    ours, theirs = packet_stdin()
    there = peer.openssl_server("-tls1_2", stdin=theirs)
    client = cli.start_connect(there.port, *ONLY, "--trace=json")
    client.write(PING)
    there.wait_out(re.compile(re.escape(PING)))
    ours.send(b"r\n")
    client.wait_err(re.compile(rb'"outcome":"denied"'))
    client.wait_err(re.compile(rb'"name":"no_renegotiation"'))
    client.wait()


# we are the server


@pytest.mark.parametrize("verb, outcome", [("rehandshake", "resumed"), ("rehandshake-full", "full")])
@pytest.mark.parametrize("size", SIZES)
def test_our_server_begins_in_the_middle_of_a_transfer(cli, control, tmp_path, verb, outcome, size):
    data = payload(size)
    there = cli.serve("--echo", *ONLY, "--control", control)
    client = cli.start_connect(there.port, *ONLY, *ALLOW, "--session", tmp_path / "session", "--trace=json")
    there.wait_connected()
    for part in in_parts(data, 6):
        assert ask(control, verb).startswith("connections=1\n")
        client.write(part, LONG)
    client.wait_out_size(len(data), LONG)
    client.close_stdin()
    client.wait(LONG)
    assert sha(client.out) == sha(data)
    outcomes = done(client.err)
    assert len(outcomes) >= 1 and set(outcomes) == {outcome}, client.report()


@pytest.mark.parametrize("verb", ["rehandshake", "rehandshake-full"])
def test_our_server_begins_with_openssl(cli, peer, control, verb):
    server = cli.serve("--echo", "--control", control, "--trace=json")
    ours, theirs = packet_stdin()
    client = peer.start_openssl_client(server.port, "-tls1_2", stdin=theirs)
    server.wait_connected()
    for count in range(1, 4):
        assert ask(control, verb).startswith("connections=1\n")
        server.process.wait_err(re.compile(rb'("outcome":"(resumed|full)"[^\0]*){%d}' % count))
        ours.send(PING)
        client.wait_out(re.compile(rb"(%s[^\0]*){%d}" % (PING, count)))
    ours.send(b"Q\n")
    client.wait()
    assert keys(server.wait_closed()) == (4, 4)


def test_an_openssl_client_begins(cli, peer):
    server = cli.serve("--echo", *ALLOW, "--trace=json")
    ours, theirs = packet_stdin()
    client = peer.start_openssl_client(server.port, "-tls1_2", stdin=theirs)
    server.wait_connected()
    for count in range(1, 4):
        ours.send(b"R\n")
        server.process.wait_err(re.compile(rb'("outcome":"(resumed|full)"[^\0]*){%d}' % count))
        ours.send(PING)
        client.wait_out(re.compile(rb"(%s[^\0]*){%d}" % (PING, count)))
    ours.send(b"Q\n")
    client.wait()
    assert keys(server.wait_closed()) == (4, 4)


def test_a_budget_ends(cli, peer):
    server = cli.serve("--echo", "--peer-rehandshake", "1", "--trace=json")
    ours, theirs = packet_stdin()
    peer.start_openssl_client(server.port, "-tls1_2", stdin=theirs)
    server.wait_connected()
    ours.send(b"R\n")
    server.process.wait_err(re.compile(rb'"outcome":"(resumed|full)"'))
    ours.send(b"R\n")
    server.process.wait_err(re.compile(rb'"outcome":"denied"'))


def test_a_gnutls_client_begins(cli, peer):
    server = cli.serve("--echo", *ALLOW, "--trace=json")
    client = peer.gnutls_client(server.port, *PRIORITY, "--rehandshake", data=PING)
    assert client.code == 0, client.report()
    assert keys(server.wait_closed()) == (2, 2)
