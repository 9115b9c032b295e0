"""Rule draw_walsh: the pretrainings of some arms, made anew from the seeds of replica 0 -> pictures of what they saw."""

import torch
from informed_init.initializers.sup_walsh import Settings, pretrain, walsh_codes
from informed_init.jobs import logged, say
from informed_init.report.figures.curves import WIDTH
from informed_init.report.figures.walsh import Distances, draw_codes, draw_distances, draw_losses
from informed_init.runs.arms import fresh_network, training_images
from informed_init.runs.data import Data, problem
from informed_init.seeds import generator
from informed_init.training.recipe import Recipe

if __name__ == "__main__":
    with logged(snakemake.log[0]):  # noqa: F821
        job = snakemake  # noqa: F821
        data = Data.load(job.input.train, job.input.test)
        seen = {}
        for label, spec in job.params.specs.items():
            recipe = Recipe.from_config(spec["settings"])
            task = data.task(spec["tasks"][0], recipe)
            cut = problem(task, spec["protocol"], recipe, 0, torch.device("cpu"))
            shape = tuple(task.train_images.shape[1:])
            model = fresh_network(spec["architecture"], task.num_classes, task.name, 0, shape)
            # the numbers that the arm's own initializer drew
            rng = generator("initializer", task.name, 0)
            seen[label] = pretrain(model, training_images(cut, recipe), Settings(**spec["parameters"]), rng)
            say(f"{label}: least loss {min(seen[label].losses):.3g} in {len(seen[label].losses)} steps")
        where = f"{spec['architecture']} on {task.name}, replica 0"
        losses = {label: history.losses for label, history in seen.items()}
        kinds = ("png", "svg", "csv")
        paths = {name: [job.output[f"{name}_{kind}"] for kind in kinds] for name in ("losses", "distances", "codes")}
        draw_losses(losses, job.params.titles["losses"], *paths["losses"], subtitle=where, width=1.4 * WIDTH)
        distances = {
            label: Distances(history.z_distances.numpy(), history.code_distances.numpy())
            for label, history in seen.items()
        }
        images = next(iter(seen.values())).image_distances.numpy()
        draw_distances(images, distances, job.params.titles["distances"], *paths["distances"], subtitle=where)
        draw_codes(walsh_codes(task.num_classes).numpy(), job.params.titles["codes"], *paths["codes"])
