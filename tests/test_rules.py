"""Rules and code pass the linters, and every rule that does work says what it does, where it writes, and what it needs."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from informed_init.plan import code_inputs
from repository import ROOT

RULES = sorted((ROOT / "rules").glob("*.smk"))
WORKING = ("message", "log", "conda", "resources", "benchmark")
WITHOUT_FILES = (
    "check_results",
    "estimate",
)  # a benchmark would be a file of theirs, and they run whenever they are asked for


def directives(text):
    """(name, directives) of every rule in a file; a rule in a loop has no name there."""
    for match in re.finditer(r"^( *)rule ?(\w*):\n((?:\1 +[^\n]*\n|\n)+)", text, re.MULTILINE):
        inside = " " * (len(match[1]) + 4)
        yield match[2], set(re.findall(rf"^{inside}(\w+):", match[3], re.MULTILINE))


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_a_rule_that_does_work_says_all_that_is_to_be_known_of_it(path):
    for name, found in directives(path.read_text()):
        if "script" in found:
            assert set(WORKING) - found <= ({"benchmark"} if name in WITHOUT_FILES else set()), name or path.stem


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_a_job_of_more_than_seconds_does_not_take_away_what_was_there_before_it_has_something_new(path):
    """Snakemake removes the other outputs before a job and after its failure, and then may say that nothing is to be done."""
    for rule in re.split(r"^ *rule ?\w*:\n", path.read_text(), flags=re.MULTILINE)[1:]:
        if "script:" in rule and "localrule" not in rule and "output:" in rule:
            outputs = re.sub(r"\(\s+", "(", re.search(r"output:\n([\s\S]*?)^ *log:", rule, re.MULTILINE)[1])
            assert outputs.count("update(") == len(
                re.findall(r"^ +(\w+=)?\[?(update|\"|f\")", outputs, re.MULTILINE)
            ), outputs


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_no_rule_runs_code_of_its_own(path):
    text = path.read_text()
    assert not re.search(r"^ *(run|shell):", text, re.MULTILINE)
    for body in re.findall(r"^def \w+\([^\n]*\):\n((?:    [^\n]*\n|\n)+)", text, re.MULTILINE):
        words = re.sub(r'"""[\s\S]*?"""', "", body)
        assert not re.search(r"^\s+(for|while|with|try)\b.*:$", words, re.MULTILINE), body  # that is the package's part


def tool(*words):
    done = subprocess.run(
        [Path(sys.executable).parent / words[0], *words[1:]], cwd=ROOT, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


LINT = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
LINTERS = [command.strip() for command in re.findall(r"\$\(BIN\)/([^&\n]+)", LINT)]


@pytest.mark.slow
@pytest.mark.parametrize("command", LINTERS)
def test_make_lint_has_nothing_to_say(command):
    code, said = tool(*command.split())
    assert code == 0, said


def test_make_lint_reads_the_rules_too():
    assert {"ruff", "snakefmt", "snakemake"} == {command.split()[0] for command in LINTERS}


# ---------------------------------------------------------------- code as inputs


def imports_of(path):
    """The modules that a file imports when it runs, by Python's own reading of it."""

    def running(node):
        if isinstance(node, ast.If) and getattr(node.test, "id", None) == "TYPE_CHECKING":
            return
        yield node
        for child in ast.iter_child_nodes(node):
            yield from running(child)

    found = [node for node in running(ast.parse(path.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {ast.unparse(node) for node in found}


@pytest.mark.parametrize("path", sorted((ROOT / "workflow_scripts").rglob("*.py")), ids=lambda path: path.stem)
def test_no_import_is_missed_and_none_is_made_up_that_names_the_package(path):
    found = {ast.unparse(node) for node in code_inputs._statements(path.read_text())}
    assert imports_of(path) <= found
    assert not [line for line in found - imports_of(path) if line.startswith("from .")]


def test_imports_are_found_however_they_are_written():
    text = '''
"""
import nothing of the kind is meant here
"""
import a.b, c  # noqa
from . import (
    d,  # a comment
    e,
)
if TYPE_CHECKING:
    from .types import T

    from .more import U
def f():
    from ..g import h as i
try:
    import j
except ImportError: pass
'''
    found = [ast.unparse(node) for node in code_inputs._statements(text)]
    assert found == ["import a.b, c", "from . import d, e", "from ..g import h as i", "import j"]
