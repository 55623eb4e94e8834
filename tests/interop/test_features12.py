"""What a connection of TLS 1.2 can have, and how the version is agreed on, with stock programs in both roles."""
import random
import re
import ssl

import pytest

from support import command
from support.peers import PING, RECORD_HEADER

OLD = "NORMAL:-VERS-ALL:+VERS-TLS1.2"
ONLY = ("--max-version", "TLSv1.2")
HANDSHAKE, APPLICATION_DATA, CLIENT_HELLO, SUPPORTED_VERSIONS, UNKNOWN = 22, 23, 1, 43, 0xff77
NONCE_AND_TAG = 8 + 16
BYTES = b"".join(b"%060x\n" % random.Random(n).getrandbits(240) for n in range(600))


def connected(client):
    assert client.code == command.DONE, client.report()
    facts = command.connected(client.err)
    assert facts[None] == ["TLSv1.2"], client.report()
    return facts


# names


@pytest.mark.parametrize("client", ["openssl", "gnutls", "curl"])
def test_our_server_is_told_a_name(cli, peer, tmp_path, client):
    (tmp_path / "index.html").write_text("index\n")
    server = cli.serve(*(["--www", tmp_path] if client == "curl" else []))
    if client == "curl":
        assert peer.curl(server.port, "/", "--tls-max", "1.2").out == b"index\n"
    else:
        words = {"openssl": ("-tls1_2",), "gnutls": ("--priority", OLD)}[client]
        assert peer.ping(client, server.port, *words).got == PING
    facts = server.wait_connected()
    assert (facts[None], facts["sni"]) == (["TLSv1.2"], "localhost")


def test_we_tell_a_server_its_name(cli, peer, pki):
    names = []
    context = peer.python_context(True, pki.p256)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.sni_callback = lambda tls, name, _: names.append(name)
    assert connected(cli.connect(peer.python_server(context=context).port, data=PING))["sni"] == "localhost"
    assert names == ["localhost"]


# OCSP


def test_they_get_our_staple(cli, peer, pki):
    server = cli.serve("--cert", pki.p256.chain, "--key", pki.p256.key, "--ocsp", pki.status("good.ocsp"))
    assert b"Cert Status: good" in peer.openssl_client(server.port, "-tls1_2", "-status").out
    client = peer.gnutls_client(server.port, "--priority", OLD, data=PING)
    assert client.code == 0 and b"OCSP status request" in client.out
    assert b"OCSP" not in peer.openssl_client(server.port, "-tls1_2").out


def stapling(peer, name, status):
    if name == "openssl":
        return peer.openssl_server("-rev", "-tls1_2", "-status_file", status)
    return peer.gnutls_server("--priority", OLD, "--ocsp-response", status, "--ignore-ocsp-response-errors")


@pytest.mark.parametrize("name", ["openssl", "gnutls"])
def test_we_take_a_good_staple_and_no_other(cli, peer, pki, name):
    client = cli.connect(stapling(peer, name, pki.status("good.ocsp")).port, "--ocsp", "require", data=PING)
    assert connected(client)["verified"] == "yes"
    client = cli.connect(stapling(peer, name, pki.status("revoked.ocsp", word="REVOKED")).port, data=PING)
    assert client.code == command.UNVERIFIED, client.report()
    assert command.failure(client.err).reason == "CERTIFICATE_REVOKED"


def test_a_missing_staple_is_refused_when_required(cli, peer):
    client = cli.connect(peer.openssl_server("-rev", "-tls1_2").port, "--ocsp", "require", data=PING)
    assert command.failure(client.err).reason == "CERTIFICATE_STATUS_MISSING", client.report()


# short records


class Watch:
    """For record_proxy: the longest content of the client's records of data."""

    def __init__(self):
        self.longest = 0

    def __call__(self, record):
        if record[0] == APPLICATION_DATA:
            self.longest = max(self.longest, len(record) - RECORD_HEADER - NONCE_AND_TAG)
        return record


@pytest.mark.parametrize("limit", [64, 512, 1000])
def test_gnutls_serves_us_and_wants_short_records(cli, peer, limit):
    """Without the byte for the type that TLS 1.3 counts (RFC 8449 section 4)."""
    watch = Watch()
    server = peer.gnutls_server("--recordsize", limit, "--priority", OLD + ":%ALLOW_SMALL_RECORDS")
    client = cli.connect(peer.record_proxy(server.port, watch).port, data=BYTES)
    connected(client)
    assert client.out == BYTES and watch.longest == limit


@pytest.mark.parametrize("limit", [64, 512, 1000])
def test_gnutls_is_served_and_must_send_short_records(cli, peer, limit):
    watch = Watch()
    server = cli.serve("--record-limit", str(limit), *ONLY)
    port = peer.record_proxy(server.port, watch).port
    client = peer.gnutls_client(port, "--priority", OLD + ":%ALLOW_SMALL_RECORDS", data=BYTES)
    assert client.code == 0, client.report()
    assert 1 < watch.longest <= limit
    server.wait_closed()


@pytest.mark.parametrize("length", [512, 4096])
def test_openssl_is_served_fragments(cli, peer, length):
    watch = Watch()
    server = cli.serve()
    client = peer.start_openssl_client(peer.record_proxy(server.port, watch).port, "-tls1_2", "-maxfraglen", length,
                                       "-quiet", "-no_ign_eof")
    client.write(BYTES)
    client.wait_out_size(len(BYTES))
    client.close_stdin()
    client.wait()
    assert client.out == BYTES and watch.longest == length


# versions


@pytest.mark.parametrize("name", ["openssl", "gnutls"])
def test_one_port_speaks_both_versions(cli, peer, name):
    server = cli.serve()
    old = {"openssl": ("-tls1_2",), "gnutls": ("--priority", OLD)}[name]
    for count, words in enumerate([(), old, ()], 1):
        assert peer.ping(name, server.port, *words).got == PING
        server.process.wait_err_count(b"] connected", count)
    assert re.findall(r"connected (TLSv1\.\d)", server.err) == ["TLSv1.3", "TLSv1.2", "TLSv1.3"]


@pytest.mark.parametrize("options, theirs, version", [
    (["--min-version", "TLSv1.2"], "-tls1_2", "TLSv1.2"), (["--min-version", "TLSv1.2"], None, "TLSv1.3"),
    (["--max-version", "TLSv1.2"], None, "TLSv1.2"), (["--min-version", "TLSv1.3"], None, "TLSv1.3"),
    (["--max-version", "TLSv1.2"], "-tls1_3", None), (["--min-version", "TLSv1.3"], "-tls1_2", None)])
def test_the_range_of_versions_holds_in_both_roles(cli, peer, options, theirs, version):
    words = [theirs] if theirs else []
    client = cli.connect(peer.openssl_server("-rev", *words).port, *options, data=PING)
    server = cli.serve(*options)
    outcome = peer.ping("openssl", server.port, *words)
    if version:
        assert command.connected(client.err)[None] == server.wait_connected()[None] == [version], client.report()
        assert outcome.got == PING
    else:
        assert client.code == command.PROTOCOL and not outcome.ok
        assert command.failure(client.err).alert == "protocol_version", client.report()
        assert (server.wait_failure().reason, server.wait_failure().alert) == ("VERSION_NOT_SUPPORTED",
                                                                               "protocol_version")


def test_a_version_that_needs_another_policy_is_refused(cli):
    done = cli.run("serve", "--listen", "127.0.0.1:0", "--echo", "--max-version", "TLSv1.1")
    assert (done.code, command.failure(done.err).reason) == (command.FILES, "CONFIG_VERSIONS"), done.report()


def without_tls_1_3(record):
    """A ClientHello whose supported_versions is made something that nobody knows."""
    if record[0] != HANDSHAKE or record[RECORD_HEADER] != CLIENT_HELLO:
        return record
    hello = bytearray(record)
    at = RECORD_HEADER + 4 + 2 + 32
    at += 1 + hello[at]
    at += 2 + int.from_bytes(hello[at:at + 2], "big")
    at += 1 + hello[at] + 2
    while int.from_bytes(hello[at:at + 2], "big") != SUPPORTED_VERSIONS:
        at += 4 + int.from_bytes(hello[at + 2:at + 4], "big")
    hello[at:at + 2] = UNKNOWN.to_bytes(2, "big")
    return bytes(hello)


def test_a_downgrade_on_the_way_to_us_is_seen_by_openssl(cli, peer):
    server = cli.serve()
    outcome = peer.ping("openssl", peer.record_proxy(server.port, without_tls_1_3).port)
    assert not outcome.ok and "inappropriate fallback" in outcome.said
    assert server.wait_failure().direction == "received"


@pytest.mark.parametrize("name", ["openssl", "gnutls", "python", "keyturn"])
def test_a_downgrade_on_our_way_is_seen_by_us(cli, peer, name):
    there = cli.serve() if name == "keyturn" else peer.echo_server(name)
    client = cli.connect(peer.record_proxy(there.port, without_tls_1_3).port, data=PING)
    assert client.code == command.PROTOCOL, client.report()
    failure = command.failure(client.err)
    assert (failure.reason, failure.alert, failure.direction) == ("DOWNGRADE_DETECTED", "illegal_parameter", "sent")


def test_a_client_of_tls_1_2_only_is_no_downgrade(cli, peer):
    """The mark of a server that knows more (RFC 9846 section 4.2.3) is not for whoever offered less."""
    for name in ("openssl", "gnutls", "python"):
        connected(cli.connect(peer.echo_server(name).port, *ONLY, data=PING))
