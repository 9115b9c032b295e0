"""Rule make_procedural: draw the procedural data set in the layout of a real one."""

from informed_init.files import write_text
from informed_init.jobs import logged
from informed_init.tasks.procedural import write

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        settings, dataset = job.params.settings, job.wildcards.dataset
        classes = (
            settings["classes"] if dataset == "procedural64" else None
        )  # the 32x32 set has CIFAR-100's 100 classes
        counts = settings["train_per_class"], settings["test_per_class"]
        write(job.params.data_root, dataset, settings["seed"], *counts, classes=classes)
        write_text(job.output[0], f"{dataset}: {settings}\n")
