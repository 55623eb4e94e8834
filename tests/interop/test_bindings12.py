"""Exporters and channel bindings of TLS 1.2, as peers have them: RFC 5705, RFC 9266, RFC 5929."""
import re
import socket
import ssl

import pytest

from support import command
from support.peers import PING
from support.process import DEADLINE

PRIORITY = ("--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2")
KEYING = re.compile(rb"Keying material: ([0-9A-F]{64})")
SHOWN = re.compile(rb"'(tls-[a-z-]+)': ([0-9a-f]+)")
SUITES = ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"]


def old(context):
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def ours(client):
    """What a client of ours shows when it is told "~b" and "~e"."""
    found = dict(re.findall(r"keyturn: binding (\S+) ([0-9a-f]+)", client.err))
    return {**found, "exporter": re.search(r'exporter "EXPERIMENTAL keyturn" ([0-9a-f]{64})', client.err)[1]}


def told(cli, port, *options):
    client = cli.connect(port, "--commands", "~", *options, data=b"~b\n~e\n" + PING)
    assert client.code == command.DONE and command.connected(client.err)[None] == ["TLSv1.2"], client.report()
    return ours(client)


@pytest.fixture
def control(tmp_path_factory):
    return tmp_path_factory.mktemp("c") / "control"  # short: the path of a socket


def of_server(path):
    """The bindings of the only connection, from the control socket of our server."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(DEADLINE)
        link.connect(str(path))
        link.sendall(b"bindings\n")
        answer = b""
        while not answer.endswith(b"ok\n"):
            answer += link.recv(4096)
    return dict(re.findall(r" (tls-[a-z-]+)=([0-9a-f]+|-)", answer.decode()))


@pytest.mark.parametrize("suite", SUITES)
def test_openssl_exports_what_our_client_does(cli, peer, suite):
    server = peer.openssl_server("-tls1_2", "-keymatexport", "EXPERIMENTAL keyturn", "-keymatexportlen", "32")
    value = told(cli, server.port, "--suites", suite)["exporter"]
    assert server.wait_out(KEYING)[1].decode().lower() == value


def test_gnutls_serves_us_and_has_the_same_bindings(cli, peer):
    server = peer.gnutls_server(*PRIORITY)
    mine = told(cli, server.port)
    server.wait_out(re.compile(rb"'tls-exporter': [0-9a-f]{64}\n"))
    theirs = {name.decode(): value.decode() for name, value in SHOWN.findall(server.out)}
    assert theirs == {name: value for name, value in mine.items() if name in theirs}
    assert theirs.keys() == {"tls-unique", "tls-exporter", "tls-server-end-point"}


def test_gnutls_is_served_and_has_the_same_bindings(cli, peer, control):
    server = cli.serve("--control", control)
    client = peer.processes.start(["gnutls-cli", "--verbose", *PRIORITY, "--x509cafile", peer.pki.ca, "--sni-hostname",
                                   "localhost", "--verify-hostname", "localhost", "-p", server.port, "127.0.0.1"])
    client.wait_out(re.compile(rb"- Simple Client Mode:"))
    server.wait_connected()
    theirs = {name.decode(): value.decode() for name, value in SHOWN.findall(client.out)}
    assert theirs.keys() >= {"tls-unique", "tls-exporter"}
    assert theirs == {name: value for name, value in of_server(control).items() if name in theirs}


def test_python_has_our_tls_unique_in_full_and_resumed_handshakes(cli, peer, control):
    """The first Finished is the client's, or in a resumed handshake the server's."""
    server = cli.serve("--control", control)
    context, session, values = old(peer.python_context(False)), None, set()
    for count in (1, 2):
        with socket.create_connection(("127.0.0.1", server.port), DEADLINE) as raw:
            with context.wrap_socket(raw, server_hostname="localhost", session=session) as tls:
                tls.sendall(PING)
                assert tls.recv(len(PING)) == PING
                assert tls.session_reused == (count == 2)
                value = tls.get_channel_binding("tls-unique").hex()
                assert of_server(control)["tls-unique"] == value
                values.add(value)
                session = tls.session
                tls.unwrap()
        server.process.wait_err_count(b"] closed clean", count)
    assert len(values) == 2


def test_our_client_has_python_s_tls_unique_in_full_and_resumed_handshakes(cli, peer, tmp_path):
    seen = []

    def handle(tls):
        seen.append(tls.get_channel_binding("tls-unique").hex())
        while data := tls.recv(65536):
            tls.sendall(data)
        tls.unwrap()
    server = peer.python_server(handle, context=old(peer.python_context(True, peer.pki.p256)))
    mine = [told(cli, server.port, "--session", tmp_path / "session") for _ in range(2)]
    assert [one["tls-unique"] for one in mine] == seen and seen[0] != seen[1]
    assert mine[0]["tls-server-end-point"] == mine[1]["tls-server-end-point"]


def test_tls_1_3_has_no_tls_unique(cli):
    client = cli.connect(cli.serve().port, "--commands", "~", data=b"~b\n")
    assert "tls-exporter" in client.err and "tls-unique" not in client.err
