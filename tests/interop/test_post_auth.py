"""Certificates asked for after the handshake: both roles, with stock peers and with ourselves."""
import re
import ssl

import pytest

from support import command
from support.command import Control, client_auth
from support.peers import PING

SHOWN = re.compile(rb"keyturn: asked for a certificate and showed it\n")
NOT_SHOWN = re.compile(rb"keyturn: asked for a certificate and had none to show\n")
AUTHENTICATED = re.compile(rb"keyturn: \[1\] client authenticated scheme=(\S+)\n")


@pytest.fixture
def control_path(tmp_path):
    return tmp_path / "control"


@pytest.fixture
def server(cli, pki, control_path):
    """An echo server that asks for certificates only when told to."""
    return cli.serve("--echo", "--client-ca", pki.ca, "--client-auth", "post-handshake", "--control", control_path)


def verified(control):
    return command.pairs(control.ask("status")[1])["verified"]


def echo(client, text):
    before = len(client.out)
    client.write(text)
    client.wait_out_size(before + len(text))
    assert client.out[before:] == text


# We are the server.

@pytest.mark.parametrize("kind", ["p256", "rsa", "ed25519"])
def test_openssl_shows_us_a_certificate(server, peer, pki, control_path, kind):
    leaf = pki.leaf(f"client_{kind}")
    client = peer.start_openssl_client(server.port, "-quiet", "-enable_pha", "-cert", leaf.chain, "-cert_chain",
                                       leaf.chain, "-key", leaf.key)
    assert server.wait_connected()["verified"] == "no"
    with Control(control_path) as control:
        echo(client, PING)
        assert verified(control) == "no"
        assert control.ask("require-certificate") == ["connections=1", "ok"]
        server.process.wait_err(AUTHENTICATED)
        assert verified(control) == "yes"
        echo(client, PING)
        assert control.ask("update-both") == ["connections=1", "ok"]
        echo(client, PING)
        assert control.ask("request-certificate") == ["connections=1", "ok"]
        server.process.wait_err_count(b"client authenticated", 2)
        echo(client, PING)


@pytest.mark.parametrize("client", ["openssl", "gnutls"])
def test_a_client_without_certificate_is_served_when_it_was_a_question(server, peer, processes, pki, control_path, client):
    there = start(client, peer, processes, pki, server.port)
    server.wait_connected()
    with Control(control_path) as control:
        echo_by(client, there, PING)
        assert control.ask("request-certificate") == ["connections=1", "ok"]
        echo_by(client, there, b"again\n")
        assert verified(control) == "no"
        assert control.ask("require-certificate") == ["connections=1", "ok"]
    failure = server.wait_failure()
    assert (failure.reason, failure.alert) == ("CERTIFICATE_REQUIRED", "certificate_required")


def start(client, peer, processes, pki, port, leaf=None):
    if client == "openssl":
        own = ("-cert", leaf.chain, "-cert_chain", leaf.chain, "-key", leaf.key) if leaf else ()
        return peer.start_openssl_client(port, "-quiet", "-enable_pha", *own)
    own = ("--x509certfile", leaf.chain, "--x509keyfile", leaf.key) if leaf else ()
    return processes.start(["gnutls-cli", "--port", port, "--x509cafile", pki.ca, "--sni-hostname", "localhost",
                            "--verify-hostname", "localhost", "--post-handshake-auth", *own, "127.0.0.1"])


def echo_by(client, there, text):
    """gnutls-cli says a lot before what comes."""
    if client == "openssl":
        echo(there, text)
    else:
        there.write(text)
        there.wait_out(re.compile(re.escape(text)))


def test_gnutls_shows_us_a_certificate(server, peer, processes, pki, control_path):
    client = start("gnutls", peer, processes, pki, server.port, pki.client_p256)
    server.wait_connected()
    with Control(control_path) as control:
        echo_by("gnutls", client, PING)
        assert control.ask("require-certificate") == ["connections=1", "ok"]
        echo_by("gnutls", client, b"again\n")
        server.process.wait_err(AUTHENTICATED)
        assert verified(control) == "yes"


def test_python_shows_us_a_certificate(server, peer, pki, control_path):
    context = peer.python_context(False, pki.client_p256)
    context.post_handshake_auth = True
    with peer.python_client(server.port, context) as tls, Control(control_path) as control:
        tls.sendall(PING)
        assert tls.recv(100) == PING
        assert control.ask("require-certificate") == ["connections=1", "ok"]
        tls.sendall(PING)  # Python's side answers while it reads
        assert tls.recv(100) == PING
        server.process.wait_err(AUTHENTICATED)
        assert verified(control) == "yes"
        tls.unwrap()


def test_a_certificate_of_another_authority_is_refused(server, peer, pki, control_path):
    context = peer.python_context(False, pki.client_stranger)
    context.post_handshake_auth = True
    with peer.python_client(server.port, context) as tls, Control(control_path) as control:
        tls.sendall(PING)
        assert tls.recv(100) == PING
        assert control.ask("request-certificate") == ["connections=1", "ok"]
        with pytest.raises(ssl.SSLError, match="(?i)unknown.?ca"):
            while tls.recv(100) is not None:
                tls.sendall(PING)
    failure = server.wait_failure()
    assert (failure.reason, failure.alert) == ("CERTIFICATE_UNTRUSTED", "unknown_ca")


def test_who_did_not_offer_is_not_asked(server, peer, control_path):
    with peer.python_client(server.port) as tls, Control(control_path) as control:
        tls.sendall(PING)
        assert tls.recv(100) == PING
        assert control.ask("require-certificate") == ["connections=0", "ok"]
        tls.sendall(PING)
        assert tls.recv(100) == PING
        tls.unwrap()


def test_who_cannot_verify_does_not_ask(cli, control_path):
    cli.serve("--echo", "--control", control_path)
    with Control(control_path) as control:
        for word in ("request-certificate", "require-certificate"):
            assert control.ask(word)[-1].startswith("error: ")


# We are the client.

def interactive(peer, pki):
    """s_server, whose command "c" asks the client for a certificate."""
    return peer.openssl_server("-CAfile", pki.ca)


@pytest.mark.parametrize("kind", ["p256", "rsa", "ed25519"])
def test_we_show_openssl_a_certificate(cli, peer, pki, kind):
    server = interactive(peer, pki)
    client = cli.start_connect(server.port, "--post-handshake-auth", "--trace=json",
                               *client_auth(pki.leaf(f"client_{kind}")))
    client.write(PING)
    server.wait_out(re.compile(re.escape(PING)))
    server.write(b"c\n")
    client.wait_err(SHOWN)
    client.write(b"behind it\n")
    server.wait_out(re.compile(b"behind it\n"))
    server.write(b"K\n")  # and again, under other keys
    client.wait_err(re.compile(rb'"sent","name":"KeyUpdate"'))
    server.write(b"c\n")
    client.wait_err_count(b"showed it", 2)
    client.write(b"at the end\n")
    server.wait_out(re.compile(b"at the end\n"))
    client.close_stdin()
    names = [(e["direction"], e["name"]) for e in command.trace(client.err) if e["event"] == "message"]
    answer = [("sent", "Certificate"), ("sent", "CertificateVerify"), ("sent", "Finished")]
    at = names.index(("received", "CertificateRequest"))
    assert names[at + 1:at + 4] == answer
    assert [e for e in command.trace(client.err) if e["event"] == "post-auth"][0]["certificates"] > 0


def test_we_say_that_we_have_none(cli, peer, pki):
    server = interactive(peer, pki)
    client = cli.start_connect(server.port, "--post-handshake-auth")
    client.write(PING)
    server.wait_out(re.compile(re.escape(PING)))
    server.write(b"c\n")
    client.wait_err(NOT_SHOWN)
    client.write(b"behind it\n")
    server.wait_out(re.compile(b"behind it\n"))


def test_we_do_not_offer_it_unless_told(cli, peer, pki):
    server = interactive(peer, pki)
    client = cli.start_connect(server.port, *client_auth(pki.client_p256))
    client.write(PING)
    server.wait_out(re.compile(re.escape(PING)))
    server.write(b"c\n")
    server.wait_err(re.compile(rb"extension not received|Failed to initiate"))
    client.write(b"behind it\n")
    server.wait_out(re.compile(b"behind it\n"))


def test_we_show_python_a_certificate(cli, peer, pki):
    """Asked in the middle of a conversation, which goes on."""
    context = peer.python_context(True, pki.p256, ca=pki.ca)
    context.post_handshake_auth = True
    subjects = []

    def converse(tls):
        assert tls.recv(100) == PING
        assert tls.getpeercert() is None or tls.getpeercert() == {}
        tls.verify_client_post_handshake()
        tls.sendall(b"who are you\n")
        assert tls.recv(100) == b"more\n"
        subjects.append(tls.getpeercert()["subject"])
        tls.sendall(b"welcome\n")
        tls.unwrap()
    server = peer.python_server(converse, context=context)
    client = cli.start_connect(server.port, "--post-handshake-auth", *client_auth(pki.client_p256))
    client.write(PING)
    client.wait_out(re.compile(b"who are you\n"))
    client.wait_err(SHOWN)
    client.write(b"more\n")
    client.wait_out(re.compile(b"welcome\n"))
    client.close_stdin()
    assert client.wait() == command.DONE, client.report()
    assert len(subjects) == 1


def test_we_show_gnutls_a_certificate(cli, peer, pki):
    server = peer.gnutls_server("--x509cafile", pki.ca)
    client = cli.start_connect(server.port, "--post-handshake-auth", *client_auth(pki.client_p256))
    client.write(PING)
    client.wait_out(re.compile(re.escape(PING)))
    client.write(b"**REAUTH**\n")
    client.wait_err(SHOWN)
    client.write(b"behind it\n")
    client.wait_out(re.compile(b"behind it\n"))


# Both are ours.

def test_between_ourselves_with_new_keys_and_tickets(cli, server, pki, control_path, tmp_path):
    session = tmp_path / "session"
    client = cli.start_connect(server.port, "--post-handshake-auth", "--session", session, "--commands", "~",
                               "--rekey-gap-ms", "0", *client_auth(pki.client_p256))
    server.wait_connected()
    with Control(control_path) as control:
        echo(client, PING)
        client.write(b"~U\n")
        assert control.ask("require-certificate") == ["connections=1", "ok"]
        client.wait_err(SHOWN)
        server.process.wait_err(AUTHENTICATED)
        echo(client, PING)
        assert control.ask("send-tickets") == ["connections=1", "ok"]
        echo(client, PING)
    client.close_stdin()
    assert client.wait() == command.DONE, client.report()
    server.wait_closed()

    again = cli.connect(server.port, "--post-handshake-auth", "--session", session, *client_auth(pki.client_p256),
                        data=PING)
    assert again.code == command.DONE and command.connected(again.err)["resumed"] == "yes", again.report()
    facts = [command.pairs(line) for line in server.err.splitlines() if "] connected " in line]
    assert (facts[1]["resumed"], facts[1]["verified"]) == ("yes", "yes")


def test_who_has_no_tickets_sends_none(cli, control_path):
    server = cli.serve("--echo", "--tickets", "0", "--control", control_path)
    client = cli.start_connect(server.port)
    server.wait_connected()
    with Control(control_path) as control:
        echo(client, PING)
        assert control.ask("send-tickets") == ["connections=0", "ok"]
