"""The model of what two connected ends owe each other: all its runs by spin, and random ones against the library."""
import re
import subprocess

import pytest

from support.process import DEADLINE

LONG = 4 * DEADLINE
MODEL = "tests/model/post_handshake.pml"
TRACES = 200
CALLS = 24  # of the applications in a random run

# What BREAK of the model takes away, and how the loss shows.
RULES = {
    1: ("no request while one is outstanding", "wire_asked"),
    2: ("an answer owed waits for room", "answer"),
    3: ("no key change inside a flight", "wire_inside"),
    4: ("no close inside a flight", "wire_inside"),
    5: ("nothing is put where memory is lent", "lent"),
    6: ("no data behind a close", "out_closed"),
    7: ("a connection that failed takes back what it lent", "fault"),
    8: ("a close takes back what was lent", "lent"),
    9: ("the budget of messages without data", "tokens"),
}


def run(words, **how):
    done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=LONG, **how)
    assert done.returncode == 0, f"{words}\n{done.stdout}"
    return done.stdout


def search(folder, model, *defines, claim=None):
    """All runs, or those until the first error: what spin's verifier says."""
    run(["spin", "-a", *defines, model], cwd=folder)
    run(["gcc", "-O1", "-w", "-DVECTORSZ=2048", "-DSAFETY" if not claim else "-DNOREDUCE",
         *([] if claim else ["-DNOCLAIM"]), "-o", "pan", "pan.c"], cwd=folder)
    return run(["./pan", "-m10000", "-w22", *(["-a", "-N", claim] if claim else [])], cwd=folder)


def unreached(said, proctype):
    part = said.split(f"unreached in proctype {proctype}\n")[1].split("unreached in")[0]
    return int(re.search(r"\((\d+) of \d+ states\)", part)[1])


def test_no_run_owes_at_its_end_or_breaks_a_rule(root, tmp_path):
    said = search(tmp_path, root / MODEL, "-DOPS=4")
    assert "errors: 0" in said, said
    assert "max search depth too small" not in said
    assert unreached(said, "end") == 0  # nothing in the model is there for nothing


@pytest.mark.parametrize("claim", ["an_answer_owed_is_paid", "a_closed_half_stays_closed"])
def test_what_is_said_of_all_time_holds(root, tmp_path, claim):
    said = search(tmp_path, root / MODEL, "-DOPS=3", claim=claim)
    assert "errors: 0" in said, said


@pytest.mark.parametrize("rule", RULES, ids=lambda number: RULES[number][0].replace(" ", "-"))
def test_each_rule_is_missed(root, tmp_path, rule):
    said = search(tmp_path, root / MODEL, "-DOPS=5", f"-DBREAK={rule}")
    broken = re.search(r"assertion violated (.*)", said)
    assert broken and RULES[rule][1] in broken[1], said


# The library takes the steps of the model.

def walk(root, folder):
    """Random runs of the model, as lines; the same each time."""
    lines = []
    for seed in range(1, TRACES + 1):
        said = run(["spin", f"-n{seed}", f"-DOPS={CALLS}", root / MODEL], cwd=folder)
        lines.append(f"trace {seed}")
        lines += [" ".join(line.split()) for line in said.splitlines() if line.strip().startswith("step ")]
    return lines


def come_everywhere(lines):
    both = ("write", "lend", "give-back", "rekey", "rekey-both", "close", "tick", "wait", "fill", "half", "move")
    steps = {tuple(line.split()[1:3]) for line in lines if line.startswith("step")}
    moved = {line.split()[3] for line in lines if line.startswith("step move")} - {"|"}
    return (steps == {(name, side) for name in both for side in "01"} | {("leave", "1")} and
            moved == {"data", "update", "request", "flight_begins", "flight_ends", "close_notify", "fatal"})


def replay(build, lines):
    return subprocess.run([build / "tests/model/model_replay"], input="\n".join(lines) + "\n", text=True, timeout=LONG,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_the_library_moves_as_the_model_does(root, build, tmp_path):
    lines = walk(root, tmp_path)
    assert come_everywhere(lines)
    done = replay(build, lines)
    assert done.returncode == 0, done.stdout
    assert f"{TRACES} traces, {len(lines) - TRACES} steps\n" in done.stdout

    for pattern, other in ((r"\| 1 ", "| 2 "), (r"(?<=step move 0 )data", "update")):  # a difference would be seen
        at = next(n for n, line in enumerate(lines) if re.search(pattern, line))
        done = replay(build, [*lines[:at], re.sub(pattern, other, lines[at], count=1)])
        assert done.returncode == 1
        assert "model: step" in done.stdout
