"""What the pytest suites share: where the build under test is (tools/testrun says so)."""
import os
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent


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
    """The command under test."""
    return str(stage / "bin/keyturn")


@pytest.fixture(scope="session")
def sanitize():
    """Compiler flags that a program needs to link with the library under test."""
    kind = os.environ.get("KEYTURN_SANITIZE", "none")
    return [] if kind == "none" else ["-fsanitize=" + kind]
