"""keyturn serve: its applications, its limits, and how it is told what to do."""
import contextlib
import hashlib
import http.client
import re
import select
import shutil
import signal
import socket
import ssl
import stat
import threading

import pytest

from support import command
from support.command import Control
from support.peers import refused_port
from support.process import DEADLINE

MEGABYTE = 1 << 20
PING = b"12321\n"


def pattern(size):
    """Bytes of which none can be missing or doubled unseen."""
    return b"".join(hashlib.sha256(i.to_bytes(8, "big")).digest() for i in range(size // 32))


@pytest.fixture
def control_path(tmp_path):
    return tmp_path / "control"


@pytest.fixture
def site(tmp_path):
    """A folder to publish, and beside it what must stay private."""
    folder = tmp_path / "www"
    (folder / "sub").mkdir(parents=True)
    (folder / "index.html").write_text("<p>index\n")
    (folder / "a b.txt").write_text("text\n")
    (folder / "sub/index.html").write_text("<p>sub\n")
    (folder / "big.bin").write_bytes(pattern(5 * MEGABYTE))
    (folder / "empty").write_bytes(b"")
    (folder / ".hidden").write_text("private\n")
    (tmp_path / "secret").write_text("private\n")
    (folder / "out").symlink_to("../secret")
    return folder


@contextlib.contextmanager
def http_connection(peer, port):
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=DEADLINE, context=peer.python_context(False))
    try:
        yield connection
    finally:
        connection.close()


def get(connection, path, method="GET", **how):
    connection.request(method, path, **how)
    answer = connection.getresponse()
    return answer, answer.read()


def raw_request(peer, port, data):
    """Sends bytes as they are; all that comes until the end."""
    with peer.python_client(port) as tls:
        tls.sendall(data)
        parts = []
        while part := tls.recv(65536):
            parts.append(part)
        return b"".join(parts)


# www


def test_www_keeps_the_connection(cli, peer, site):
    server = cli.serve("--www", site)
    with http_connection(peer, server.port) as connection:
        for _ in range(20):
            answer, body = get(connection, "/")
            assert answer.status == 200 and body == b"<p>index\n"
            assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
            assert answer.headers["Connection"] == "keep-alive"
        assert get(connection, "/a%20b.txt?x=1")[1] == b"text\n"
        assert get(connection, "/sub/")[1] == b"<p>sub\n"
        answer, body = get(connection, "/empty")
        assert answer.status == 200 and body == b"" and answer.headers["Content-Length"] == "0"
        assert get(connection, "/big.bin")[1] == (site / "big.bin").read_bytes()
    server.process.wait_err_count(b"] closed ", 1)
    assert server.err.count("] connected ") == 1


def test_www_keeps_the_connection_of_curl(cli, peer, site):
    server = cli.serve("--www", site)
    client = peer.curl(server.port, "/big.bin", f"https://localhost:{server.port}/", "--write-out", "%{num_connects}\n")
    assert client.code == 0, client.report()
    assert client.out == b"<p>index\n1\n" + (site / "big.bin").read_bytes() + b"0\n"


def test_www_answers_head_without_a_body(cli, peer, site):
    server = cli.serve("--www", site)
    with http_connection(peer, server.port) as connection:
        for path, size in (("/big.bin", 5 * MEGABYTE), ("/", 9)):
            answer, body = get(connection, path, "HEAD")
            assert answer.status == 200 and body == b"" and int(answer.headers["Content-Length"]) == size
        answer, body = get(connection, "/absent", "HEAD")
        assert answer.status == 404 and body == b""
        assert get(connection, "/")[1] == b"<p>index\n"


def test_www_refuses_and_goes_on(cli, peer, site):
    server = cli.serve("--www", site)
    with http_connection(peer, server.port) as connection:
        assert get(connection, "/absent")[0].status == 404
        assert get(connection, "/.hidden")[0].status == 404
        answer, _ = get(connection, "/", "DELETE")
        assert answer.status == 405 and answer.headers["Allow"] == "GET, HEAD"
        answer, _ = get(connection, "/sub")
        assert answer.status == 301 and answer.headers["Location"] == "/sub/"
        assert get(connection, "/")[0].status == 200
    server.process.wait_err_count(b"] closed ", 1)
    assert server.err.count("] connected ") == 1


@pytest.mark.parametrize("request_bytes, status", [
    (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"nonsense\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n", 400),
    (b"GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505),
    (b"GET /" + b"a" * 4000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 9000, 431),
    (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431),
    (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 405),
])
def test_www_refuses_and_closes(cli, peer, site, request_bytes, status):
    server = cli.serve("--www", site)
    answer = raw_request(peer, server.port, request_bytes)
    assert re.match(rb"HTTP/1\.1 %d [A-Za-z ]+\r\n" % status, answer), answer
    assert b"\r\nConnection: close\r\n" in answer


def test_www_answers_pipelined_requests_in_order(cli, peer, site):
    server = cli.serve("--www", site)
    one = b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = raw_request(peer, server.port, one % b"a%20b.txt" + one % b"absent" + one % b"sub/" +
                         b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + one % b"too-late")
    assert re.findall(rb"HTTP/1\.1 (\d+)", answer) == [b"200", b"404", b"200", b"200"]
    assert [answer.index(text) for text in (b"text\n", b"404 Not Found\n", b"<p>sub", b"<p>index")] == sorted(
        answer.index(text) for text in (b"text\n", b"404 Not Found\n", b"<p>sub", b"<p>index"))


def test_www_takes_a_request_byte_by_byte(cli, peer, site):
    server = cli.serve("--www", site)
    with peer.python_client(server.port) as tls:
        for byte in b"GET /sub/ HTTP/1.0\r\n\r\n":
            tls.sendall(bytes([byte]))
        assert tls.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("path", [
    "/../secret", "/sub/../../secret", "/%2e%2e/secret", "/%2e%2e%2fsecret", "/..%2fsecret", "/out", "/./../secret",
    "//secret", "/sub/..", "/....//secret", "/..\\secret", "/.hidden", "/%2ehidden",
])
def test_www_publishes_nothing_outside(cli, peer, site, path):
    server = cli.serve("--www", site)
    client = peer.curl(server.port, path, "--path-as-is")
    assert b"private" not in client.out
    assert re.search(r"^< HTTP/1.1 40[04] ", client.err, re.M), client.report()


def test_www_serves_a_client_that_reads_slowly(cli, peer, site):
    server = cli.serve("--www", site, "--workers", "1")
    with peer.python_client(server.port) as slow:
        slow.sendall(b"GET /big.bin HTTP/1.0\r\n\r\n")
        slow.recv(1)
        with http_connection(peer, server.port) as other:  # the one worker is not held up
            assert get(other, "/")[0].status == 200
        size = 1
        while part := slow.recv(65536):
            size += len(part)
    assert size > 5 * MEGABYTE


# echo, sink, source


def test_echo_of_20_megabytes(cli):
    server = cli.serve("--echo")
    data = pattern(20 * MEGABYTE)
    client = cli.connect(server.port, data=data)
    assert client.code == command.DONE, client.report()
    assert client.out == data
    assert server.wait_closed()["received"] == str(len(data))


def test_echo_with_limits_for_keys(cli):
    server = cli.serve("--echo", "--rekey-records", "10", "--rekey-gap-ms", "0")
    data = pattern(2 * MEGABYTE)
    client = cli.connect(server.port, data=data)
    assert client.code == command.DONE and client.out == data
    assert int(server.wait_closed()["epochs-sent"]) > 10


def test_echo_takes_no_more_than_it_can_send(cli, peer):
    """A client that writes and does not read is stopped by TCP, and the server's memory stays what it was."""
    server = cli.serve("--echo")
    with peer.python_client(server.port) as tls:
        tls.setblocking(False)
        sent = 0
        while select.select([], [tls], [], 1.0)[1] and sent < 256 * MEGABYTE:
            with contextlib.suppress(ssl.SSLWantWriteError):
                sent += tls.send(b"x" * 65536)
        assert sent < 256 * MEGABYTE
        # The reader that wakes up gets every byte.
        tls.setblocking(True)
        tls.settimeout(DEADLINE)
        received = 0
        while received < sent:
            received += len(tls.recv(1 << 18))
        assert received == sent


def test_source_and_sink(cli):
    server = cli.serve("--source", "1000001")
    client = cli.connect(server.port)
    assert client.code == command.DONE and client.out == bytes(i % 256 for i in range(1000001))
    server = cli.serve("--sink")
    client = cli.connect(server.port, data=pattern(MEGABYTE))
    assert client.code == command.DONE and client.out == b""
    assert server.wait_closed()["received"] == str(MEGABYTE)


def test_a_source_of_nothing(cli):
    client = cli.connect(cli.serve("--source", "0").port)
    assert client.code == command.DONE and client.out == b""


# forward


def test_forward_passes_on_both_ways(cli, peer):
    backend = peer.tcp_server(plain_echo)
    server = cli.serve("--forward", f"127.0.0.1:{backend.port}")
    data = pattern(20 * MEGABYTE)
    client = cli.connect(server.port, data=data)
    assert client.code == command.DONE, client.report()
    assert client.out == data


def plain_echo(raw):
    while data := raw.recv(65536):
        raw.sendall(data)


def test_forward_ends_one_way_first(cli, peer):
    """The backend answers only after the client's end."""
    def count(raw):
        size = 0
        while data := raw.recv(65536):
            size += len(data)
        raw.sendall(b"%d bytes\n" % size + pattern(MEGABYTE))
        return size
    server = cli.serve("--forward", f"127.0.0.1:{peer.tcp_server(count).port}")
    client = cli.connect(server.port, data=pattern(3 * MEGABYTE))
    assert client.code == command.DONE, client.report()
    assert client.out == b"%d bytes\n" % (3 * MEGABYTE) + pattern(MEGABYTE)


def test_forward_ends_the_other_way_first(cli, peer):
    """The backend ends first, and still gets what the client sends afterwards."""
    def speak_then_listen(raw):
        raw.sendall(b"welcome\n")
        raw.shutdown(socket.SHUT_WR)
        size = 0
        while data := raw.recv(65536):
            size += len(data)
        return size
    backend = peer.tcp_server(speak_then_listen)
    server = cli.serve("--forward", f"127.0.0.1:{backend.port}")
    with peer.python_client(server.port) as tls:
        assert tls.recv(100) == b"welcome\n" and tls.recv(100) == b""
        tls.sendall(pattern(MEGABYTE))
        tls.unwrap()
    assert backend.wait_result() == MEGABYTE


def test_forward_to_a_backend_that_reads_slowly(cli, peer):
    """What the backend has not read waits with the client, not in the server."""
    go = threading.Event()

    def wait_then_count(raw):
        go.wait(DEADLINE)
        size = 0
        while data := raw.recv(65536):
            size += len(data)
        return size
    backend = peer.tcp_server(wait_then_count)
    server = cli.serve("--forward", f"127.0.0.1:{backend.port}")
    with peer.python_client(server.port) as tls:
        tls.setblocking(False)
        sent = 0
        while select.select([], [tls], [], 1.0)[1] and sent < 256 * MEGABYTE:
            with contextlib.suppress(ssl.SSLWantWriteError):
                sent += tls.send(b"x" * 65536)
        assert sent < 256 * MEGABYTE
        go.set()
        tls.setblocking(True)
        tls.settimeout(DEADLINE)
        tls.unwrap()
    assert backend.wait_result() == sent


def test_forward_shows_the_backends_reset(cli, peer):
    """A backend that breaks off must not look like one that has finished."""
    def reset(raw):
        raw.recv(1)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    server = cli.serve("--forward", f"127.0.0.1:{peer.tcp_server(reset).port}")
    client = cli.connect(server.port, data=PING)
    assert client.code == command.TRUNCATED, client.report()
    assert "backend" in server.wait_failure().what


def test_forward_shows_the_clients_truncation(cli, peer):
    """A client that vanishes without close_notify must not look to the backend like one that has finished."""
    def read(raw):
        while raw.recv(65536):
            pass
        return "ended"
    backend = peer.tcp_server(read)
    server = cli.serve("--forward", f"127.0.0.1:{backend.port}")
    with peer.python_client(server.port) as tls:
        tls.sendall(PING)
        tls.shutdown(socket.SHUT_WR)  # of TCP alone
        assert isinstance(backend.wait_result(), ConnectionResetError)
    assert server.wait_failure().reason == "TRUNCATED"


def test_forward_without_a_backend(cli):
    port, keeper = refused_port()
    with keeper:
        server = cli.serve("--forward", f"127.0.0.1:{port}")
        assert cli.connect(server.port, data=PING).code == command.TRUNCATED
        assert "backend" in server.wait_failure().what


# many connections


def test_500_connections_at_once(cli, peer, control_path):
    server = cli.serve("--echo", "--control", control_path)
    context = peer.python_context(False)
    with contextlib.ExitStack() as stack:
        clients = []
        for _ in range(500):
            raw = socket.create_connection(("127.0.0.1", server.port), DEADLINE)
            clients.append(stack.enter_context(context.wrap_socket(raw, server_hostname="localhost")))
        for i, tls in enumerate(clients):
            tls.sendall(b"%d\n" % i)
        for i, tls in enumerate(clients):
            assert tls.recv(100) == b"%d\n" % i
        with Control(control_path) as control:
            lines = control.ask("status")
            assert command.pairs(lines[0])["connected"] == "500" and len(lines) == 502
            assert control.ask("update-both") == ["connections=500", "ok"]
            for i, tls in enumerate(clients):
                tls.sendall(b"%d again\n" % i)
            for i, tls in enumerate(clients):
                assert tls.recv(100) == b"%d again\n" % i
        for tls in clients:
            tls.unwrap()
    server.process.wait_err_count(b"closed clean", 500)


def test_many_clients_at_the_same_moment(cli, peer):
    server = cli.serve("--echo", "--workers", "3")
    wrong = []

    def talk():
        with peer.python_client(server.port) as tls:
            for i in range(50):
                tls.sendall(b"%d\n" % i * 100)
                expected = len(b"%d\n" % i * 100)
                while expected > 0:
                    expected -= len(tls.recv(expected))
            tls.unwrap()
            return
        wrong.append("no end")
    threads = [threading.Thread(target=talk) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
        assert not thread.is_alive()
    server.process.wait_err_count(b"closed clean", 40)
    assert not wrong and "error" not in server.err


def test_more_connections_than_descriptors_wait_for_their_turn(keyturn, processes, peer, pki):
    process = processes.start(["prlimit", "--nofile=100:100", keyturn, "serve", "--listen", "127.0.0.1:0", "--echo",
                               "--cert", pki.p256.chain, "--key", pki.p256.key, "--workers", "1"])
    server = command.Server(process)
    context = peer.python_context(False)
    with contextlib.ExitStack() as stack:
        raws = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port), DEADLINE)) for _ in range(60)]
        for raw in raws:  # each one that ends makes room for one more
            with context.wrap_socket(raw, server_hostname="localhost") as tls:
                tls.sendall(PING)
                assert tls.recv(100) == PING
                tls.unwrap()
    assert "error" not in server.err


def test_a_client_that_says_nothing_is_sent_away(cli, peer):
    server = cli.serve("--echo")
    with peer.tcp_client(server.port) as raw:
        raw.settimeout(DEADLINE)
        assert raw.recv(1) == b""
    assert server.wait_failure().reason == "HANDSHAKE_CUT"


def test_a_client_that_goes_away_at_once(cli, peer):
    server = cli.serve("--echo")
    for _ in range(20):
        with peer.tcp_client(server.port):
            pass
    server.process.wait_err_count(b"HANDSHAKE_CUT", 20)
    assert cli.connect(server.port, data=PING).out == PING


# reload


def test_reload_serves_the_new_certificate_and_keeps_the_connections(cli, peer, pki, tmp_path):
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    shutil.copy(pki.p256.chain, chain)
    shutil.copy(pki.p256.key, key)
    server = cli.serve("--echo", "--cert", chain, "--key", key)

    def fingerprint(tls):
        return hashlib.sha256(tls.getpeercert(True)).hexdigest()
    with peer.python_client(server.port) as old:
        assert fingerprint(old) == pki.p256.fingerprint
        old.sendall(PING)
        assert old.recv(100) == PING
        shutil.copy(pki.rsa.chain, chain)
        shutil.copy(pki.rsa.key, key)
        server.process.signal(signal.SIGHUP)
        server.process.wait_err(re.compile(rb"keyturn: reloaded\n"))
        with peer.python_client(server.port) as new:
            assert fingerprint(new) == pki.rsa.fingerprint
            for tls in (new, old):
                tls.sendall(PING)
                assert tls.recv(100) == PING
                tls.unwrap()
    server.process.wait_err_count(b"closed clean", 2)


def test_reload_under_traffic(cli, peer):
    server = cli.serve("--echo")
    data = pattern(10 * MEGABYTE)
    clients = [cli.start_connect(server.port) for _ in range(3)]
    writers = [threading.Thread(target=client.write, args=(data,)) for client in clients]
    for writer in writers:
        writer.start()
    for i in range(20):
        server.process.signal(signal.SIGHUP)
        server.process.wait_err_count(b"keyturn: reloaded\n", i + 1)
        assert cli.connect(server.port, data=PING).out == PING
    for writer, client in zip(writers, clients):
        writer.join(DEADLINE)
        client.close_stdin()
        assert client.wait() == command.DONE and client.out == data


def test_a_reload_that_fails_changes_nothing(cli, pki, tmp_path, control_path):
    chain = tmp_path / "chain.pem"
    shutil.copy(pki.p256.chain, chain)
    server = cli.serve("--echo", "--cert", chain, "--key", pki.p256.key, "--control", control_path)
    chain.write_text("nonsense\n")
    with Control(control_path) as control:
        assert control.ask("reload")[-1].startswith("error: ")
    assert cli.connect(server.port, data=PING).out == PING
    shutil.copy(pki.p256.chain, chain)
    with Control(control_path) as control:
        assert control.ask("reload") == ["ok"]


# stop


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_closes_all_cleanly(cli, number):
    server = cli.serve("--echo")
    clients = [cli.start_connect(server.port) for _ in range(5)]
    for client in clients:
        client.write(PING)
        client.wait_out_size(len(PING))
    server.process.signal(number)
    for client in clients:
        assert client.wait() == command.DONE, client.report()
    assert server.process.wait() == command.DONE
    assert server.err.count("closed clean") == 5


def test_a_stop_without_connections(cli):
    server = cli.serve("--echo")
    server.process.signal(signal.SIGTERM)
    assert server.process.wait() == command.DONE


def test_a_stop_lets_an_answer_end(cli, peer, site):
    server = cli.serve("--www", site)
    with peer.python_client(server.port) as tls:
        tls.sendall(b"GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n")
        size = len(tls.recv(1000))
        server.process.signal(signal.SIGTERM)
        while part := tls.recv(65536):
            size += len(part)
        tls.unwrap()
    assert size > 5 * MEGABYTE
    assert server.process.wait() == command.DONE


def test_a_second_signal_stops_at_once(cli, peer):
    server = cli.serve("--echo")
    with peer.python_client(server.port) as tls:
        tls.sendall(PING)
        assert tls.recv(100) == PING
        server.process.signal(signal.SIGTERM)
        assert tls.recv(1) == b""  # close_notify; we do not answer it
        server.process.signal(signal.SIGTERM)
        assert server.process.wait() == command.DONE


# control


def test_the_control_socket_is_for_its_owner_and_goes_with_the_server(cli, control_path):
    server = cli.serve("--echo", "--control", control_path)
    assert stat.S_IMODE(control_path.stat().st_mode) == 0o600
    with Control(control_path) as control:
        assert control.ask("stop") == ["ok"]
    assert server.process.wait() == command.DONE
    assert not control_path.exists()


def test_a_file_in_the_place_of_the_control_socket_is_left_alone(cli, control_path):
    control_path.write_text("precious\n")
    done = cli.run("serve", "--listen", "127.0.0.1:0", "--echo", "--control", control_path)
    assert done.code == command.NETWORK and command.failure(done.err).reason == "CONNECT_FAILED"
    assert control_path.read_text() == "precious\n"


def test_status_and_epochs(cli, peer, control_path):
    server = cli.serve("--echo", "--control", control_path)
    with Control(control_path) as control, peer.python_client(server.port) as tls:
        tls.sendall(PING)
        assert tls.recv(100) == PING
        total, line, end = control.ask("status")
        assert (command.pairs(total)["open"], end) == ("1", "ok")
        facts = command.pairs(line)
        assert facts[None] == ["[1]connected", "TLSv1.3"] or facts[None] == ["[1]", "connected", "TLSv1.3"]
        assert facts["sni"] == "localhost" and facts["sent"] == facts["received"] == str(len(PING))
        assert control.ask("epochs")[0].startswith("[1] sending=0 birth=initial ")
        assert control.ask("update") == ["connections=1", "ok"]
        tls.sendall(PING)
        assert tls.recv(100) == PING
        assert control.ask("epochs")[0].startswith("[1] sending=1 birth=caller ")
        assert control.ask("nonsense")[-1].startswith("error: unknown command")
        tls.unwrap()


def test_the_control_socket_takes_what_comes(cli, control_path):
    cli.serve("--echo", "--control", control_path)
    with Control(control_path) as control:
        control.socket.sendall(b"\n\r\nstatus\r\nepochs\nepochs\n")
        answers = b""
        while answers.count(b"ok\n") < 3:
            answers += control.socket.recv(4096)
    with Control(control_path) as control:  # no line at all: the client is sent away
        control.socket.sendall(b"x" * 1000)
        with contextlib.suppress(ConnectionResetError):
            assert control.socket.recv(100) == b""
    with Control(control_path) as control:
        assert control.ask("status")[-1] == "ok"


def test_a_stale_control_socket_is_replaced_and_a_living_one_is_not(cli, control_path):
    first = cli.serve("--echo", "--control", control_path)
    second = cli.run("serve", "--listen", "127.0.0.1:0", "--echo", "--control", control_path)
    assert second.code == command.NETWORK, second.report()
    first.process.signal(signal.SIGKILL)
    first.process.wait()
    assert control_path.exists()
    cli.serve("--echo", "--control", control_path)
    with Control(control_path) as control:
        assert control.ask("status")[-1] == "ok"


# the command line


def test_without_a_certificate_one_is_made(cli, tmp_path):
    pem = tmp_path / "pem"
    process = cli.processes.start([cli.path, "serve", "--listen", "[::1]:0", "--echo", "--ephemeral-out", pem])
    server = command.Server(process)
    fingerprint = process.wait_err(re.compile(rb"ephemeral certificate sha256=([0-9a-f]{64})\n"))[1]
    der = ssl.PEM_cert_to_DER_cert(pem.read_text())
    assert hashlib.sha256(der).hexdigest().encode() == fingerprint
    for name in ("[::1]", "localhost"):
        client = cli.run("connect", f"{name}:{server.port}", "--ca", pem, data=PING)
        if name == "[::1]" or client.code == command.DONE:  # localhost may be IPv4 alone
            assert client.out == PING, client.report()


@pytest.mark.parametrize("words", [
    ("--listen", "127.0.0.1:0"),
    ("--echo",),
    ("--listen", "127.0.0.1:0", "--echo", "--sink"),
    ("--listen", "127.0.0.1:0", "--echo", "--echo"),
    ("--listen", "nonsense", "--echo"),
    ("--listen", "127.0.0.1:0", "--source", "-1"),
    ("--listen", "127.0.0.1:0", "--echo", "--workers", "0"),
    ("--listen", "127.0.0.1:0", "--echo", "--client-auth", "require"),
    ("--listen", "127.0.0.1:0", "--echo", "--client-ca", "/dev/null", "--client-auth", "maybe"),
    ("--listen", "127.0.0.1:0", "--echo", "more"),
])
def test_a_wrong_command_line(cli, words):
    result = cli.run("serve", *words)
    assert result.code == command.USAGE and "keyturn: error: " in result.err and result.out == b""


def test_help_names_every_option(cli):
    result = cli.run("serve", "--help")
    assert result.code == command.DONE
    for option in ("listen", "echo", "www", "forward", "sink", "source", "ephemeral-out", "client-ca", "client-auth",
                   "workers", "control", "cert", "key", "rekey-records"):
        assert f"--{option}" in result.out.decode()


def test_a_port_in_use(cli):
    port, keeper = refused_port()
    with keeper:
        result = cli.run("serve", "--listen", f"127.0.0.1:{port}", "--echo")
        assert result.code == command.NETWORK and "keyturn: error: " in result.err


@pytest.mark.parametrize("words", [
    ("--www", "/nowhere/at/all"),
    ("--echo", "--cert", "/nowhere/at/all"),
    ("--echo", "--client-ca", "/dev/null"),
    ("--echo", "--ephemeral-out", "/nowhere/at/all"),
])
def test_files_that_cannot_be_used(cli, words):
    result = cli.run("serve", "--listen", "127.0.0.1:0", *words)
    assert result.code == command.FILES, result.report()


def test_quiet_says_nothing_about_connections(cli):
    server = cli.serve("--echo", "--quiet")
    assert cli.connect(server.port, data=PING).out == PING
    server.process.signal(signal.SIGTERM)
    assert server.process.wait() == command.DONE and server.err == ""
