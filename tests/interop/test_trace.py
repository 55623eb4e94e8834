"""--trace: the ladder as people and programs read it."""
import pytest

from support import command
from support.peers import PING

CLIENT_LADDER = [("sent", "ClientHello"), ("received", "ServerHello"), ("received", "EncryptedExtensions"),
                 ("received", "Certificate"), ("received", "CertificateVerify"), ("received", "Finished"),
                 ("sent", "Finished")]
KEYS = {
    "state": {"from", "to"},
    "message": {"direction", "name", "len"},
    "record": {"direction", "type", "protected", "wire", "content", "epoch"},
    "alert": {"direction", "level", "name"},
    "epoch": {"number", "birth", "direction"},
    "connected": set(),
}
RECORD_HEADER, TYPE_BYTE, TAG = 5, 1, 16


def ladder(events):
    return [(e["direction"], e["name"]) for e in events if e["event"] == "message" and e["name"] != "NewSessionTicket"]


def check_form(events, side):
    last = 0.0
    for event in events:
        assert event["side"] == side
        assert event["ms"] >= last
        last = event["ms"]
        assert event.keys() >= KEYS[event["event"]] | {"ms", "side", "event"}, event


def test_json_of_a_client(cli, peer):
    client = cli.connect(peer.openssl_server("-rev").port, "--trace=json", data=PING)
    events = command.trace(client.err)
    check_form(events, "client")
    assert ladder(events) == CLIENT_LADDER
    assert [e for e in events if e["event"] == "connected"]
    alerts = [(e["direction"], e["name"]) for e in events if e["event"] == "alert"]
    assert sorted(alerts) == [("received", "close_notify"), ("sent", "close_notify")]


def test_json_of_a_server(cli, peer):
    server = cli.serve("--trace=json")
    assert peer.ping("python", server.port).got == PING
    server.wait_closed()
    server.process.stop()
    events = command.trace(server.err)
    check_form(events, "server")
    mirrored = [({"sent": "received", "received": "sent"}[direction], name) for direction, name in CLIENT_LADDER]
    assert ladder(events) == mirrored


def test_json_of_a_failure(cli, peer, pki):
    client = cli.connect(peer.openssl_server("-rev", leaf=pki.stranger).port, "--trace=json", data=PING)
    events = command.trace(client.err)
    check_form(events, "client")
    assert [(e["direction"], e["level"], e["name"]) for e in events if e["event"] == "alert"] == [
        ("sent", "fatal", "unknown_ca")]
    assert not [e for e in events if e["event"] == "connected"]


def extensions(events, direction, name):
    """Of the first such message, by name with their lengths."""
    message = next(e for e in events if e["event"] == "message" and (e["direction"], e["name"]) == (direction, name))
    return {x["name"]: x["len"] for x in message.get("extensions", [])}


def test_json_shows_the_extensions_of_each_message(cli, peer, pki):
    server = cli.serve("--client-ca", pki.ca, "--alpn", "h2", "--record-limit", "2000", "--trace=json")
    client = cli.connect(server.port, *command.client_auth(pki.client_p256), "--alpn", "h2", "--trace=json", data=PING)
    assert client.code == command.DONE, client.report()
    events = command.trace(client.err)
    hello = extensions(events, "sent", "ClientHello")
    assert hello.keys() >= {"server_name", "supported_versions", "supported_groups", "key_share", "alpn",
                            "signature_algorithms", "record_size_limit"}
    assert (hello["server_name"], hello["alpn"]) == (14, 5)
    assert extensions(events, "received", "ServerHello").keys() == {"supported_versions", "key_share"}
    assert extensions(events, "received", "EncryptedExtensions").keys() == {"server_name", "alpn", "record_size_limit"}
    assert "signature_algorithms" in extensions(events, "received", "CertificateRequest")
    assert extensions(events, "received", "Finished") == {}
    server.wait_closed()
    assert extensions(command.trace(server.err), "received", "ClientHello") == hello


def test_json_of_a_resumption_over_a_retry(cli, tmp_path):
    server = cli.serve()
    for resumed in (False, True):
        client = cli.connect(server.port, "--session", tmp_path / "session", "--key-shares", "0", "--trace=json",
                             data=PING)
        events = command.trace(client.err)
        assert extensions(events, "received", "HelloRetryRequest").keys() >= {"supported_versions", "key_share"}
        assert ("pre_shared_key" in extensions(events, "sent", "ClientHello")) == resumed
        assert ("pre_shared_key" in extensions(events, "received", "ServerHello")) == resumed
        connected, = [e for e in events if e["event"] == "connected"]
        assert (connected["resumed"], connected["retried"]) == (resumed, True)


def test_json_shows_the_staple_and_the_record_limits(cli, pki, tmp_path):
    staple = pki.status("good.ocsp")
    own = ("--cert", pki.p256.chain, "--key", pki.p256.key)
    server = cli.serve(*own, "--ocsp", staple, "--record-limit", "1000")
    client = cli.connect(server.port, "--record-limit", "700", "--trace=json", data=PING)
    events = command.trace(client.err)
    assert extensions(events, "received", "Certificate")["status_request"] >= staple.stat().st_size
    connected, = [e for e in events if e["event"] == "connected"]
    assert (connected["limit_sent"], connected["limit_received"]) == (1000, 700)


@pytest.mark.parametrize("padding", [64, 512, 4096])
@pytest.mark.parametrize("server", ["openssl", "gnutls", "python"])
def test_padding_is_in_the_records(cli, peer, server, padding):
    client = cli.connect(peer.echo_server(server).port, "--padding", str(padding), "--trace=json", data=PING)
    assert client.code == command.DONE and client.out == PING, client.report()
    data = [e for e in command.trace(client.err) if e["event"] == "record" and e["direction"] == "sent"
            and e["protected"] and e["content"] == len(PING)]
    assert len(data) == 1
    inner = data[0]["wire"] - RECORD_HEADER - TAG
    assert (inner - TYPE_BYTE) % padding == 0
    assert inner - TYPE_BYTE > len(PING)


def test_without_padding_there_is_none(cli, peer):
    client = cli.connect(peer.echo_server("python").port, "--trace=json", data=PING)
    for event in command.trace(client.err):
        if event["event"] == "record" and event["direction"] == "sent" and event["protected"]:
            assert event["wire"] == RECORD_HEADER + event["content"] + TYPE_BYTE + TAG


def test_the_ladder_for_people(cli, peer):
    client = cli.connect(peer.echo_server("python").port, "--trace", data=PING)
    assert client.code == command.DONE
    for _, name in CLIENT_LADDER:
        assert name in client.err
    assert "\x1b" not in client.err  # no terminal, no colour
    assert "\x1b[" in cli.connect(peer.echo_server("python").port, "--trace=color", data=PING).err


def test_quiet_is_quiet(cli, peer):
    client = cli.connect(peer.echo_server("python").port, "--quiet", data=PING)
    assert (client.code, client.out, client.err) == (command.DONE, PING, "")
    server = cli.serve("--quiet")
    assert peer.ping("python", server.port).got == PING
    server.process.signal(15)
    server.process.wait()
    assert server.err == ""
