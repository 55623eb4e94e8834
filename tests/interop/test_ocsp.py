"""Responders asked over HTTP: by clients about servers, and by servers for their staple. And revocation lists."""
import datetime
import re
import shutil
import signal

import pytest
from cryptography import x509
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from support import command, responder
from support.certs import Authority
from support.peers import PING, refused_port
from support.responder import Responder

SECONDS = datetime.timedelta(seconds=1)
UNKNOWN = re.compile(r"WARNING: whether the certificate was revoked is not known: .*\(reason=(\w+)\)")
SAID = re.compile(r"keyturn: revocation: good, said (\S+)")


@pytest.fixture
def asked(peer, pki):
    """A responder, and a server whose certificate names it."""
    one = Responder(peer)
    one.leaf = pki.naming("asked", one.url)
    one.server = peer.python_server(leaf=one.leaf)
    return one


def connect(cli, port, mode, *options):
    return cli.connect(port, "--ocsp-fetch", mode, "--ocsp-local", *options, data=PING)


def refused(client):
    assert client.code == command.UNVERIFIED, client.report()
    failure = command.failure(client.err)
    assert failure.direction == "sent"
    return failure.reason, failure.alert


# what a client makes of an answer

@pytest.mark.parametrize("mode", ["soft", "hard"])
def test_a_good_answer_is_accepted(cli, asked, mode):
    client = connect(cli, asked.server.port, mode)
    assert client.code == command.DONE and client.out == PING, client.report()
    assert SAID.search(client.err)[1] == asked.url and len(asked.requests) == 1
    request = ocsp.load_der_ocsp_request(asked.requests[0])
    assert request.serial_number == asked.leaf.certificate.serial_number
    assert any(len(e.value.nonce) >= 32 for e in request.extensions)


def test_nobody_is_asked_by_default(cli, asked):
    assert cli.connect(asked.server.port, data=PING).code == command.DONE
    assert connect(cli, asked.server.port, "off").code == command.DONE
    assert asked.requests == []


@pytest.mark.parametrize("mode", ["soft", "hard"])
def test_a_revoked_server_is_refused(cli, asked, mode):
    asked.reply = responder.saying(word="REVOKED")
    assert refused(connect(cli, asked.server.port, mode)) == ("CERTIFICATE_REVOKED", "certificate_revoked")


def test_our_nonce_may_come_back(cli, asked):
    asked.reply = responder.echoing_nonce
    assert connect(cli, asked.server.port, "hard").out == PING


def test_a_delegate_may_answer(cli, asked, pki):
    signer = pki.delegate("responder")
    asked.reply = responder.saying(signer=signer, carried=signer[0])
    assert connect(cli, asked.server.port, "hard").out == PING


def stranger(asked, pki):
    signer = pki.delegate("stranger", issuer=Authority("Stranger"))
    return responder.saying(signer=signer, carried=signer[0])


def server_certificate(asked, pki):
    signer = pki.delegate("no responder", purpose=ExtendedKeyUsageOID.SERVER_AUTH)
    return responder.saying(signer=signer, carried=signer[0])


BAD = {
    "a stranger's signature": (stranger, "SIGNATURE_WRONG"),
    "a signer without the purpose": (server_certificate, "SIGNATURE_WRONG"),
    "another certificate": (lambda asked, pki: responder.saying(leaf=pki.p256), "FOREIGN"),
    "an old answer": (lambda asked, pki: responder.saying(age=3600 * SECONDS, life=1800 * SECONDS), "EXPIRED"),
    "an answer of tomorrow": (lambda asked, pki: responder.saying(age=-86400 * SECONDS), "EXPIRED"),
    "no knowledge": (lambda asked, pki: responder.saying(word="UNKNOWN"), "UNKNOWN"),
    "another's nonce": (lambda asked, pki: responder.saying(nonce=x509.OCSPNonce(b"x" * 32)), "NONCE_WRONG"),
    "rubbish": (lambda asked, pki: responder.sending(responder.http(b"rubbish")), "MALFORMED"),
    "an excuse": (lambda asked, pki: responder.sending(responder.http(b"\x30\x03\x0a\x01\x03")), "MALFORMED"),
    "nothing": (lambda asked, pki: responder.sending(responder.http(b"")), "MALFORMED"),
    "a page": (lambda asked, pki: responder.sending(responder.http(b"<html>", kind="text/html")), "NO_ANSWER"),
    "an error": (lambda asked, pki: responder.sending(responder.http(b"", status="500 Oops")), "NO_ANSWER"),
    "no HTTP": (lambda asked, pki: responder.sending(b"220 mail.example ESMTP\r\n"), "NO_ANSWER"),
    "a chunked reply": (lambda asked, pki: responder.sending(responder.http(b"", Transfer_Encoding="chunked")),
                        "NO_ANSWER"),
    "half a reply": (lambda asked, pki: responder.sending(responder.http(bytes(500))[:-1]), "NO_ANSWER"),
    "data without end": (lambda asked, pki: responder.without_end, "NO_ANSWER"),
    "a header without end": (lambda asked, pki: responder.header_without_end, "NO_ANSWER"),
    "an end at once": (lambda asked, pki: responder.hang_up, "NO_ANSWER"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_answer_is_none(cli, asked, pki, what):
    make, reason = BAD[what]
    asked.reply = make(asked, pki)
    client = connect(cli, asked.server.port, "soft")
    assert client.code == command.DONE and client.out == PING, client.report()
    assert UNKNOWN.search(client.err)[1] == "CERTIFICATE_STATUS_" + reason
    assert refused(connect(cli, asked.server.port, "hard")) == ("CERTIFICATE_STATUS_" + reason, "certificate_unknown")
    assert len(asked.requests) == 2


def test_a_redirect_is_not_followed(cli, asked, peer):
    elsewhere = Responder(peer)
    elsewhere.leaf = asked.leaf
    asked.reply = responder.sending(responder.http(b"", status="302 Found", Location=elsewhere.url))
    assert refused(connect(cli, asked.server.port, "hard"))[0] == "CERTIFICATE_STATUS_NO_ANSWER"
    assert elsewhere.requests == []


def test_no_proxy_is_used(cli, asked, peer):
    proxy = Responder(peer)
    client = connect_with_environment(cli, asked.server.port, http_proxy=f"http://127.0.0.1:{proxy.port}")
    assert client.out == PING and proxy.requests == [] and len(asked.requests) == 1


def connect_with_environment(cli, port, **variables):
    words = [f"{name}={value}" for name, value in variables.items()]
    return cli.processes.run(["env", *words, cli.path, "connect", f"127.0.0.1:{port}", "--servername", "localhost",
                              "--ca", cli.pki.ca, "--ocsp-fetch", "hard", "--ocsp-local"], PING)


def test_a_silent_responder_has_its_time(cli, asked):
    asked.reply = responder.silence
    client = connect(cli, asked.server.port, "soft")
    assert client.out == PING
    assert UNKNOWN.search(client.err)[1] == "CERTIFICATE_STATUS_UNREACHABLE" and "timed out" in client.err


def test_a_responder_that_is_not_there(cli, peer, pki):
    port, keeper = refused_port()
    with keeper:
        server = peer.python_server(leaf=pki.naming("nobody", f"http://127.0.0.1:{port}/"))
        client = connect(cli, server.port, "soft")
        assert client.out == PING and UNKNOWN.search(client.err)[1] == "CERTIFICATE_STATUS_UNREACHABLE"
        assert "refused" in client.err
        assert refused(connect(cli, server.port, "hard")) == ("CERTIFICATE_STATUS_UNREACHABLE", "certificate_unknown")


def test_a_certificate_does_not_send_us_to_our_own_host(cli, asked):
    client = cli.connect(asked.server.port, "--ocsp-fetch", "hard", data=PING)
    assert refused(client) == ("CERTIFICATE_STATUS_NO_RESPONDER", "certificate_unknown")
    assert asked.requests == []


@pytest.mark.parametrize("url", ["https://127.0.0.1/", "ldap://127.0.0.1/", "file:///etc/passwd",
                                 "http://user@127.0.0.1/"])
def test_only_plain_http_is_spoken(cli, peer, pki, url):
    server = peer.python_server(leaf=pki.naming("strange", url))
    client = connect(cli, server.port, "soft")
    assert client.out == PING and UNKNOWN.search(client.err)[1] == "CERTIFICATE_STATUS_NO_RESPONDER"


def test_a_staple_spares_the_question(cli, asked, peer, tmp_path):
    file = tmp_path / "staple"
    file.write_bytes(asked.response())
    server = peer.openssl_server("-rev", "-status_file", file, leaf=asked.leaf)
    client = connect(cli, server.port, "hard")
    assert client.code == command.DONE and "revocation: good, stapled" in client.err
    assert asked.requests == []


def test_must_staple_is_not_satisfied_by_an_answer(cli, peer, pki):
    one = Responder(peer)
    one.leaf = pki.naming("must_staple", one.url, must_staple=True)
    server = peer.python_server(leaf=one.leaf)
    assert refused(connect(cli, server.port, "soft")) == ("CERTIFICATE_STATUS_MISSING",
                                                          "bad_certificate_status_response")
    assert one.requests == []


# the responder of OpenSSL

def start_openssl_responder(processes, pki, tmp_path, serial, revoked=False):
    index = tmp_path / "index"
    when = "\t251101000000Z" if revoked else "\t"
    index.write_text(f"{'R' if revoked else 'V'}\t351231235959Z{when}\t{serial:X}\tunknown\t/CN=asked\n")
    issuer = pki.issuer()
    process = processes.start(["openssl", "ocsp", "-index", index, "-CA", issuer.chain, "-rsigner", issuer.chain,
                               "-rkey", issuer.key, "-port", "0", "-ndays", "1"])
    return int(process.wait_out(re.compile(rb"ACCEPT \S*:(\d+)"))[1])


@pytest.mark.parametrize("revoked", [False, True])
def test_the_responder_of_openssl(cli, peer, pki, processes, tmp_path, revoked):
    serial = 0x1000 + revoked
    port = start_openssl_responder(processes, pki, tmp_path, serial, revoked)
    leaf = pki.naming(f"openssl-{serial}", f"http://127.0.0.1:{port}/", serial=serial)
    client = connect(cli, peer.python_server(leaf=leaf).port, "hard")
    if revoked:
        assert refused(client)[0] == "CERTIFICATE_REVOKED"
    else:
        assert client.code == command.DONE and client.out == PING, client.report()


# a server's own staple

STAPLED = re.compile(rb"keyturn: \S+: stapled the OCSP response of ")


def start_server(cli, one, *options):
    return cli.serve("--echo", "--cert", one.leaf.chain, "--key", one.leaf.key, "--ocsp", "fetch", "--ocsp-local",
                     *options)


@pytest.fixture
def own(peer, pki):
    one = Responder(peer)
    one.leaf = pki.naming("own", one.url, must_staple=True)
    return one


def stapled(cli, server):
    return cli.connect(server.port, "--ocsp", "require", data=PING)


def test_a_server_fetches_its_staple(cli, own):
    server = start_server(cli, own)
    server.process.wait_err(STAPLED)
    assert stapled(cli, server).out == PING
    assert not list(ocsp.load_der_ocsp_request(own.requests[0]).extensions)  # no nonce: it is for all clients


def test_a_staple_is_fetched_again_before_it_ends(cli, own):
    own.reply = responder.saying(life=63 * SECONDS)  # 3 seconds from now
    server = start_server(cli, own)
    server.process.wait_err(re.compile(STAPLED.pattern + rb"(?s:.*)" + STAPLED.pattern))
    assert len(own.requests) >= 2
    assert stapled(cli, server).out == PING


def test_the_old_staple_stays_while_the_responder_fails(cli, own):
    replies = iter([responder.saying(life=63 * SECONDS)])
    own.reply = lambda one, request, raw: next(replies, responder.hang_up)(one, request, raw)
    server = start_server(cli, own)
    server.process.wait_err(STAPLED)
    server.process.wait_err(re.compile(rb"WARNING: \S+: no OCSP response to staple: .*NO_ANSWER"))
    assert stapled(cli, server).out == PING
    server.process.wait_err(re.compile(rb"WARNING: \S+: nothing is stapled to it any more"))
    client = stapled(cli, server)
    assert command.failure(client.err).reason == "CERTIFICATE_STATUS_MISSING"
    own.reply = responder.good
    server.process.wait_err(re.compile(STAPLED.pattern + rb"(?s:.*)" + STAPLED.pattern))
    assert stapled(cli, server).out == PING


def test_connections_do_not_wait_for_the_responder(cli, own):
    own.reply = responder.silence
    server = start_server(cli, own)
    client = cli.connect(server.port, "--ocsp", "ignore", data=PING)
    assert client.out == PING


def test_a_revoked_certificate_gets_no_staple(cli, own):
    own.reply = responder.saying(word="REVOKED")
    server = start_server(cli, own)
    server.process.wait_err(re.compile(rb"WARNING: \S+: no OCSP response to staple: .*CERTIFICATE_REVOKED"))
    assert command.failure(stapled(cli, server).err).reason == "CERTIFICATE_STATUS_MISSING"


def test_a_reload_keeps_the_staple(cli, own):
    server = start_server(cli, own)
    server.process.wait_err(STAPLED)
    own.reply = responder.silence
    server.process.signal(signal.SIGHUP)
    server.process.wait_err(re.compile(rb"keyturn: reloaded\n"))
    assert stapled(cli, server).out == PING


def test_a_file_that_is_replaced_is_read_again(cli, own, pki, tmp_path):
    file, new = tmp_path / "staple", tmp_path / "new"
    file.write_bytes(own.response(age=7200 * SECONDS, life=3600 * SECONDS))
    server = cli.serve("--echo", "--cert", own.leaf.chain, "--key", own.leaf.key, "--ocsp", file)
    assert command.failure(stapled(cli, server).err).reason == "CERTIFICATE_STATUS_EXPIRED"
    new.write_bytes(own.response())
    new.rename(file)
    server.process.wait_err(re.compile(rb"keyturn: \S+: stapled the new OCSP response of "))
    assert stapled(cli, server).out == PING
    file.write_bytes(own.response(leaf=pki.p256))
    server.process.wait_err(re.compile(rb"WARNING: \S+: the OCSP response from before stays: .*FOREIGN"))
    assert stapled(cli, server).out == PING
    file.write_bytes(own.response(word="UNKNOWN"))
    server.process.wait_err(re.compile(rb"WARNING: \S+: clients will refuse its new OCSP response: .*UNKNOWN"))
    assert command.failure(stapled(cli, server).err).reason == "CERTIFICATE_STATUS_UNKNOWN"


# revocation lists

def test_a_server_on_a_list_is_refused(cli, peer, pki):
    server = peer.python_server(leaf=pki.p256)
    revoked, clean = pki.crl("revoked.crl", pki.p256), pki.crl("clean.crl", pki.p384)
    assert refused(cli.connect(server.port, "--crl", revoked, data=PING)) == ("CERTIFICATE_REVOKED",
                                                                              "certificate_revoked")
    assert cli.connect(server.port, "--crl", clean, data=PING).out == PING


def test_a_folder_of_lists(cli, peer, pki, tmp_path):
    server = peer.python_server(leaf=pki.p256)
    shutil.copy(pki.crl("x.crl", pki.p256), tmp_path / "one.crl")
    assert refused(cli.connect(server.port, "--crl", tmp_path, data=PING))[0] == "CERTIFICATE_REVOKED"


def test_hard_wants_a_list_for_each(cli, peer, pki):
    server = peer.python_server(leaf=pki.p256)
    leafs = pki.crl("leafs.crl")
    both = ("--crl", leafs, "--crl", pki.crl("middle.crl", issuer=pki.root))
    assert cli.connect(server.port, "--crl", leafs, data=PING).out == PING
    assert refused(cli.connect(server.port, "--crl", leafs, "--crl-check", "hard", data=PING)) == (
        "CERTIFICATE_CRL_MISSING", "certificate_unknown")
    assert cli.connect(server.port, *both, "--crl-check", "hard", data=PING).out == PING
    assert refused(cli.connect(server.port, "--crl-check", "hard", data=PING))[0] == "CERTIFICATE_CRL_MISSING"


def test_an_old_list_is_refused(cli, peer, pki):
    server = peer.python_server(leaf=pki.p256)
    old = pki.crl("old.crl", life=datetime.timedelta(hours=1))
    assert refused(cli.connect(server.port, "--crl", old, data=PING))[0] == "CERTIFICATE_CRL_UNUSABLE"


def test_neither_list_nor_responder_outweighs_the_other(cli, asked, pki):
    listed = pki.crl("listed.crl", asked.leaf)
    client = connect(cli, asked.server.port, "hard", "--crl", listed)
    assert refused(client)[0] == "CERTIFICATE_REVOKED" and asked.requests == []
    asked.reply = responder.saying(word="REVOKED")
    client = connect(cli, asked.server.port, "soft", "--crl", pki.crl("none.crl"))
    assert refused(client)[0] == "CERTIFICATE_REVOKED" and len(asked.requests) == 1


def test_clients_on_a_list_are_refused(cli, pki, tmp_path):
    file = tmp_path / "clients.crl"
    shutil.copy(pki.crl("c1.crl"), file)
    server = cli.serve("--echo", "--client-ca", pki.ca, "--crl", file)
    assert cli.connect(server.port, *command.client_auth(pki.client_p256), data=PING).out == PING
    shutil.copy(pki.crl("c2.crl", pki.client_p256), file)
    server.process.signal(signal.SIGHUP)
    server.process.wait_err(re.compile(rb"keyturn: reloaded\n"))
    cli.connect(server.port, *command.client_auth(pki.client_p256), data=PING)
    assert server.wait_failure().reason == "CERTIFICATE_REVOKED"


@pytest.mark.parametrize("words", [
    ["connect", "localhost:1", "--ocsp-fetch", "perhaps"], ["connect", "localhost:1", "--crl-check", "perhaps"],
    ["connect", "localhost:1", "--insecure", "--ocsp-fetch", "soft"],
    ["connect", "localhost:1", "--insecure", "--crl", "x"], ["connect", "localhost:1", "--ticket-request", "2"],
    ["connect", "localhost:1", "--ticket-request", "256,0"], ["connect", "localhost:1", "--ticket-request", "1,x"],
    ["serve", "--listen", "127.0.0.1:0", "--echo", "--crl", "x"],
    ["serve", "--listen", "127.0.0.1:0", "--echo", "--sct", "x"]])
def test_wrong_words_are_told(cli, words):
    assert cli.run(*words).code == command.USAGE


def test_a_list_that_is_none_is_told(cli, pki):
    done = cli.run("connect", "localhost:1", "--ca", pki.ca, "--crl", pki.ca)
    assert done.code == command.FILES and command.failure(done.err).reason == "PEM_MISSING"
