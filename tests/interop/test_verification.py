"""Who is accepted as a peer and who is not, with the error line, the alert and the exit code of each."""
import hashlib
import re
import socket
import ssl

import pytest

from support import command
from support.certs import PASSWORD, Pki
from support.peers import PING

PEERS = ("openssl", "gnutls", "python")

# What is wrong -> reason, alert and its number (RFC 9846 section 6).
BAD_SERVERS = {
    "expired": ("CERTIFICATE_EXPIRED", "certificate_expired", 45),
    "not_yet": ("CERTIFICATE_NOT_YET_VALID", "certificate_expired", 45),
    "wrong_name": ("CERTIFICATE_NAME_MISMATCH", "certificate_unknown", 46),
    "stranger": ("CERTIFICATE_UNTRUSTED", "unknown_ca", 48),
    "self_signed": ("CERTIFICATE_SELF_SIGNED", "unknown_ca", 48),
    "weak_key": ("CERTIFICATE_KEY_WEAK", "bad_certificate", 42),
    "wrong_purpose": ("CERTIFICATE_PURPOSE_WRONG", "unsupported_certificate", 43),
    "tampered": ("CERTIFICATE_SIGNATURE_WRONG", "bad_certificate", 42),
}
BAD_CLIENTS = {
    "client_stranger": ("CERTIFICATE_UNTRUSTED", "unknown_ca"),
    "client_expired": ("CERTIFICATE_EXPIRED", "certificate_expired"),
    "p256": ("CERTIFICATE_PURPOSE_WRONG", "unsupported_certificate"),
    "self_signed": ("CERTIFICATE_SELF_SIGNED", "unknown_ca"),
}
WEAK = ("-cipher", "DEFAULT:@SECLEVEL=0")  # lets openssl load a 1024-bit key


@pytest.mark.parametrize("wrong", BAD_SERVERS)
def test_a_bad_server_is_refused(cli, peer, pki, wrong):
    reason, alert, number = BAD_SERVERS[wrong]
    server = peer.openssl_server("-rev", *WEAK, leaf=pki.leaf(wrong))
    client = cli.connect(server.port, data=PING)
    failure = command.failure(client.err)
    assert client.code == command.UNVERIFIED
    assert (failure.reason, failure.alert, failure.direction) == (reason, alert, "sent")
    assert failure.hint
    assert client.out == b""
    assert command.connected(client.err) is None
    server.wait_err(re.compile(rb"SSL alert number %d\b" % number))


@pytest.mark.parametrize("wrong", BAD_SERVERS)
def test_insecure_takes_anyone_and_says_so(cli, peer, pki, wrong):
    server = peer.openssl_server("-rev", *WEAK, leaf=pki.leaf(wrong))
    client = cli.connect(server.port, "--insecure", data=PING)
    assert client.code == command.DONE and client.out == PING
    assert command.connected(client.err)["verified"] == "no"
    assert re.search(r"^keyturn: WARNING: the peer is not verified", client.err, re.M)


def test_the_name_asked_for_is_the_name_checked(cli, peer, pki):
    server = peer.openssl_server("-rev", leaf=pki.wrong_name)
    client = cli.connect(server.port, "--servername", "other.test", data=PING)
    assert client.code == command.DONE and command.connected(client.err)["sni"] == "other.test"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_host_is_the_name_when_no_other_is_given(cli, peer, pki, host):
    try:
        socket.getaddrinfo(host, None)
    except socket.gaierror:
        pytest.skip("no localhost here: a bare chroot has no /etc/hosts")
    server = peer.python_server()
    client = cli.run("connect", f"{host}:{server.port}", "--ca", pki.ca, data=PING)
    assert client.code == command.DONE, client.report()
    assert command.connected(client.err)["sni"] == ("localhost" if host == "localhost" else "-")


def test_an_address_that_the_certificate_lacks_is_refused(cli, peer, pki):
    server = peer.openssl_server("-rev", leaf=pki.wrong_name)
    client = cli.run("connect", f"127.0.0.1:{server.port}", "--ca", pki.ca, data=PING)
    assert client.code == command.UNVERIFIED
    assert command.failure(client.err).reason == "CERTIFICATE_NAME_MISMATCH"


def test_ipv6(cli, peer, pki):
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    process = cli.processes.start([cli.path, "serve", "--listen", "[::1]:0", "--echo", "--cert", pki.p256.chain,
                                   "--key", pki.p256.key])
    client = cli.run("connect", f"[::1]:{command.Server(process).port}", "--ca", pki.ca, data=PING)
    assert client.code == command.DONE and client.out == PING, client.report()


@pytest.mark.parametrize("kind", Pki.KINDS)
@pytest.mark.parametrize("server", PEERS)
def test_we_show_a_client_certificate(cli, peer, pki, server, kind):
    if server == "openssl":
        there = peer.openssl_server("-rev", "-Verify", "3", "-verify_return_error", "-CAfile", pki.ca)
    elif server == "gnutls":
        there = peer.gnutls_server("--require-client-cert", "--verify-client-cert", "--x509cafile", pki.ca)
    else:
        there = peer.python_server(context=peer.python_context(True, pki.p256, ca=pki.ca))
    client = cli.connect(there.port, *command.client_auth(pki.leaf(f"client_{kind}")), data=PING)
    assert client.code == command.DONE and client.out == PING, client.report()


def test_a_server_that_only_requests_takes_us_without(cli, peer, pki):
    there = peer.openssl_server("-rev", "-verify", "3", "-CAfile", pki.ca)
    client = cli.connect(there.port, data=PING)
    assert client.code == command.DONE and client.out == PING


def test_a_server_that_asks_nothing_gets_nothing(cli, peer, pki):
    seen = []

    def look(tls):
        seen.append(tls.getpeercert(True))
        tls.unwrap()
    server = peer.python_server(look)
    assert cli.connect(server.port, *command.client_auth(pki.client_p256)).code == command.DONE
    assert seen == [None]


@pytest.mark.parametrize("server", PEERS)
def test_a_server_that_requires_a_certificate_refuses_us_without(cli, peer, pki, server):
    if server == "openssl":
        there = peer.openssl_server("-rev", "-Verify", "3", "-verify_return_error", "-CAfile", pki.ca)
    elif server == "gnutls":
        there = peer.gnutls_server("--require-client-cert", "--x509cafile", pki.ca)
    else:
        there = peer.python_server(context=peer.python_context(True, pki.p256, ca=pki.ca))
    client = cli.connect(there.port, data=PING)
    failure = command.failure(client.err)
    assert client.code == command.UNVERIFIED, client.report()
    assert (failure.reason, failure.alert, failure.direction) == (
        "ALERT_RECEIVED", "certificate_required", "received")
    assert failure.hint


def test_a_server_refuses_our_certificate_of_another_authority(cli, peer, pki):
    there = peer.python_server(context=peer.python_context(True, pki.p256, ca=pki.ca))
    client = cli.connect(there.port, *command.client_auth(pki.client_stranger), data=PING)
    failure = command.failure(client.err)
    assert client.code == command.UNVERIFIED
    assert (failure.reason, failure.alert, failure.direction) == ("ALERT_RECEIVED", "unknown_ca", "received")


@pytest.mark.parametrize("kind", Pki.KINDS)
@pytest.mark.parametrize("client", PEERS)
def test_we_require_a_client_certificate(cli, peer, pki, client, kind):
    server = cli.serve("--client-ca", pki.ca)
    outcome = peer.ping(client, server.port, leaf=pki.leaf(f"client_{kind}"))
    assert outcome.ok and outcome.got == PING, outcome.said
    assert server.wait_connected()["verified"] == "yes"


def test_curl_shows_us_a_certificate(cli, peer, pki, tmp_path):
    (tmp_path / "index.html").write_text("index\n")
    server = cli.serve("--www", tmp_path, "--client-ca", pki.ca)
    client = peer.curl(server.port, "/", "--cert", pki.client_p256.chain, "--key", pki.client_p256.key)
    assert client.code == 0 and client.out == b"index\n", client.report()


@pytest.mark.parametrize("client", PEERS)
def test_we_refuse_a_client_without_the_certificate_we_require(cli, peer, pki, client):
    server = cli.serve("--client-ca", pki.ca, "--client-auth", "require")
    assert peer.ping(client, server.port).got == b""
    failure = server.wait_failure()
    assert (failure.reason, failure.alert, failure.direction) == (
        "CERTIFICATE_REQUIRED", "certificate_required", "sent")


@pytest.mark.parametrize("client", PEERS)
def test_we_serve_a_client_without_the_certificate_we_request(cli, peer, pki, client):
    server = cli.serve("--client-ca", pki.ca, "--client-auth", "request")
    outcome = peer.ping(client, server.port)
    assert outcome.ok and outcome.got == PING, outcome.said
    assert server.wait_connected()["verified"] == "no"


@pytest.mark.parametrize("auth", ["request", "require"])
@pytest.mark.parametrize("wrong", BAD_CLIENTS)
def test_we_refuse_a_bad_client_certificate(cli, peer, pki, wrong, auth):
    server = cli.serve("--client-ca", pki.ca, "--client-auth", auth)
    assert peer.ping("openssl", server.port, leaf=pki.leaf(wrong)).got == b""
    failure = server.wait_failure()
    assert (failure.reason, failure.alert) == BAD_CLIENTS[wrong]


@pytest.mark.parametrize("client", PEERS)
def test_a_client_that_does_not_trust_us(cli, peer, pki, client):
    server = cli.serve(leaf=pki.stranger)
    assert not peer.ping(client, server.port).ok
    failure = server.wait_failure()
    assert failure.direction == "received"
    assert failure.alert == {"gnutls": "bad_certificate"}.get(client, "unknown_ca")


def test_the_credential_follows_the_name_asked_for(cli, peer, pki):
    server = cli.serve("--cert", pki.wrong_name.chain, "--key", pki.wrong_name.key,
                       "--cert", pki.p256.chain, "--key", pki.p256.key)
    for name, leaf in (("localhost", pki.p256), ("other.test", pki.wrong_name)):
        with peer.python_client(server.port, name=name) as tls:
            assert hashlib.sha256(tls.getpeercert(True)).hexdigest() == leaf.fingerprint
            tls.unwrap()


def test_an_ephemeral_certificate_is_the_one_announced(cli, processes, peer, tmp_path):
    out = tmp_path / "certificate.pem"
    server = command.Server(processes.start(
        [cli.path, "serve", "--listen", "127.0.0.1:0", "--echo", "--ephemeral-out", out]))
    announced = server.process.wait_err(re.compile(rb"keyturn: ephemeral certificate sha256=([0-9a-f]{64})\n"))[1]
    context = ssl.create_default_context(cafile=out)
    with peer.python_client(server.port, context) as tls:
        assert hashlib.sha256(tls.getpeercert(True)).hexdigest() == announced.decode()
        tls.unwrap()
    client = cli.connect(server.port, "--ca", out, data=PING)
    assert client.code == command.DONE and client.out == PING, client.report()


def test_an_encrypted_key_and_its_password(cli, peer, pki):
    server = cli.serve("--cert", pki.p256.chain, "--key", pki.encrypted, "--password-file", pki.password_file)
    assert peer.ping("openssl", server.port).got == PING


def test_a_pkcs12_file(cli, peer, pki):
    server = cli.serve("--pkcs12", pki.pkcs12, "--password-file", pki.password_file)
    assert peer.ping("openssl", server.port).got == PING


@pytest.mark.parametrize("files, reason", [
    (lambda p: ["--cert", p.p256.chain, "--key", p.encrypted], "KEY_PASSWORD_WRONG"),
    (lambda p: ["--cert", p.p256.chain, "--key", p.encrypted, "--password-file", p.wrong_password_file],
     "KEY_PASSWORD_WRONG"),
    (lambda p: ["--pkcs12", p.pkcs12, "--password-file", p.wrong_password_file], "PKCS12_MALFORMED"),
    (lambda p: ["--cert", p.p256.chain, "--key", p.rsa.key], "KEY_MISMATCH"),
    (lambda p: ["--cert", p.weak_key.chain, "--key", p.weak_key.key], "KEY_WEAK"),
    (lambda p: ["--cert", p.folder / "absent.pem", "--key", p.p256.key], "FILE_UNREADABLE"),
    (lambda p: ["--cert", p.p256.key, "--key", p.p256.key], "PEM_MISSING"),
])
def test_files_that_are_no_credential(cli, pki, files, reason):
    server = cli.run("serve", "--listen", "127.0.0.1:0", "--echo", *files(pki))
    assert server.code == command.FILES
    failure = command.failure(server.err)
    assert failure.reason == reason
    assert failure.hint
    assert PASSWORD not in server.err and server.out == b""


def test_an_authority_file_that_is_none(cli, peer, pki):
    client = cli.connect(peer.python_server().port, "--ca", pki.folder / "absent.pem")
    assert client.code == command.FILES
    assert command.failure(client.err).reason == "FILE_UNREADABLE"
