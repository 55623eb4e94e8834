"""The keyturn command as functions, and what its lines say."""
import dataclasses
import json
import re
import socket

from support.process import DEADLINE

LISTENING = re.compile(rb"\Alistening on (?:\[[0-9a-fA-F:]+\]|[0-9.]+):(\d+)\n")
CONNECTED = re.compile(rb"keyturn: (?:\[\w+\] )?connected (.*)\n")
CLOSED = re.compile(rb"keyturn: (?:\[\w+\] )?closed (.*)\n")
HINT = re.compile(rb"keyturn: (?:\[\w+\] )?hint: .*\n")

_FAILURE = re.compile(r"^keyturn: (?:\[\w+\] )?error: (?P<what>.+) "
                      r"\(reason=(?P<reason>\w+) alert=(?P<alert>[\w-]+)(?: (?P<direction>sent|received))?\)$", re.M)
_HINT = re.compile(r"^keyturn: (?:\[\w+\] )?hint: (?P<hint>.+)$", re.M)

# Exit codes.
DONE, USAGE, NETWORK, UNVERIFIED, PROTOCOL, TRUNCATED, FILES = range(7)


@dataclasses.dataclass(frozen=True)
class Failure:
    """The error line and the hint below it."""
    what: str
    reason: str
    alert: str
    direction: str  # "sent", "received" or None
    hint: str


def pairs(text):
    """The key=value words of a line; the words without "=" are under None."""
    words = text.split()
    return {None: [w for w in words if "=" not in w], **dict(w.split("=", 1) for w in words if "=" in w)}


def _line(pattern, text):
    found = pattern.search(text.encode())
    return pairs(found[1].decode()) if found else None


def connected(text):
    """The facts of the first "connected" line, or None."""
    return _line(CONNECTED, text)


def closed(text):
    """The facts of the first "closed" line, or None."""
    return _line(CLOSED, text)


def failure(text):
    """The first error line with its hint, or None."""
    found = _FAILURE.search(text)
    if not found:
        return None
    hint = _HINT.search(text, found.end())
    return Failure(hint=hint["hint"] if hint else None, **found.groupdict())


def trace(text):
    """The objects of --trace=json: every line that is not one of the command's own must parse."""
    return [json.loads(line) for line in text.splitlines() if not line.startswith("keyturn: ")]


class Server:
    """A running `keyturn serve`."""

    def __init__(self, process):
        self.process = process
        self.port = int(process.wait_out(LISTENING)[1])

    @property
    def err(self):
        return self.process.err

    def wait_connected(self):
        return pairs(self.process.wait_err(CONNECTED)[1].decode())

    def wait_closed(self):
        return pairs(self.process.wait_err(CLOSED)[1].decode())

    def wait_failure(self):
        self.process.wait_err(HINT)  # the line below the error
        return failure(self.process.err)


class Command:
    def __init__(self, path, processes, pki):
        self.path = path
        self.processes = processes
        self.pki = pki

    def run(self, *words, data=b"", seconds=DEADLINE, **options):
        """Any call of the command, to its end."""
        return self.processes.run([self.path, *words], data, seconds, **options)

    def _connect(self, port, options):
        words = ["connect", f"127.0.0.1:{port}"]
        if "--ca" not in options and "--insecure" not in options:
            words += ["--ca", self.pki.ca]
        if "--servername" not in options:
            words += ["--servername", "localhost"]
        return [self.path, *words, *options]

    def connect(self, port, *options, data=b"", seconds=DEADLINE, **how):
        """`keyturn connect` to its end, with `data` as its input. Trusts the test's root unless told otherwise."""
        return self.processes.run(self._connect(port, options), data, seconds, **how)

    def start_connect(self, port, *options, **how):
        """The same, left running with its input open."""
        return self.processes.start(self._connect(port, options), **how)

    def serve(self, *options, leaf=None, **how):
        """`keyturn serve` on any port, with the P-256 credential unless told otherwise."""
        words = ["serve", "--listen", "127.0.0.1:0", *options]
        if not {"--echo", "--www", "--forward", "--sink", "--source"} & set(options):
            words.append("--echo")
        if "--cert" not in options and "--pkcs12" not in options:
            leaf = leaf or self.pki.p256
            words += ["--cert", leaf.chain, "--key", leaf.key]
        return Server(self.processes.start([self.path, *words], **how))


def client_auth(leaf):
    """The options that make `keyturn connect` show a certificate."""
    return "--cert", leaf.chain, "--key", leaf.key


class Control:
    """The control socket: one command after the other."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("rw")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def ask(self, line):
        """All lines of the answer; the last one is "ok" or begins with "error: "."""
        self.file.write(line + "\n")
        self.file.flush()
        lines = []
        while not lines or not (lines[-1] == "ok" or lines[-1].startswith("error: ")):
            lines.append(self.file.readline().rstrip("\n"))
            assert lines[-1], lines
        return lines
