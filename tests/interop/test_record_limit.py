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
