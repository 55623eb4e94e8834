"""What the pytest suites share: where the build under test is (tools/testrun says so), certificates, processes."""
import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from support import certs, command, peers, process  # noqa: E402


@pytest.fixture(scope="session")
def root():
    """The source tree."""
    return ROOT


@pytest.fixture(scope="session")
def stage():
    """The tree as installed under a prefix."""
    return pathlib.Path(os.environ.get("KEYTURN_STAGE", ROOT / "build/stage"))


@pytest.fixture(scope="session")
def build():
    """The build directory the stage came from."""
    return pathlib.Path(os.environ.get("KEYTURN_BUILD", ROOT / "build/release"))


@pytest.fixture(scope="session")
def keyturn(stage):
    """The command under test. KEYTURN_BIN names another one than that of the stage."""
    path = os.environ.get("KEYTURN_BIN", str(stage / "bin/keyturn"))
    if not os.access(path, os.X_OK):
        pytest.fail(f"there is no command at {path}: build it, or set KEYTURN_BIN", pytrace=False)
    return path


@pytest.fixture(scope="session")
def sanitize():
    """Compiler flags that a program needs to link with the library under test."""
    kind = os.environ.get("KEYTURN_SANITIZE", "none")
    return [] if kind == "none" else ["-fsanitize=" + kind]


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    """Authorities, good certificates of each kind, and bad ones (support/certs.py)."""
    return certs.Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def processes(request):
    """Starts children; all are gone when the test ends, and a failure shows what they wrote."""
    children = request.node.children = process.Processes()
    yield children
    children.stop()


@pytest.fixture
def cli(keyturn, processes, pki):
    """The command under test as functions: connect, serve, run (support/command.py)."""
    return command.Command(keyturn, processes, pki)


@pytest.fixture
def peer(processes, pki):
    """Stock peers in both roles (support/peers.py)."""
    kit = peers.Peers(processes, pki)
    yield kit
    kit.stop()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    report = outcome.get_result()
    children = getattr(item, "children", None)
    if report.failed and children and children.started:
        report.sections.append(("children", children.report()))
