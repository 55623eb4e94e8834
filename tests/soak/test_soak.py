"""The soak test for a moment, and whether its book finds what does not balance."""
import importlib.machinery
import importlib.util
import pathlib
import subprocess

import pytest

from support.process import DEADLINE

SECONDS = 12
SOAK = "tests/soak/soak"


def test_a_moment_of_soaking_balances(root, keyturn):
    done = subprocess.run([root / SOAK, "--hours", str(SECONDS / 3600), "--workers", "2", keyturn], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=4 * DEADLINE)
    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith("balanced\n")
    for kind in ("keyturn", "openssl", "python"):
        assert f"\n{kind} " in f"\n{done.stdout}", done.stdout


@pytest.fixture
def soak(root):
    path = str(root / SOAK)
    spec = importlib.util.spec_from_loader("soak_program", importlib.machinery.SourceFileLoader("soak_program", path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def session(soak, **facts):
    plain = dict(kind="python", version="1.3", payload=b"123", port=0, folder=pathlib.Path(), plan=soak.Plan(),
                 clean=True, got=b"123")
    return soak.Session(**{**plain, **facts})


def book_of(soak, facts, *served):
    book = soak.Book()
    book.enter(session(soak, **facts), True)
    for sent, received in served:
        book.served(sent, received)
    book.balance()
    return book.complaints


@pytest.mark.parametrize("facts", [
    {}, {"touched": True, "clean": False, "got": b"12"}, {"touched": True, "revoked": True, "got": b"12"}])
def test_what_balances_is_no_complaint(soak, facts):
    assert book_of(soak, facts, (3, 3)) == []


@pytest.mark.parametrize("facts, served", [
    ({"got": b"12"}, [(3, 3)]),                     # a byte is missing
    ({"got": b"124"}, [(3, 3)]),                    # another byte
    ({"clean": False}, [(3, 3)]),                   # not a clean end
    ({"touched": True, "got": b"12"}, [(3, 3)]),    # truncated, and taken for the end
    ({"touched": True, "clean": False, "got": b"13"}, []),  # damaged bytes came through
    ({}, []),                                       # the server does not count it
    ({}, [(4, 4)]),                                 # or another number of bytes
    ({}, [(3, 3), (3, 3)]),                         # or one more
    ({}, [(2, 3)]),                                 # or sent less than came
])
def test_what_does_not_balance_is_found(soak, facts, served):
    assert book_of(soak, facts, *served)
