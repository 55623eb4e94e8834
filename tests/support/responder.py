"""An OCSP responder that answers as a test wants: right, wrong, or not at all."""
import datetime
import socket

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

from support.process import DEADLINE

TYPE = "application/ocsp-response"


def read_request(raw):
    """One HTTP request: its first line and its body, or None when the other side hung up."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = raw.recv(65536)
        if not part:
            return None
        data += part
    head, body = data.split(b"\r\n\r\n", 1)
    lines = head.decode().split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in lines[1:])
    while len(body) < int(fields["content-length"]):
        body += raw.recv(65536)
    return lines[0], fields, body


def http(body, status="200 OK", kind=TYPE, **fields):
    """A reply as bytes."""
    lines = [f"HTTP/1.0 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}",
             *(f"{name.replace('_', '-')}: {value}" for name, value in fields.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Responder:
    """
    Speaks for the intermediate authority of a Pki about one leaf, which is set after the port is known.
    `reply(responder, request DER, raw socket)` answers a request; assign another to change it. `requests` are the DER
    of all that came, in their order.
    """

    def __init__(self, peer, reply=None):
        self.pki = peer.pki
        self.leaf = None
        self.reply = reply or good
        self.requests = []
        self.port = peer.tcp_server(self._serve).port
        self.url = f"http://127.0.0.1:{self.port}/ocsp"

    def _serve(self, raw):
        request = read_request(raw)
        if request:
            line, fields, body = request
            assert line == "POST /ocsp HTTP/1.0" and fields["host"] == f"127.0.0.1:{self.port}", request
            assert fields["content-type"] == "application/ocsp-request", request
            self.requests.append(body)
            self.reply(self, body, raw)

    def response(self, word="GOOD", leaf=None, life=datetime.timedelta(days=1), signer=None, carried=None, nonce=None,
                 age=datetime.timedelta(minutes=1)):
        """A response in DER; `signer` is a pair of certificate and key."""
        now = datetime.datetime.utcnow()
        authority = self.pki.intermediate
        certificate, key = signer or (authority.certificate, authority.key)
        builder = ocsp.OCSPResponseBuilder().add_response(
            (leaf or self.leaf).certificate, authority.certificate, hashes.SHA1(), ocsp.OCSPCertStatus[word],
            now - age, now - age + life if life else None, now - age if word == "REVOKED" else None, None)
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, certificate)
        if carried:
            builder = builder.certificates([carried])
        if nonce:
            builder = builder.add_extension(nonce, False)
        return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def saying(**how):
    """Answers with what Responder.response makes of this."""
    return lambda responder, request, raw: raw.sendall(http(responder.response(**how)))


good = saying()


def echoing_nonce(responder, request, raw):
    asked = ocsp.load_der_ocsp_request(request)
    nonce = next(e.value for e in asked.extensions if e.oid.dotted_string == "1.3.6.1.5.5.7.48.1.2")
    raw.sendall(http(responder.response(nonce=nonce)))


def sending(data):
    """Sends these bytes and hangs up."""
    return lambda responder, request, raw: raw.sendall(data)


def without_end(responder, request, raw):
    """A header of the right type, and then data until nobody takes it."""
    raw.sendall(f"HTTP/1.0 200 OK\r\nContent-Type: {TYPE}\r\n\r\n".encode())
    try:
        while True:
            raw.sendall(bytes(65536))
    except OSError:
        pass


def header_without_end(responder, request, raw):
    raw.sendall(b"HTTP/1.0 200 OK\r\n")
    try:
        while True:
            raw.sendall(b"X-Padding: y\r\n" * 1000)
    except OSError:
        pass


def silence(responder, request, raw):
    """Until the other side has had enough."""
    raw.settimeout(DEADLINE)
    raw.recv(1)


def hang_up(responder, request, raw):
    raw.shutdown(socket.SHUT_RDWR)
