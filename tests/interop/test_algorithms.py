"""Every suite, group and signature scheme with every peer, in both roles; HelloRetryRequest."""
import pytest

from support import command
from support.certs import Pki
from support.peers import PING

SERVERS = ("openssl", "gnutls", "python")
CLIENTS = ("openssl", "gnutls", "python")

# Ours -> as openssl and gnutls write it.
SUITES = {
    "TLS_AES_128_GCM_SHA256": ("TLS_AES_128_GCM_SHA256", "AES-128-GCM"),
    "TLS_AES_256_GCM_SHA384": ("TLS_AES_256_GCM_SHA384", "AES-256-GCM"),
    "TLS_CHACHA20_POLY1305_SHA256": ("TLS_CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305"),
}
GROUPS = {
    "x25519": ("X25519", "GROUP-X25519"),
    "secp256r1": ("P-256", "GROUP-SECP256R1"),
    "secp384r1": ("P-384", "GROUP-SECP384R1"),
    "secp521r1": ("P-521", "GROUP-SECP521R1"),
}
# Scheme -> kind of key that signs so, and as openssl and gnutls write it.
SCHEMES = {
    "ecdsa_secp256r1_sha256": ("p256", "ECDSA+SHA256", "SIGN-ECDSA-SECP256R1-SHA256"),
    "ecdsa_secp384r1_sha384": ("p384", "ECDSA+SHA384", "SIGN-ECDSA-SECP384R1-SHA384"),
    "ecdsa_secp521r1_sha512": ("p521", "ECDSA+SHA512", "SIGN-ECDSA-SECP521R1-SHA512"),
    "rsa_pss_rsae_sha256": ("rsa", "rsa_pss_rsae_sha256", "SIGN-RSA-PSS-RSAE-SHA256"),
    "rsa_pss_rsae_sha384": ("rsa", "rsa_pss_rsae_sha384", "SIGN-RSA-PSS-RSAE-SHA384"),
    "rsa_pss_rsae_sha512": ("rsa", "rsa_pss_rsae_sha512", "SIGN-RSA-PSS-RSAE-SHA512"),
    "rsa_pss_pss_sha256": ("rsa_pss", "rsa_pss_pss_sha256", "SIGN-RSA-PSS-SHA256"),
    "rsa_pss_pss_sha384": ("rsa_pss", "rsa_pss_pss_sha384", "SIGN-RSA-PSS-SHA384"),
    "rsa_pss_pss_sha512": ("rsa_pss", "rsa_pss_pss_sha512", "SIGN-RSA-PSS-SHA512"),
    "ed25519": ("ed25519", "ed25519", "SIGN-EDDSA-ED25519"),
}


def connect(cli, server, *options):
    """A connection of ours to an echo server that must work; its facts."""
    client = cli.connect(server.port, *options, data=PING)
    assert client.code == command.DONE, client.report()
    assert client.out == PING
    facts = command.connected(client.err)
    assert facts[None] == ["TLSv1.3"]
    assert facts["verified"] == "yes"
    assert command.closed(client.err)[None] == ["clean"]
    return facts


def served(peer, server, name, *options, leaf=None):
    """A connection of a peer to our echo server that must work; its facts as we see them."""
    outcome = peer.ping(name, server.port, *options, leaf=leaf)
    assert outcome.ok and outcome.got == PING, outcome.said
    facts = server.wait_connected()
    assert facts[None] == ["TLSv1.3"]
    assert server.wait_closed()[None] == ["clean"]
    return facts


def hellos(events, direction):
    return [e for e in events
            if e["event"] == "message" and e["name"] == "ClientHello" and e["direction"] == direction]


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("server", SERVERS)
def test_we_connect_with_each_suite(cli, peer, server, suite):
    assert connect(cli, peer.echo_server(server), "--suites", suite)["suite"] == suite


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("client", CLIENTS)
def test_we_serve_with_each_suite(cli, peer, client, suite):
    assert served(peer, cli.serve("--suites", suite), client)["suite"] == suite


@pytest.mark.parametrize("suite", SUITES)
def test_the_peer_chooses_the_suite(cli, peer, suite):
    openssl, gnutls = SUITES[suite]
    assert connect(cli, peer.openssl_server("-rev", "-ciphersuites", openssl))["suite"] == suite
    priority = f"NORMAL:-CIPHER-ALL:+{gnutls}"
    assert connect(cli, peer.gnutls_server("--priority", priority))["suite"] == suite


@pytest.mark.parametrize("suite", SUITES)
def test_the_peer_offers_one_suite(cli, peer, suite):
    openssl, gnutls = SUITES[suite]
    assert served(peer, cli.serve(), "openssl", "-ciphersuites", openssl)["suite"] == suite
    priority = f"NORMAL:-CIPHER-ALL:+{gnutls}"
    assert served(peer, cli.serve(), "gnutls", "--priority", priority)["suite"] == suite


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("server", SERVERS)
def test_we_connect_with_each_group(cli, peer, server, group):
    assert connect(cli, peer.echo_server(server), "--groups", group)["group"] == group


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("client", CLIENTS)
def test_we_serve_with_each_group(cli, peer, client, group):
    assert served(peer, cli.serve("--groups", group), client)["group"] == group


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("server", SERVERS)
def test_we_connect_with_each_scheme(cli, peer, pki, server, scheme):
    kind = SCHEMES[scheme][0]
    there = peer.echo_server(server, leaf=pki.leaf(kind))
    assert connect(cli, there, "--schemes", scheme)["scheme"] == scheme


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("client", CLIENTS)
def test_we_serve_with_each_scheme(cli, peer, pki, client, scheme):
    server = cli.serve("--schemes", scheme, leaf=pki.leaf(SCHEMES[scheme][0]))
    assert served(peer, server, client)["scheme"] == scheme


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("client", ["openssl", "gnutls"])
def test_the_peer_offers_one_scheme(cli, peer, pki, client, scheme):
    kind, openssl, gnutls = SCHEMES[scheme]
    if client == "openssl":  # besides that of the signatures in the chain
        options = ["-sigalgs", ":".join(dict.fromkeys([openssl, "ECDSA+SHA256"]))]
    else:
        options = ["--priority", f"NORMAL:-SIGN-ALL:+{gnutls}:+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-ECDSA-SHA256"]
    assert served(peer, cli.serve(leaf=pki.leaf(kind)), client, *options)["scheme"] == scheme


@pytest.mark.parametrize("kind", Pki.KINDS)
@pytest.mark.parametrize("path", ["/", "/hello.txt"])
def test_curl_reads_from_us(cli, peer, pki, tmp_path, kind, path):
    (tmp_path / "index.html").write_text("index\n")
    (tmp_path / "hello.txt").write_text("hello\n")
    client = peer.curl(cli.serve("--www", tmp_path, leaf=pki.leaf(kind)).port, path)
    assert client.code == 0, client.report()
    assert client.out == (b"index\n" if path == "/" else b"hello\n")
    assert "TLSv1.3" in client.err


@pytest.mark.parametrize("suite", SUITES)
def test_curl_with_each_suite(cli, peer, tmp_path, suite):
    (tmp_path / "index.html").write_text("index\n")
    client = peer.curl(cli.serve("--www", tmp_path).port, "/", "--tls13-ciphers", suite)
    assert client.code == 0, client.report()
    assert f"TLSv1.3 / {suite}" in client.err


@pytest.mark.parametrize("group", GROUPS)
def test_curl_with_each_group(cli, peer, tmp_path, group):
    (tmp_path / "index.html").write_text("index\n")
    server = cli.serve("--www", tmp_path)
    client = peer.curl(server.port, "/", "--curves", GROUPS[group][0])
    assert client.code == 0, client.report()
    assert server.wait_connected()["group"] == group


@pytest.mark.parametrize("group", [g for g in GROUPS if g != "x25519"])
@pytest.mark.parametrize("server", SERVERS)
def test_a_server_asks_us_for_another_share(cli, peer, server, group):
    openssl, gnutls = GROUPS[group]
    if server == "openssl":
        there = peer.openssl_server("-rev", "-groups", openssl)
    elif server == "gnutls":
        there = peer.gnutls_server("--priority", f"NORMAL:-GROUP-ALL:+{gnutls}")
    else:
        context = peer.python_context(True, peer.pki.p256)
        context.set_ecdh_curve({"secp256r1": "prime256v1"}.get(group, group))
        there = peer.python_server(context=context)
    client = cli.connect(there.port, "--groups", f"x25519,{group}", "--key-shares", "1", "--trace=json", data=PING)
    assert client.code == command.DONE and client.out == PING, client.report()
    assert command.connected(client.err)["group"] == group
    assert len(hellos(command.trace(client.err), "sent")) == 2


@pytest.mark.parametrize("server", SERVERS)
def test_we_send_no_share_and_are_asked(cli, peer, server):
    client = cli.connect(peer.echo_server(server).port, "--key-shares", "0", "--trace=json", data=PING)
    assert client.code == command.DONE and client.out == PING, client.report()
    assert len(hellos(command.trace(client.err), "sent")) == 2


def test_two_shares_save_the_retry(cli, peer):
    there = peer.openssl_server("-rev", "-groups", "P-384")
    client = cli.connect(there.port, "--groups", "x25519,secp384r1", "--key-shares", "2", "--trace=json", data=PING)
    assert client.code == command.DONE and client.out == PING, client.report()
    assert len(hellos(command.trace(client.err), "sent")) == 1


@pytest.mark.parametrize("group", [g for g in GROUPS if g != "x25519"])
@pytest.mark.parametrize("client", CLIENTS)
def test_we_ask_a_client_for_another_share(cli, peer, client, group):
    openssl, gnutls = GROUPS[group]
    options = {"openssl": ["-groups", f"X25519:{openssl}"],
               "gnutls": ["--single-key-share", "--priority", f"NORMAL:-GROUP-ALL:+GROUP-X25519:+{gnutls}"],
               "python": []}[client]
    server = cli.serve("--groups", group, "--trace=json")
    assert served(peer, server, client, *options)["group"] == group
    server.process.stop()
    assert len(hellos(command.trace(server.err), "received")) == 2


def test_we_ask_curl_for_another_share(cli, peer, tmp_path):
    (tmp_path / "index.html").write_text("index\n")
    server = cli.serve("--www", tmp_path, "--groups", "secp384r1", "--trace=json")
    client = peer.curl(server.port, "/", "--curves", "X25519:P-384")
    assert client.code == 0 and client.out == b"index\n", client.report()
    assert server.wait_connected()["group"] == "secp384r1"
    server.process.stop()
    assert len(hellos(command.trace(server.err), "received")) == 2


def test_no_group_in_common_as_client(cli, peer):
    client = cli.connect(peer.openssl_server("-rev", "-groups", "X25519").port, "--groups", "secp521r1")
    failure = command.failure(client.err)
    assert (client.code, failure.alert, failure.direction) == (command.PROTOCOL, "handshake_failure", "received")


def test_no_suite_in_common_as_client(cli, peer):
    client = cli.connect(peer.openssl_server("-rev", "-ciphersuites", "TLS_AES_128_GCM_SHA256").port,
                         "--suites", "TLS_AES_256_GCM_SHA384")
    failure = command.failure(client.err)
    assert (client.code, failure.alert, failure.direction) == (command.PROTOCOL, "handshake_failure", "received")


@pytest.mark.parametrize("ours, theirs, reason", [
    (["--groups", "secp521r1"], ["-groups", "X25519"], "GROUP_NONE_IN_COMMON"),
    (["--suites", "TLS_AES_256_GCM_SHA384"], ["-ciphersuites", "TLS_AES_128_GCM_SHA256"], "SUITE_NONE_IN_COMMON"),
    ([], ["-sigalgs", "rsa_pss_rsae_sha256"], "SCHEME_NONE_IN_COMMON"),
])
def test_nothing_in_common_as_server(cli, peer, ours, theirs, reason):
    server = cli.serve(*ours)
    assert not peer.ping("openssl", server.port, *theirs).ok
    failure = server.wait_failure()
    assert (failure.reason, failure.alert, failure.direction) == (reason, "handshake_failure", "sent")


@pytest.mark.parametrize("first, scheme", [("p256", "ecdsa_secp256r1_sha256"), ("p384", "rsa_pss_rsae_sha256")])
def test_the_first_credential_that_can_sign_is_shown(cli, peer, pki, first, scheme):
    first = pki.leaf(first)
    server = cli.serve("--cert", first.chain, "--key", first.key, "--cert", pki.rsa.chain, "--key", pki.rsa.key)
    assert served(peer, server, "openssl", "-sigalgs", "rsa_pss_rsae_sha256:ECDSA+SHA256")["scheme"] == scheme
