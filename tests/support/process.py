"""Child processes for tests: read until something appears, never sleep, always clean up."""
import os
import pathlib
import select
import subprocess
import threading
import time

DEADLINE = 30.0  # seconds; long, because only a failing test ever waits for it
SHOWN = 4000     # bytes of each stream that a failure shows


class Deadline(AssertionError):
    """Something did not happen in time."""


class Stream:
    """What a child wrote to one descriptor, collected by a thread."""

    def __init__(self, fd):
        self.fd = fd
        self.data = bytearray()
        self.ended = False
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self._collect, daemon=True)
        self.thread.start()

    def _collect(self):
        while True:
            part = os.read(self.fd, 1 << 18)
            with self.changed:
                self.data += part
                self.ended = not part
                self.changed.notify_all()
            if not part:
                os.close(self.fd)
                return

    def wait(self, ready, seconds):
        """Waits until ready(data) is true and returns that; None when the stream ended or time ran out first."""
        end = time.monotonic() + seconds
        with self.changed:
            while True:
                result = ready(self.data)
                if result:
                    return result
                left = end - time.monotonic()
                if self.ended or left <= 0:
                    return None
                self.changed.wait(left)


class Process:
    """A running child. `stdin` is a descriptor to use instead of a pipe; it is closed here."""

    def __init__(self, command, stdin=None, env=None, cwd=None):
        self.command = [str(word) for word in command]
        self.popen = subprocess.Popen(self.command, stdin=subprocess.PIPE if stdin is None else stdin,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd, bufsize=0,
                                      env={**os.environ, **(env or {})})
        if stdin is not None:
            os.close(stdin)
        self.pid = self.popen.pid
        self._out = Stream(os.dup(self.popen.stdout.fileno()))
        self._err = Stream(os.dup(self.popen.stderr.fileno()))
        self.popen.stdout.close()
        self.popen.stderr.close()

    @property
    def out(self):
        return bytes(self._out.data)

    @property
    def err(self):
        return self._err.data.decode(errors="replace")

    @property
    def code(self):
        return self.popen.poll()

    def _wait_stream(self, stream, name, pattern, seconds):
        match = stream.wait(pattern.search, seconds)
        if match is None:
            raise Deadline(f"{pattern.pattern!r} did not appear on {name}\n{self.report()}")
        return match

    def wait_out(self, pattern, seconds=DEADLINE):
        """Waits until the compiled bytes pattern is in the standard output."""
        return self._wait_stream(self._out, "stdout", pattern, seconds)

    def wait_err(self, pattern, seconds=DEADLINE):
        """Waits until the compiled bytes pattern is in the standard error."""
        return self._wait_stream(self._err, "stderr", pattern, seconds)

    def wait_err_count(self, text, count, seconds=DEADLINE):
        """Waits until `text` (bytes) is in the standard error at least `count` times."""
        if not self._err.wait(lambda data: data.count(text) >= count, seconds):
            raise Deadline(f"{text!r} did not appear {count} times on stderr\n{self.report()}")

    def wait_out_size(self, size, seconds=DEADLINE):
        """Waits until the standard output has `size` bytes."""
        if not self._out.wait(lambda data: len(data) >= size, seconds):
            raise Deadline(f"{len(self._out.data)} of {size} bytes came on stdout\n{self.report()}")

    def wait_out_end(self, suffix, seconds=DEADLINE):
        """Waits until the standard output ends so: for much data, which is not searched again and again."""
        if not self._out.wait(lambda data: data.endswith(suffix), seconds):
            raise Deadline(f"stdout does not end with {suffix!r}\n{self.report()}")

    def write(self, data, seconds=DEADLINE):
        """Writes to the pipe of standard input; fails when the child does not read it."""
        fd = self.popen.stdin.fileno()
        os.set_blocking(fd, False)
        view = memoryview(data)
        end = time.monotonic() + seconds
        while view:
            if not select.select([], [fd], [], max(0.0, end - time.monotonic()))[1]:
                raise Deadline(f"the child does not read its input\n{self.report()}")
            try:
                view = view[os.write(fd, view):]
            except BlockingIOError:
                continue

    def close_stdin(self):
        if self.popen.stdin:
            self.popen.stdin.close()

    def wait(self, seconds=DEADLINE):
        """Waits for the end; returns the exit code with both streams complete."""
        try:
            code = self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Deadline(f"still running after {seconds} s\n{self.report()}") from None
        for stream in (self._out, self._err):
            stream.thread.join(seconds)
        return code

    def signal(self, number):
        self.popen.send_signal(number)

    def stop(self):
        """Ends the child whatever it does."""
        self.close_stdin()
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()

    def report(self):
        def shown(data):
            cut = f"... {len(data) - SHOWN} bytes left out ...\n" if len(data) > SHOWN else ""
            return cut + bytes(data[-SHOWN:]).decode(errors="replace")
        return (f"$ {' '.join(self.command)}\n[exit code {self.code}]\n"
                f"[stdout]\n{shown(self._out.data)}\n[stderr]\n{shown(self._err.data)}")


class Processes:
    """Starts children and ends them all."""

    def __init__(self):
        self.started = []

    def start(self, command, **options):
        process = Process(command, **options)
        self.started.append(process)
        return process

    def run(self, command, data=b"", seconds=DEADLINE, **options):
        """Runs a child to its end with `data` as its whole input."""
        process = self.start(command, **options)
        try:
            process.write(data, seconds)
        except BrokenPipeError:
            pass  # it ended early; its exit code says why
        process.close_stdin()
        process.wait(seconds)
        return process

    def stop(self):
        for process in reversed(self.started):
            process.stop()

    def report(self):
        return "\n".join(process.report() for process in self.started)


def listening_port(process, seconds=DEADLINE):
    """The IPv4 port on which a child listens that was told to take any and does not say which.

    Linux shows it: the socket inodes of the child are in /proc/PID/fd, the ports in /proc/net/tcp.
    """
    listening = "0A"
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.code is None:
        inodes = set()
        for link in pathlib.Path(f"/proc/{process.pid}/fd").iterdir():
            try:
                inodes.add(os.readlink(link))
            except FileNotFoundError:
                continue
        for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == listening and f"socket:[{words[9]}]" in inodes:
                return int(words[1].split(":")[1], 16)
        os.sched_yield()
    raise Deadline(f"no listening port\n{process.report()}")
