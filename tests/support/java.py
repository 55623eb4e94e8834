"""Java's TLS as a peer in both roles: TlsPeer.java, compiled for the run, and what its lines say."""
import pathlib
import re
import shutil
import subprocess

from support import command
from support.process import DEADLINE

SOURCE = pathlib.Path(__file__).with_name("TlsPeer.java")
# Small and quick to start; all the tests have short lives.
MACHINE = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-Xmx128m", "-Xlog:disable", "-cp")

_LISTENING = re.compile(rb"^listening on 127\.0\.0\.1:(\d+)\n", re.M)
_CONNECTED = re.compile(rb"^connected (.*)\n", re.M)


def compile_to(folder):
    """The classes in `folder`; None on a machine without Java's compiler."""
    if not shutil.which("java") or not shutil.which("javac"):
        return None
    subprocess.run(["javac", "-J-XX:TieredStopAtLevel=1", "-Xlint:all", "-Werror", "-d", folder, SOURCE], check=True,
                   timeout=10 * DEADLINE)
    return folder


class Java:
    """
    Starts peers. Options are the words of TlsPeer; `groups` are Java's names in order of preference; without `tickets`
    sessions of TLS 1.2 have ids.
    """

    def __init__(self, classes, processes, pki):
        self.classes = classes
        self.processes = processes
        self.pki = pki

    def _words(self, role, groups, tickets, leaf, options):
        properties = [f"-Djdk.tls.namedGroups={groups}"] if groups else []
        if not tickets:
            properties.append(f"-Djdk.tls.{role}.enableSessionTicketExtension=false")
        words = ["java", *properties, *MACHINE, self.classes, "TlsPeer",
                 role, *(f"{name}={value}" for name, value in options.items())]
        return words + ([f"chain={leaf.chain}", f"key={leaf.key}"] if leaf else [])

    def server(self, *, groups=None, tickets=True, leaf=None, **options):
        """An echo server, with .port."""
        process = self.processes.start(self._words("server", groups, tickets, leaf or self.pki.p256, options))
        process.port = int(process.wait_out(_LISTENING)[1])
        return process

    def client(self, port, *, groups=None, tickets=True, leaf=None, **options):
        """A client, run to its end."""
        options = {"port": port, "trust": self.pki.ca, **options}
        return self.processes.run(self._words("client", groups, tickets, leaf, options))


def connected(process):
    """The facts of each connection, once there is one."""
    process.wait_out(_CONNECTED)
    return [command.pairs(line.decode()) for line in _CONNECTED.findall(process.out)]
