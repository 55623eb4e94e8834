"""How connections end, or never begin: versions, plain text, truncation, closed ports, half-close, signals."""
import hashlib
import random
import signal
import socket

import pytest

from support import command
from support.peers import PING, RECORD_HEADER, read_all, refused_port

BYTES = random.Random(13).randbytes(5_000_000)


@pytest.mark.parametrize("server, alert", [("openssl", "protocol_version"), ("gnutls", "handshake_failure")])
def test_a_server_of_tls_1_2_only_where_more_is_wanted(cli, peer, server, alert):
    there = (peer.openssl_server("-rev", "-tls1_2") if server == "openssl"
             else peer.gnutls_server("--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2"))
    client = cli.connect(there.port, "--min-version", "TLSv1.3", data=PING)
    failure = command.failure(client.err)
    assert client.code == command.PROTOCOL, client.report()
    assert (failure.reason, failure.alert, failure.direction) == ("ALERT_RECEIVED", alert, "received")
    assert failure.hint


@pytest.mark.parametrize("client, options", [
    ("openssl", ["-tls1_2"]),
    ("gnutls", ["--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2"]),
])
def test_a_client_of_tls_1_2_only_where_more_is_wanted(cli, peer, client, options):
    server = cli.serve("--min-version", "TLSv1.3")
    assert not peer.ping(client, server.port, *options).ok
    failure = server.wait_failure()
    assert (failure.reason, failure.alert, failure.direction) == (
        "VERSION_NOT_SUPPORTED", "protocol_version", "sent")


def test_plain_http_sent_to_us(cli, peer):
    server = cli.serve()
    with peer.tcp_client(server.port) as raw:
        raw.sendall(b"GET / HTTP/1.0\r\n\r\n")
        alert = read_all(raw)
    assert alert[:1] == b"\x15" and alert[5:] == bytes([2, 70])  # fatal protocol_version, unprotected
    failure = server.wait_failure()
    assert (failure.reason, failure.alert, failure.direction) == ("RECORD_NOT_TLS", "protocol_version", "sent")
    assert failure.hint


def test_plain_http_answered_to_us(cli, peer):
    def answer(raw):
        raw.recv(4096)
        raw.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")
        return read_all(raw)
    server = peer.tcp_server(answer)
    client = cli.connect(server.port, data=PING)
    failure = command.failure(client.err)
    assert client.code == command.PROTOCOL, client.report()
    assert (failure.reason, failure.alert, failure.direction) == ("RECORD_NOT_TLS", "protocol_version", "sent")
    assert failure.hint


def test_a_port_that_is_closed(cli):
    port, keeper = refused_port()
    with keeper:
        client = cli.connect(port)
    failure = command.failure(client.err)
    assert client.code == command.NETWORK
    assert (failure.reason, failure.alert) == ("CONNECT_FAILED", "-")
    assert str(port) in failure.what
    assert failure.hint


def test_a_port_that_is_taken(cli):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = cli.run("serve", "--listen", f"127.0.0.1:{port}", "--echo")
    assert server.code == command.NETWORK
    assert server.out == b"" and command.failure(server.err).hint


def test_a_server_that_says_nothing_and_hangs_up(cli, peer):
    server = peer.tcp_server(lambda raw: raw.recv(4096) and None)
    client = cli.connect(server.port)
    failure = command.failure(client.err)
    assert client.code == command.PROTOCOL, client.report()
    assert (failure.reason, failure.alert) == ("HANDSHAKE_CUT", "-")


def test_a_client_that_says_nothing_and_hangs_up(cli, peer):
    server = cli.serve()
    with peer.tcp_client(server.port):
        pass
    assert server.wait_failure().reason == "HANDSHAKE_CUT"


def test_a_server_that_cuts_the_data(cli, peer):
    """The data that came is written, and the exit code says that some may be missing."""
    def cut(tls):
        tls.recv(len(PING))
        tls.sendall(PING)
        # leaving without unwrap() closes the socket without close_notify
    client = cli.start_connect(peer.python_server(cut).port)
    client.write(PING)
    assert client.wait() == command.TRUNCATED, client.report()
    assert client.out == PING
    failure = command.failure(client.err)
    assert (failure.reason, failure.alert) == ("TRUNCATED", "-")
    assert failure.hint
    assert command.closed(client.err) is None


def test_a_client_that_cuts_the_data(cli, peer):
    server = cli.serve()
    with peer.python_client(server.port) as tls:
        tls.sendall(PING)
        assert tls.recv(len(PING)) == PING
    assert server.wait_failure().reason == "TRUNCATED"


def test_half_close_as_client(cli, peer):
    """Our close_notify ends our data only: the answer is still read to its end."""
    def answer(tls):
        data = read_all(tls)
        tls.sendall(data * 2)
        tls.unwrap()
        return len(data)
    server = peer.python_server(answer)
    client = cli.connect(server.port, data=BYTES)
    assert client.code == command.DONE, client.report()
    assert hashlib.sha256(client.out).digest() == hashlib.sha256(BYTES * 2).digest()
    assert server.wait_result() is None
    facts = command.closed(client.err)
    assert (facts["sent"], facts["received"]) == (str(len(BYTES)), str(2 * len(BYTES)))


def test_a_peer_that_closes_first(cli, peer):
    """Then nobody may be there to read: the command ends, though its input is open."""
    def close(tls):
        tls.sendall(PING)
        tls.unwrap()  # waits for our close_notify
    server = peer.python_server(close)
    client = cli.start_connect(server.port)
    assert client.wait() == command.DONE, client.report()
    assert client.out == PING and command.closed(client.err)[None] == ["clean"]
    assert server.wait_result() is None


def test_a_file_by_curl(cli, peer, tmp_path):
    (tmp_path / "data.bin").write_bytes(BYTES)
    server = cli.serve("--www", tmp_path)
    assert hashlib.sha256(peer.curl(server.port, "/data.bin").out).digest() == hashlib.sha256(BYTES).digest()
    absent = peer.curl(server.port, "/absent", "--fail")
    assert absent.code == 22 and "404" in absent.err


def test_nothing_outside_the_folder(cli, peer, tmp_path):
    (tmp_path / "secret").write_text("secret\n")
    (tmp_path / "www").mkdir()
    server = cli.serve("--www", tmp_path / "www")
    for path in ("/../secret", "/%2e%2e/secret", "//" + str(tmp_path) + "/secret"):
        client = peer.curl(server.port, path, "--path-as-is", "--fail")
        assert client.code == 22 and b"secret" not in client.out, client.report()


def test_source_and_sink(cli, peer):
    with peer.python_client(cli.serve("--source", "3000000").port) as tls:
        assert len(read_all(tls)) == 3_000_000
        tls.unwrap()
    server = cli.serve("--sink")
    with peer.python_client(server.port) as tls:
        tls.sendall(BYTES)
        tls.unwrap()
    assert server.wait_closed()["received"] == str(len(BYTES))


def test_forward(cli, peer):
    def reverse(raw):
        data = read_all(raw)
        raw.sendall(data[::-1])
    behind = peer.tcp_server(reverse)
    server = cli.serve("--forward", f"127.0.0.1:{behind.port}")
    client = cli.connect(server.port, data=BYTES)
    assert client.code == command.DONE, client.report()
    assert client.out == BYTES[::-1]


def test_many_connections_at_once(cli, peer):
    server = cli.serve("--workers", "2")
    contexts = [peer.python_client(server.port) for _ in range(32)]
    sockets = [context.__enter__() for context in contexts]
    for n, tls in enumerate(sockets):
        tls.sendall(b"%08d" % n)
    for n, tls in reversed(list(enumerate(sockets))):
        assert tls.recv(8) == b"%08d" % n
    for context, tls in zip(contexts, sockets):
        tls.unwrap()
        context.__exit__(None, None, None)
    server.process.wait_err_count(b"closed clean", 32)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_closes_cleanly(cli, peer, number):
    server = cli.serve()
    with peer.python_client(server.port) as tls:
        tls.sendall(PING)
        assert tls.recv(len(PING)) == PING
        server.process.signal(number)
        assert tls.recv(1) == b""
        tls.unwrap()
    assert server.process.wait() == command.DONE
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))


def test_certificates_change_under_open_connections(cli, peer, pki, tmp_path):
    chain, key, control = tmp_path / "chain.pem", tmp_path / "key.pem", tmp_path / "control"

    def install(leaf):
        chain.write_bytes(leaf.chain.read_bytes())
        key.write_bytes(leaf.key.read_bytes())
        key.chmod(0o600)

    def shown():
        with peer.python_client(server.port) as tls:
            fingerprint = hashlib.sha256(tls.getpeercert(True)).hexdigest()
            tls.unwrap()
            return fingerprint
    install(pki.p256)
    server = cli.serve("--cert", chain, "--key", key, "--control", control)
    assert shown() == pki.p256.fingerprint
    with peer.python_client(server.port) as old:
        install(pki.rsa)
        assert ask(control, "reload")[-1] == "ok"
        assert shown() == pki.rsa.fingerprint
        old.sendall(PING)
        assert old.recv(len(PING)) == PING
        old.unwrap()


def ask(control, line):
    """One line to the control socket; the lines of the answer."""
    with socket.socket(socket.AF_UNIX) as wire:
        wire.settimeout(30)
        wire.connect(str(control))
        wire.sendall(line.encode() + b"\n")
        answer = b""
        while not answer.endswith(b"ok\n") and b"error: " not in answer:
            part = wire.recv(65536)
            assert part, answer
            answer += part
    return answer.decode().splitlines()


APPLICATION_DATA = 23


def protected_record(number, change):
    """A change for record_proxy: only of the client's `number`th protected record; the first is its Finished."""
    seen = []

    def look(record):
        if record[0] == APPLICATION_DATA:
            seen.append(record)
            if len(seen) == number:
                return change(record)
        return record
    return look


def garbled(record):
    return record[:-1] + bytes([record[-1] ^ 1])


@pytest.mark.parametrize("number", [1, 2])
def test_a_garbled_record_is_refused(cli, peer, number):
    """One bit is turned on the way, in the client's Finished or its data: nothing is echoed."""
    server = cli.serve()
    proxy = peer.record_proxy(server.port, protected_record(number, garbled))
    client = cli.connect(proxy.port, data=PING)
    assert client.code == command.PROTOCOL and client.out == b"", client.report()
    received = command.failure(client.err)
    assert (received.reason, received.alert, received.direction) == ("ALERT_RECEIVED", "bad_record_mac", "received")
    sent = server.wait_failure()
    assert (sent.reason, sent.alert, sent.direction) == ("RECORD_BAD_MAC", "bad_record_mac", "sent")


def test_a_record_sent_twice_is_refused(cli, peer):
    server = cli.serve("--sink")
    proxy = peer.record_proxy(server.port, protected_record(2, lambda record: record * 2))
    client = cli.start_connect(proxy.port)
    client.write(PING)
    assert client.wait() == command.PROTOCOL, client.report()
    assert server.wait_failure().reason == "RECORD_BAD_MAC"


def test_close_notify_cut_from_the_end_is_noticed(cli, peer):
    """All data arrives, the client's close_notify does not: an attacker may have cut more."""
    server = cli.serve()
    proxy = peer.record_proxy(server.port, protected_record(3, lambda record: None))
    cli.connect(proxy.port, data=PING)
    assert server.wait_failure().reason == "TRUNCATED"


def test_a_hello_changed_on_the_way_is_noticed(cli, peer):
    """The last byte of our ClientHello's random: the transcripts differ, so no key fits."""
    server = peer.openssl_server("-rev")
    random_end = RECORD_HEADER + 4 + 2 + 32
    changed = []

    def change(record):
        if not changed:
            changed.append(record)
            record = record[:random_end - 1] + bytes([record[random_end - 1] ^ 1]) + record[random_end:]
        return record
    client = cli.connect(peer.record_proxy(server.port, change).port, data=PING)
    assert client.code == command.PROTOCOL, client.report()
    assert command.failure(client.err).reason in ("RECORD_BAD_MAC", "SIGNATURE_WRONG")
