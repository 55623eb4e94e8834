"""The house rules that a script can check."""
import subprocess


def run(root, *command):
    done = subprocess.run([root / command[0], *command[1:]], cwd=root, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


def test_the_layer_check_judges_its_samples(root):
    run(root, "tools/layers", "--self-test")


def test_every_include_follows_the_layers(root):
    run(root, "tools/layers")


def test_every_source_is_named_in_its_list(root):
    run(root, "tools/rooms")


def test_headers_map_library_and_manuals_agree(root, stage):
    run(root, "tools/exports", stage / "lib/libkeyturn.so.0")


def test_the_diagrams_are_those_of_the_tables(root, build):
    run(root, build / "tools/graph", "--check", "ARCHITECTURE.md")
