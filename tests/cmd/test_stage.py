"""The staged tree is what a user gets: headers, library, pkg-config file, command, examples."""
import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "docs/examples").glob("*.c"))
HEADERS = sorted((ROOT / "include/keyturn").glob("*.h"))
STRICT = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def pkg_config(stage, *words):
    env = dict(os.environ, PKG_CONFIG_PATH=str(stage / "lib/pkgconfig"))
    return subprocess.check_output(["pkg-config", *words, "keyturn"], env=env, text=True).split()


@pytest.mark.parametrize("header", HEADERS, ids=lambda path: path.name)
def test_a_public_header_stands_alone(stage, tmp_path, header):
    program = tmp_path / "program.c"
    program.write_text(f"#include <keyturn/{header.name}>\n#include <keyturn/{header.name}>\nint used;\n")
    subprocess.run(["gcc", *STRICT, "-fsyntax-only", *pkg_config(stage, "--cflags"), program], check=True)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_compiles_against_the_stage_and_runs(stage, tmp_path, sanitize, example):
    program = tmp_path / example.stem
    flags = [*pkg_config(stage, "--cflags", "--libs"), f"-Wl,-rpath,{stage}/lib"]
    subprocess.run(["gcc", *STRICT, "-D_GNU_SOURCE", *sanitize, "-o", program, example, *flags], check=True)


def test_the_tree_works_where_it_is_moved(stage, tmp_path):
    moved = tmp_path / "elsewhere"
    shutil.copytree(stage, moved, symlinks=True)
    subprocess.run([moved / "bin/keyturn", "--help"], check=True, stdout=subprocess.DEVNULL, timeout=60)
    assert f"-I{moved}/include" in [os.path.normpath(w) for w in pkg_config(moved, "--cflags")]


def test_no_path_of_the_build_is_in_a_binary(stage):
    for path in (p for p in stage.rglob("*") if p.is_file() and not p.is_symlink()):
        assert os.fsencode(ROOT) not in path.read_bytes(), path
