"""The peers against each other: when one of these fails, the machine or the fixtures are at fault, not Keyturn."""
import pytest

from support.certs import Pki


@pytest.mark.parametrize("kind", Pki.KINDS)
def test_openssl_speaks_to_openssl(peer, pki, kind):
    server = peer.openssl_server("-rev", "-tls1_3", leaf=pki.leaf(kind))
    client = peer.start_openssl_client(server.port, "-brief")
    client.write(b"12345\n")
    client.wait_out_size(6)
    assert client.out == b"54321\n"


@pytest.mark.parametrize("kind", Pki.KINDS)
def test_gnutls_speaks_to_gnutls(peer, pki, kind):
    server = peer.gnutls_server(leaf=pki.leaf(kind))
    client = peer.gnutls_client(server.port, data=b"12345\n")
    assert client.code == 0, client.report()
    assert b"12345\n" in client.out


@pytest.mark.parametrize("kind", Pki.KINDS)
def test_python_speaks_to_python(peer, pki, kind):
    server = peer.python_server(leaf=pki.leaf(kind))
    with peer.python_client(server.port) as tls:
        tls.sendall(b"12345")
        assert tls.recv(5) == b"12345"
        tls.unwrap()
    assert server.wait_result() is None


def test_curl_speaks_to_openssl(peer):
    server = peer.openssl_server("-www")
    client = peer.curl(server.port)
    assert client.code == 0, client.report()
    assert b"TLSv1.3" in client.out


@pytest.mark.parametrize("wrong", ["expired", "not_yet", "wrong_name", "stranger", "wrong_purpose", "self_signed",
                                   "tampered"])
def test_the_bad_certificates_are_bad(peer, pki, wrong):
    server = peer.openssl_server("-rev", leaf=pki.leaf(wrong))
    assert peer.openssl_client(server.port).code != 0
    assert peer.curl(server.port).code in (35, 60)  # 35: a signature that cannot be checked
