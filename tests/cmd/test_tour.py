"""keyturn tour: what it shows, what it writes, and that it fails when something is not as it should be."""
import json
import os
import pathlib
import re
import shutil
import signal

import pytest

from support import command

VERBS = ["handshake", "data", "update-send", "update-both", "peer-update", "close"]
LATER = ["resume", "psk", "client-auth", "post-auth", "ocsp", "limit", "policy", "binding"]  # on connections of their own
VERBS12 = ["handshake", "data", "close"]
LATER12 = ["resume", "client-auth", "ocsp", "limit", "binding"]
NEED_FILES = ["psk", "client-auth", "post-auth", "ocsp"]  # which openssl makes
ROWS = [("keyturn", "keyturn"), ("keyturn", "openssl"), ("keyturn", "gnutls"), ("openssl", "keyturn"),
        ("gnutls", "keyturn")]
FAILED_CELL = 7
STOCK = ("openssl", "gnutls-cli", "gnutls-serv")


@pytest.fixture
def tour(cli, tmp_path):
    """Runs a tour that keeps its files below a folder of the test; returns the process and the cells of its JSON."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    def run(*options, env=None, **how):
        path = tmp_path / "tour.json"
        process = cli.run("tour", "--json", path, *options, seconds=90, env={"TMPDIR": str(scratch), **(env or {})}, **how)
        assert list(scratch.iterdir()) == [], "files are left behind"
        return process, json.loads(path.read_text())["cells"] if path.exists() else None
    return run


@pytest.fixture
def programs(tmp_path):
    """A folder to be the PATH: the stock programs, to be replaced or removed."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in STOCK:
        (folder / name).symlink_to(shutil.which(name))
    return folder


def fake(programs, name, text):
    path = programs / name
    path.unlink()
    path.write_text(text)
    path.chmod(0o755)


def by_name(cells):
    """As --only has them."""
    tls12 = {"TLSv1.3": "", "TLSv1.2": "tls12/"}
    return {f"{c['client']}/{c['server']}/{tls12[c['version']]}{c['verb']}": c for c in cells}


def test_every_cell_passes(tour):
    process, cells = tour()
    assert process.code == command.DONE, process.report()
    expected = [f"{client}/{server}/{verb}" for client, server in ROWS for verb in VERBS + LATER
                if (server, verb) not in (("gnutls", "peer-update"), ("openssl", "limit"))]
    expected += [f"{client}/{server}/tls12/{verb}" for client, server in ROWS for verb in VERBS12 + LATER12
                 if (server, verb) != ("openssl", "limit") and not ("openssl" in (client, server) and verb == "binding")]
    assert list(by_name(cells)) == expected
    for cell in cells:
        assert cell["result"] == "pass" and 0 <= cell["ms"] < 60000
    assert re.search(r"^105 passed, 0 failed, in [0-9.]+ s$", process.out.decode(), re.M)


def test_it_is_plain_text_for_100_columns(tour):
    process, _ = tour()
    text = process.out.decode("ascii")
    assert "\033" not in text and max(len(line) for line in text.splitlines()) <= 100
    for word in ("ClientHello", "Finished", "KeyUpdate", "close_notify"):
        assert word in text
    rows = [line.split()[:3] for line in text.splitlines() if " TLSv1." in line and "|" not in line]
    assert rows == 3 * [[client, server, version] for version in ("TLSv1.3", "TLSv1.2") for client, server in ROWS]
    assert process.err == ""


def test_it_draws_a_handshake_of_tls_1_2_and_one_that_resumes_it(tour):
    process, _ = tour()
    text = process.out.decode()
    full, resumed = text[text.index("The same in TLS 1.2"):text.index("client   server ")].strip().split("\n\n")[1:]
    names = [re.findall(r"\|<?-+ (\w+) \d+ -+>?\|", part) for part in (full, resumed)]
    assert names == [["ClientHello", "ServerHello", "Certificate", "ServerKeyExchange", "ServerHelloDone",
                      "ClientKeyExchange", "Finished", "NewSessionTicket", "Finished"],
                     ["ClientHello", "ServerHello", "NewSessionTicket", "Finished", "Finished"]]
    for part, word in ((full, "connected"), (resumed, "resumed")):
        assert part.count("change_cipher_spec") == 2 and f"== {word} TLSv1.2 ==" in part
        assert "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 " in part


def test_only_tls_1_2(tour):
    process, cells = tour("--only", "openssl/keyturn/tls12/[hr]*")
    assert process.code == command.DONE, process.report()
    assert list(by_name(cells)) == ["openssl/keyturn/tls12/handshake", "openssl/keyturn/tls12/resume"]


def test_only_some_cells(tour):
    process, cells = tour("--only", "openssl/*/update")
    assert process.code == command.DONE, process.report()
    assert list(by_name(cells)) == ["openssl/keyturn/update-send", "openssl/keyturn/update-both"]
    assert b"ClientHello" not in process.out


def test_no_cell_of_that_name(tour):
    process, cells = tour("--only", "nonsense")
    assert process.code == command.USAGE and cells is None


def test_a_program_that_is_missing_is_a_failure(tour, programs):
    (programs / "gnutls-serv").unlink()
    process, cells = tour(env={"PATH": str(programs)})
    assert process.code == FAILED_CELL
    failed = [name for name, cell in by_name(cells).items() if cell["result"] == "fail"]
    assert failed == [f"keyturn/gnutls/{verb}" for verb in VERBS + LATER if verb != "peer-update"] + [
        f"keyturn/gnutls/tls12/{verb}" for verb in VERBS12 + LATER12]
    assert b"gnutls-serv is not installed" in process.out
    assert b"84 passed, 21 failed" in process.out


def test_without_any_peer_we_still_meet_ourselves(tour, tmp_path):
    process, cells = tour(env={"PATH": str(tmp_path)})
    assert process.code == FAILED_CELL
    assert [name for name, cell in by_name(cells).items() if cell["result"] == "pass"] == [
        f"keyturn/keyturn/{verb}" for verb in VERBS + LATER if verb not in NEED_FILES] + [
        f"keyturn/keyturn/tls12/{verb}" for verb in VERBS12 + LATER12 if verb not in NEED_FILES]


def test_only_what_is_tried_on_connections_of_its_own(tour):
    process, cells = tour("--only", "gnutls/keyturn/resume")
    assert process.code == command.DONE, process.report()
    assert list(by_name(cells)) == ["gnutls/keyturn/resume"] and cells[0]["version"] == "TLSv1.3"
    assert b"handshake" not in process.out


@pytest.mark.parametrize("cell,heads", [("keyturn/keyturn/psk", [b"resume psk client-auth post-auth ocsp"]),
                                        ("keyturn/keyturn/policy", [b"limit policy binding"]),
                                        ("keyturn/keyturn/p[so]*", [b"resume psk client-auth post-auth ocsp",
                                                                    b"limit policy binding"])])
def test_only_the_tables_that_have_cells(tour, cell, heads):
    process, _ = tour("--only", cell)
    assert process.code == command.DONE, process.report()
    lines = [b" ".join(line.split()) for line in process.out.splitlines() if line.startswith(b"client ")]
    assert lines == [b"client server version " + head for head in heads]


# Each makes one thing not happen, and the peer does not say so; what counts is what our side says, or both do.
OPTION_LOST = """#!/bin/sh
# {name} without its option {option}.
for word; do
    shift
    test "$word" = {option} || set -- "$@" "$word"
done
exec {real} "$@"
"""


def test_a_server_that_does_not_ask_for_a_certificate_is_a_failure(tour, programs):
    fake(programs, "openssl", '#!/bin/sh\nfor w; do shift; test "$w" = -Verify && w=-num_tickets; set -- "$@" "$w"; done\n'
         f'exec {shutil.which("openssl")} "$@"\n')
    process, cells = tour("--only", "keyturn/openssl/client-auth", env={"PATH": f"{programs}:/usr/bin:/bin"})
    assert process.code == FAILED_CELL and cells[0]["result"] == "fail"
    assert b"did not say: " in process.out and b"CertificateVerify" in process.out


@pytest.mark.parametrize("name,option,cell,why", [
    ("gnutls-cli", "--resume", "gnutls/keyturn/resume", rb"no handshake|resumed=yes"),
    ("openssl", "-status", "openssl/keyturn/ocsp", rb"did not say: Cert Status: good"),
    ("gnutls-cli", "--verbose", "gnutls/keyturn/binding", rb"no channel binding"),
    ("openssl", "-enable_pha", "openssl/keyturn/post-auth", rb"the client did not offer to be asked"),
    ("gnutls-cli", "--post-handshake-auth", "gnutls/keyturn/post-auth", rb"the client did not offer to be asked"),
])
def test_what_did_not_happen_is_a_failure(tour, programs, name, option, cell, why):
    real = shutil.which(name)
    fake(programs, name, OPTION_LOST.format(name=name, option=option, real=real))
    process, cells = tour("--only", cell, env={"PATH": f"{programs}:/usr/bin:/bin"})
    assert process.code == FAILED_CELL and [c["result"] for c in cells] == ["fail"]
    assert re.search(rb"failed:\n +.*(%s)" % why, process.out), process.report()


WORD_CHANGED = '#!/bin/sh\nfor w; do shift; test "$w" = {word} && w={other}; set -- "$@" "$w"; done\nexec {real} "$@"\n'


@pytest.mark.parametrize("name,word,cell,why", [
    ("openssl", "tour", "keyturn/openssl/psk", rb"not  psk=tour but TLSv1.3 .* scheme=[a-z]"),  # it shows a certificate
    ("openssl", "tour", "openssl/keyturn/psk", rb"no handshake"),
    ("gnutls-cli", "tour", "gnutls/keyturn/psk", rb"no handshake"),
])
def test_a_key_of_another_name_is_a_failure(tour, programs, name, word, cell, why):
    fake(programs, name, WORD_CHANGED.format(word=word, other="tower", real=shutil.which(name)))
    process, cells = tour("--only", cell, env={"PATH": f"{programs}:/usr/bin:/bin"})
    assert process.code == FAILED_CELL and [c["result"] for c in cells] == ["fail"]
    assert re.search(rb"failed:\n +.*(%s)" % why, process.out), process.report()


MUTE = """#!{python}
# {real}, told nothing that asks a client for a certificate.
import os, subprocess, sys
if sys.argv[1] != "s_server":
    os.execv({real!r}, sys.argv)
child = subprocess.Popen([{real!r}, *sys.argv[1:]], stdin=subprocess.PIPE)
while line := os.read(0, 65536):
    if line != b"c\\n":
        child.stdin.write(line)
        child.stdin.flush()
child.stdin.close()
sys.exit(child.wait())
"""


def test_a_server_that_never_asks_is_a_failure(tour, programs):
    fake(programs, "openssl", MUTE.format(python=shutil.which("python3", path="/usr/bin"), real=shutil.which("openssl")))
    process, cells = tour("--only", "keyturn/openssl/post-auth", env={"PATH": f"{programs}:/usr/bin:/bin"})
    assert process.code == FAILED_CELL and [c["result"] for c in cells] == ["fail"]
    assert b"got no certificate" in process.out


def test_a_server_that_does_not_know_our_authority_is_a_failure(tour, programs):
    fake(programs, "openssl", WORD_CHANGED.format(word="-CAfile", other="-chainCAfile", real=shutil.which("openssl")))
    process, cells = tour("--only", "keyturn/openssl/post-auth", env={"PATH": f"{programs}:/usr/bin:/bin"})
    assert process.code == FAILED_CELL and [c["result"] for c in cells] == ["fail"]
    assert b"got no certificate" in process.out


LIAR = """#!{python}
# gnutls-cli, but for the commands that change keys: those are acknowledged and not carried out.
import os, subprocess, sys
child = subprocess.Popen([{real!r}, *sys.argv[1:]], stdin=subprocess.PIPE)
while line := os.read(0, 65536):
    if line.startswith(b"^rekey"):
        os.write(1, b"- Rekey was completed\\n")
    else:
        child.stdin.write(line)
        child.stdin.flush()
child.stdin.close()
sys.exit(child.wait())
"""


def test_a_key_that_was_not_changed_is_a_failure_whatever_the_peer_says(tour, programs):
    fake(programs, "gnutls-cli", LIAR.format(python=shutil.which("python3", path="/usr/bin"),
                                             real=shutil.which("gnutls-cli")))
    process, cells = tour("--only", "gnutls/keyturn", env={"PATH": str(programs)})
    assert process.code == FAILED_CELL
    results = {name: cell["result"] for name, cell in by_name(cells).items()}
    assert results["gnutls/keyturn/update-both"] == "pass"
    assert results["gnutls/keyturn/peer-update"] == "fail"
    assert re.search(rb"gnutls/keyturn/peer-update failed:\n +keys went from ", process.out)


def test_a_peer_that_crashes_is_a_failure(tour, programs):
    fake(programs, "gnutls-cli", "#!/bin/sh\necho no mood today\nexit 1\n")
    process, cells = tour("--only", "gnutls/keyturn", env={"PATH": str(programs)})
    assert process.code == FAILED_CELL and {cell["result"] for cell in cells} == {"fail"}
    assert b"gnutls said: no mood today" in process.out


def running_with(word):
    """The processes that have this word in their command line."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word in path.read_bytes():
                found.append(path.parent.name)
        except OSError:
            continue
    return found


def test_a_signal_ends_it_and_leaves_nothing(cli, tmp_path, programs):
    fake(programs, "gnutls-serv", "#!/bin/sh\nexec sleep 60\n")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    process = cli.processes.start([cli.path, "tour"],
                                  env={"TMPDIR": str(scratch), "PATH": f"{programs}:{os.environ['PATH']}"})
    process.wait_out(re.compile(rb"\nkeyturn +openssl +TLSv1.3 "))
    process.signal(signal.SIGTERM)
    assert process.wait() == FAILED_CELL
    assert list(scratch.iterdir()) == []
    assert running_with(os.fsencode(scratch)) == []


def test_results_that_cannot_be_written(cli, tmp_path):
    result = cli.run("tour", "--only", "keyturn/keyturn/handshake", "--json", tmp_path / "absent/file")
    assert result.code == command.FILES and "keyturn: error: " in result.err
