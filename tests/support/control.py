"""The control socket of `keyturn serve`."""
import socket

from support.process import DEADLINE


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
