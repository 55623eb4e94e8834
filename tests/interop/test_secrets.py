"""The key log and the exporter: what we write down is what the peer has."""
import hashlib
import hmac
import re
import stat

import pytest

from support import command
from support.peers import PING

LABELS = {"CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0",
          "SERVER_TRAFFIC_SECRET_0", "EXPORTER_SECRET"}
MATERIAL = re.compile(rb"Keying material: ([0-9A-F]+)")


def lines(path):
    """The secrets of a key log (RFC 9850) as {(label, client random): secret}, in lower case."""
    found = {}
    for line in path.read_text().splitlines():
        if line and not line.startswith("#"):
            label, random, secret = line.split(" ")
            assert (label, random) not in found
            found[label, random.lower()] = secret.lower()
    return found


def check(ours, theirs):
    ours, theirs = lines(ours), lines(theirs)
    assert {label for label, _ in ours} >= LABELS
    assert ours == theirs


@pytest.fixture
def ours(tmp_path):
    return tmp_path / "ours"


@pytest.fixture
def theirs(tmp_path):
    return tmp_path / "theirs"


@pytest.mark.parametrize("suite", ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"])
def test_our_client_and_openssl(cli, peer, ours, theirs, suite):
    server = peer.openssl_server("-rev", "-keylogfile", theirs)
    assert cli.connect(server.port, "--keylog", ours, "--suites", suite, data=PING).out == PING
    check(ours, theirs)
    assert stat.S_IMODE(ours.stat().st_mode) == 0o600


@pytest.mark.parametrize("suite", ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"])
def test_our_server_and_openssl(cli, peer, ours, theirs, suite):
    server = cli.serve("--keylog", ours, "--suites", suite)
    assert peer.ping("openssl", server.port, "-keylogfile", theirs).got == PING
    check(ours, theirs)


def test_our_client_and_python(cli, peer, pki, ours, theirs):
    context = peer.python_context(True, pki.p256)
    context.keylog_filename = str(theirs)
    assert cli.connect(peer.python_server(context=context).port, "--keylog", ours, data=PING).out == PING
    check(ours, theirs)


def test_our_server_and_python(cli, peer, ours, theirs):
    context = peer.python_context(False)
    context.keylog_filename = str(theirs)
    with peer.python_client(cli.serve("--keylog", ours).port, context) as tls:
        tls.unwrap()
    check(ours, theirs)


def test_our_server_and_curl(cli, peer, tmp_path, ours, theirs):
    (tmp_path / "index.html").write_text("index\n")
    server = cli.serve("--www", tmp_path, "--keylog", ours)
    assert peer.curl(server.port, env={"SSLKEYLOGFILE": str(theirs)}).out == b"index\n"
    check(ours, theirs)


@pytest.mark.parametrize("role", ["client", "server"])
def test_both_roles_and_gnutls(cli, peer, ours, theirs, role):
    env = {"SSLKEYLOGFILE": str(theirs)}
    if role == "client":
        server = peer.gnutls_server(env=env)
        assert cli.connect(server.port, "--keylog", ours, data=PING).out == PING
        server.stop()
    else:
        server = cli.serve("--keylog", ours)
        assert peer.gnutls_client(server.port, data=PING, env=env).code == 0
    logged = lines(theirs)
    assert {key: lines(ours)[key] for key in logged if key[0] in LABELS} == {
        key: value for key, value in logged.items() if key[0] in LABELS}
    assert {label for label, _ in logged} >= LABELS - {"EXPORTER_SECRET"}


def test_a_retried_handshake_is_logged_once(cli, peer, ours, theirs):
    server = peer.openssl_server("-rev", "-groups", "P-384", "-keylogfile", theirs)
    assert cli.connect(server.port, "--keylog", ours, data=PING).out == PING
    check(ours, theirs)


def test_the_exporter_of_our_client(cli, peer):
    server = peer.openssl_server("-keymatexport", "EXPERIMENTAL keyturn", "-keymatexportlen", "32")
    client = cli.start_connect(server.port, "--commands", "~")
    client.write(b"~e\n")
    material = server.wait_out(MATERIAL)[1].decode().lower()
    client.wait_err(re.compile(rb"\b%b\b" % material.encode()))
    client.write(b"~q\n")
    assert client.wait() == command.DONE


@pytest.mark.parametrize("suite, digest", [("TLS_AES_128_GCM_SHA256", "sha256"), ("TLS_AES_256_GCM_SHA384", "sha384")])
def test_the_exporter_secret_of_our_server(cli, peer, ours, suite, digest):
    """What openssl exports follows from the EXPORTER_SECRET that our server logged."""
    server = cli.serve("--keylog", ours, "--suites", suite)
    client = peer.start_openssl_client(server.port, "-keymatexport", "EXPERIMENTAL keyturn", "-keymatexportlen", "32")
    material = client.wait_out(MATERIAL)[1].decode().lower()
    client.close_stdin()
    client.wait()
    secret = next(bytes.fromhex(value) for (label, _), value in lines(ours).items() if label == "EXPORTER_SECRET")
    assert export(secret, digest, b"EXPERIMENTAL keyturn", 32).hex() == material


def export(secret, digest, label, length):
    """RFC 9846 section 7.5 with an empty context, in this file's own words."""
    def expand_label(key, name, context, size):
        name = b"tls13 " + name
        info = size.to_bytes(2, "big") + bytes([len(name)]) + name + bytes([len(context)]) + context
        return hmac.digest(key, info + b"\x01", digest)[:size]
    empty = hashlib.new(digest).digest()
    derived = expand_label(secret, label, empty, len(empty))
    return expand_label(derived, b"exporter", empty, length)


def test_a_key_log_that_others_can_read_is_refused(cli, peer, ours):
    ours.touch()
    ours.chmod(0o644)
    client = cli.connect(peer.python_server().port, "--keylog", ours)
    assert client.code == command.FILES
    assert command.failure(client.err).reason == "FILE_NOT_PRIVATE"
