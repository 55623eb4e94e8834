"""Key changes in the middle of large transfers: every byte arrives once, and both sides agree when."""
import hashlib
import random
import re
import signal

import pytest

from support import command
from support.peers import PING, packet_stdin, read_all
from support.process import DEADLINE

SIZE = 100_000_000
LONG = 4 * DEADLINE
PACKET = 8192  # what openssl reads from standard input at once
LOW = ("--rekey-bytes", "1000000", "--rekey-gap-ms", "0")
BEGIN, END = b"=" * 8, b"." * 8


def sha(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(scope="module")
def payload():
    """Digits in lines of any length: no command letter of openssl, no "~"."""
    table = bytes(b"\n0123456789"[0 if n == 0 else 1 + n % 10] for n in range(256))
    return BEGIN + random.Random(21).randbytes(SIZE).translate(table) + END


def between_marks(out):
    """The payload in what s_server wrote, which says other things before, after and at each key change."""
    start = out.index(BEGIN)
    return out[start:out.index(END, start) + len(END)].replace(b"Read BLOCK\n", b"")


def changes(facts):
    """How often each direction changed its key, by a "closed" line: that counts the first key, too."""
    return int(facts["epochs-sent"]) - 1, int(facts["epochs-received"]) - 1


def feed(wire, payload, letters):
    """Hands the payload to openssl in packets, with a command letter after each of len(letters) equal parts."""
    packets = [payload[n:n + PACKET] for n in range(0, len(payload), PACKET)]
    after = {(n + 1) * len(packets) // (len(letters) + 1): letter for n, letter in enumerate(letters)}
    for n, packet in enumerate(packets):
        wire.sendall(packet)
        if n in after:
            wire.sendall(after[n].encode() + b"\n")


# We send, and change keys.

def test_our_client_changes_keys_by_command(cli, peer, payload):
    server = peer.openssl_server()
    client = cli.start_connect(server.port, "--commands", "~", "--rekey-gap-ms", "0")
    part = len(payload) // 10
    for n in range(10):
        end = None if n == 9 else (n + 1) * part
        client.write(payload[n * part:end] + (b"" if n == 9 else b"\n"))
        if n < 9:
            client.write(b"~U\n" if n % 2 else b"~u\n")
    server.wait_out_end(END, LONG)
    client.close_stdin()
    client.wait()
    got = between_marks(server.out)
    assert sha(got.replace(b"\n", b"")) == sha(payload.replace(b"\n", b""))
    sent, received = changes(command.closed(client.err))
    assert sent == 9
    assert 1 <= received <= 4


@pytest.mark.parametrize("server", ["openssl", "python"])
def test_our_client_changes_keys_by_bytes(cli, peer, payload, server):
    if server == "openssl":
        there = peer.openssl_server()
        client = cli.start_connect(there.port, *LOW)
        client.write(payload, LONG)
        there.wait_out_end(END, LONG)
        client.close_stdin()
        client.wait()
        got = between_marks(there.out)
    else:
        parts = []

        def sink(tls):
            parts.append(read_all(tls))
            tls.unwrap()
        client = cli.connect(peer.python_server(sink).port, *LOW, data=payload, seconds=LONG)
        assert client.code == command.DONE, client.report()
        got = parts[0]
    assert sha(got) == sha(payload)
    assert changes(command.closed(client.err))[0] >= 95


def test_our_client_asks_the_sender_for_new_keys(cli, peer, payload):
    """The receiving limit: Python's side answers each request, whatever its application does."""
    def source(tls):
        tls.recv(1)
        for n in range(0, len(payload), 1 << 20):
            tls.sendall(payload[n:n + (1 << 20)])
            tls.setblocking(False)  # lets libssl see the requests: it answers only when it reads
            try:
                tls.recv(1)
            except OSError:
                pass
            tls.settimeout(DEADLINE)
        tls.unwrap()
    client = cli.start_connect(peer.python_server(source).port, *LOW)
    client.write(b"1")
    client.wait_out_size(len(payload), LONG)
    client.close_stdin()
    assert client.wait() == command.DONE, client.report()
    assert sha(client.out) == sha(payload)
    assert changes(command.closed(client.err))[1] >= 5


@pytest.mark.parametrize("client", ["openssl", "python"])
def test_our_server_echoes_with_low_limits(cli, peer, payload, client):
    server = cli.serve("--echo", *LOW)
    if client == "openssl":
        ours, theirs = packet_stdin()
        there = peer.start_openssl_client(server.port, "-brief", stdin=theirs)
        feed(ours, payload, "")
        there.wait_out_size(len(payload), LONG)
        got = there.out
        ours.close()
        there.wait()
    else:
        parts = []
        with peer.python_client(server.port) as tls:
            for n in range(0, len(payload), 1 << 16):
                part = payload[n:n + (1 << 16)]
                tls.sendall(part)
                left = len(part)
                while left:
                    parts.append(tls.recv(left))
                    left -= len(parts[-1])
            tls.unwrap()
        got = b"".join(parts)
    assert sha(got) == sha(payload)
    sent, received = changes(server.wait_closed())
    assert sent >= 95
    assert received >= 5  # how much is on its way before an answer comes is up to the kernel


# The peer changes keys.

def test_openssl_server_changes_keys_while_it_sends(cli, peer, payload):
    letters = "KkKKkkKkKkKk"
    ours, theirs = packet_stdin()
    server = peer.openssl_server(stdin=theirs)
    client = cli.start_connect(server.port)
    client.wait_err(command.CONNECTED)
    feed(ours, payload, letters)
    client.wait_out_size(len(payload), LONG)
    client.close_stdin()
    client.wait()
    assert sha(client.out) == sha(payload)
    sent, received = changes(command.closed(client.err))
    assert received == len(letters)
    assert 1 <= sent <= letters.count("K")


def test_openssl_client_changes_keys_while_it_sends_and_is_echoed(cli, peer, payload):
    letters = "KkKKkkKkKkKk"
    server = cli.serve("--echo")
    ours, theirs = packet_stdin()
    client = peer.start_openssl_client(server.port, "-brief", stdin=theirs)
    feed(ours, payload, letters)
    client.wait_out_size(len(payload), LONG)
    ours.close()
    client.wait()
    assert sha(client.out) == sha(payload)
    sent, received = changes(server.wait_closed())
    assert received == len(letters)
    assert 1 <= sent <= letters.count("K")


def test_both_change_keys_at_once(cli, peer, payload):
    server = cli.serve("--echo", *LOW)
    ours, theirs = packet_stdin()
    client = peer.start_openssl_client(server.port, "-brief", stdin=theirs)
    feed(ours, payload, "Kk" * 20)
    client.wait_out_size(len(payload), LONG)
    ours.close()
    client.wait()
    assert sha(client.out) == sha(payload)
    sent, received = changes(server.wait_closed())
    assert sent >= 95 and received >= 40


def test_gnutls_client_changes_keys(cli, peer):
    server = cli.serve("--trace=json")
    client = peer.gnutls_client(server.port, "--rehandshake", data=PING)
    assert client.code == 0 and PING in client.out, client.report()
    assert changes(server.wait_closed())[1] >= 1


def test_gnutls_follows_our_changes(cli, peer):
    server = peer.gnutls_server()
    client = cli.start_connect(server.port, "--commands", "~", "--rekey-gap-ms", "0")
    for turn, command_line in enumerate((b"~u\n", b"~U\n", b""), 1):
        client.write(PING)
        client.wait_out_size(turn * len(PING))
        client.write(command_line)
    client.close_stdin()
    assert client.wait() == command.DONE, client.report()
    assert client.out == PING * 3
    assert changes(command.closed(client.err)) == (2, 1)


# Idle connections.

def test_an_idle_connection_changes_keys_by_time(cli, peer):
    server = peer.openssl_server("-rev")
    client = cli.start_connect(server.port, "--rekey-seconds", "1", "--trace=json")
    client.wait_err(re.compile(rb'"birth":"seconds"'))
    client.write(PING)
    client.wait_out_size(len(PING))
    client.close_stdin()
    assert client.wait() == command.DONE, client.report()


def test_records_count_too(cli, peer):
    client = cli.connect(peer.echo_server("python").port, "--rekey-records", "10", "--rekey-gap-ms", "0",
                         data=b"1" * 16384 * 100)
    assert client.code == command.DONE and len(client.out) == 16384 * 100, client.report()
    assert changes(command.closed(client.err))[0] >= 9


@pytest.mark.parametrize("number, both", [(signal.SIGUSR1, False), (signal.SIGUSR2, True)])
def test_signals_change_the_keys_of_all_connections(cli, peer, number, both):
    server = cli.serve("--trace=json")
    clients = [peer.start_openssl_client(server.port, "-brief") for _ in range(3)]

    def ping_all(turn):
        for client in clients:
            client.write(PING)
        for client in clients:
            client.wait_out_size(turn * len(PING))
    ping_all(1)
    server.process.signal(number)
    server.process.wait_err_count(b'"number":1,"birth":"caller"', 3)
    ping_all(2)
    ping_all(3)  # what these answer has seen our new keys, and openssl has sent its own before
    for client in clients:
        assert client.out == PING * 3
        client.close_stdin()
        assert client.wait() == 0
    server.process.wait_err_count(b"closed clean", 3)
    ends = [command.pairs(line[1].decode()) for line in command.CLOSED.finditer(server.err.encode())]
    assert [changes(end) for end in ends] == [(1, 1 if both else 0)] * 3


def test_our_client_and_our_server(cli, payload):
    server = cli.serve("--echo", *LOW)
    client = cli.connect(server.port, *LOW, data=payload, seconds=LONG)
    assert client.code == command.DONE, client.report()
    assert sha(client.out) == sha(payload)
    sent, received = changes(command.closed(client.err))
    assert sent >= 95 and received >= 95
    assert changes(server.wait_closed()) == (received, sent)
