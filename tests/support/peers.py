"""Stock TLS programs as peers: openssl, gnutls, curl, Python's ssl, and plain TCP."""
import contextlib
import dataclasses
import re
import socket
import ssl
import threading

from support.certs import HOST
from support.process import DEADLINE, listening_port

_ACCEPT = re.compile(rb"^ACCEPT .*:(\d+)$", re.M)
RECORD_HEADER = 5
PING = b"12321\n"  # the same when its line is reversed


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a client got that sent PING to an echo server."""
    ok: bool
    got: bytes
    said: str  # its messages


class Peers:
    def __init__(self, processes, pki):
        self.processes = processes
        self.pki = pki
        self._servers = []

    def stop(self):
        self.processes.stop()  # first, so that no handler waits for a child
        for server in self._servers:
            server.stop()

    # servers: each returns an object with .port

    def openssl_server(self, *options, leaf=None, **how):
        """s_server; "-rev" among the options makes it answer each line reversed."""
        leaf = leaf or self.pki.p256
        process = self.processes.start(
            ["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", leaf.chain, "-cert_chain", leaf.chain,
             "-key", leaf.key, *options], **how)
        process.port = int(process.wait_out(_ACCEPT)[1])
        return process

    def gnutls_server(self, *options, leaf=None, **how):
        """gnutls-serv as an echo server."""
        leaf = leaf or self.pki.p256
        process = self.processes.start(
            ["gnutls-serv", "--port", "0", "--echo", "--x509certfile", leaf.chain,
             "--x509keyfile", leaf.key, *options], **how)
        process.port = listening_port(process)
        return process

    def python_context(self, server, leaf=None, ca=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
        if leaf:
            context.load_cert_chain(leaf.chain, leaf.key)
        if not server or ca:
            context.load_verify_locations(ca or self.pki.ca)
        if server and ca:
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def tcp_server(self, handle):
        """Calls handle(socket) for each connection, in a thread."""
        server = TcpServer(handle)
        self._servers.append(server)
        return server

    def record_proxy(self, port, change):
        """
        Stands before a TLS server at `port`, a number or what returns one. change(record) gets each record of the client (header and all) and returns what is
        sent instead, or None to cut the connection there.
        """
        def forward(raw):
            with socket.create_connection(("127.0.0.1", port() if callable(port) else port), DEADLINE) as onward:
                back = threading.Thread(target=_pump, args=(onward, raw), daemon=True)
                back.start()
                while record := read_record(raw):
                    record = change(record)
                    if record is None:
                        break
                    onward.sendall(record)
                onward.shutdown(socket.SHUT_WR)
                back.join(DEADLINE)
        return self.tcp_server(forward)

    def python_server(self, handle=None, leaf=None, context=None):
        """Calls handle(tls socket) for each connection; echoes without one."""
        context = context or self.python_context(True, leaf or self.pki.p256)

        def shake(raw):
            with context.wrap_socket(raw, server_side=True) as tls:
                (handle or echo)(tls)
        return self.tcp_server(shake)

    def echo_server(self, name, leaf=None):
        """By name: openssl, gnutls or python; a line sent comes back, by openssl reversed."""
        if name == "openssl":
            return self.openssl_server("-rev", leaf=leaf)
        return {"gnutls": self.gnutls_server, "python": self.python_server}[name](leaf=leaf)

    # clients

    def ping(self, name, port, *options, leaf=None):
        """
        One client of an echo server by name: openssl, gnutls or python; `leaf` is its own certificate.
        `options` are of the program; python has none.
        """
        return getattr(self, f"_ping_{name}")(port, *options, leaf=leaf)

    def _ping_openssl(self, port, *options, leaf):
        if leaf:
            options += ("-cert", leaf.chain, "-cert_chain", leaf.chain, "-key", leaf.key)
        client = self.start_openssl_client(port, "-brief", *options)
        with contextlib.suppress(AssertionError, BrokenPipeError):
            client.write(PING)
            client.wait_out_size(len(PING))
        client.close_stdin()
        return Outcome(client.wait() == 0, client.out, client.err)

    def _ping_gnutls(self, port, *options, leaf):
        if leaf:
            options += ("--x509certfile", leaf.chain, "--x509keyfile", leaf.key)
        client = self.gnutls_client(port, *options, data=PING)
        return Outcome(client.code == 0, PING if PING in client.out else b"", client.out.decode() + client.err)

    def _ping_python(self, port, *, leaf):
        try:
            with self.python_client(port, leaf=leaf) as tls:
                tls.sendall(PING)
                got = tls.recv(len(PING))
                tls.unwrap()
                return Outcome(True, got, "")
        except ssl.SSLError as error:
            return Outcome(False, b"", str(error))

    def openssl_client(self, port, *options, data=b"", seconds=DEADLINE, **how):
        """s_client to its end; a server that does not verify ends it."""
        return self.processes.run(self._s_client(port, options), data, seconds, **how)

    def start_openssl_client(self, port, *options, **how):
        return self.processes.start(self._s_client(port, options), **how)

    def _s_client(self, port, options):
        return ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", HOST, "-verify_hostname", HOST,
                "-CAfile", self.pki.ca, "-verify_return_error", *options]

    def gnutls_client(self, port, *options, data=b"", seconds=DEADLINE, **how):
        return self.processes.run(
            ["gnutls-cli", "--port", port, "--x509cafile", self.pki.ca,
             "--sni-hostname", HOST, "--verify-hostname", HOST, *options, "127.0.0.1"], data, seconds, **how)

    def curl(self, port, path="/", *options, seconds=DEADLINE, **how):
        return self.processes.run(
            ["curl", "--silent", "--show-error", "--verbose", "--http1.1", "--noproxy", "*", "--cacert", self.pki.ca,
             "--resolve", f"{HOST}:{port}:127.0.0.1", *options, f"https://{HOST}:{port}{path}"],
            b"", seconds, **how)

    @contextlib.contextmanager
    def python_client(self, port, context=None, leaf=None, name=HOST):
        context = context or self.python_context(False, leaf)
        with socket.create_connection(("127.0.0.1", port), DEADLINE) as raw:
            with context.wrap_socket(raw, server_hostname=name) as tls:
                yield tls

    @contextlib.contextmanager
    def tcp_client(self, port):
        with socket.create_connection(("127.0.0.1", port), DEADLINE) as raw:
            yield raw


class TcpServer:
    """Accepts on any port; one thread for each connection. `results` holds what each handler returned or raised."""

    def __init__(self, handle):
        self._handle = handle
        self._changed = threading.Condition()
        self._threads = []
        self.results = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self):
        while True:
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            raw.settimeout(DEADLINE)
            thread = threading.Thread(target=self._serve, args=(raw,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, raw):
        try:
            with raw:
                result = self._handle(raw)
        except OSError as error:  # ssl.SSLError is one
            result = error
        with self._changed:
            self.results.append(result)
            self._changed.notify_all()

    def wait_result(self):
        """What the first finished handler returned, or the OSError it raised."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.results, DEADLINE):
                raise AssertionError("no connection was served to its end")
            return self.results[0]

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(DEADLINE)
        for thread in self._threads:
            thread.join(DEADLINE)


def _pump(source, sink):
    """Copies until the end, which it passes on."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def read_record(raw):
    """One TLS record from a TCP socket, or b"" at the end."""
    record = b""
    size = RECORD_HEADER
    while len(record) < size:
        part = raw.recv(size - len(record))
        if not part:
            return b""
        record += part
        if len(record) == RECORD_HEADER:
            size += int.from_bytes(record[3:5], "big")
    return record


def echo(tls):
    """Sends back what comes; closes when the peer does."""
    while data := tls.recv(65536):
        tls.sendall(data)
    tls.unwrap()


def read_all(tls):
    """Everything until the peer's close_notify."""
    parts = []
    while data := tls.recv(1 << 18):
        parts.append(data)
    return b"".join(parts)


def refused_port():
    """A port of this host that nobody listens on, and the socket that keeps it so."""
    keeper = socket.socket()
    keeper.bind(("127.0.0.1", 0))
    return keeper.getsockname()[1], keeper


def packet_stdin():
    """
    Standard input for openssl as (our end, its end): each send() is one read() of the child, so that a command
    letter such as "K" stands at the beginning of a read as openssl wants it.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(DEADLINE)
    return ours, theirs.detach()
