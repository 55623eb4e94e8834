"""Channel bindings: tls-exporter (RFC 9266) and tls-server-end-point (RFC 5929 section 4), as peers have them."""
import hashlib
import re
import ssl

import pytest

from support import command

EXPORTER = ("-keymatexport", "EXPORTER-Channel-Binding", "-keymatexportlen", "32")


def bindings(cli, port):
    client = cli.connect(port, "--commands", "~", data=b"~b\n")
    assert client.code == command.DONE, client.report()
    return dict(re.findall(r"keyturn: binding (\S+) ([0-9a-f]+)", client.err))


def test_the_exporter_is_openssl_s(cli, peer):
    server = peer.openssl_server(*EXPORTER)
    ours = bindings(cli, server.port)["tls-exporter"]
    theirs = server.wait_out(re.compile(rb"Keying material: ([0-9A-F]{64})"))[1].decode().lower()
    assert ours == theirs


@pytest.mark.parametrize("name", ["p256", "rsa"])
def test_the_end_point_is_the_hash_of_the_certificate(cli, peer, pki, name):
    leaf = getattr(pki, name)
    der = ssl.PEM_cert_to_DER_cert(leaf.chain.read_text().split("-----END CERTIFICATE-----")[0]
                                   + "-----END CERTIFICATE-----\n")
    ours = bindings(cli, peer.python_server(leaf=leaf).port)["tls-server-end-point"]
    assert ours == hashlib.new(leaf.certificate.signature_hash_algorithm.name, der).hexdigest()


def test_gnutls_has_the_same(cli, peer):
    server = peer.gnutls_server()
    ours = bindings(cli, server.port)
    for name, value in ours.items():
        assert server.wait_out(re.compile(rb"'%s': ([0-9a-f]+)" % name.encode()))[1].decode() == value
    assert len(ours) == 2
