"""TLS 1.2 as older peers speak it, 1.1 and 1.0: only under the policy that is made for them, with openssl in both roles."""
import re

import pytest

from support import command
from support.peers import PING

LEGACY = ("--policy", "legacy")
# The cipher list by which this openssl still speaks what is old.
OLD = ("-cipher", "DEFAULT:@SECLEVEL=0")
VERSIONS = {"TLSv1": "-tls1", "TLSv1.1": "-tls1_1", "TLSv1.2": "-tls1_2"}
OURS = {"TLSv1": "TLSv1.0", "TLSv1.1": "TLSv1.1", "TLSv1.2": "TLSv1.2"}
# openssl's name -> ours, and the key of the certificate.
SUITES = {
    "AES128-SHA": ("TLS_RSA_WITH_AES_128_CBC_SHA", "rsa"),
    "AES256-SHA": ("TLS_RSA_WITH_AES_256_CBC_SHA", "rsa"),
    "DHE-RSA-AES128-SHA": ("TLS_DHE_RSA_WITH_AES_128_CBC_SHA", "rsa"),
    "ECDHE-RSA-AES256-SHA": ("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "rsa"),
    "ECDHE-ECDSA-AES128-SHA": ("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "p256"),
}
ONLY_12 = {
    "AES128-SHA256": ("TLS_RSA_WITH_AES_128_CBC_SHA256", "rsa"),
    "AES256-SHA256": ("TLS_RSA_WITH_AES_256_CBC_SHA256", "rsa"),
    "AES128-GCM-SHA256": ("TLS_RSA_WITH_AES_128_GCM_SHA256", "rsa"),
    "AES256-CCM": ("TLS_RSA_WITH_AES_256_CCM", "rsa"),
    "DHE-RSA-AES256-SHA256": ("TLS_DHE_RSA_WITH_AES_256_CBC_SHA256", "rsa"),
    "DHE-RSA-AES128-GCM-SHA256": ("TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", "rsa"),
    "ECDHE-RSA-AES256-SHA384": ("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", "rsa"),
    "ECDHE-ECDSA-AES256-SHA384": ("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", "p256"),
}
CASES = [(version, theirs, *ours) for version in VERSIONS for theirs, ours in SUITES.items()] + \
        [("TLSv1.2", theirs, *ours) for theirs, ours in ONLY_12.items()]


def old_server(peer, version, *options, cipher="DEFAULT", leaf=None):
    return peer.openssl_server("-rev", VERSIONS[version], "-cipher", f"{cipher}:@SECLEVEL=0", *options, leaf=leaf)


def connect(cli, port, version, *options, **wanted):
    client = cli.connect(port, *LEGACY, *options, data=PING)
    assert client.code == command.DONE, client.report()
    facts = command.connected(client.err)
    assert facts[None] == [OURS[version]] and facts["verified"] == "yes", client.report()
    for name, value in wanted.items():
        assert facts[name] == value, client.report()
    assert client.out == PING
    return facts


def served(peer, there, version, *options, cipher="DEFAULT", **wanted):
    outcome = peer.ping("openssl", there.port, VERSIONS[version], "-cipher", f"{cipher}:@SECLEVEL=0", *options)
    assert outcome.ok and outcome.got == PING, outcome.said
    facts = there.wait_connected()
    assert facts[None] == [OURS[version]]
    for name, value in wanted.items():
        assert facts[name] == value
    return facts


@pytest.mark.parametrize("version, theirs, ours, kind", CASES)
def test_we_connect(cli, peer, pki, version, theirs, ours, kind):
    there = old_server(peer, version, cipher=theirs, leaf=pki.leaf(kind))
    connect(cli, there.port, version, suite=ours)


@pytest.mark.parametrize("version, theirs, ours, kind", CASES)
def test_we_serve(cli, peer, pki, version, theirs, ours, kind):
    served(peer, cli.serve(*LEGACY, leaf=pki.leaf(kind)), version, cipher=theirs, suite=ours)


@pytest.mark.parametrize("version, theirs, ours, kind", CASES)
def test_we_speak_with_ourselves(cli, pki, version, theirs, ours, kind):
    there = cli.serve(*LEGACY, leaf=pki.leaf(kind))
    only = ("--min-version", OURS[version], "--max-version", OURS[version])
    connect(cli, there.port, version, *only, "--suites", ours, suite=ours)


@pytest.mark.parametrize("theirs", ["AES128-SHA", "ECDHE-RSA-AES256-SHA384"])
@pytest.mark.parametrize("role", ["connect", "serve"])
def test_mac_then_encrypt(cli, peer, pki, role, theirs):
    """A peer without encrypt_then_mac (RFC 7366)."""
    rsa = pki.leaf("rsa")
    if role == "connect":
        there = old_server(peer, "TLSv1.2", "-no_etm", cipher=theirs, leaf=rsa)
        connect(cli, there.port, "TLSv1.2")
    else:
        served(peer, cli.serve(*LEGACY, leaf=rsa), "TLSv1.2", "-no_etm", cipher=theirs)


@pytest.mark.parametrize("kind", ["client_p256", "client_rsa"])
@pytest.mark.parametrize("version", VERSIONS)
def test_our_client_certificate(cli, peer, pki, version, kind):
    there = old_server(peer, version, "-Verify", "3", "-CAfile", pki.ca, "-verify_return_error")
    connect(cli, there.port, version, *command.client_auth(pki.leaf(kind)))


@pytest.mark.parametrize("kind", ["client_p256", "client_rsa"])
@pytest.mark.parametrize("version", VERSIONS)
def test_their_client_certificate(cli, peer, pki, version, kind):
    there = cli.serve(*LEGACY, "--client-ca", pki.ca)
    outcome = peer.ping("openssl", there.port, VERSIONS[version], *OLD, leaf=pki.leaf(kind))
    assert outcome.ok and outcome.got == PING, outcome.said
    assert there.wait_connected()["verified"] == "yes"


@pytest.mark.parametrize("tickets", [True, False], ids=["ticket", "id"])
@pytest.mark.parametrize("version", VERSIONS)
def test_we_resume(cli, peer, tmp_path, version, tickets):
    there = old_server(peer, version, *(() if tickets else ("-no_ticket",)))
    session = tmp_path / "session"
    connect(cli, there.port, version, "--session", session, resumed="no")
    for _ in range(2):
        connect(cli, there.port, version, "--session", session, resumed="yes")


@pytest.mark.parametrize("tickets", [True, False], ids=["ticket", "id"])
@pytest.mark.parametrize("version", VERSIONS)
def test_they_resume(cli, peer, tmp_path, version, tickets):
    there = cli.serve(*LEGACY, *(() if tickets else ("--session-ids", "--session-store", "memory")))
    how = (VERSIONS[version], *OLD, *(() if tickets else ("-no_ticket",)))
    file = str(tmp_path / "sess.pem")
    assert peer.ping("openssl", there.port, "-sess_out", file, *how).ok
    client = peer.start_openssl_client(there.port, "-sess_in", file, *how)
    client.wait_out(re.compile(rb"^Reused, ", re.M))
    client.close_stdin()
    client.wait()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_with_static_rsa(cli, peer, pki, tmp_path, version):
    there = cli.serve(*LEGACY, leaf=pki.leaf("rsa"))
    options = ("--max-version", OURS[version], "--suites", "TLS_RSA_WITH_AES_128_CBC_SHA",
               "--session", tmp_path / "session")
    connect(cli, there.port, version, *options, resumed="no")
    connect(cli, there.port, version, *options, resumed="yes")


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1.1"])
def test_old_versions_are_nobodys_default(cli, peer, version):
    there = cli.serve()
    assert not peer.ping("openssl", there.port, VERSIONS[version], *OLD).ok
    assert there.wait_failure().reason == "VERSION_NOT_SUPPORTED"
    client = cli.connect(old_server(peer, version).port, data=PING)
    assert client.code != command.DONE
    assert command.failure(client.err).alert == "protocol_version", client.report()


@pytest.mark.parametrize("theirs", ["AES128-SHA", "AES128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256",
                                    "ECDHE-RSA-AES128-SHA"])
def test_old_suites_are_nobodys_default(cli, peer, pki, theirs):
    there = cli.serve(leaf=pki.leaf("rsa"))
    assert not peer.ping("openssl", there.port, "-tls1_2", "-cipher", f"{theirs}:@SECLEVEL=0").ok
    assert there.wait_failure().reason == "SUITE_NONE_IN_COMMON"


@pytest.mark.parametrize("kind, theirs", [("p384", "ECDSA+SHA256"), ("p521", "ECDSA+SHA384"),
                                          ("p256", "ECDSA+SHA512")])
def test_a_digest_is_no_curve(cli, peer, pki, kind, theirs):
    """RFC 5246 section 7.4.1.4.1: in TLS 1.2 any ECDSA key signs with any digest."""
    there = cli.serve(leaf=pki.leaf(kind))
    outcome = peer.ping("openssl", there.port, "-tls1_2", "-sigalgs", f"{theirs}:RSA+SHA256")
    assert outcome.ok and outcome.got == PING, outcome.said
    there = peer.openssl_server("-rev", "-tls1_2", "-sigalgs", theirs, leaf=pki.leaf(kind))
    assert cli.connect(there.port, data=PING).code == command.DONE


@pytest.mark.parametrize("bits, taken", [(1024, False), (2048, True)])
def test_cve_2015_4000_logjam(cli, peer, pki, tmp_path, bits, taken):
    """Primes that have a name, and those that have none."""
    parameters = tmp_path / "dh.pem"
    done = peer.processes.run(["openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt",
                               "group:ffdhe2048" if taken else "dh_rfc5114:1", "-out", str(parameters)], b"", 60)
    assert done.code == 0, done.report()
    there = old_server(peer, "TLSv1.2", "-dhparam", str(parameters), cipher="DHE-RSA-AES128-GCM-SHA256",
                       leaf=pki.leaf("rsa"))
    client = cli.connect(there.port, *LEGACY, data=PING)
    assert (client.code == command.DONE) == taken, client.report()
    if not taken:
        assert command.failure(client.err).reason == "DH_GROUP_UNKNOWN"


@pytest.mark.parametrize("group", ["ffdhe2048", "ffdhe3072", "modp2048"])
def test_we_serve_each_prime(cli, peer, pki, group):
    there = cli.serve(*LEGACY, "--groups", group, "--max-version", "TLSv1.2", leaf=pki.leaf("rsa"))
    served(peer, there, "TLSv1.2", cipher="DHE-RSA-AES128-GCM-SHA256", group=group)
