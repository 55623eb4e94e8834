"""Somebody between a client and a server for one connection, who delays, damages or cuts what passes."""
import contextlib
import dataclasses
import random
import socket
import threading

from support.process import DEADLINE

PIECE = 65536
SHORT = 1500


@dataclasses.dataclass(frozen=True)
class Plan:
    """`what`: pass, trickle (in small pieces), flip (a bit of byte `at`), cut (before byte `at`); one direction."""
    what: str = "pass"
    upward: bool = True
    at: int = 0

    @staticmethod
    def of(rng, size, share):
        """Something bad in this share of the cases; where, for about `size` bytes each way."""
        if rng.random() >= share:
            return Plan(rng.choice(["pass", "trickle"]))
        return Plan(rng.choice(["flip", "cut"]), rng.random() < 0.5, int(rng.random() ** 2 * (size + 3000)))


class Meddler:
    """Waits on .port for one client and carries its bytes to `onward`. `fired`: the plan met its byte."""

    def __init__(self, onward, plan, seed):
        self.onward = onward
        self.plan = plan
        self.seed = seed
        self.fired = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(DEADLINE)
        self.port = self._listener.getsockname()[1]
        self._sockets = [self._listener]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self):
        with contextlib.suppress(OSError):
            client, _ = self._listener.accept()
            server = socket.create_connection(("127.0.0.1", self.onward), DEADLINE)
            self._sockets += [client, server]
            for raw in (client, server):
                raw.settimeout(None)
            down = threading.Thread(target=self._carry, args=(server, client, False), daemon=True)
            self._threads.append(down)
            down.start()
            self._carry(client, server, True)

    def _pieces(self, data, rng):
        while data:
            size = rng.randrange(1, SHORT) if self.plan.what == "trickle" else len(data)
            yield data[:size]
            data = data[size:]

    def _carry(self, source, sink, upward):
        rng = random.Random(self.seed * 2 + upward)
        seen = 0
        with contextlib.suppress(OSError):
            while data := source.recv(PIECE):
                at = self.plan.at - seen
                if self.plan.what in ("flip", "cut") and upward == self.plan.upward and 0 <= at < len(data):
                    self.fired = True
                    if self.plan.what == "cut":
                        sink.sendall(data[:at])
                        break
                    data = data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1:]
                seen += len(data)
                for piece in self._pieces(data, rng):
                    sink.sendall(piece)
            else:
                sink.shutdown(socket.SHUT_WR)
                return
            for raw in (source, sink):
                raw.shutdown(socket.SHUT_RDWR)

    def stop(self):
        for raw in self._sockets:
            with contextlib.suppress(OSError):
                raw.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(DEADLINE)
        for raw in self._sockets:
            raw.close()
