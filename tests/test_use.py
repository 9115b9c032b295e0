"""What a new user meets: the package's own words, its lists, the banks that ship, the command, the wheel."""

import inspect
import json
import re
import shlex
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import informed_init
import pytest
import torch
from informed_init.banks.bank import Bank
from informed_init.banks.shipped import FOLDER, cards
from informed_init.cli import commands, main
from informed_init.declarations import PACKAGE, declared, initializers, unreadable
from informed_init.errors import InputError
from informed_init.files import load_tensors
from packaging.requirements import Requirement
from repository import ROOT
from safetensors.torch import save_file
from torch import nn

sys.path.insert(0, str(ROOT / "workflow_scripts" / "banks"))
from ship_bank import ship

NAME = "resnet18-cifar100-euclid-k2"


def python(*arguments, **settings):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, **settings)


# ---------------------------------------------------------------- discover


def test_the_package_names_all_that_is_public_and_nothing_else():
    names = [name for name in dir(informed_init) if not name.startswith("__")]
    assert sorted(names) == sorted(set(informed_init.__all__) - {"__version__"})
    for name in informed_init.__all__:
        assert getattr(informed_init, name) is not None
        assert inspect.getdoc(getattr(informed_init, name)), name
    assert "importlib" not in dir(informed_init)
    assert (PACKAGE / "py.typed").is_file()
    version = {line.split(": ")[1] for line in (ROOT / "CITATION.cff").read_text().splitlines() if "version: 0" in line}
    assert version == {informed_init.__version__}


def test_every_public_signature_is_annotated():
    for name in ("initialize_", "available", "build_bank", "grow", "initializer"):
        signature = inspect.signature(getattr(informed_init, name))
        named = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        assert all(p.annotation is not inspect.Parameter.empty for p in named), name


def test_every_initializer_says_what_it_does_in_a_line():
    entries = informed_init.available()
    assert [entry.name for entry in entries] == sorted(initializers())
    for entry in entries:
        assert 20 < len(entry.summary) < 140 and not set("`\n") & set(entry.summary), entry
    assert entries["clustered"].needs == ("bank",) and entries["clustered"].network == "convolutions"
    assert entries["lsuv"].needs == ("data",) and "Mishkin" in entries["lsuv"].source
    assert entries["clustered"].settings == ("layers", "rescale", "match", "jitter")
    assert str(entries).count("\n") == len(entries)


def test_lists_and_refusals_of_the_package_import_no_torch():
    code = (
        "import sys, informed_init as i; i.available(); i.banks(); dir(i); i.__version__; i.InputError; "
        "from informed_init.cli import main; main(['list']); assert not {'torch', 'numpy', 'pandas'} & set(sys.modules)"
    )
    done = python("-c", code, cwd=ROOT / "workflow_scripts")
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in ("clustered", NAME, "torchvision:NAME"))


def test_banks_is_a_list_and_a_module():
    from informed_init import banks

    assert [card.name for card in banks()] == [card.name for card in informed_init.banks()] == [c.name for c in cards()]
    assert banks.bank.Bank is informed_init.Bank
    assert NAME in repr(informed_init.banks())


# ---------------------------------------------------------------- a file of one's own


@pytest.fixture
def folder_of_initializers(tmp_path, monkeypatch):
    """A copy of the package's initializers where files can be broken."""
    from informed_init import declarations

    monkeypatch.setattr(declarations, "PACKAGE", tmp_path)
    (tmp_path / "initializers").mkdir()
    for cached in (declared, initializers):
        cached.cache_clear()
    yield tmp_path / "initializers"
    for cached in (declared, initializers):
        cached.cache_clear()


MINE = '@initializer("mine")\ndef mine_(model, *, generator, scale=0.5):\n    """Scale it. More words."""\n'


def test_a_file_that_is_not_python_is_named_and_breaks_no_other(folder_of_initializers):
    (folder_of_initializers / "mine.py").write_text(MINE)
    (folder_of_initializers / "broken.py").write_text("x = 1\ndef f(:\n")
    assert list(initializers()) == ["mine"]
    assert initializers()["mine"].summary == "Scale it"
    (said,) = unreadable("initializers")
    assert said.startswith(f"{folder_of_initializers / 'broken.py'}, line 2: ")
    assert said in str(informed_init.available())
    with pytest.raises(InputError, match=r"unknown initializer 'other'.*broken\.py, line 2"):
        informed_init.initialize_(nn.Linear(2, 2), "other")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MINE + MINE.replace("mine_(", "again_("), "initializer 'mine' is declared in"),
        ('NAME = "a"\n' + MINE.replace('"mine"', "NAME"), "line 2: a decorator's name must be written out"),
    ],
)
def test_declarations_that_cannot_be_are_named(folder_of_initializers, text, message):
    (folder_of_initializers / "mine.py").write_text(text)
    with pytest.raises(InputError, match=message):
        initializers()


# ---------------------------------------------------------------- banks that ship


@pytest.mark.parametrize("card", cards(), ids=lambda card: card.name)
def test_a_card_and_its_bank_are_what_the_study_made(card, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    ship(shlex.split(card.made_by), tmp_path)
    for ending in ("json", "safetensors"):
        name = f"{card.name}.{ending}"
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()


@pytest.mark.parametrize("card", cards(), ids=lambda card: card.name)
def test_a_card_says_what_must_be_known(card):
    bank = Bank.load(card.path)
    assert card.sources == tuple(bank.sources) and (card.method, card.k) == (bank.method, bank.facts["k"])
    mean, low, high = card.difference
    assert low < mean < high
    assert f"{mean:+.2f} [{low:+.2f}, {high:+.2f}]" in card.effect
    assert card.license == "Apache-2.0" and card.path.stat().st_size < 20_000
    assert json.loads(card.path.with_suffix(".json").read_text())["summary"] in str(card)


# ---------------------------------------------------------------- the command


def make_network(folder, text=""):
    path = folder / "own.py"
    path.write_text(
        "from torch import nn\n\n\ndef make(num_classes=3, in_channels=3):\n"
        "    return nn.Sequential(nn.Conv2d(in_channels, 4, 3, 2), nn.ReLU(), nn.Conv2d(4, 4, 3, 2), nn.AdaptiveAvgPool2d(1),\n"
        "                         nn.Flatten(), nn.Linear(4, num_classes))\n" + text
    )
    return f"{path}:make"


def run(*words, capsys):
    try:
        status = main([str(word) for word in words])
    except SystemExit as stop:
        status = stop.code
    return status, *capsys.readouterr()


def test_apply_writes_the_weights_that_initialize_makes(tmp_path, capsys):
    own, out = make_network(tmp_path), tmp_path / "weights.safetensors"
    words = (
        "apply",
        "--model",
        own,
        "--initializer",
        "gabor",
        "--set",
        "layers=2",
        "--set",
        "grid=published",
        "--seed",
        5,
    )
    status, said, _ = run(*words, "--classes", 7, "--out", out, capsys=capsys)
    assert status == 0 and "gabor: 2 of 6 tensors set" in said and str(out) in said
    state, facts = load_tensors(out)
    assert facts == {"initializer": "gabor", "model": own, "seed": "5"} and state["5.weight"].shape == (7, 4)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3))
    informed_init.initialize_(model, "gabor", layers=2, grid="published", generator=5)
    assert torch.equal(state["2.weight"], model[2].weight)
    status, said, _ = run(
        *words, "--weights", out, "--classes", 7, "--table", "--out", tmp_path / "b.safetensors", capsys=capsys
    )
    assert status == 0 and "what happened" in said


def pictures(folder, classes=2, n=6):
    Image = pytest.importorskip("PIL.Image")
    for number in range(classes):
        (folder / f"class{number}").mkdir(parents=True)
        for i in range(n):
            Image.effect_noise((20, 24), 40 + 10 * number + i).convert("RGB").save(
                folder / f"class{number}" / f"{i}.png"
            )
    return folder


def test_apply_looks_at_a_folder_of_pictures(tmp_path, capsys):
    own, out = make_network(tmp_path), tmp_path / "weights.safetensors"
    words = ("apply", "--model", own, "--initializer", "lsuv", "--size", 20, "--out", out)
    status, said, _ = run(*words, "--images", pictures(tmp_path / "photos"), capsys=capsys)
    assert status == 0 and "lsuv: 6 of 6 tensors set" in said
    assert load_tensors(out)[0]["5.weight"].shape[0] == 2  # as many classes as folders


def test_build_and_show_a_bank_of_ones_own(tmp_path, capsys):
    own, out = make_network(tmp_path), tmp_path / "mine.safetensors"
    save_file({"0.weight": torch.randn(4, 3, 3, 3), "2.weight": torch.randn(4, 4, 3, 3)}, tmp_path / "w.safetensors")
    status, said, _ = run("build", own, tmp_path / "w.safetensors", "--k", 3, "--out", out, capsys=capsys)
    assert status == 0 and "2 layers of 2 networks" in said
    status, said, _ = run("show", out, "--layer", "2", capsys=capsys)
    assert status == 0 and "2: 3x3, 3 filters" in said
    pytest.importorskip("matplotlib")
    status, said, _ = run("show", NAME, "--out", tmp_path / "bank.png", capsys=capsys)
    assert status == 0 and (tmp_path / "bank.png").read_bytes().startswith(b"\x89PNG")
    assert "+1.67 [-1.88, +5.22]" in said


def test_bad_input_is_one_line_status_2_and_nothing_written(tmp_path, capsys):
    own = make_network(
        tmp_path, "\n\ndef wrong(num_classes):\n    return 3\n\n\ndef fails():\n    raise ValueError('no')\n"
    )
    (tmp_path / "weights.pt").write_bytes(b"\x80\x02}q\x00.")
    (tmp_path / "one" / "class0").mkdir(parents=True)
    out = tmp_path / "out" / "w.safetensors"
    plain = ("apply", "--model", own, "--out", out, "--initializer")
    for words, message in [
        ((*plain, "gabr"), "unknown initializer 'gabr'; did you mean 'gabor'?"),
        ((*plain, "clustered"), "'clustered' needs bank=..."),
        ((*plain, "clustered", "--bank", "resnet18-cifar100-euclid-k3"), f"did you mean '{NAME}'?"),
        ((*plain, "clustered", "--bank", tmp_path / "weights.pt"), "not a bank, which is a .safetensors file"),
        ((*plain, "gabor", "--set", "layers=-1"), "gabor: layers is -1; give a whole number from 1"),
        ((*plain, "gabor", "--set", "layers"), "--set layers: write KEY=VALUE"),
        ((*plain, "gabor", "--bank", NAME), "no setting 'bank'"),
        ((*plain, "lsuv"), "'lsuv' needs data=..."),
        ((*plain, "lsuv", "--images", tmp_path / "none"), "none: no such folder"),
        ((*plain, "lsuv", "--images", tmp_path / "one"), "needs two or more folders"),
        ((*plain, "gabor", "--weights", tmp_path / "weights.pt"), "weights.pt: not a whole safetensors file"),
        (("apply", "--model", f"{own}d", "--out", out, "--initializer", "zero"), "the file has no function 'maked'"),
        (("apply", "--model", own.replace("make", "wrong"), "--out", out, "--initializer", "zero"), "returned int"),
        (("apply", "--model", "torchvision:resnet19", "--out", out, "--initializer", "zero"), "no such classifier"),
        (("apply", "--model", "resnet18", "--out", "w.pt", "--initializer", "zero"), "must end in .safetensors"),
        ((*plain, "gabor", "--size", "-1"), "argument --size: '-1' is none; give a whole number of at least 1"),
        ((*plain, "gabor", "--classes", "0"), "argument --classes: '0' is none; give a whole number of at least 1"),
        (("build", own, "--k", "0", "--out", out), "argument --k: '0' is none; give a whole number of at least 1"),
        (("apply", "--model", "resnet18"), "the following arguments are required"),
        (("build", own, "--out", tmp_path / "x.bin"), "must end in .safetensors"),
        (("build", own.replace("make", "fails"), "--out", out), "fails: ValueError: no"),
        (("build", "torchvision:resnet18", "--out", out), "banks are made of trained networks"),
        (("show", NAME, "--layer", "conv9"), "has no layer 'conv9'; it has conv1"),
        (("show", "nothing"), "no bank and no file 'nothing'"),
        (("show", NAME, "--out", "bank.doc"), "is no picture"),
        (("list", "arms"), "invalid choice: 'arms'"),
        (("apply-it",), "invalid choice"),
        ((), "the following arguments are required: COMMAND"),
    ]:
        status, _, said = run(*words, capsys=capsys)
        assert status == 2, words
        assert message in said and said.count("\n") == 1 and said.startswith("informed-init: "), (words, said)
    assert not out.parent.exists() and not list(tmp_path.glob("*.bin"))


def test_the_command_says_its_version(capsys):
    assert run("--version", capsys=capsys)[:2] == (0, f"informed-init {informed_init.__version__}\n")


# ---------------------------------------------------------------- the wheel


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the package as `pip install` leaves it, and its wheel."""
    pytest.importorskip("setuptools", minversion="77")
    folder = tmp_path_factory.mktemp("wheel")
    quiet = ("--quiet", "--no-deps", "--disable-pip-version-check")
    source = folder / "source"
    files = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    for name in files:
        if not name.startswith(("results/", "tests/")) and (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    made = python("-m", "pip", "wheel", *quiet, "--no-build-isolation", "-w", folder, source)
    assert made.returncode == 0, made.stderr
    (wheel,) = folder.glob("*.whl")
    done = python("-m", "pip", "install", *quiet, "--target", folder / "site", wheel)
    assert done.returncode == 0, done.stderr
    return wheel, folder / "site"


def installed(site, *arguments, **settings):
    return python(
        *arguments, env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}, **settings
    )


@pytest.mark.slow
def test_the_wheel_is_small_and_holds_the_package_its_banks_and_its_command(site):
    wheel, folder = site
    assert wheel.stat().st_size < 2_000_000
    names = zipfile.ZipFile(wheel).namelist()
    for name in ("py.typed", f"banks/files/{NAME}.safetensors", f"banks/files/{NAME}.json", "cli/apply.py"):
        assert f"informed_init/{name}" in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"informed_init"}  # nothing else in site-packages
    assert not [name for name in names if name.endswith((".pyc", ".csv.gz"))]
    assert (folder / "bin" / "informed-init").is_file()


@pytest.mark.slow
def test_the_installed_package_works_away_from_the_repository(site, tmp_path):
    folder = site[1]
    code = "import informed_init as i; from torch import nn; print(i.__file__); print(repr(i.initialize_(nn.Sequential(\
nn.Conv2d(3, 9, 3), nn.BatchNorm2d(9)), 'clustered', bank='resnet18-cifar100-euclid-k2', match='depth', generator=0)))"
    done = installed(folder, "-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert str(folder) in done.stdout and "clustered: 1 of 4 tensors set" in done.stdout
    done = installed(folder, folder / "bin" / "informed-init", "list", "banks", cwd=tmp_path)
    assert done.returncode == 0 and NAME in done.stdout, done.stderr


def linked(folder, site, *extras):
    """A folder with what the wheel declares that it needs, and what that needs, and nothing else of this environment."""
    folder.mkdir()
    (installed,) = metadata.distributions(name="informed-init", path=[str(site[1])])
    waiting, seen = [(line, extras) for line in installed.requires], set()
    while waiting:
        line, asked = waiting.pop()
        wanted = Requirement(line)
        marked = wanted.marker is None or any(wanted.marker.evaluate({"extra": extra}) for extra in ("", *asked))
        if wanted.name in seen or not marked:
            continue
        seen.add(wanted.name)
        found = metadata.distribution(wanted.name)
        waiting += [(line, wanted.extras) for line in found.requires or []]
        for top in {file.parts[0] for file in found.files or [] if file.parts[0] not in ("..", "__pycache__")}:
            if not (folder / top).exists():
                (folder / top).symlink_to(found.locate_file(top))
    return folder


def alone(site, packages, *arguments, **settings):
    """Python without any package but the installed wheel's and the linked ones."""
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{site[1]}:{packages}", "OMP_NUM_THREADS": "1"}
    return python("-S", "-s", *arguments, env=env, **settings)


@pytest.mark.slow
def test_the_wheel_needs_no_more_than_it_declares(site, tmp_path):
    packages, command = linked(tmp_path / "packages", site), ("-m", "informed_init")
    assert alone(site, packages, "-c", "import torchvision", cwd=tmp_path).returncode == 1
    own, bank, out = make_network(tmp_path), "mine.safetensors", "weights.safetensors"
    for words in (
        ("list",),
        ("show", NAME, "--layer", "conv1"),
        ("build", own, "--out", bank),
        ("apply", "--model", own, "--initializer", "clustered", "--bank", bank, "--out", out),
    ):
        done = alone(site, packages, *command, *words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert "clustered: 2 of 6 tensors set" in done.stdout and (tmp_path / out).is_file()
    done = alone(site, packages, *command, "compare", "--images", "photos", cwd=tmp_path)
    assert done.returncode == 2 and "pip install 'informed-init[study]'" in done.stderr


@pytest.mark.slow
def test_readmes_first_code_runs_from_the_wheel_with_the_extra_that_readme_names(site, tmp_path):
    readme = (ROOT / "README.md").read_text()
    assert "pip install '.[zoo]'" in readme
    code = re.search(r"```python\n(.*?)```", readme, re.DOTALL)[1]
    done = alone(site, linked(tmp_path / "packages", site, "zoo"), "-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("clustered: 17 of 161 tensors set")


@pytest.mark.slow
def test_the_tests_of_use_pass_against_the_installed_wheel(site, tmp_path):
    files = [str(ROOT / "tests" / "test_initialize.py")]
    options = ("-q", "-p", "no:cacheprovider", "-o", f"pythonpath={Path(site[1])} {ROOT / 'tests'}", "-m", "not slow")
    done = installed(
        site[1], "-m", "pytest", *options, "--rootdir", tmp_path, "-c", ROOT / "pyproject.toml", *files, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout[-3000:]
    where = installed(site[1], "-c", "import informed_init; print(informed_init.__file__)", cwd=tmp_path).stdout
    assert str(site[1]) in where


# ---------------------------------------------------------------- the page


def test_the_examples_of_the_page_run_in_their_order(tmp_path, monkeypatch):
    pytest.importorskip("torchvision")
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "use.md").read_text(), re.DOTALL)
    names: dict = {}
    with torch.random.fork_rng():
        for example in examples:
            exec(compile(example, "docs/use.md", "exec"), names)
    assert len(examples) == 5 and [row.name for row in names["report"].set] == ["fc.weight"]
    assert Bank.load("mine.safetensors").facts["k"] == 3


def test_the_page_shows_a_report_as_it_is():
    text = (ROOT / "docs" / "use.md").read_text()
    model = pytest.importorskip("torchvision").models.resnet50(num_classes=37)
    printed = str(informed_init.initialize_(model, "clustered", bank=NAME, generator=0)).splitlines()
    shown = re.search(r"```\n(clustered: .*?)```", text, re.DOTALL)[1].splitlines()
    plain = [" ".join(re.sub(r"\d+\.\d+", "#", line).split()) for line in printed]  # what was there before is drawn
    assert all(" ".join(re.sub(r"\d+\.\d+", "#", line).split()) in plain for line in shown)


def test_the_page_names_every_subcommand():
    text = (ROOT / "docs" / "use.md").read_text()
    assert set(re.findall(r"informed-init ([a-z]+)", text)) - {"list"} == set(commands()) - {"list"}
