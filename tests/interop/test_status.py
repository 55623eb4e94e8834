"""OCSP responses stapled to certificates: ours to other clients, other servers' to us."""
import re
import shutil
import signal

import pytest

from support import command
from support.certs import DAY
from support.peers import PING


def serve(cli, pki, status):
    return cli.serve("--echo", "--cert", pki.p256.chain, "--key", pki.p256.key, "--ocsp", status)


def stapling_server(peer, kind, status):
    if kind == "openssl":
        return peer.openssl_server("-rev", "-status_file", status)
    return peer.gnutls_server("--ocsp-response", status, "--ignore-ocsp-response-errors")


def test_openssl_gets_our_staple(cli, peer, pki):
    server = serve(cli, pki, pki.status("good.ocsp"))
    client = peer.openssl_client(server.port, "-status")
    assert b"OCSP Response Status: successful" in client.out and b"Cert Status: good" in client.out


def test_openssl_that_does_not_ask_gets_none(cli, peer, pki):
    server = serve(cli, pki, pki.status("good.ocsp"))
    assert b"OCSP" not in peer.openssl_client(server.port).out


def test_gnutls_accepts_our_staple(cli, peer, pki):
    server = serve(cli, pki, pki.status("good.ocsp"))
    client = peer.gnutls_client(server.port, data=PING)
    assert client.code == 0 and PING in client.out
    assert b"OCSP status request" in client.out


def test_gnutls_refuses_us_when_we_are_revoked(cli, peer, pki):
    server = serve(cli, pki, pki.status("revoked.ocsp", word="REVOKED"))
    client = peer.gnutls_client(server.port, data=PING)
    assert client.code != 0
    assert b"revoked" in client.out.lower() + client.err.lower().encode()


@pytest.mark.parametrize("kind", ["openssl", "gnutls"])
@pytest.mark.parametrize("mode", ["check", "require"])
def test_we_accept_a_good_staple(cli, peer, pki, kind, mode):
    server = stapling_server(peer, kind, pki.status("good.ocsp"))
    client = cli.connect(server.port, "--ocsp", mode, data=PING)
    assert client.code == command.DONE and client.out, client.report()


@pytest.mark.parametrize("kind", ["openssl", "gnutls"])
def test_we_refuse_a_revoked_server(cli, peer, pki, kind):
    server = stapling_server(peer, kind, pki.status("revoked.ocsp", word="REVOKED"))
    client = cli.connect(server.port, data=PING)
    failure = command.failure(client.err)
    assert client.code == command.UNVERIFIED, client.report()
    assert (failure.reason, failure.alert, failure.direction) == ("CERTIFICATE_REVOKED", "certificate_revoked", "sent")
    assert cli.connect(server.port, "--ocsp", "ignore", data=PING).code == command.DONE


BAD = {"CERTIFICATE_STATUS_EXPIRED": {"life": DAY / 48}, "CERTIFICATE_STATUS_FOREIGN": {"leaf": "rsa"},
       "CERTIFICATE_STATUS_UNKNOWN": {"word": "UNKNOWN"}}


def bad_status(pki, reason):
    how = dict(BAD[reason])
    if "leaf" in how:
        how["leaf"] = pki.leaf(how["leaf"])
    return pki.status(f"{reason}.ocsp", **how)


@pytest.mark.parametrize("reason", BAD)
def test_we_refuse_a_bad_staple(cli, peer, pki, reason):
    server = stapling_server(peer, "openssl", bad_status(pki, reason))
    client = cli.connect(server.port, data=PING)
    failure = command.failure(client.err)
    assert client.code == command.UNVERIFIED, client.report()
    assert (failure.reason, failure.alert) == (reason, "bad_certificate_status_response")


def test_a_missing_staple_is_refused_when_required(cli, peer):
    server = peer.openssl_server("-rev")
    client = cli.connect(server.port, "--ocsp", "require", data=PING)
    assert client.code == command.UNVERIFIED
    assert command.failure(client.err).reason == "CERTIFICATE_STATUS_MISSING"
    assert cli.connect(server.port, "--ocsp", "check", data=PING).code == command.DONE


def test_our_own_ends_agree(cli, pki):
    server = serve(cli, pki, pki.status("good.ocsp"))
    assert cli.connect(server.port, "--ocsp", "require", data=PING).out == PING


def test_a_reload_reads_the_response_again(cli, pki, tmp_path):
    file = tmp_path / "status"
    shutil.copy(bad_status(pki, "CERTIFICATE_STATUS_EXPIRED"), file)
    server = serve(cli, pki, file)
    server.process.wait_err(re.compile(rb"WARNING: \S+ clients will refuse this: .*reason=CERTIFICATE_STATUS_EXPIRED"))
    assert cli.connect(server.port, data=PING).code == command.UNVERIFIED
    shutil.copy(pki.status("good.ocsp"), file)
    server.process.signal(signal.SIGHUP)
    server.process.wait_err(re.compile(rb"keyturn: reloaded\n"))
    assert cli.connect(server.port, "--ocsp", "require", data=PING).out == PING


def test_a_response_for_another_certificate_is_not_served(cli, pki):
    done = cli.run("serve", "--listen", "127.0.0.1:0", "--echo", "--cert", pki.p256.chain, "--key", pki.p256.key,
                   "--ocsp", bad_status(pki, "CERTIFICATE_STATUS_FOREIGN"))
    assert done.code == command.FILES
    assert command.failure(done.err).reason == "CERTIFICATE_STATUS_FOREIGN"


@pytest.mark.parametrize("words", [["serve", "--listen", "127.0.0.1:0", "--echo", "--ocsp", "file"],
                                   ["connect", "localhost:1", "--ocsp", "perhaps"]])
def test_wrong_words_are_told(cli, words):
    assert cli.run(*words).code == command.USAGE
