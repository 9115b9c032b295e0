"""Rule read_pictures: a folder of pictures -> both splits as files of uint8 images and labels."""

from informed_init.files import write_checksum
from informed_init.jobs import logged, say
from informed_init.tasks import catalog
from informed_init.tasks.images import save_split
from informed_init.tasks.readers import read_pictures

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        dataset = catalog.own(job.wildcards.dataset, job.params.section)
        for split, images in read_pictures(dataset, job.params.data_root).items():
            say(f"{split}: {len(images.labels):,} images, {len(images.class_names)} classes")
            save_split(job.output[split], images)
            write_checksum(job.output[split])
