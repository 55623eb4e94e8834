"""Short records: by record_size_limit with gnutls (RFC 8449), by max_fragment_length with openssl (RFC 6066)."""
import random

import pytest

from support import command
from support.peers import PING, RECORD_HEADER

TAG = 16
APPLICATION_DATA = 23
# Lines of text: what begins with "^" is a command to gnutls-serv.
BYTES = b"".join(b"%060x\n" % random.Random(n).getrandbits(240) for n in range(1500))
# gnutls takes less than 512 only when told so.
SMALL = ("--priority", "NORMAL:%ALLOW_SMALL_RECORDS")


def inner_lengths(wire):
    """Of each protected record, content, type and padding together."""
    lengths = []
    while wire:
        size = int.from_bytes(wire[3:RECORD_HEADER], "big")
        if wire[0] == APPLICATION_DATA:
            lengths.append(size - TAG)
        wire = wire[RECORD_HEADER + size:]
    return lengths


class Watch:
    """For record_proxy: passes all records of the client on, and keeps them."""

    def __init__(self):
        self.wire = b""

    def __call__(self, record):
        self.wire += record
        return record


@pytest.mark.parametrize("limit", [64, 512, 1000, 16384])
def test_gnutls_serves_us_and_wants_short_records(cli, peer, limit):
    watch = Watch()
    options = ("--recordsize", limit, *SMALL)
    server = peer.gnutls_server(*options)
    client = cli.connect(peer.record_proxy(server.port, watch).port, data=BYTES)
    assert client.code == command.DONE, client.report()
    assert client.out == BYTES
    assert max(inner_lengths(watch.wire)) == limit + 1


@pytest.mark.parametrize("limit", [64, 512, 1000])
def test_gnutls_serves_us_who_want_short_records(cli, peer, limit):
    """gnutls would have failed us with a longer one: we check each."""
    client = cli.connect(peer.gnutls_server().port, "--record-limit", str(limit), data=BYTES)
    assert client.code == command.DONE, client.report()
    assert client.out == BYTES


@pytest.mark.parametrize("limit", [64, 512, 1000])
def test_gnutls_is_served_and_must_send_short_records(cli, peer, limit):
    watch = Watch()
    server = cli.serve("--record-limit", str(limit))
    client = peer.gnutls_client(peer.record_proxy(server.port, watch).port, *SMALL, data=BYTES)
    assert client.code == 0, client.report()
    assert 1 < max(inner_lengths(watch.wire)) <= limit + 1
    server.wait_closed()


@pytest.mark.parametrize("limit", [512, 1024, 4096])  # gnutls-cli takes no others
def test_gnutls_is_served_and_wants_short_records(cli, peer, limit):
    server = cli.serve()
    client = peer.gnutls_client(server.port, "--recordsize", limit, data=PING)
    assert client.code == 0 and PING in client.out, client.report()


@pytest.mark.parametrize("length", [512, 1024, 2048, 4096])
def test_openssl_is_served_fragments(cli, peer, length):
    watch = Watch()
    server = cli.serve()
    client = peer.start_openssl_client(peer.record_proxy(server.port, watch).port, "-maxfraglen", length,
                                       "-quiet", "-no_ign_eof")
    text = BYTES[:20000]
    client.write(text)
    client.wait_out_size(len(text))
    client.close_stdin()
    client.wait()
    assert client.out == text
    assert max(inner_lengths(watch.wire)) == length + 1


@pytest.mark.parametrize("limit", [64, 1000])
def test_short_records_while_keys_change(cli, peer, limit):
    """Limits are of the connection, not of the key."""
    watch = Watch()
    server = peer.gnutls_server("--recordsize", limit, *SMALL)
    client = cli.connect(peer.record_proxy(server.port, watch).port, "--record-limit", str(limit), "--rekey-bytes",
                         "20000", "--rekey-gap-ms", "0", data=BYTES)
    assert client.code == command.DONE and client.out == BYTES, client.report()
    assert max(inner_lengths(watch.wire)) == limit + 1
    assert int(command.closed(client.err)["epochs-sent"]) > 3


def test_a_limit_is_agreed_anew_when_a_session_is_resumed(cli, peer, tmp_path):
    """With gnutls by record_size_limit: the second one's is another, and the third has none."""
    server = peer.gnutls_server("--recordsize", "600")
    for resumed, own, words in (("no", 16384, []), ("yes", 700, ["--record-limit", "700"]), ("yes", 16384, [])):
        watch = Watch()
        client = cli.connect(peer.record_proxy(server.port, watch).port, "--session", tmp_path / "session",
                             "--trace=json", *words, data=BYTES)
        assert client.code == command.DONE and client.out == BYTES, client.report()
        assert command.connected(client.err)["resumed"] == resumed
        connected, = [event for event in command.trace(client.err) if event["event"] == "connected"]
        assert (connected["limit_sent"], connected["limit_received"]) == (600, own)
        assert max(inner_lengths(watch.wire)) == 601


@pytest.mark.parametrize("length", [512, 4096])
def test_openssl_resumes_with_fragments_and_without(cli, peer, tmp_path, length):
    server = cli.serve("--trace=json")
    session = tmp_path / "session"
    for words in (["-sess_out", session], ["-sess_in", session, "-maxfraglen", length], ["-sess_in", session]):
        client = peer.start_openssl_client(server.port, *words, "-quiet", "-no_ign_eof")
        client.write(BYTES[:20000])
        client.wait_out_size(20000)
        client.close_stdin()
        client.wait()
        assert client.out == BYTES[:20000]
    server.process.wait_err_count(b"] closed clean", 3)
    text = "\n".join(line for line in server.err.splitlines() if not line.startswith("keyturn: "))
    facts = [event for event in command.trace(text) if event["event"] == "connected"]
    assert [fact["resumed"] for fact in facts] == [False, True, True]
    assert [fact["limit_received"] for fact in facts] == [16384, length, 16384]
