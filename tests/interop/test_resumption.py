"""Resumption with stock programs in both roles (RFC 9846 section 4.3.11): tickets, retries, and what must not resume."""
import os
import re
import signal
import socket
import ssl

import pytest

from support import command
from support.peers import PING
from support.process import DEADLINE


@pytest.fixture
def session(tmp_path):
    return tmp_path / "session"


def connect(cli, port, session, *options, resumed):
    client = cli.connect(port, "--session", session, *options, data=PING)
    assert client.code == command.DONE, client.report()
    facts = command.connected(client.err)
    assert facts["resumed"] == resumed and facts["verified"] == "yes", client.report()
    return client


# we connect


@pytest.mark.parametrize("server", ["openssl", "gnutls", "python", "keyturn"])
def test_we_resume(cli, peer, session, server):
    there = cli.serve() if server == "keyturn" else peer.echo_server(server)
    connect(cli, there.port, session, resumed="no")
    assert session.stat().st_mode & 0o777 == 0o600
    for _ in range(3):
        connect(cli, there.port, session, resumed="yes")


@pytest.mark.parametrize("server", ["openssl", "keyturn"])
@pytest.mark.parametrize("suite", ["TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"])
def test_we_resume_with_each_suite(cli, peer, session, server, suite):
    there = cli.serve() if server == "keyturn" else peer.echo_server(server)
    connect(cli, there.port, session, "--suites", suite, resumed="no")
    client = connect(cli, there.port, session, "--suites", suite, resumed="yes")
    assert command.connected(client.err)["suite"] == suite


@pytest.mark.parametrize("server", ["openssl", "gnutls", "keyturn"])
def test_we_resume_over_a_retry(cli, peer, session, server):
    there = cli.serve() if server == "keyturn" else peer.echo_server(server)
    connect(cli, there.port, session, "--key-shares", "0", resumed="no")
    connect(cli, there.port, session, "--key-shares", "0", resumed="yes")


@pytest.mark.parametrize("server", ["openssl", "gnutls", "keyturn"])
def test_a_session_file_and_a_server_that_is_started_again(cli, peer, session, server):
    """The same address with other ticket keys: a full handshake, whose session is the next one resumed."""
    def start():
        return cli.serve() if server == "keyturn" else peer.echo_server(server)

    def stop(there):
        (there.process if server == "keyturn" else there).stop()
    there = start()
    front = peer.record_proxy(lambda: there.port, lambda record: record)
    for _ in range(2):
        connect(cli, front.port, session, resumed="no")
        kept = session.read_bytes()
        connect(cli, front.port, session, resumed="yes")
        assert session.read_bytes() != kept  # the ticket that came with it
        stop(there)
        there = start()


def test_a_session_file_is_left_alone_by_a_server_that_is_gone(cli, session):
    there = cli.serve()
    front_port = there.port
    connect(cli, front_port, session, resumed="no")
    kept = session.read_bytes()
    there.process.stop()
    assert cli.connect(front_port, "--session", session).code == command.NETWORK
    assert session.read_bytes() == kept


@pytest.mark.parametrize("options", [["-num_tickets", "0"], ["-no_ticket", "-num_tickets", "0"]])
def test_openssl_without_tickets(cli, peer, session, options):
    there = peer.openssl_server("-rev", *options)
    for _ in range(2):
        connect(cli, there.port, session, resumed="no")
    assert not session.exists()


def test_openssl_with_tickets_that_only_name_a_session(cli, peer, session):
    there = peer.openssl_server("-rev", "-no_ticket")
    connect(cli, there.port, session, resumed="no")
    connect(cli, there.port, session, resumed="yes")
    connect(cli, there.port, session, resumed="yes")


def test_a_server_without_tickets(cli, session):
    there = cli.serve("--tickets", "0")
    connect(cli, there.port, session, resumed="no")
    assert not session.exists()


def test_a_server_that_has_forgotten_its_keys(cli, session):
    connect(cli, cli.serve().port, session, resumed="no")
    connect(cli, cli.serve().port, session, resumed="no")


def test_a_session_is_for_its_name_its_trust_and_its_time(cli, session):
    there = cli.serve("--ticket-lifetime", "2")
    connect(cli, there.port, session, resumed="no")
    client = cli.connect(there.port, "--session", session, "--insecure", data=PING)
    assert command.connected(client.err)["resumed"] == "no"
    connect(cli, there.port, session, resumed="no")  # the one of --insecure is in the file now
    client = cli.connect(there.port, "--session", session, "--servername", "127.0.0.1", data=PING)
    facts = command.connected(client.err)
    assert facts is None or facts["resumed"] == "no"


def test_a_damaged_file_is_a_full_handshake(cli, session):
    there = cli.serve()
    connect(cli, there.port, session, resumed="no")
    good = session.read_bytes()
    for damage in (b"", good[:50], b"\x09" + good[1:], good[:-9] + b"\x00" + good[-8:]):
        session.write_bytes(damage)
        connect(cli, there.port, session, resumed="no")


def test_a_file_that_others_can_read_is_refused(cli, session):
    there = cli.serve()
    connect(cli, there.port, session, resumed="no")
    os.chmod(session, 0o640)
    client = cli.connect(there.port, "--session", session, data=PING)
    assert client.code == command.FILES
    assert command.failure(client.err).reason == "FILE_NOT_PRIVATE"


def test_client_certificates_are_remembered(cli, pki, session):
    there = cli.serve("--client-ca", pki.ca)
    own = command.client_auth(pki.client_p256)
    connect(cli, there.port, session, *own, resumed="no")
    connect(cli, there.port, session, *own, resumed="yes")
    assert there.err.count("verified=yes") == 2


def test_authorities_read_anew_end_the_sessions_they_accepted(cli, pki, session):
    there = cli.serve("--client-ca", pki.ca)
    own = command.client_auth(pki.client_p256)
    connect(cli, there.port, session, *own, resumed="no")
    there.process.signal(signal.SIGHUP)
    there.process.wait_err(re.compile(rb"keyturn: reloaded\n"))
    connect(cli, there.port, session, *own, resumed="no")


def test_a_reload_without_client_authorities_keeps_sessions(cli, session):
    there = cli.serve()
    connect(cli, there.port, session, resumed="no")
    there.process.signal(signal.SIGHUP)
    there.process.wait_err(re.compile(rb"keyturn: reloaded\n"))
    connect(cli, there.port, session, resumed="yes")


# we serve


def openssl(peer, port, *options):
    """Whether s_client resumed. The tickets stand before the echo, so who has seen this has those."""
    client = peer.start_openssl_client(port, *options)
    client.wait_out(re.compile(rb"^(New|Reused), TLSv1\.3", re.M))
    client.write(PING)
    client.wait_out(re.compile(rb"^" + PING, re.M))
    client.close_stdin()
    client.wait()
    return b"\nReused, TLSv1.3" in client.out


@pytest.mark.parametrize("options", [[], ["-groups", "P-521:X25519"], ["-ciphersuites", "TLS_AES_256_GCM_SHA384"]])
def test_openssl_resumes(cli, peer, session, options):
    server = cli.serve("--groups", "x25519")
    assert not openssl(peer, server.port, "-sess_out", session, *options)
    assert openssl(peer, server.port, "-sess_in", session, *options)
    assert openssl(peer, server.port, "-sess_in", session, *options)


def test_gnutls_resumes(cli, processes, pki):
    server = cli.serve()
    client = processes.run(["gnutls-cli", "--resume", "--waitresumption", "--x509cafile", pki.ca, "--sni-hostname",
                            "localhost", "--verify-hostname", "localhost", "-p", str(server.port), "127.0.0.1"],
                           b"", DEADLINE)
    assert "This is a resumed session" in client.out.decode(errors="replace"), client.report()


def python_once(context, port, session=None):
    with socket.create_connection(("127.0.0.1", port), DEADLINE) as raw:
        with context.wrap_socket(raw, server_hostname="localhost", session=session) as tls:
            tls.sendall(PING)
            assert tls.recv(100) == PING
            return tls.session_reused, tls.session


def test_python_resumes(cli, peer):
    server = cli.serve()
    context = peer.python_context(False)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    reused, session = python_once(context, server.port)
    assert not reused
    assert python_once(context, server.port, session)[0]


def test_reload_keeps_the_tickets(cli, peer, session):
    server = cli.serve()
    assert not openssl(peer, server.port, "-sess_out", session)
    server.process.signal(signal.SIGHUP)
    assert openssl(peer, server.port, "-sess_in", session)
