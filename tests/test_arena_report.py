"""The arena's report says what the files hold: planted seats win, tie, fail and are missing."""

import hashlib
import json
import re
from itertools import product

import numpy as np
import pandas as pd
import pytest
from informed_init.errors import InputError
from informed_init.plan import arena_report
from informed_init.report import arena_board, arena_scores, arena_words
from informed_init.report.arena import NotApplicable, read_arena
from informed_init.report.curves import COLUMNS, METRICS, write_csv
from informed_init.report.figures import arena as figures
from informed_init.report.figures.style import Style, save
from informed_init.report.measured import read_measured
from informed_init.report.tables import document
from matplotlib.text import Text
from repository import Repository

EPOCHS, REPLICAS = 10, 5
CHANCE = 10.0
REASON = "odd: not applicable: LeNet has no branches"


def training(workload, seat, recipe, replica, final, random, tested):
    """Ten epochs that gain a point each; noise of the replica is shared by all seats, a little is the seat's own."""
    shared = np.random.default_rng([replica, len(workload)]).normal(0, 1)
    level, rows = final + shared + random.normal(0, 0.2), []
    for epoch in range(1, EPOCHS + 1):
        accuracy = level - (EPOCHS - epoch)
        row = dict.fromkeys(METRICS, np.nan) | {"val_accuracy": accuracy, "val_loss": 1.5, "train_loss": 0.5}
        row |= {"test_accuracy": accuracy - 0.5} if tested and epoch == EPOCHS else {}
        row |= {"run": "arena", "protocol": "controlled", "recipe": recipe, "task": workload, "arm": seat}
        rows.append(row | {"replica": replica, "seed": 1, "epoch": epoch, "lr": 0.01, "diverged": 0})
    return rows


def write_seat(
    folder, workload, seat, final, *, looked_at=0, trials=(-3, 0, -2), multiply_adds=1_000_000, replicas=REPLICAS
):
    """One seat's pair of files: three trials around its final accuracy, then the final trainings."""
    random = np.random.default_rng([len(workload), len(seat)])
    rows, costs, tried = [], [], []
    jobs = [(f"trial-{number}", 1000, final + below) for number, below in enumerate(trials)]
    for recipe, replica, level in jobs + [("final", replica, final) for replica in range(replicas)]:
        rows += training(workload, seat, recipe, replica, level, random, tested=recipe == "final")
        cost = {
            "task": workload,
            "replica": replica,
            "recipe": recipe,
            "parameters": 100,
            "multiply_adds": multiply_adds,
        }
        cost |= {"train_images": 1000, "images_trained": 0, "images_looked_at": looked_at, "seconds": 2.0}
        costs.append(cost | {"seconds_initializing": 0.1})
    for number, below in enumerate(trials):
        factor = 10.0 ** (number - 1)
        trial = {
            "recipe": f"trial-{number}",
            "learning_rate": 0.01 * factor,
            "weight_decay": 0.0,
            "rate_factor": factor,
        }
        tried.append(trial | {"decay_factor": 1, "knob": {}, "val_accuracy": final + below, "diverged": 0})
    chosen = f"trial-{int(np.argmax(trials))}"
    return write_files(
        folder,
        workload,
        seat,
        pd.DataFrame(rows),
        {"trials": tried, "chosen": chosen, "edge": False, "trainings": costs},
    )


def write_files(folder, workload, seat, rows, record):
    path = folder / workload / f"{seat}.csv"
    write_csv(rows.reindex(columns=list(COLUMNS)), path)
    told = {"spec": {"chance": CHANCE}, "curves_sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    path.with_suffix(".json").write_text(json.dumps(told | record))
    return path


def not_applicable(folder, workload, seat):
    return write_files(folder, workload, seat, pd.DataFrame(), {"not_applicable": REASON, "trainings": []})


WORKLOADS = {"one": "Workload one", "three": "Workload three", "seven77": "Workload seven"}
REST = {"baseline": "he", "seats": {}}
SEATS = {"he": "He", "better": "Better by five", "twin": "As He", "odd": "Odd one"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """He at 60 %; `better` is 5 points above everywhere and looks at 100 images first; `twin` is as He; `odd` does not fit
    the last workload."""
    folder = tmp_path_factory.mktemp("arena")
    for workload in WORKLOADS:
        write_seat(folder, workload, "he", 60)
        write_seat(folder, workload, "better", 65, looked_at=100)
        write_seat(folder, workload, "twin", 60)
        write_seat(folder, workload, "odd", 40, multiply_adds=2_000_000)
    not_applicable(folder, "seven77", "odd")
    return folder


@pytest.fixture(scope="module")
def arena(folder):
    return read_arena(folder, list(WORKLOADS), list(SEATS))


@pytest.fixture(scope="module")
def scores(arena):
    return arena_scores.workload_scores(arena, baseline="he", target=0.9)


@pytest.fixture(scope="module")
def trials(arena):
    return arena_scores.trial_table(arena)


@pytest.fixture(scope="module")
def table(arena, scores, trials):
    return arena_board.board(arena, scores, trials, baseline="he", labels=SEATS)


def row(table, **where):
    for key, value in where.items():
        table = table[table[key] == value]
    (found,) = table.to_dict("records")
    return found


# ---------------------------------------------------------------- files


def test_a_missing_file_is_named(folder, tmp_path):
    with pytest.raises(InputError, match=r"one/absent\.csv: no such file; run the arena to play seat absent"):
        read_arena(folder, ["one"], ["he", "absent"])


def test_curves_that_their_record_does_not_know_are_refused(tmp_path):
    path = write_seat(tmp_path, "one", "he", 60)
    path.write_text(path.read_text().replace("0.01", "0.02"))
    with pytest.raises(InputError, match=r"he\.csv: not the curves that he\.json beside it was written for"):
        read_arena(tmp_path, ["one"], ["he"])


@pytest.mark.parametrize("damage", ["{", "[]", '{"spec": {}, "trainings": []}', '{"spec": {"chance": 10}}'])
def test_a_damaged_record_is_refused_by_name(tmp_path, damage):
    write_seat(tmp_path, "one", "he", 60).with_suffix(".json").write_text(damage)
    with pytest.raises(InputError, match=r"he\.json: .*delete it and run again"):
        read_arena(tmp_path, ["one"], ["he"])


# ---------------------------------------------------------------- a workload


def test_differences_are_the_planted_ones_and_ties_are_ties(scores):
    better, twin, he = (row(scores, workload="one", seat=seat) for seat in ("better", "twin", "he"))
    assert better["low"] < 5 < better["high"] and better["low"] > 4
    assert twin["low"] < 0 < twin["high"]
    assert (better["tied"], twin["tied"], he["tied"]) == (1, 0, 0)
    assert (better["other"], he["other"]) in {("he", "better"), ("twin", "better")}
    assert he["other_high"] < 0 < better["other_low"]
    assert np.isnan(he["difference"])


def test_variants_of_one_idea_do_not_stand_in_each_others_way(arena, trials):
    """`variant` has what `better` has: each is the other's best rival, unless they share an idea."""
    widened = {workload: field | {"variant": field["better"]} for workload, field in arena.items()}
    labels = SEATS | {"variant": "A variant"}
    known = {"baseline": "he", "target": 0.9}
    for ideas, winners in (({}, []), ({"better": "up", "variant": "up"}, ["better", "variant"])):
        scores = arena_scores.workload_scores(widened, **known, ideas=ideas)
        table = arena_board.board(widened, scores, trials, baseline="he", labels=labels)
        assert sorted(table[table["wins"] == 1]["seat"]) == winners
    assert row(scores, workload="one", seat="variant")["other"] in ("he", "twin")
    assert row(scores, workload="one", seat="he")["other"] == "better"  # for others they are rivals as before
    text = document(arena_words.parts(table, scores, {}, titles=WORKLOADS, labels=labels, **known, ideas=ideas))
    assert "those of the same idea (up: Better by five and A variant)." in text


def test_a_seat_whose_others_are_all_its_variants_has_no_rival(arena):
    ideas = dict.fromkeys(SEATS, "one")
    scores = arena_scores.workload_scores(arena, baseline="he", target=0.9, ideas=ideas)
    assert set(scores["other"]) == {""} and scores["other_low"].isna().all() and scores["low"].notna().any()
    table = arena_board.board(arena, scores, arena_scores.trial_table(arena), baseline="he", labels=SEATS)
    assert table["wins"].sum() == 0


def test_two_equal_seats_are_both_the_best(tmp_path):
    for seat in ("he", "twin"):
        write_seat(tmp_path, "one", seat, 60)
    found = arena_scores.workload_scores(read_arena(tmp_path, ["one"], ["he", "twin"]), baseline="he", target=0.9)
    assert list(found["tied"]) == [1, 1]
    assert (found["other_low"] < 0).all()


def test_images_to_the_target_are_counted_to_the_last_one(scores):
    """The target is what He has on average after nine epochs; five points more are five epochs fewer, 100 images are charged."""
    he, better, odd = (row(scores, workload="one", seat=seat) for seat in ("he", "better", "odd"))
    assert he["images"] == 9 * 1000
    assert better["images"] == 4 * 1000 + 100
    assert np.isnan(odd["images"]) and odd["target"] == he["target"] == pytest.approx(59, abs=1.5)
    assert he["relative_images"] == pytest.approx(9000 / 4100)


def test_the_target_is_of_the_last_whole_epoch_within_the_share(arena):
    he = arena["one"]["he"]
    for share, epoch in ((0.9, 9), (0.89, 8), (1.0, 10), (0.01, 1)):
        assert arena_scores.target_accuracy(he, share) == he.validation[epoch]


def test_costs_charge_the_initializers_images(scores):
    he, better, odd = (row(scores, workload="one", seat=seat) for seat in ("he", "better", "odd"))
    assert he["total_cost"] == pytest.approx(3 * 1e6 * 1000 * 10 / 1e12)
    assert better["relative_cost"] == pytest.approx(1 + 100 / 30000)
    assert odd["relative_cost"] == pytest.approx(2)


def test_what_is_left_at_the_baselines_cost(arena, scores):
    """Twice the multiply-adds leave half the epochs; a start as dear as the whole leaves nothing."""
    odd, he = arena["one"]["odd"], arena["one"]["he"]
    assert row(scores, workload="one", seat="odd")["at_cost"] == pytest.approx(odd.validation[5])
    assert row(scores, workload="one", seat="he")["at_cost"] == pytest.approx(he.validation[10])
    assert arena_scores.accuracy_at_cost(he, 2.5 * he.costs["epoch_cost"]) == pytest.approx(
        he.validation[[2, 3]].mean()
    )
    assert arena_scores.accuracy_at_cost(he, 0) == CHANCE
    assert arena_scores.accuracy_at_cost(he, 1e9) == he.validation[10]


def test_a_diverged_training_counts_as_guessing_and_is_counted(tmp_path):
    path = write_seat(tmp_path, "one", "he", 60)
    curves, record = pd.read_csv(path), json.loads(path.with_suffix(".json").read_text())
    lost = (curves["recipe"] == "final") & (curves["replica"] == 0) & (curves["epoch"] > 4)
    lost |= curves["recipe"] == "trial-2"
    curves.loc[lost, list(METRICS)] = np.nan
    curves.loc[lost, "diverged"] = 1
    write_files(tmp_path, "one", "he", curves, {key: record[key] for key in ("trials", "chosen", "edge", "trainings")})
    arena = read_arena(tmp_path, ["one"], ["he"])
    found = row(arena_scores.workload_scores(arena, baseline="he", target=0.9), seat="he")
    assert arena["one"]["he"].test.loc["one", 0] == CHANCE
    assert arena["one"]["he"].validation[5] < arena["one"]["he"].validation[4]
    assert (found["trials_diverged"], found["trials_trained"]) == (1, 3)
    assert (found["final_diverged"], found["final_trained"]) == (1, REPLICAS)


def test_a_network_without_an_answer_diverged_whatever_its_training_loss(tmp_path):
    """Of five final trainings one has no held-out accuracy in its last epochs, another no test accuracy, but no loss was NaN."""
    path = write_seat(tmp_path, "one", "he", 60)
    curves, record = pd.read_csv(path), json.loads(path.with_suffix(".json").read_text())
    final = curves["recipe"] == "final"
    answers = [name for name in METRICS if not name.startswith("train")]
    curves.loc[final & (curves["replica"] == 0) & (curves["epoch"] > 8), answers] = np.nan
    curves.loc[final & (curves["replica"] == 1), [name for name in answers if name.startswith("test")]] = np.nan
    write_files(tmp_path, "one", "he", curves, {key: record[key] for key in ("trials", "chosen", "edge", "trainings")})
    he = read_arena(tmp_path, ["one"], ["he"])["one"]["he"]
    assert list(he.test.loc["one"] == CHANCE) == [True, True, False, False, False]
    assert he.diverged["final_diverged"] == 2


# ---------------------------------------------------------------- the board


def test_a_seat_that_is_five_points_above_everywhere_wins(table, scores):
    better = row(table, seat="better")
    assert (better["wins"], better["wins_on"], better["group"]) == (1, 3, 1)
    assert better["worst_low"] > 0
    assert list(table[table["wins"] == 1]["seat"]) == ["better"]
    said = arena_words.sentence(table, scores, WORKLOADS, SEATS)
    assert said.startswith("**Better by five wins**")
    assert "Workload one, Workload three and Workload seven" in said


def test_two_seats_that_are_alike_share_a_group_and_a_probability_of_a_half(table):
    assert row(table, seat="he")["group"] == row(table, seat="twin")["group"] == 2
    assert row(table, seat="twin")["improvement"] == pytest.approx(0.5, abs=0.15)
    assert row(table, seat="better")["improvement"] == 1
    assert np.isnan(row(table, seat="he")["improvement"])


def test_a_seat_takes_part_where_it_fits_and_nowhere_else(arena, table, scores):
    assert isinstance(arena["seven77"]["odd"], NotApplicable)
    odd = row(table, seat="odd")
    assert (odd["workloads"], odd["workloads_of"], odd["n"]) == (2, 3, 2 * REPLICAS)
    missing = row(scores, workload="seven77", seat="odd")
    assert "not applicable" in missing["not_applicable"] and np.isnan(missing["test_mean"])
    words = arena_words.display_workload(scores[scores["workload"] == "seven77"], SEATS, "he")
    line = row(words, seat="Odd one")
    assert line["test (%)"] == "not applicable"
    assert not any(character.isdigit() for key, value in line.items() if key != "seat" for character in str(value))


def test_a_seat_that_fits_nowhere_has_no_group(tmp_path):
    for workload in WORKLOADS:
        write_seat(tmp_path, workload, "he", 60)
        not_applicable(tmp_path, workload, "odd")
    arena = read_arena(tmp_path, list(WORKLOADS), ["he", "odd"])
    scores = arena_scores.workload_scores(arena, baseline="he", target=0.9)
    trials = arena_scores.trial_table(arena)
    table = arena_board.board(arena, scores, trials, baseline="he", labels={"he": "He", "odd": "Odd one"})
    assert pd.isna(row(table, seat="odd")["group"])
    assert row(arena_words.display_board(table), seat="Odd one")["score"] == "not applicable"
    assert "No seat wins" in arena_words.sentence(table, scores, WORKLOADS, SEATS)


def test_no_seat_wins_on_two_workloads_only(arena, scores, trials):
    fewer = {name: arena[name] for name in ("one", "three")}
    table = arena_board.board(fewer, scores[scores["workload"] != "seven77"], trials, baseline="he", labels=SEATS)
    assert table["wins"].sum() == 0
    assert row(table, seat="better")["wins_on"] == 2


@pytest.mark.parametrize(
    "lows, wins", [([1, 1, 1, -0.4], 1), ([1, 1, 1, -0.6], 0), ([1, 1, -0.1], 0), ([1, 1, 1, np.nan], 0)]
)
def test_a_win_is_three_workloads_above_and_none_below(lows, wins):
    assert arena_board._wins(pd.DataFrame({"other": "b", "other_low": lows}))["wins"] == wins


def test_one_training_has_no_interval_and_nobody_wins_by_it(tmp_path):
    for seat, level in (("he", 60), ("better", 65)):
        for workload in WORKLOADS:
            write_seat(tmp_path, workload, seat, level, replicas=1)
    arena = read_arena(tmp_path, list(WORKLOADS), ["he", "better"])
    scores = arena_scores.workload_scores(arena, baseline="he", target=0.9)
    labels = {seat: SEATS[seat] for seat in ("he", "better")}
    table = arena_board.board(arena, scores, arena_scores.trial_table(arena), baseline="he", labels=labels)
    assert scores["low"].isna().all() and table["wins"].sum() == 0
    assert set(table["group"]) == {1} and table["score_low"].isna().all()
    assert "no interval" in arena_words.display_workload(scores[scores["workload"] == "one"], labels, "he").to_string()


def test_ranks_follow_the_best_trial_so_far(trials):
    ranks = arena_scores.ranks_by_trials(trials[trials["workload"] == "one"])
    after = ranks.pivot(index="seat", columns="trials", values="rank")
    assert list(after.loc["better"]) == [1, 1, 1]
    assert list(after.loc["he"]) == list(after.loc["twin"]) == [2.5, 2.5, 2.5]
    assert list(after.loc["odd"]) == [4, 4, 4]


def test_a_seat_with_fewer_trials_keeps_its_best(tmp_path):
    write_seat(tmp_path, "one", "he", 60, trials=(-1, 0))
    write_seat(tmp_path, "one", "late", 60, trials=(-5, -4, 3))
    ranks = arena_scores.ranks_by_trials(arena_scores.trial_table(read_arena(tmp_path, ["one"], ["he", "late"])))
    assert list(ranks[ranks["seat"] == "late"].sort_values("trials")["rank"]) == [2, 2, 1]


def test_the_profile_counts_workloads_within_a_factor(scores):
    profile = arena_scores.performance_profile(scores)
    better, he, odd = (profile[profile["seat"] == seat] for seat in ("better", "he", "odd"))
    assert list(better["share"]) == [1.0, 1.0]
    assert (he["share"].iloc[0], he["share"].iloc[-1]) == (0, 1)
    assert set(odd["share"]) == {0} and set(odd["workloads"]) == {2}


def test_the_page_names_every_seat_and_workload(table, scores, trials):
    agreements = arena_board.agreement(scores, trials)
    known = {"titles": WORKLOADS, "labels": SEATS, "baseline": "he", "target": 0.9}
    text = document(arena_words.parts(table, scores, agreements, **known))
    assert all(name in text for name in (*WORKLOADS.values(), *SEATS.values()))
    assert "not reached" in text and not re.search(r"\bnan\b|<NA>", text)
    assert agreements[3] > 0.5
    assert f"| {2 * REPLICAS}  " in text  # counts are whole numbers, also where a seat has none


def test_a_reason_is_told_once(scores):
    rows = scores[scores["workload"] == "seven77"]
    assert "Odd one is not applicable: LeNet has no branches." in arena_words._notes(rows, SEATS, 0.9)


# ---------------------------------------------------------------- pictures


@pytest.fixture(scope="module")
def read_again(tmp_path_factory, table, scores, trials):
    """The tables as the rule that draws finds them."""
    folder = tmp_path_factory.mktemp("tables")
    for name, found in (("board", table), ("scores", scores), ("trials", trials)):
        write_csv(found, folder / f"{name}.csv")
    return [read_measured(folder / f"{name}.csv", ["seat"]) for name in ("board", "scores", "trials")]


PICTURES = arena_report.pictures(
    {"arena": {"workloads": {name: {"title": title} for name, title in WORKLOADS.items()}, **REST}}
)


@pytest.mark.parametrize("picture", PICTURES)
def test_every_picture_is_drawn_from_the_tables_and_shows_them(read_again, picture, tmp_path):
    figure, shown = figures.draw(picture, PICTURES[picture], *read_again, titles=WORKLOADS, baseline="he")
    save(figure, shown, *(tmp_path / f"p.{kind}" for kind in ("png", "svg", "csv")))
    words = " ".join(text.get_text() for text in figure.findobj(Text))
    count = {"profile": 3, "rates": 1}.get(picture, REPLICAS)
    assert re.search(rf"\bn = {count}\b(?!\.)", words.replace("\xa0", " ")) and PICTURES[picture] in words
    assert len(pd.read_csv(tmp_path / "p.csv")) == len(shown) > 0


@pytest.mark.parametrize("missing", [["he"], ["other"]])
def test_a_picture_that_has_nothing_to_compare_says_so(tmp_path, missing):
    titles, labels = {"one": "One", "three": "Three"}, {"he": "He", "other": "Other"}
    for workload, seat in product(titles, labels):
        write_seat(tmp_path, workload, seat, 60)
    for seat in missing:
        not_applicable(tmp_path, "one", seat)
    known = {"titles": titles, "baseline": "he"}

    def drawn(picture, workloads):
        found = read_arena(tmp_path, workloads, list(labels))
        scores = arena_scores.workload_scores(found, baseline="he", target=0.9)
        trials = arena_scores.trial_table(found)
        board = pd.DataFrame(labels.items(), columns=["seat", "label"])
        figure, table = figures.draw(picture, "Title", board, scores, trials, **known)
        save(figure, table, *(tmp_path / f"picture.{kind}" for kind in ("png", "svg", "csv")))
        return "nothing to compare" in " ".join(text.get_text() for text in figure.texts).replace("\n", " ")

    assert drawn("differences-one", ["one", "three"]) and not drawn("differences-three", ["one", "three"])
    assert [drawn(picture, ["one"]) for picture in ("profile", "costs")] == [missing == ["he"]] * 2


def test_a_seat_has_one_look_in_all_pictures_and_no_two_share_it():
    found = figures.looks([f"seat{number}" for number in range(25)])
    assert len({tuple(map(str, look.values())) for look in found.values()}) == 25
    assert found["seat3"] == figures.looks(["a", "b", "c", "seat3"])["seat3"]


def test_a_seat_that_does_not_fit_is_drawn_nowhere_in_its_workload(read_again):
    _, shown = figures.draw("differences-seven77", "T", *read_again, titles=WORKLOADS, baseline="he")
    assert set(shown["arm"]) == {"better", "twin"}
    _, shown = figures.draw("costs", "T", *read_again, titles=WORKLOADS, baseline="he")
    assert "odd" not in set(shown[shown["workload"] == "seven77"]["seat"])


# ---------------------------------------------------------------- in the workflow


def test_the_plan_tells_the_report_what_the_config_calls_things():
    told = arena_report.told(CONFIG)
    assert (told["baseline"], told["target"]) == ("he", 0.9)
    assert told["labels"] == [
        ["he", "He"],
        ["better", "better"],
        ["odd", "Odd one"],
    ]  # its name where nothing else is said
    assert arena_report.told({}) == {} and arena_report.report({}) == []
    assert "<results>/figures/arena-differences-one.png" in arena_report.report(CONFIG)


CONFIG = {
    "arena": {
        "baseline": "he",
        "trials": {"count": 3, "rate_factors": [0.1, 1, 10]},
        "replicas": REPLICAS,
        "workloads": {
            name: {"dataset": "procedural", "architecture": "lenet-bn", "recipe": "stepwise", "title": WORKLOADS[name]}
            for name in ("one", "three")
        },
        "seats": {
            "he": {"arm": "random", "label": "He"},
            "better": {"arm": "random"},
            "odd": {"arm": "random", "label": "Odd one"},
        },
    }
}


@pytest.mark.slow
@pytest.mark.xdist_group("workflow")
def test_snakemake_writes_the_board_and_draws_it_from_the_seats_files_alone(tmp_path):
    repository = Repository(tmp_path)
    repository.config |= CONFIG
    repository.write_config()
    folder = tmp_path / "results" / "mini" / "arena"
    for workload in ("one", "three"):
        write_seat(folder, workload, "he", 60)
        write_seat(folder, workload, "better", 65)
        not_applicable(folder, workload, "odd")
    repository.run("arena", "--allowed-rules", "arena", "write_arena", "draw_arena")
    board = repository.results("tables/arena.csv")["tables/arena.csv"].decode()
    assert board.splitlines()[1].startswith("1,better,")
    drawn = {name for name in repository.results("figures/arena-*") if name.endswith(".png")}
    assert drawn == {f"figures/arena-{name}.png" for name in arena_report.pictures(CONFIG)}
    assert "Odd one" in repository.results("tables/arena.html")["tables/arena.html"].decode()


@pytest.mark.parametrize("picture", ["draw_profile", "draw_costs"])
def test_long_names_of_many_seats_stand_within_the_picture(picture):
    labels = {f"seat-{n}": f"an initializer with a long name, {n}" for n in range(24)}
    columns = {"profile": ["factor", "share", "workloads"], "costs": ["relative_cost", "test_mean", "n"]}
    rows = [(w, seat, 1.0 + n / 50, 0.5 + n / 50, 2) for w in ("one", "two") for n, seat in enumerate(labels)]
    table = pd.DataFrame(rows, columns=["workload", "seat", *columns[picture.removeprefix("draw_")]])
    told = {"labels": labels} | ({"titles": {"one": "One", "two": "Two"}} if picture == "draw_costs" else {})
    figure = getattr(figures, picture)(table, style=Style("A title"), **told)
    figure.canvas.draw()
    (legend,) = figure.legends
    assert legend.get_window_extent().x1 <= figure.bbox.x1
