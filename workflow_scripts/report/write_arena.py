"""Rule write_arena: what every seat left in every workload -> the board, the scores, and the trials."""

from informed_init.files import write_text
from informed_init.jobs import logged
from informed_init.report.arena import read_arena
from informed_init.report.arena_board import agreement, board
from informed_init.report.arena_scores import trial_table, workload_scores
from informed_init.report.arena_words import parts
from informed_init.report.curves import write_csv
from informed_init.report.tables import document, page

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        params, out = job.params, job.output
        titles, labels = dict(params.titles), dict(params.labels)
        arena = read_arena(params.folder, list(titles), list(labels))
        ideas = dict(params.ideas)
        scores = workload_scores(arena, baseline=params.baseline, target=params.target, ideas=ideas)
        trials = trial_table(arena)
        table = board(arena, scores, trials, baseline=params.baseline, labels=labels)
        for file, found in ((out.csv, table), (out.scores, scores), (out.trials, trials)):
            write_csv(found, file)
        known = {
            "titles": titles,
            "labels": labels,
            "baseline": params.baseline,
            "target": params.target,
            "ideas": ideas,
        }
        page_parts = parts(table, scores, agreement(scores, trials), **known)
        write_text(out.markdown, document(page_parts))
        write_text(out.html, page("The arena", page_parts))
