"""Rule read_split: one split of a data set -> one file of uint8 images and labels."""

from informed_init.files import write_checksum
from informed_init.jobs import logged, say
from informed_init.tasks.images import save_split
from informed_init.tasks.readers import read

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        images = read(job.wildcards.dataset, job.params.data_root, job.wildcards.split)
        say(f"{len(images.labels):,} images, {len(images.class_names)} classes")
        save_split(job.output.images, images)
        write_checksum(job.output.images)
