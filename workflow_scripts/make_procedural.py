"""Rule make_procedural: draw the procedural data set in the layout of a real one."""

from informed_init.files import write_text
from informed_init.jobs import logged
from informed_init.tasks.procedural import write

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        settings = job.params.settings
        write(
            job.params.data_root,
            job.wildcards.dataset,
            settings["seed"],
            settings["train_per_class"],
            settings["test_per_class"],
        )
        write_text(job.output[0], f"{job.wildcards.dataset} written with seed {settings['seed']}\n")
