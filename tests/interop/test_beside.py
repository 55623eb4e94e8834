"""Certificate timestamps and numbers of tickets: between our own ends, and with peers that know them."""
import re

import pytest

from support import command
from support.peers import PING

# A timestamp of version 1 that nobody signed: log id, time, no extensions, ecdsa_secp256r1_sha256.
SCT = bytes([0]) + bytes(range(32)) + (1_700_000_000_000).to_bytes(8, "big") + bytes([0, 0, 4, 3, 0, 4]) + b"none"


def scts(count):
    entries = (len(SCT).to_bytes(2, "big") + SCT) * count
    return len(entries).to_bytes(2, "big") + entries


@pytest.fixture
def list_file(tmp_path):
    file = tmp_path / "scts"
    file.write_bytes(scts(2))
    return file


def serve(cli, pki, file, *options):
    return cli.serve("--echo", "--cert", pki.p256.chain, "--key", pki.p256.key, "--sct", file, *options)


def test_timestamps_come_to_who_asks(cli, pki, list_file):
    server = serve(cli, pki, list_file)
    client = cli.connect(server.port, "--sct", data=PING)
    assert client.out == PING and "keyturn: timestamps: 2, not checked\n" in client.err
    client = cli.connect(server.port, data=PING)
    assert client.out == PING and "timestamps" not in client.err


def test_timestamps_and_a_staple_go_together(cli, pki, list_file):
    server = serve(cli, pki, list_file, "--ocsp", pki.status("beside.ocsp"))
    client = cli.connect(server.port, "--sct", "--ocsp", "require", data=PING)
    assert client.out == PING and "keyturn: timestamps: 2, not checked\n" in client.err


@pytest.mark.parametrize("kind", ["openssl", "gnutls"])
def test_a_peer_without_timestamps_sends_none(cli, peer, kind):
    client = cli.connect(peer.echo_server(kind).port, "--sct", data=PING)
    assert client.code == command.DONE and "keyturn: timestamps: 0, not checked\n" in client.err


def test_openssl_gets_our_timestamps(cli, peer, pki, list_file, tmp_path):
    logs = tmp_path / "logs"
    logs.write_text("enabled_logs=\n")
    server = serve(cli, pki, list_file)
    client = peer.openssl_client(server.port, "-ct", "-ctlogfile", logs)
    assert b"SCTs present (2)" in client.out and b"00:01:02:03" in client.out, client.report()


@pytest.mark.parametrize("content", [b"", b"rubbish", scts(0), scts(1)[:-1], scts(1) + b"!"])
def test_a_file_that_is_no_list_is_told(cli, pki, tmp_path, content):
    file = tmp_path / "bad"
    file.write_bytes(content)
    done = cli.run("serve", "--listen", "127.0.0.1:0", "--echo", "--cert", pki.p256.chain, "--key", pki.p256.key,
                   "--sct", file)
    assert done.code == command.FILES and command.failure(done.err).reason == "SCT_LIST_MALFORMED"


def tickets_sent(client):
    return len(re.findall(r'"name":"NewSessionTicket"', client.err))


@pytest.mark.parametrize("wanted,promised", [("1,0", 1), ("3,0", 3), ("9,0", 4), ("0,5", 0)])
def test_as_many_tickets_come_as_are_wanted(cli, tmp_path, wanted, promised):
    server = cli.serve("--echo", "--tickets", "4")
    session = tmp_path / "session"
    client = cli.connect(server.port, "--session", session, "--ticket-request", wanted, "--trace=json", data=PING)
    assert client.out == PING and f"keyturn: tickets: {promised} will come\n" in client.err
    assert tickets_sent(client) == promised
    if promised:
        client = cli.connect(server.port, "--session", session, "--ticket-request", "1,2", "--trace=json", data=PING)
        assert command.connected(client.err)["resumed"] == "yes" and tickets_sent(client) == 2


@pytest.mark.parametrize("kind", ["openssl", "gnutls"])
def test_peers_that_do_not_know_the_wish_pass_over_it(cli, peer, tmp_path, kind):
    client = cli.connect(peer.echo_server(kind).port, "--session", tmp_path / "session", "--ticket-request", "1,1",
                         data=PING)
    assert client.code == command.DONE and client.out and "will come" not in client.err


def test_more_than_none_needs_a_session(cli):
    done = cli.run("connect", "localhost:1", "--ticket-request", "1,1")
    assert done.code == command.FILES and command.failure(done.err).reason == "CONFIG_RESUMPTION"
