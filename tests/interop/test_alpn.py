"""Application protocols: agreed, not agreed, not offered (RFC 7301; strict on both sides)."""
import re

import pytest

from support import command
from support.peers import PING


def openssl_server(peer, names):
    return peer.openssl_server("-rev", *(["-alpn", names] if names else []))


@pytest.mark.parametrize("ours, theirs, agreed", [
    ("h2", "h2", "h2"),
    ("h2,http/1.1", "http/1.1", "http/1.1"),
    ("a", None, "-"),
    (None, "h2", "-"),
])
def test_we_connect(cli, peer, ours, theirs, agreed):
    client = cli.connect(openssl_server(peer, theirs).port, *(["--alpn", ours] if ours else []), data=PING)
    assert client.code == command.DONE and client.out == PING, client.report()
    assert command.connected(client.err)["alpn"] == agreed


@pytest.mark.parametrize("ours, theirs, agreed", [
    ("h2", "h2", "h2"),
    ("h2,http/1.1", "http/1.1,h2", "h2"),
    ("h2,http/1.1", "spdy,http/1.1", "http/1.1"),
    ("h2", None, "-"),
    (None, "h2", "-"),
])
def test_we_serve(cli, peer, ours, theirs, agreed):
    server = cli.serve(*(["--alpn", ours] if ours else []))
    outcome = peer.ping("openssl", server.port, *(["-alpn", theirs] if theirs else []))
    assert outcome.ok and outcome.got == PING, outcome.said
    assert server.wait_connected()["alpn"] == agreed
    if agreed != "-":
        assert f"ALPN protocol: {agreed}" in peer.openssl_client(
            server.port, "-alpn", theirs).out.decode()


def test_gnutls_agrees_with_us(cli, peer):
    client = cli.connect(peer.gnutls_server("--alpn", "h2", "--alpn-fatal").port, "--alpn", "http/1.1,h2", data=PING)
    assert client.code == command.DONE, client.report()
    assert command.connected(client.err)["alpn"] == "h2"
    server = cli.serve("--alpn", "h2")
    assert peer.ping("gnutls", server.port, "--alpn", "h2").got == PING
    assert server.wait_connected()["alpn"] == "h2"


def test_curl_agrees_with_us(cli, peer, tmp_path):
    (tmp_path / "index.html").write_text("index\n")
    server = cli.serve("--www", tmp_path, "--alpn", "http/1.1")
    assert peer.curl(server.port).out == b"index\n"
    assert server.wait_connected()["alpn"] == "http/1.1"


@pytest.mark.parametrize("server", ["openssl", "gnutls"])
def test_a_server_that_shares_nothing_with_us(cli, peer, server):
    there = (peer.openssl_server("-rev", "-alpn", "spdy") if server == "openssl"
             else peer.gnutls_server("--alpn", "spdy", "--alpn-fatal"))
    client = cli.connect(there.port, "--alpn", "h2", data=PING)
    failure = command.failure(client.err)
    assert client.code == command.PROTOCOL, client.report()
    assert (failure.reason, failure.alert, failure.direction) == (
        "ALERT_RECEIVED", "no_application_protocol", "received")
    assert failure.hint


@pytest.mark.parametrize("client, options", [("openssl", ["-alpn", "spdy"]), ("gnutls", ["--alpn", "spdy"])])
def test_a_client_that_shares_nothing_with_us(cli, peer, client, options):
    server = cli.serve("--alpn", "h2,http/1.1")
    outcome = peer.ping(client, server.port, *options)
    assert not outcome.ok and re.search(r"alert (number 120|\[120\])", outcome.said), outcome.said
    failure = server.wait_failure()
    assert (failure.reason, failure.alert, failure.direction) == (
        "ALPN_NONE_IN_COMMON", "no_application_protocol", "sent")
