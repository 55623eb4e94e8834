"""External pre-shared keys with stock programs in both roles, and the importer of RFC 9258 computed a second time."""
import base64
import hashlib
import hmac
import os
import re
import socket
import struct

import pytest

from support import command
from support.peers import PING, read_record
from support.process import DEADLINE, listening_port

KEY = bytes(range(32))
OTHER = bytes(range(1, 33))
NAME = "client one"
ZEROS = b"a\0\0b"


@pytest.fixture
def keys(tmp_path):
    """A file of keys: keys("client one", KEY) or keys((name, key), ...)."""
    def write(*lines):
        path = tmp_path / f"keys{len(list(tmp_path.iterdir()))}"
        path.touch(0o600)
        path.write_text("# a comment\n\n" + "".join(f"{name}:{key.hex()}\n" for name, key in lines))
        return path
    return write


def serve(cli, *options):
    """`keyturn serve` without certificates."""
    return command.Server(cli.processes.start([cli.path, "serve", "--listen", "127.0.0.1:0", "--echo", *options]))


def connect(cli, port, *options):
    client = cli.connect(port, *options, data=PING)
    assert client.code == command.DONE, client.report()
    return command.connected(client.err)


# the command with itself


@pytest.mark.parametrize("options", [[], ["--psk-import", ""], ["--psk-import", "a to b"], ["--psk-hash", "sha384"],
                                     ["--psk-hash", "sha384", "--psk-import", "x"]])
@pytest.mark.parametrize("shares", ["1", "0"])
def test_a_key_is_enough(cli, keys, options, shares):
    file = keys(("someone", OTHER), (NAME.replace(" ", "_"), KEY))
    server = serve(cli, "--psk", file, *options)
    facts = connect(cli, server.port, "--psk", keys((NAME.replace(" ", "_"), KEY)), "--key-shares", shares, *options)
    assert facts["verified"] == "yes" and facts["scheme"] == "-" and facts["psk"] == "client_one"
    assert server.wait_connected()["psk"] == "client_one"


def test_an_identity_in_hexadecimal(cli, keys):
    server = serve(cli, "--psk", keys(("0x" + ZEROS.hex(), KEY)))
    assert connect(cli, server.port, "--psk", keys(("0x" + ZEROS.hex(), KEY)))["psk"] == "a??b"
    client = cli.connect(server.port, "--psk", keys(("0x" + b"a\0\0c".hex(), KEY)), data=PING)
    assert client.code == command.PROTOCOL
    failure = command.failure(client.err)
    assert failure.reason == "ALERT_RECEIVED" and failure.alert == "decrypt_error"


def test_without_a_key_in_common_certificates_are_shown(cli, keys):
    server = cli.serve("--psk", keys((NAME, KEY)))
    facts = connect(cli, server.port, "--psk", keys(("stranger", KEY)))
    assert facts["scheme"] != "-" and "psk" not in facts and facts["verified"] == "yes"
    assert "psk" in connect(cli, server.port, "--psk", keys((NAME, KEY)))


def test_without_exchange_both_must_say_danger(cli, keys):
    file = keys((NAME, KEY))
    client = ["--psk", file, "--key-shares", "0", "--danger-psk-ke"]
    assert connect(cli, serve(cli, "--psk", file, "--danger-psk-ke").port, *client)["group"] == "-"
    assert cli.connect(serve(cli, "--psk", file).port, *client, data=PING).code == command.PROTOCOL


@pytest.mark.parametrize("text, said", [
    ("name-without-key\n", ":1: there is no identity"), (":00112233445566778899aabbccddeeff\n", ":1: there is no"),
    ("a:xyz\n", ":1: the key is not hexadecimal"), ("\n# b\na:0011\n", ":3: too long, too short or too many"),
    ("0x:00112233445566778899aabbccddeeff\n", ":1: there is no identity"), ("a:\n", ":1: the key is not")])
def test_a_file_that_is_wrong_is_refused(cli, tmp_path, text, said):
    file = tmp_path / "keys"
    file.touch(0o600)
    file.write_text(text)
    client = cli.connect(1, "--psk", file)
    assert client.code == command.FILES and said in client.err, client.report()


def test_a_file_that_others_can_read_is_refused(cli, keys):
    file = keys((NAME, KEY))
    os.chmod(file, 0o644)
    client = cli.connect(1, "--psk", file)
    assert client.code == command.FILES and command.failure(client.err).reason == "FILE_NOT_PRIVATE"


def test_keys_beside_required_certificates_are_refused(cli, keys, pki):
    done = cli.run("serve", "--listen", "127.0.0.1:0", "--echo", "--psk", keys((NAME, KEY)), "--client-ca", pki.ca)
    assert done.code == command.FILES and command.failure(done.err).reason == "CONFIG_PSK"


def test_an_exported_binding_needs_a_certificate(cli, keys):
    server = serve(cli, "--psk", keys((NAME, KEY)))
    client = cli.connect(server.port, "--psk", keys((NAME, KEY)), "--commands", "~", data=b"~b\n")
    assert "keyturn: binding tls-exporter " in client.err
    assert "keyturn: no binding tls-server-end-point" in client.err


# openssl


def session_of(tmp_path, suite, key):
    """A key as openssl's -psk_session wants it: an SSL_SESSION of version, suite and secret."""
    def der(tag, content):
        assert len(content) < 128
        return bytes((tag, len(content))) + content

    body = der(2, b"\1") + der(2, b"\3\4") + der(4, suite) + der(4, b"") + der(4, key)
    path = tmp_path / "psk.pem"
    path.write_text("-----BEGIN SSL SESSION PARAMETERS-----\n" + base64.b64encode(der(0x30, body)).decode()
                    + "\n-----END SSL SESSION PARAMETERS-----\n")
    return path


def openssl_server(peer, *options):
    process = peer.processes.start(["openssl", "s_server", "-accept", "127.0.0.1:0", "-nocert", "-tls1_3", "-rev",
                                    *options])
    process.port = int(process.wait_out(re.compile(rb"^ACCEPT .*:(\d+)$", re.M))[1])
    return process


@pytest.mark.parametrize("shares", ["1", "0"])
def test_we_have_a_key_of_openssl(cli, peer, keys, shares):
    server = openssl_server(peer, "-psk", KEY.hex(), "-psk_identity", "Client_identity")
    facts = connect(cli, server.port, "--psk", keys(("Client_identity", KEY)), "--key-shares", shares)
    assert facts["psk"] == "Client_identity" and facts["group"] != "-"


def test_we_have_a_key_of_openssl_for_sha384(cli, peer, keys, tmp_path):
    server = openssl_server(peer, "-psk_session", session_of(tmp_path, b"\x13\x02", KEY + KEY[:16]), "-psk_identity",
                            "Client_identity", "-ciphersuites", "TLS_AES_256_GCM_SHA384")
    facts = connect(cli, server.port, "--psk", keys(("Client_identity", KEY + KEY[:16])), "--psk-hash", "sha384")
    assert facts["psk"] == "Client_identity" and facts["suite"] == "TLS_AES_256_GCM_SHA384"


def test_a_wrong_key_is_refused_by_openssl(cli, peer, keys):
    server = openssl_server(peer, "-psk", KEY.hex(), "-psk_identity", "Client_identity")
    client = cli.connect(server.port, "--psk", keys(("Client_identity", OTHER)), data=PING)
    assert client.code == command.PROTOCOL


def openssl(peer, port, *options):
    return peer.ping("openssl", port, "-tls1_3", *options)


@pytest.mark.parametrize("groups", ["X25519", "P-521:X25519"])
def test_openssl_has_a_key_of_ours(cli, peer, keys, groups):
    server = serve(cli, "--psk", keys(("them", KEY)), "--groups", "x25519")
    done = openssl(peer, server.port, "-psk", KEY.hex(), "-psk_identity", "them", "-groups", groups)
    assert done.ok and done.got == PING, done.said
    assert server.wait_connected()["psk"] == "them"


def test_openssl_has_a_key_of_ours_for_sha384(cli, peer, keys, tmp_path):
    server = serve(cli, "--psk", keys(("them", KEY + KEY[:16])), "--psk-hash", "sha384")
    session = session_of(tmp_path, b"\x13\x02", KEY + KEY[:16])
    done = openssl(peer, server.port, "-psk_session", session, "-psk_identity", "them")
    assert done.ok and done.got == PING, done.said
    assert server.wait_connected()["suite"] == "TLS_AES_256_GCM_SHA384"


@pytest.mark.parametrize("identity, key", [("them", OTHER), ("others", KEY)])
def test_openssl_is_refused_in_one_way(cli, peer, keys, identity, key):
    server = serve(cli, "--psk", keys(("them", KEY)))
    done = openssl(peer, server.port, "-psk", key.hex(), "-psk_identity", identity)
    assert not done.ok and "alert decrypt error" in done.said


# gnutls

EXCHANGE = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+ECDHE-PSK"
WITHOUT = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+PSK"


def gnutls_server(peer, keys, priority):
    process = peer.processes.start(["gnutls-serv", "--port", "0", "--echo", "--pskpasswd", keys(("them", KEY)),
                                    "--priority", priority])
    process.port = listening_port(process)
    return process


@pytest.mark.parametrize("priority, options, group", [(EXCHANGE, [], True), (EXCHANGE, ["--key-shares", "0"], True),
                                                      (EXCHANGE, ["--danger-psk-ke"], True),
                                                      (WITHOUT, ["--danger-psk-ke"], False)])
def test_we_have_a_key_of_gnutls(cli, peer, keys, priority, options, group):
    server = gnutls_server(peer, keys, priority)
    facts = connect(cli, server.port, "--psk", keys(("them", KEY)), *options)
    assert facts["psk"] == "them" and (facts["group"] != "-") == group


def gnutls(peer, port, priority, key=KEY):
    return peer.gnutls_client(port, "--pskusername", "them", "--pskkey", key.hex(), "--priority", priority, data=PING)


@pytest.mark.parametrize("priority, options", [(EXCHANGE, []), (WITHOUT, ["--danger-psk-ke"]),
                                               (EXCHANGE, ["--groups", "secp521r1"])])
def test_gnutls_has_a_key_of_ours(cli, peer, keys, priority, options):
    server = serve(cli, "--psk", keys(("them", KEY)), *options)
    client = gnutls(peer, server.port, priority)
    assert client.code == 0 and PING in client.out, client.report()
    assert (server.wait_connected()["group"] == "-") == (priority == WITHOUT)


def test_gnutls_without_exchange_is_refused(cli, peer, keys):
    assert gnutls(peer, serve(cli, "--psk", keys(("them", KEY))).port, WITHOUT).code != 0


def test_gnutls_with_a_wrong_key_is_refused(cli, peer, keys):
    assert gnutls(peer, serve(cli, "--psk", keys(("them", KEY))).port, EXCHANGE, OTHER).code != 0


# the importer, and binders, by Python's hmac and hashlib alone

HASHES = {"sha256": (hashlib.sha256, 1), "sha384": (hashlib.sha384, 2)}
SUITES = {"sha256": 0x1301, "sha384": 0x1302}


def extract(algorithm, salt, secret):
    return hmac.new(salt or bytes(algorithm().digest_size), secret, algorithm).digest()


def expand_label(algorithm, secret, label, context, size):
    label = b"tls13 " + label
    info = struct.pack(">H", size) + bytes((len(label),)) + label + bytes((len(context),)) + context
    out, block, counter = b"", b"", 1
    while len(out) < size:
        block = hmac.new(secret, block + info + bytes((counter,)), algorithm).digest()
        out += block
        counter += 1
    return out[:size]


def vector(data, size=2):
    return len(data).to_bytes(size, "big") + data


def imported(identity, context, key, own, target):
    """RFC 9258 section 5: the identity on the wire and the key for one hash of TLS."""
    algorithm, _ = HASHES[own]
    target_algorithm, kdf = HASHES[target]
    wire = vector(identity) + vector(context) + struct.pack(">HH", 0x0304, kdf)
    secret = expand_label(algorithm, extract(algorithm, b"", key), b"derived psk", algorithm(wire).digest(),
                          target_algorithm().digest_size)
    return wire, secret


def client_hello(identity, key, label, target):
    """A ClientHello that offers one key, with its binder (RFC 9846 section 4.3.11.2)."""
    algorithm, _ = HASHES[target]
    size = algorithm().digest_size

    def extension(number, content):
        return struct.pack(">H", number) + vector(content)

    identities = vector(vector(identity) + bytes(4))
    extensions = (extension(43, vector(b"\3\4", 1)) + extension(10, vector(b"\0\x1d"))
                  + extension(51, vector(b"\0\x1d" + vector(os.urandom(32)))) + extension(45, vector(b"\1", 1))
                  + extension(41, identities + vector(vector(bytes(size), 1))))
    body = (b"\3\3" + os.urandom(32) + vector(os.urandom(32), 1) + vector(struct.pack(">H", SUITES[target]))
            + vector(b"\0", 1) + vector(extensions))
    hello = b"\1" + vector(body, 3)
    partial = hello[:-(2 + 1 + size)]
    early = extract(algorithm, b"", key)
    base = expand_label(algorithm, early, label, algorithm(b"").digest(), size)
    finished = expand_label(algorithm, base, b"finished", b"", size)
    return hello[:-size] + hmac.new(finished, algorithm(partial).digest(), algorithm).digest()


def answer(port, hello):
    """The extensions of a ServerHello as {number: content}, or the alert as a number."""
    with socket.create_connection(("127.0.0.1", port), DEADLINE) as raw:
        raw.sendall(b"\x16\3\1" + vector(hello))
        record = read_record(raw)
    if record[0] == 21:
        return record[6]
    assert record[5] == 2
    at = 5 + 4 + 2 + 32
    at += 1 + record[at] + 3 + 2
    found = {}
    while at < len(record):
        number, size = struct.unpack_from(">HH", record, at)
        found[number] = record[at + 4:at + 4 + size]
        at += 4 + size
    return found


DECRYPT_ERROR = 51


@pytest.mark.parametrize("own", HASHES)
@pytest.mark.parametrize("target", HASHES)
@pytest.mark.parametrize("context", ["", "client=a server=b"])
def test_the_importer_is_as_rfc_9258_says(cli, keys, own, target, context):
    server = serve(cli, "--psk", keys(("them", KEY)), "--psk-import", context, "--psk-hash", own)
    wire, secret = imported(b"them", context.encode(), KEY, own, target)
    hello = client_hello(wire, secret, b"imp binder", target)
    assert answer(server.port, hello)[41] == b"\0\0"
    assert answer(server.port, hello[:-1] + bytes((hello[-1] ^ 1,))) == DECRYPT_ERROR
    assert answer(server.port, client_hello(wire, secret, b"ext binder", target)) == DECRYPT_ERROR
    assert answer(server.port, client_hello(wire, secret, b"res binder", target)) == DECRYPT_ERROR
    assert answer(server.port, client_hello(wire, KEY, b"imp binder", target)) == DECRYPT_ERROR
    for other in (imported(b"them", context.encode() + b"x", KEY, own, target),
                  imported(b"then", context.encode(), KEY, own, target),
                  imported(b"them\0", context.encode(), KEY, own, target)):
        assert answer(server.port, client_hello(*other, b"imp binder", target)) == DECRYPT_ERROR


@pytest.mark.parametrize("target", HASHES)
def test_a_key_that_is_not_imported_is_used_as_it_is(cli, keys, target):
    server = serve(cli, "--psk", keys(("them", KEY)), "--psk-hash", target)
    assert answer(server.port, client_hello(b"them", KEY, b"ext binder", target))[41] == b"\0\0"
    assert answer(server.port, client_hello(b"them", KEY, b"imp binder", target)) == DECRYPT_ERROR
    assert answer(server.port, client_hello(b"them", OTHER, b"ext binder", target)) == DECRYPT_ERROR
