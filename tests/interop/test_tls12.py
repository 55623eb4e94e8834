"""TLS 1.2 with stock programs in both roles."""
import re
import socket
import ssl

import pytest

from support import command
from support.certs import Pki
from support.peers import PING
from support.process import DEADLINE

ONLY = ("--max-version", "TLSv1.2")
SUITES = {
    "rsa": ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"],
    "p256": ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
             "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"],
}
PAIRS = [(kind, suite) for kind, suites in SUITES.items() for suite in suites]
GROUPS = ["x25519", "secp256r1", "secp384r1", "secp521r1"]


@pytest.fixture
def session(tmp_path):
    return tmp_path / "session"


def old_server(peer, name, leaf=None, tickets=True):
    """An echo server that speaks nothing newer than TLS 1.2."""
    if name == "openssl":
        return peer.openssl_server("-rev", "-tls1_2", *(() if tickets else ("-no_ticket",)), leaf=leaf)
    if name == "gnutls":
        priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2"
        return peer.gnutls_server("--priority", priority, *(() if tickets else ("--noticket",)), leaf=leaf)
    context = peer.python_context(True, leaf or peer.pki.p256)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.options |= 0 if tickets else ssl.OP_NO_TICKET
    return peer.python_server(context=context)


def ping_old(peer, name, port, *options, leaf=None):
    if name == "openssl":
        return peer.ping("openssl", port, "-tls1_2", *options, leaf=leaf)
    if name == "gnutls":
        return peer.ping("gnutls", port, "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2", *options, leaf=leaf)
    context = peer.python_context(False, leaf)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with peer.python_client(port, context=context) as tls:
        tls.sendall(PING)
        got = tls.recv(len(PING))
        tls.unwrap()
    return type("Outcome", (), {"ok": True, "got": got, "said": ""})


def connect(cli, port, *options, **wanted):
    client = cli.connect(port, *options, data=PING)
    assert client.code == command.DONE, client.report()
    facts = command.connected(client.err)
    assert facts[None] == ["TLSv1.2"] and facts["verified"] == "yes", client.report()
    for name, value in wanted.items():
        assert facts[name] == value, client.report()
    assert client.out == PING
    return client


# we connect


@pytest.mark.parametrize("server", ["openssl", "gnutls", "python", "keyturn"])
@pytest.mark.parametrize("kind", Pki.KINDS)
def test_we_connect(cli, peer, pki, server, kind):
    leaf = pki.leaf(kind)
    there = cli.serve(*ONLY, leaf=leaf) if server == "keyturn" else old_server(peer, server, leaf)
    connect(cli, there.port)


@pytest.mark.parametrize("server", ["openssl", "gnutls", "keyturn"])
@pytest.mark.parametrize("kind, suite", PAIRS)
def test_we_connect_with_each_suite(cli, peer, pki, server, kind, suite):
    leaf = pki.leaf(kind)
    there = cli.serve(*ONLY, leaf=leaf) if server == "keyturn" else old_server(peer, server, leaf)
    connect(cli, there.port, *ONLY, "--suites", suite, suite=suite)


@pytest.mark.parametrize("server", ["openssl", "gnutls"])
@pytest.mark.parametrize("group", GROUPS)
def test_we_connect_with_each_group(cli, peer, pki, server, group):
    connect(cli, old_server(peer, server, pki.leaf("rsa")).port, "--groups", group, group=group)


@pytest.mark.parametrize("kind", ["client_p256", "client_rsa"])
@pytest.mark.parametrize("server", ["openssl", "keyturn"])
def test_our_client_certificate(cli, peer, pki, server, kind):
    if server == "keyturn":
        there = cli.serve(*ONLY, "--client-ca", pki.ca)
    else:
        there = peer.openssl_server("-rev", "-tls1_2", "-Verify", "3", "-CAfile", pki.ca, "-verify_return_error")
    connect(cli, there.port, *command.client_auth(pki.leaf(kind)))


@pytest.mark.parametrize("tickets", [True, False], ids=["ticket", "id"])
@pytest.mark.parametrize("server", ["openssl", "gnutls", "python"])
def test_we_resume(cli, peer, session, server, tickets):
    there = old_server(peer, server, tickets=tickets)
    connect(cli, there.port, "--session", session, resumed="no")
    for _ in range(2):
        connect(cli, there.port, "--session", session, resumed="yes")


def test_we_resume_with_ourselves(cli, session):
    there = cli.serve()
    connect(cli, there.port, *ONLY, "--session", session, resumed="no")
    connect(cli, there.port, *ONLY, "--session", session, resumed="yes")
    connect(cli, there.port, *ONLY, "--session", session, resumed="yes")


def test_a_session_is_for_its_version(cli, session):
    """A ticket of TLS 1.2 is of no use when TLS 1.3 is spoken, nor the other way round."""
    there = cli.serve()
    connect(cli, there.port, *ONLY, "--session", session, resumed="no")
    client = cli.connect(there.port, "--session", session, data=PING)
    facts = command.connected(client.err)
    assert (facts[None], facts["resumed"]) == (["TLSv1.3"], "no"), client.report()
    connect(cli, there.port, *ONLY, "--session", session, resumed="no")


@pytest.mark.parametrize("server", ["openssl", "gnutls"])
def test_alpn(cli, peer, server):
    if server == "openssl":
        there = peer.openssl_server("-rev", "-tls1_2", "-alpn", "h2,http/1.1")
    else:
        there = peer.gnutls_server("--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2", "--alpn", "http/1.1")
    connect(cli, there.port, "--alpn", "http/1.1", alpn="http/1.1")


# we serve


@pytest.mark.parametrize("client", ["openssl", "gnutls", "python"])
@pytest.mark.parametrize("kind", Pki.KINDS)
def test_we_serve(cli, peer, pki, client, kind):
    there = cli.serve(leaf=pki.leaf(kind))
    outcome = ping_old(peer, client, there.port)
    assert outcome.ok and outcome.got == PING, outcome.said
    assert there.wait_connected()[None] == ["TLSv1.2"]


@pytest.mark.parametrize("kind, suite", PAIRS)
def test_we_serve_each_suite(cli, peer, pki, kind, suite):
    there = cli.serve("--suites", suite, *ONLY, leaf=pki.leaf(kind))
    for client in ("openssl", "gnutls"):
        outcome = ping_old(peer, client, there.port)
        assert outcome.ok and outcome.got == PING, outcome.said
    assert there.wait_connected()["suite"] == suite


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("client", ["openssl", "gnutls"])
def test_we_serve_each_group(cli, peer, client, group):
    there = cli.serve("--groups", group)
    outcome = ping_old(peer, client, there.port)
    assert outcome.ok and outcome.got == PING, outcome.said
    assert there.wait_connected()["group"] == group


@pytest.mark.parametrize("client", ["openssl", "gnutls", "python"])
@pytest.mark.parametrize("kind", ["client_p256", "client_rsa"])
def test_their_client_certificate(cli, peer, pki, client, kind):
    there = cli.serve("--client-ca", pki.ca)
    outcome = ping_old(peer, client, there.port, leaf=pki.leaf(kind))
    assert outcome.ok and outcome.got == PING, outcome.said
    assert there.wait_connected()["verified"] == "yes"


def test_a_client_without_certificate_is_refused(cli, peer, pki):
    there = cli.serve("--client-ca", pki.ca)
    assert not ping_old(peer, "openssl", there.port).ok
    failure = there.wait_failure()
    assert (failure.reason, failure.alert) == ("CERTIFICATE_REQUIRED", "handshake_failure")


def resumes(peer, port, tmp_path, *options):
    """Whether a second s_client resumes what the first one was given."""
    file = tmp_path / "sess.pem"
    first = peer.ping("openssl", port, "-tls1_2", "-sess_out", str(file), *options)
    assert first.ok, first.said
    if not file.exists():  # there was nothing to write
        return False
    client = peer.start_openssl_client(port, "-tls1_2", "-sess_in", str(file), *options)
    found = client.wait_out(re.compile(rb"^(New|Reused), TLSv1\.2", re.M))
    client.write(PING)
    client.close_stdin()
    client.wait()
    return found[1] == b"Reused"


def test_they_resume_by_ticket(cli, peer, tmp_path):
    there = cli.serve()
    assert resumes(peer, there.port, tmp_path)


def test_they_resume_by_id(cli, peer, tmp_path):
    there = cli.serve("--session-ids", "--session-store", "memory")
    assert resumes(peer, there.port, tmp_path, "-no_ticket")


def test_no_ids_unless_asked_for(cli, peer, tmp_path):
    there = cli.serve()
    assert not resumes(peer, there.port, tmp_path, "-no_ticket")


def test_gnutls_resumes(cli, peer):
    there = cli.serve()
    client = peer.gnutls_client(there.port, "--resume", "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2", data=PING)
    assert client.code == 0 and b"*** This is a resumed session" in client.out, client.report()


def test_python_resumes(cli, peer):
    there = cli.serve()
    context = peer.python_context(False)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with peer.python_client(there.port, context=context) as tls:
        tls.sendall(PING)
        assert tls.recv(len(PING)) == PING
        session = tls.session
        assert not tls.session_reused
    with socket.create_connection(("127.0.0.1", there.port), DEADLINE) as raw:
        with context.wrap_socket(raw, server_hostname="localhost", session=session) as tls:
            tls.sendall(PING)
            assert tls.recv(len(PING)) == PING
            assert tls.session_reused


def test_curl(cli, peer, tmp_path):
    (tmp_path / "hello").write_text("hello\n")
    there = cli.serve("--www", str(tmp_path))
    client = peer.curl(there.port, "/hello", "--tls-max", "1.2")
    assert client.code == 0 and client.out == b"hello\n", client.report()
    assert "TLSv1.2" in client.err


def test_a_fallback_is_found_out(cli, peer):
    """RFC 7507: a client that tries again with less than it knows says so."""
    there = cli.serve()
    assert not peer.ping("openssl", there.port, "-tls1_2", "-fallback_scsv").ok
    failure = there.wait_failure()
    assert (failure.reason, failure.alert) == ("FALLBACK_DETECTED", "inappropriate_fallback")


def test_a_server_that_is_told_to_speak_the_newest_refuses(cli, peer):
    there = cli.serve("--min-version", "TLSv1.3")
    assert not ping_old(peer, "openssl", there.port).ok
    assert there.wait_failure().reason == "VERSION_NOT_SUPPORTED"


def test_their_wish_for_another_handshake_is_refused(cli, peer):
    there = cli.serve()
    client = peer.start_openssl_client(there.port, "-tls1_2")
    client.wait_out(re.compile(rb"^New, TLSv1\.2", re.M))
    client.write(b"R\n")
    client.wait_err(re.compile(rb"no renegotiation"))
    client.wait()
