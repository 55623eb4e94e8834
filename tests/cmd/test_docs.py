#!/usr/bin/python3
"""The manual pages say what the headers say, show programs that exist, and those programs work.

`tests/cmd/test_docs.py --write` puts the right SYNOPSIS and the right program text into each page.
"""
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs/man").glob("*.[1-8]"))
CALLS = [page for page in PAGES if page.suffix == ".3"]
HEADERS = sorted((ROOT / "include/keyturn").glob("*.h"))
EXAMPLES = sorted((ROOT / "docs/examples").glob("*.c"))

# An example stands in a page between its marker and the end of the display.
EXAMPLE = re.compile(r'(\.\\" example: (\S+)\n\.Bd -literal\n)(.*?)(^\.Ed\n)', re.S | re.M)
SYNOPSIS = re.compile(r"(^\.Sh SYNOPSIS\n)(.*?)(?=^\.Sh )", re.S | re.M)
# kt_f(...), or a function that returns a pointer to one: void (*kt_f(...))(...)
DECLARATION = re.compile(r"^(.*?)(\(\*)?\b(kt_\w+)\((.*?)\)(?:\)\((.*)\))?$")
ROFF = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti"}


def declarations():
    """{name: (header, return type, parameters)}; parameters are None for a constant."""
    found = {}
    for header in HEADERS:
        text = re.sub(r"/\*.*?\*/|^[ \t]*#(?:\\\n|[^\n])*", "", header.read_text(), flags=re.S | re.M)
        for declaration in re.findall(r"\bKT_API\b([^;{]*);", text):
            line = " ".join(declaration.replace("KT_MUST_USE", "").split())
            function = DECLARATION.match(line)
            if not function:
                kind, name = line.rsplit(" ", 1)
                found[name] = (header.name, kind, None)
                continue
            kind, pointer, name, parameters, of_pointer = function.groups()
            kind = kind.strip() + (f" (*)({of_pointer})" if pointer else "")
            found[name] = (header.name, kind, [p.strip() for p in parameters.split(",")])
    return found


def documented(text):
    section = text[text.index(".Sh NAME\n"):text.index(".Nd ")]
    return [name for name in re.findall(r"^\.Nm (\S+)", section, re.M) if name.startswith("kt_")]


def synopsis(names, known):
    """What the SYNOPSIS of a page on these names must be."""
    lines = [f".In keyturn/{header}" for header in dict.fromkeys(known[name][0] for name in names)]
    for name in names:
        _, kind, parameters = known[name]
        if parameters is None:
            lines.append(f'.Vt "{kind}" {name} ;')
        else:
            lines += [f".Ft {kind}", f".Fo {name}", *(f'.Fa "{p}"' for p in parameters), ".Fc"]
    return "".join(line + "\n" for line in lines)


def as_roff(program):
    def line(text):
        text = "".join(ROFF.get(c, c) for c in text)
        return "\\&" + text if text.startswith((".", "'")) else text
    return "".join(line(text) + "\n" for text in program.splitlines())


def corrected(text):
    """The page with the SYNOPSIS and the programs that it should have."""
    names = documented(text)
    if names:
        text = SYNOPSIS.sub(lambda m: m[1] + synopsis(names, declarations()), text)
    return EXAMPLE.sub(lambda m: m[1] + as_roff((ROOT / "docs/examples" / m[2]).read_text()) + m[4], text)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_a_page_is_clean(page):
    if not shutil.which("mandoc"):
        pytest.skip("mandoc is not installed")
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout == "", done.stdout


@pytest.mark.parametrize("page", CALLS, ids=lambda path: path.name)
def test_a_page_shows_the_prototypes_of_the_headers(page):
    text = page.read_text()
    names = documented(text)
    assert not names or SYNOPSIS.search(text)[2] == synopsis(names, declarations())


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_a_page_shows_programs_as_they_are(page):
    for _, name, shown, _ in EXAMPLE.findall(page.read_text()):
        assert shown == as_roff((ROOT / "docs/examples" / name).read_text()), name


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_a_page_refers_to_pages_that_exist(page):
    for name, section in re.findall(r"^\.Xr (kt_\w+|keyturn) (\d)", page.read_text(), re.M):
        assert (ROOT / f"docs/man/{name}.{section}").is_file(), f"{name}({section})"


def test_a_page_documents_each_call_once():
    pages = [name for page in CALLS for name in documented(page.read_text())]
    assert sorted(pages) == sorted(declarations())


def test_every_example_is_in_a_page():
    shown = {name for page in PAGES for _, name, _, _ in EXAMPLE.findall(page.read_text())}
    assert shown == {path.name for path in EXAMPLES}


def test_the_page_of_the_command_has_all_its_options(keyturn):
    page = (ROOT / "docs/man/keyturn.1").read_text()
    told = set(re.findall(r"^\.It Fl Fl ([\w-]+)", page, re.M))
    known = set()
    for command in ("connect", "serve", "policy", "tour"):
        text = subprocess.check_output([keyturn, command, "--help"], text=True, timeout=60)
        known.update(re.findall(r"^  --([\w-]+)", text, re.M))
    assert told - {"version"} == known


def test_the_tests_that_security_names_exist(root):
    names = set()
    for words in re.findall(r"\(((?:`\w+`(?:,\s+)?)+)\)", (root / "SECURITY.md").read_text()):
        names.update(re.findall(r"\w+", words))
    sources = "".join(path.read_text() for path in (root / "tests").rglob("*.c"))
    assert names and {name for name in names if f"static void {name}(void **" not in sources} == set()


def test_the_tests_that_traps_name_exist(root):
    rows = [line for line in (root / "SECURITY.md").read_text().splitlines() if "_test.c`: `" in line]
    named = [(file, name) for row in rows for file, names in re.findall(r"`(\w+_test\.c)`: ((?:`\w+`(?:, )?)+)", row)
             for name in re.findall(r"\w+", names)]
    files = {path.name: path.read_text() for path in (root / "tests").rglob("*_test.c")}
    assert len(rows) > 30 and len(named) > len(rows)
    assert [pair for pair in named if f"static void {pair[1]}(void **" not in files[pair[0]]] == []


@pytest.fixture
def example(stage, tmp_path, sanitize):
    """Builds an example against the stage."""
    def build(name):
        program = tmp_path / name
        subprocess.run(["gcc", "-std=c11", "-D_GNU_SOURCE", *sanitize, "-o", program, ROOT / f"docs/examples/{name}.c",
                        f"-I{stage}/include", f"-L{stage}/lib", "-lkeyturn", f"-Wl,-rpath,{stage}/lib"], check=True)
        return program
    return build


def client_env(authorities):
    return {"SSL_CERT_FILE": str(authorities)}


def test_the_client_talks_to_keyturn_serve(cli, processes, example, pki):
    server = cli.serve()
    done = processes.run([example("client"), "127.0.0.1", str(server.port), "hello"], env=client_env(pki.ca))
    assert (done.code, done.out) == (0, b"hello"), done.err


def test_the_client_sends_nothing_to_a_stranger(cli, processes, example, pki):
    server = cli.serve()
    done = processes.run([example("client"), "127.0.0.1", str(server.port), "hello"],
                         env=client_env(pki.other_ca))
    assert (done.code, done.out) == (1, b"")
    assert "reason=CERTIFICATE_UNTRUSTED alert=unknown_ca sent" in done.err


def test_the_server_answers_keyturn_connect(cli, processes, example, pki):
    from support.process import listening_port  # conftest.py says where it is

    port = listening_port(processes.start([example("server"), "127.0.0.1:0", pki.p256.chain, pki.p256.key]))
    for text in (b"one", b"two"):
        done = cli.connect(port, data=text)
        assert (done.code, done.out) == (0, text), done.err


@pytest.mark.parametrize("name, line", [
    ("builder", "groups 3: "),
    ("certificate", "names: DNS:localhost, IP:127.0.0.1, IP:"),
    ("external_key", "the key is asked, the connection waits"),
    ("observer", "state C_START to C_WAIT_SH"),
    ("policy", "suite    TLS_AES_128_GCM_SHA256"),
    ("reasons", "RECORD_BAD_MAC                 a record could not be authenticated"),
    ("rekey", "sending key 4: bytes\nsending key 5: caller\nreceiving key 1: caller\n"),
    ("sans_io", "hello; sending key 1, receiving key 1"),
])
def test_an_example_prints_what_its_page_says(processes, example, name, line):
    done = processes.run([example(name)])
    assert done.code == 0, done.err
    assert line in done.out.decode()


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit(__doc__)
    for path in PAGES:
        path.write_text(corrected(path.read_text()))
