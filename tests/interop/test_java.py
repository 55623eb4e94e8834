"""Java's TLS as a peer in both roles: an implementation that shares nothing with libcrypto or GnuTLS."""
import random
import re

import pytest

from support import command, java

VERSIONS = ["TLSv1.3", "TLSv1.2"]
SUITES = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]
SUITES12 = [(leaf, f"TLS_ECDHE_{sign}_WITH_{aead}") for leaf, sign in (("p256", "ECDSA"), ("rsa", "RSA"))
            for aead in ("AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "CHACHA20_POLY1305_SHA256")]
GROUPS = {"x25519": "x25519", "secp256r1": "secp256r1", "secp384r1": "secp384r1"}
LEAVES = ["p256", "p384", "rsa", "ed25519"]
BYTES = random.Random(2).randbytes(300000)
PIECE = 10000
LIMIT = 20000  # bytes after which a side changes its key


@pytest.fixture(scope="session")
def classes(tmp_path_factory):
    return java.compile_to(tmp_path_factory.mktemp("java"))


@pytest.fixture
def jvm(classes, processes, pki):
    if classes is None:
        pytest.skip("no Java compiler: scripts/setup test")
    return java.Java(classes, processes, pki)


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


def done(client, data):
    """The facts of a connection of ours that carried `data` there and back."""
    assert client.code == command.DONE, client.report()
    assert client.out == data, client.report()
    return command.connected(client.err)


def served(client):
    """A client of Java's that got all its bytes back."""
    assert client.code == 0 and b"failed" not in client.out, client.report()
    return java.connected(client)


def messages(text):
    return [event["name"] for event in command.trace(text) if event["event"] == "message"]


# we connect


@pytest.mark.parametrize("leaf", LEAVES)
def test_we_connect_and_data_comes_back(cli, jvm, pki, version, leaf):
    server = jvm.server(version=version, leaf=pki.leaf(leaf))
    facts = done(cli.connect(server.port, data=BYTES), BYTES)
    assert facts[None] == [version] and facts["verified"] == "yes"
    server.wait_out(re.compile(rb"^closed bytes=%d\n" % len(BYTES), re.M))


@pytest.mark.parametrize("suite", SUITES)
def test_we_connect_with_each_suite(cli, jvm, suite):
    server = jvm.server(version="TLSv1.3", suite=suite)
    assert done(cli.connect(server.port, data=BYTES), BYTES)["suite"] == suite


@pytest.mark.parametrize("group", GROUPS)
def test_we_connect_with_each_group_over_a_retry(cli, jvm, group):
    server = jvm.server(version="TLSv1.3", groups=GROUPS[group])
    client = cli.connect(server.port, "--key-shares", "0", "--trace=json", data=BYTES)
    assert done(client, BYTES)["group"] == group
    assert "HelloRetryRequest" in messages(client.err)


def test_we_agree_on_an_application_protocol(cli, jvm, version):
    server = jvm.server(version=version, alpn="h2,http/1.1")
    assert done(cli.connect(server.port, "--alpn", "http/1.1,other", data=BYTES), BYTES)["alpn"] == "http/1.1"
    assert java.connected(server)[0]["alpn"] == "http/1.1"


def test_without_a_common_application_protocol_java_refuses_us(cli, jvm, version):
    server = jvm.server(version=version, alpn="h2")
    client = cli.connect(server.port, "--alpn", "other")
    assert client.code == command.PROTOCOL
    assert command.failure(client.err).alert == "no_application_protocol"


@pytest.mark.parametrize("leaf", ["client_p256", "client_rsa"])
def test_we_show_a_certificate(cli, jvm, pki, version, leaf):
    server = jvm.server(version=version, auth="need", trust=pki.ca)
    own = getattr(pki, leaf)
    done(cli.connect(server.port, *command.client_auth(own), data=BYTES), BYTES)
    assert java.connected(server)[0]["peer"] == f"{own.certificate.serial_number:x}"


def test_we_show_none_where_one_is_wanted(cli, jvm, pki, version):
    server = jvm.server(version=version, auth="want", trust=pki.ca)
    done(cli.connect(server.port, data=BYTES), BYTES)
    assert java.connected(server)[0]["peer"] == "-"


def test_we_show_none_where_one_is_needed(cli, jvm, pki, version):
    client = cli.connect(jvm.server(version=version, auth="need", trust=pki.ca).port)
    assert client.code == command.UNVERIFIED, client.report()
    assert command.failure(client.err).direction == "received"


@pytest.mark.parametrize("retry", [[], ["--key-shares", "0"]])
def test_we_resume(cli, jvm, version, tmp_path, retry):
    server = jvm.server(version=version)
    for resumed in ("no", "yes", "yes"):
        client = cli.connect(server.port, "--session", tmp_path / "session", *retry, data=BYTES)
        assert done(client, BYTES)["resumed"] == resumed, client.report()


def test_we_resume_with_our_certificate(cli, jvm, pki, version, tmp_path):
    own = pki.client_p256
    server = jvm.server(version=version, auth="need", trust=pki.ca)
    for resumed in ("no", "yes"):
        client = cli.connect(server.port, "--session", tmp_path / "session", *command.client_auth(own), data=BYTES)
        assert done(client, BYTES)["resumed"] == resumed
    server.wait_out(re.compile(rb"(closed[^\0]*){2}"))
    assert [facts["peer"] for facts in java.connected(server)] == [f"{own.certificate.serial_number:x}"] * 2


def test_a_wrong_name_and_a_stranger_are_refused(cli, jvm, pki, version):
    for leaf in (pki.wrong_name, pki.stranger):
        client = cli.connect(jvm.server(version=version, leaf=leaf).port)
        assert client.code == command.UNVERIFIED, client.report()


# we serve


@pytest.mark.parametrize("leaf", LEAVES)
def test_java_connects_and_data_comes_back(cli, jvm, pki, version, leaf):
    server = cli.serve(leaf=pki.leaf(leaf))
    facts, = served(jvm.client(server.port, version=version, bytes=len(BYTES)))
    assert facts["version"] == version and facts["peer"] == f"{pki.leaf(leaf).certificate.serial_number:x}"
    assert server.wait_closed()["received"] == str(len(BYTES))


@pytest.mark.parametrize("suite", SUITES)
def test_java_connects_with_each_suite(cli, jvm, suite):
    facts, = served(jvm.client(cli.serve().port, version="TLSv1.3", suite=suite, bytes=len(BYTES)))
    assert facts["suite"] == suite


@pytest.mark.parametrize("group", GROUPS)
def test_java_connects_with_each_group(cli, jvm, group):
    server = cli.serve("--groups", group)
    served(jvm.client(server.port, version="TLSv1.3", groups=GROUPS[group]))
    assert server.wait_connected()["group"] == group


def test_java_connects_over_a_retry(cli, jvm):
    """It sends a share of its first group only."""
    server = cli.serve("--groups", "secp384r1", "--trace=json")
    served(jvm.client(server.port, version="TLSv1.3", groups="secp256r1,secp384r1", bytes=len(BYTES)))
    server.wait_closed()
    assert '"HelloRetryRequest"' in server.err


def test_java_agrees_on_an_application_protocol(cli, jvm, version):
    server = cli.serve("--alpn", "http/1.1,h2")
    facts, = served(jvm.client(server.port, version=version, alpn="h2,other"))
    assert facts["alpn"] == server.wait_connected()["alpn"] == "h2"


@pytest.mark.parametrize("leaf", ["client_p256", "client_rsa"])
def test_java_shows_a_certificate(cli, jvm, pki, version, leaf):
    server = cli.serve("--client-ca", pki.ca)
    served(jvm.client(server.port, version=version, leaf=getattr(pki, leaf)))
    assert server.wait_connected()["verified"] == "yes"


def test_java_shows_none_where_one_is_needed(cli, jvm, pki, version):
    server = cli.serve("--client-ca", pki.ca)
    client = jvm.client(server.port, version=version)
    alert = {"TLSv1.3": "certificate_required", "TLSv1.2": "handshake_failure"}[version]
    assert client.code == 1 and server.wait_failure().alert == alert


@pytest.mark.parametrize("groups", [None, "secp256r1,secp384r1"])
def test_java_resumes(cli, jvm, version, groups):
    server = cli.serve(*(["--groups", "secp384r1"] if groups else []))
    assert len(served(jvm.client(server.port, version=version, groups=groups, count=3, bytes=len(BYTES)))) == 3
    assert re.findall(r"resumed=(\w+)", server.err) == ["no", "yes", "yes"]


def test_java_resumes_with_its_certificate(cli, jvm, pki, version):
    server = cli.serve("--client-ca", pki.ca)
    served(jvm.client(server.port, version=version, leaf=pki.client_p256, count=2))
    assert re.findall(r"verified=(\w+) resumed=(\w+)", server.err) == [("yes", "no"), ("yes", "yes")]


def test_java_gets_no_ticket(cli, jvm, version):
    server = cli.serve("--tickets", "0")
    served(jvm.client(server.port, version=version, count=2))
    assert re.findall(r"resumed=(\w+)", server.err) == ["no", "no"]


def test_java_refuses_a_wrong_name_and_a_stranger(cli, jvm, pki, version):
    for leaf in (pki.wrong_name, pki.stranger):
        server = cli.serve(leaf=leaf)
        assert jvm.client(server.port, version=version).code == 1
        assert server.wait_failure().direction == "received"


# TLS 1.2


@pytest.mark.parametrize("leaf, suite", SUITES12)
def test_we_connect_with_each_suite_of_tls_1_2(cli, jvm, pki, leaf, suite):
    server = jvm.server(version="TLSv1.2", suite=suite, leaf=pki.leaf(leaf))
    assert done(cli.connect(server.port, data=BYTES), BYTES)["suite"] == suite


@pytest.mark.parametrize("leaf, suite", SUITES12)
def test_java_connects_with_each_suite_of_tls_1_2(cli, jvm, pki, leaf, suite):
    server = cli.serve(leaf=pki.leaf(leaf))
    facts, = served(jvm.client(server.port, version="TLSv1.2", suite=suite, bytes=len(BYTES)))
    assert facts["suite"] == server.wait_connected()["suite"] == suite


@pytest.mark.parametrize("group", GROUPS)
def test_each_group_of_tls_1_2(cli, jvm, pki, group):
    """With a key of RSA: a certificate's curve would have to be among the groups, too."""
    there = jvm.server(version="TLSv1.2", groups=GROUPS[group], leaf=pki.rsa)
    assert done(cli.connect(there.port, data=BYTES), BYTES)["group"] == group
    here = cli.serve("--groups", group, leaf=pki.rsa)
    served(jvm.client(here.port, version="TLSv1.2", groups=GROUPS[group]))
    assert here.wait_connected()["group"] == group


def test_we_resume_by_id(cli, jvm, tmp_path):
    server = jvm.server(version="TLSv1.2", tickets=False)
    for resumed in ("no", "yes", "yes"):
        client = cli.connect(server.port, "--session", tmp_path / "session", "--trace=json", data=BYTES)
        assert done(client, BYTES)["resumed"] == resumed, client.report()
        assert "NewSessionTicket" not in messages(client.err)


def test_java_resumes_by_id(cli, jvm):
    server = cli.serve("--session-ids", "--session-store", "memory", "--trace=json")
    served(jvm.client(server.port, version="TLSv1.2", tickets=False, count=3))
    assert re.findall(r"resumed=(\w+)", server.err) == ["no", "yes", "yes"]
    assert '"NewSessionTicket"' not in server.err


def test_java_gets_no_id_unless_asked_for(cli, jvm):
    server = cli.serve()
    served(jvm.client(server.port, version="TLSv1.2", tickets=False, count=2))
    assert re.findall(r"resumed=(\w+)", server.err) == ["no", "no"]


def test_the_newest_version_of_both_is_spoken(cli, jvm):
    both = "TLSv1.3,TLSv1.2"
    here = cli.serve()
    assert [facts["version"] for wish in (both, "TLSv1.2") for facts in served(jvm.client(here.port, version=wish))] == [
        "TLSv1.3", "TLSv1.2"]
    there = jvm.server(version=both)
    for words, version in (([], "TLSv1.3"), (["--max-version", "TLSv1.2"], "TLSv1.2")):
        assert done(cli.connect(there.port, *words, data=BYTES), BYTES)[None] == [version]


def test_java_of_tls_1_2_is_refused_where_1_3_is_the_least(cli, jvm):
    server = cli.serve("--min-version", "TLSv1.3")
    assert jvm.client(server.port, version="TLSv1.2").code == 1
    assert (server.wait_failure().reason, server.wait_failure().alert) == ("VERSION_NOT_SUPPORTED", "protocol_version")
    client = cli.connect(jvm.server(version="TLSv1.2").port, "--min-version", "TLSv1.3")
    assert client.code == command.PROTOCOL and command.failure(client.err).alert == "protocol_version", client.report()


# keys change


def epochs(facts):
    return int(facts["epochs-sent"]), int(facts["epochs-received"])


@pytest.mark.parametrize("suite", SUITES)
def test_java_changes_its_keys_and_asks_for_ours(cli, jvm, suite):
    """JSSE changes its key before a record that would pass its limit, and always asks for the other, too."""
    server = cli.serve("--rekey-gap-ms", "0")
    served(jvm.client(server.port, version="TLSv1.3", suite=suite, limit=LIMIT, bytes=len(BYTES)))
    sent, received = epochs(server.wait_closed())
    assert received >= len(BYTES) // (LIMIT + 16384) and sent >= 1


def test_a_server_of_java_s_changes_its_keys(cli, jvm):
    """In step: JSSE fails at a close_notify under a key whose limit it has passed."""
    server = jvm.server(version="TLSv1.3", limit=LIMIT)
    client = cli.start_connect(server.port, "--rekey-gap-ms", "0")
    for at in range(0, len(BYTES), PIECE):
        client.write(BYTES[at:at + PIECE])
        client.wait_out_size(min(at + PIECE, len(BYTES)))
    client.close_stdin()
    client.wait()
    done(client, BYTES)
    sent, received = epochs(command.closed(client.err))
    assert received >= len(BYTES) // (LIMIT + 16384) and sent >= 1


def test_we_change_our_keys_before_java(cli, jvm):
    client = cli.connect(jvm.server(version="TLSv1.3").port, "--rekey-bytes", LIMIT, "--rekey-gap-ms", "0",
                         data=BYTES)
    done(client, BYTES)
    sent, received = epochs(command.closed(client.err))
    assert sent >= len(BYTES) // (2 * LIMIT) and received >= 1


def test_we_serve_java_and_change_our_keys(cli, jvm):
    server = cli.serve("--rekey-bytes", str(LIMIT), "--rekey-gap-ms", "0")
    served(jvm.client(server.port, version="TLSv1.3", bytes=len(BYTES)))
    sent, received = epochs(server.wait_closed())
    assert sent >= len(BYTES) // (2 * LIMIT) and received >= 1


def test_both_change_their_keys(cli, jvm):
    server = cli.serve("--rekey-bytes", str(LIMIT), "--rekey-gap-ms", "0")
    served(jvm.client(server.port, version="TLSv1.3", limit=LIMIT, count=2, bytes=len(BYTES)))
    assert re.findall(r"resumed=(\w+)", server.err) == ["no", "yes"]
