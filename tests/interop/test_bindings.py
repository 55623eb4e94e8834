"""Channel bindings: tls-exporter (RFC 9266) and tls-server-end-point (RFC 5929 section 4), as peers have them."""
import hashlib
import re
import socket
import ssl

import pytest

from support import command
from support.peers import PING, packet_stdin
from support.process import DEADLINE

EXPORTER = ("-keymatexport", "EXPORTER-Channel-Binding", "-keymatexportlen", "32")


def bindings(cli, port):
    client = cli.connect(port, "--commands", "~", data=b"~b\n")
    assert client.code == command.DONE, client.report()
    return dict(re.findall(r"keyturn: binding (\S+) ([0-9a-f]+)", client.err))


def test_the_exporter_is_openssl_s(cli, peer):
    server = peer.openssl_server(*EXPORTER)
    ours = bindings(cli, server.port)["tls-exporter"]
    theirs = server.wait_out(re.compile(rb"Keying material: ([0-9A-F]{64})"))[1].decode().lower()
    assert ours == theirs


@pytest.mark.parametrize("name", ["p256", "rsa"])
def test_the_end_point_is_the_hash_of_the_certificate(cli, peer, pki, name):
    leaf = getattr(pki, name)
    der = ssl.PEM_cert_to_DER_cert(leaf.chain.read_text().split("-----END CERTIFICATE-----")[0]
                                   + "-----END CERTIFICATE-----\n")
    ours = bindings(cli, peer.python_server(leaf=leaf).port)["tls-server-end-point"]
    assert ours == hashlib.new(leaf.certificate.signature_hash_algorithm.name, der).hexdigest()


# Keys change, exporters do not (RFC 9846 section 7.5): asked for before and after, at both ends.


def ask(path):
    """The tls-exporter of the only connection, from the control socket of our server."""
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(DEADLINE)
        control.connect(str(path))
        control.sendall(b"bindings\n")
        answer = b""
        while not answer.endswith(b"ok\n"):
            answer += control.recv(4096)
    return re.search(rb" tls-exporter=([0-9a-f]+) ", answer)[1].decode()


@pytest.fixture
def control(tmp_path_factory):
    return tmp_path_factory.mktemp("c") / "control"  # short: the path of a socket


KEYING = re.compile(rb"Keying material: ([0-9A-F]{64})")
SHOWN = re.compile(rb"'tls-exporter': ([0-9a-f]{64})")


@pytest.mark.parametrize("server,pattern", [("openssl", KEYING), ("gnutls", SHOWN)])
def test_the_exporter_outlives_keys_of_a_server(cli, peer, server, pattern):
    there = peer.openssl_server(*EXPORTER) if server == "openssl" else peer.gnutls_server()
    client = cli.start_connect(there.port, "--commands", "~", "--rekey-gap-ms", "0")
    for count in range(1, 4):
        client.write(b"~b\n")
        client.wait_err_count(b"binding tls-exporter ", count)
        client.write(b"~U\n" + PING)
        if server == "openssl":  # no echo: it says what it got, and sends what it is told
            there.wait_out(re.compile(rb"(%s[^\0]*){%d}" % (PING, count)))
            there.write(PING)
        client.wait_out_size(count * len(PING))
    client.close_stdin()
    assert client.wait() == command.DONE
    assert int(command.closed(client.err)["epochs-received"]) == 4
    shown = set(re.findall(r"binding tls-exporter ([0-9a-f]+)", client.err))
    assert shown == {there.wait_out(pattern)[1].decode().lower()}


def test_the_exporter_outlives_keys_of_an_openssl_client(cli, peer, control):
    server = cli.serve("--control", control, "--rekey-gap-ms", "0")
    ours, theirs = packet_stdin()
    client = peer.start_openssl_client(server.port, *EXPORTER, stdin=theirs)
    value = client.wait_out(KEYING)[1].decode().lower()
    server.wait_connected()
    for count in range(1, 4):
        assert ask(control) == value
        ours.send(b"K\n")
        client.wait_err_count(b"KEYUPDATE", count)
        ours.send(PING)
        client.wait_out(re.compile(rb"(%s[^\0]*){%d}" % (PING, count)))
    assert ask(control) == value
    ours.send(b"Q\n")
    client.wait()
    assert int(server.wait_closed()["epochs-received"]) == 4


def test_the_exporter_outlives_keys_of_a_gnutls_client(cli, processes, pki, control):
    server = cli.serve("--control", control, "--rekey-gap-ms", "0")
    client = processes.start(["gnutls-cli", "--verbose", "--inline-commands", "--x509cafile", pki.ca, "--sni-hostname",
                              "localhost", "--verify-hostname", "localhost", "-p", str(server.port), "127.0.0.1"])
    value = client.wait_out(SHOWN)[1].decode()
    server.wait_connected()
    for count in range(1, 4):
        assert ask(control) == value
        client.write(b"^rekey^\n")
        client.wait_out(re.compile(rb"(Rekey was completed[^\0]*){%d}" % count))
        client.write(PING)
        client.wait_out(re.compile(rb"(%s[^\0]*){%d}" % (PING, count)))
    assert ask(control) == value
    client.close_stdin()
    client.wait()
    assert int(server.wait_closed()["epochs-received"]) == 4


def test_a_resumed_connection_has_an_exporter_of_its_own(cli, tmp_path, control):
    server = cli.serve("--control", control)
    values = set()
    for resumed in ("no", "yes"):
        client = cli.start_connect(server.port, "--session", tmp_path / "session", "--commands", "~")
        client.write(b"~b\n" + PING)
        client.wait_out_size(len(PING))
        client.wait_err(re.compile(rb"tls-server-end-point [0-9a-f]+\n|no binding tls-server-end-point"))
        assert command.connected(client.err)["resumed"] == resumed
        value = re.search(r"binding tls-exporter ([0-9a-f]+)", client.err)[1]
        assert ask(control) == value
        values.add(value)
        client.close_stdin()
        assert client.wait() == command.DONE
        server.process.wait_err_count(b"] closed clean", len(values))
    assert len(values) == 2


def test_gnutls_has_the_same(cli, peer):
    server = peer.gnutls_server()
    ours = bindings(cli, server.port)
    for name, value in ours.items():
        assert server.wait_out(re.compile(rb"'%s': ([0-9a-f]+)" % name.encode()))[1].decode() == value
    assert len(ours) == 2
