"""What a peer can make our server spend stays within its limits, and is compared with libssl's."""
import subprocess

from support.process import DEADLINE


def test_no_attack_costs_more_than_its_limit(root, build):
    done = subprocess.run([root / "tools/budgets", build, "--check"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=8 * DEADLINE)
    assert done.returncode == 0, done.stdout


def test_each_attack_is_on_the_page(root, build):
    names = subprocess.run([build / "tests/budget/budget_libssl", "--list"], stdout=subprocess.PIPE, text=True, check=True,
                           timeout=DEADLINE).stdout.split()
    page = (root / "docs/budgets.md").read_text()
    assert names and all(f"| `{name}` |" in page for name in names)
