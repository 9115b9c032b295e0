"""The bodies of the jobs of an architecture search: a block of a rung, and the final models."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import architectures
from ..errors import InputError
from ..search.rungs import Plan, Sizes, check_budget, chosen
from ..search.shapes import LISTS
from ..seeds import derive_seed, generator
from ..tasks.subsets import Task
from ..training.devices import resolve_device
from ..training.loop import EVALUATION_BATCH, NormalizedImages, Problem, Split, head_, train
from ..training.recipe import Recipe
from .cost import multiply_adds, parameters
from .data import Data, problem
from .partial import Partial
from .progress import Progress

ROWS = (
    *("run", "task", "rung", "configuration", "stages", "width", *LISTS, "pool", "stem_stride"),
    *("parameters", "macs", "replica", "seed", "epochs", "images_per_class"),
    *("train_loss", "train_accuracy", "val_loss", "val_accuracy", "diverged"),
)
CONFUSION = ("replica", "true", "predicted", "images")
FEATURES = ("method", "replica", "class", "x", "y")


# ---------------------------------------------------------------- rungs


def train_rung(
    spec: Mapping,
    data: Data,
    earlier: Sequence[Sequence[Mapping]],
    partial: Partial,
    log: Callable[[str], None],
) -> tuple[list[dict], list[dict]]:
    """Train a block of a rung: ``(one row (:data:`ROWS`) per shape and replica, seconds of each training)``.

    ``spec`` has run, task, search (:meth:`..search.Plan.from_spec`), rung, members (places of the block among the rung's
    shapes), parameters (of all networks), settings (of the recipe), images_per_class, replicas and device. ``earlier``
    has the rows of every rung before this one. The accuracy is on training images that were held out under protocol
    ``controlled``, the same in every rung; test images are not looked at. All shapes of a replica see the same images
    in the same order.

    Raises :class:`InputError` for a shape over the budget, before anything is trained.
    """
    device, recipe = resolve_device(spec["device"]), Recipe.from_config(spec["settings"])
    plan, task = Plan.from_spec(spec["search"]), data.task(spec["task"], recipe)
    entrants = plan.entrants(spec["rung"], earlier)
    shapes = [entrants[place] for place in spec["members"] if place < len(entrants)]
    sizes = _sizes(task)
    for shape in shapes:
        check_budget(shape, plan.budget, sizes)
    progress = Progress(len(shapes) * len(spec["replicas"]), log)
    rows, seconds = [], []
    for replica in spec["replicas"]:
        seen = replace(problem(task, "controlled", recipe, replica, device), test=None)
        seen = with_fewer_images(seen, spec["images_per_class"], replica)
        for shape in shapes:
            key = f"{shape.name}@{replica}"
            found = partial.load(key)
            if found is None:
                started = time.perf_counter()
                model = _network("compact", {**spec["parameters"], **shape.settings()}, task, replica)
                last = train(model, seen, recipe, (task.name, replica))[-1]
                elapsed = time.perf_counter() - started
                sizes_of = {"parameters": sizes.parameters(shape), "macs": sizes.macs(shape)}
                partial.store(key, found := [{**last, **sizes_of, "seconds": elapsed}])
                progress.finished(f"{shape.name}, replica {replica}", found[0], elapsed)
            else:
                progress.resumed(f"{shape.name}, replica {replica}")
            identity = {"run": spec["run"], "task": task.name, "rung": spec["rung"], "configuration": shape.name}
            values = {key: " ".join(map(str, getattr(shape, key))) for key in LISTS}
            values |= {key: getattr(shape, key) for key in ("stages", "width", "pool", "stem_stride")}
            made = {"replica": replica, "seed": derive_seed("network", task.name, replica), "epochs": recipe.epochs}
            made |= {"images_per_class": spec["images_per_class"] or ""}
            rows.append(identity | values | {key: value for key, value in found[0].items() if key in ROWS} | made)
            seconds.append({"configuration": shape.name, "replica": replica, "seconds": found[0]["seconds"]})
    return rows, seconds


def with_fewer_images(seen: Problem, per_class: int | None, replica: int) -> Problem:
    """The problem with ``per_class`` training images of every class (all for None); held-out images stay.

    A larger number holds all images of a smaller one. Raises :class:`InputError` where a class has fewer.
    """
    if per_class is None:
        return seen
    labels = seen.train.labels.cpu()
    kept = []
    for label in labels.unique().tolist():
        members = (labels == label).nonzero().flatten()
        if len(members) < per_class:
            have = f"only {len(members)} images of class {label} are left for training"
            raise InputError(f"{seen.name}: images_per_class is {per_class}, but {have}; ask for fewer")
        rng = generator("search images", seen.name, replica, label)
        kept.append(members[torch.randperm(len(members), generator=rng)[:per_class]])
    return replace(seen, train=seen.train.select(torch.cat(kept).sort().values))


def _sizes(task: Task) -> Sizes:
    channels, height, width = task.train_images.shape[1:]
    if height != width:
        raise InputError(f"{task.name}: images are {height}x{width}; compact ResNets are planned for square ones")
    return Sizes(channels, task.num_classes, height)


def _network(architecture: str, settings: Mapping, task: Task, replica: int) -> nn.Module:
    """A fresh network for a task's images; default weights and head from seeds of task and replica."""
    channels, size = task.train_images.shape[1:3]
    fitting = {"in_channels": channels, "input_size": size}
    seed = derive_seed("network", task.name, replica)
    model = architectures.build(architecture, task.num_classes, seed, **settings, **fitting)
    head_(model, task.name, replica)
    return model


# ---------------------------------------------------------------- final models


def train_final(
    spec: Mapping,
    data: Data,
    last_rung: Sequence[Mapping],
    partial: Partial,
    log: Callable[[str], None],
) -> tuple[dict[str, list[dict]], dict]:
    """Train a final model on a block of replicas: ``(tables, facts)``.

    Tables are ``curves`` (``columns.COLUMNS``), ``confusion`` (:data:`CONFUSION`, of the test images) and ``features``
    (:data:`FEATURES`, of held-out training images, for the first replica of the run alone). ``spec`` has run, task, model,
    architecture, parameters (its settings), chosen (then the shape is the best of ``last_rung``), budget, recipe (name),
    settings (of the recipe), features (method and number of images), replicas and device.

    The test images are used once, after the last epoch: accuracy and confusion come from one pass. Raises
    :class:`InputError` for a model over the budget, before it is trained.
    """
    device, recipe = resolve_device(spec["device"]), Recipe.from_config(spec["settings"])
    task, settings = data.task(spec["task"], recipe), dict(spec["parameters"])
    if spec["chosen"]:
        settings |= chosen(last_rung).settings()
    names = class_names(data, spec["task"])
    progress = Progress(len(spec["replicas"]), log)
    tables: dict[str, list[dict]] = {"curves": [], "confusion": [], "features": []}
    facts: dict = {"settings": settings, "seconds": {}}
    for replica in spec["replicas"]:
        model = _network(spec["architecture"], settings, task, replica)
        facts["configuration"] = getattr(getattr(model, "shape", None), "name", "")
        facts |= {"parameters": parameters(model), "macs": multiply_adds(model, tuple(task.train_images.shape[1:]))}
        if facts["parameters"] >= spec["budget"]:
            count = f"{facts['parameters']:,} parameters, the budget is under {spec['budget']:,}"
            raise InputError(f"model {spec['model']!r} has {count}; make it smaller or raise search.budget")
        key = f"{replica:03d}"
        found = partial.load(key)
        if found is None:
            started = time.perf_counter()
            seen = problem(task, "controlled", recipe, replica, device)
            rows = train(model, replace(seen, test=None), recipe, (task.name, replica))
            metrics, confusion = tested(model, seen, recipe, names)
            rows[-1] |= metrics
            features = features_2d(model, seen, recipe, names, **spec["features"]) if replica == 0 else []
            elapsed = time.perf_counter() - started
            found = [{"curves": rows, "confusion": confusion, "features": features, "seconds": elapsed}]
            partial.store(key, found)
            progress.finished(f"{spec['model']}, replica {replica}", rows[-1], elapsed)
        else:
            progress.resumed(f"{spec['model']}, replica {replica}")
        identity = {"run": spec["run"], "protocol": "controlled", "recipe": spec["recipe"], "task": task.name}
        identity |= {"arm": spec["model"], "replica": replica, "seed": derive_seed("network", task.name, replica)}
        tables["curves"] += [identity | row for row in found[0]["curves"]]
        tables["confusion"] += [{"replica": replica} | row for row in found[0]["confusion"]]
        tables["features"] += [{"replica": replica} | row for row in found[0]["features"]]
        facts["seconds"][replica] = found[0]["seconds"]
    return tables, facts


def class_names(data: Data, task: Mapping) -> list[str]:
    """The names of a task's classes in the order of its labels; numbers where the data set has no names."""
    labels = data.train.labels
    if task.get("superclasses"):
        labels = labels[torch.isin(data.train.superclasses, torch.tensor(task["superclasses"]))]
    names = data.train.class_names
    return [names[label] if label < len(names) else str(label) for label in labels.unique().tolist()]


def outputs(model: nn.Module, split: Split, seen: Problem, recipe: Recipe) -> tuple[Tensor, Tensor]:
    """Logits and features (the input of the last linear layer) of a split's images, on the CPU."""
    device = split.images.device
    dtype = torch.float64 if recipe.precision == "float64" else torch.float32
    short = recipe.precision == "bfloat16"
    images = NormalizedImages(split, seen.mean, seen.std, recipe.pixels, dtype, False)
    head = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    features: list[Tensor] = []
    hook = head.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0].float().cpu()))
    logits = []
    model.eval()
    try:
        with torch.inference_mode(), torch.autocast(device.type, dtype=torch.bfloat16) if short else nullcontext():
            for index in torch.arange(len(split), device=device).split(EVALUATION_BATCH):
                logits.append(model(images.batch(index, {})[0]).float().cpu())
    finally:
        hook.remove()
    return torch.cat(logits), torch.cat(features)


def tested(model: nn.Module, seen: Problem, recipe: Recipe, names: Sequence[str]) -> tuple[dict, list[dict]]:
    """Loss and accuracies (percent) on the test images, and their confusion: one pass over them."""
    logits, _ = outputs(model, seen.test, seen, recipe)
    labels = seen.test.labels.cpu()
    if not logits.isfinite().all():
        return {}, []  # diverged: no class is predicted
    best = logits.topk(min(5, logits.shape[1]), dim=1).indices == labels[:, None]
    metrics = {"test_loss": F.cross_entropy(logits, labels).item()}
    metrics |= {"test_accuracy": 100 * best[:, 0].double().mean().item()}
    metrics |= {"test_accuracy_top5": 100 * best.any(1).double().mean().item()}
    counts = torch.bincount(labels * len(names) + logits.topk(1, dim=1).indices[:, 0], minlength=len(names) ** 2)
    counts = counts.view(len(names), len(names)).tolist()
    return metrics, [
        {"true": names[i], "predicted": names[j], "images": count}
        for i, row in enumerate(counts)
        for j, count in enumerate(row)
    ]


def features_2d(
    model: nn.Module, seen: Problem, recipe: Recipe, names: Sequence[str], *, method: str, images: int
) -> list[dict]:
    """The features of ``images`` held-out training images, drawn at random, reduced to two dimensions.

    ``method`` is pca or tsne (scikit-learn's, from the PCA). None for a network that diverged.
    """
    order = torch.randperm(len(seen.validation), generator=generator("features", seen.name))[:images]
    part = seen.validation.select(order)
    _, features = outputs(model, part, seen, recipe)
    if not features.isfinite().all():
        return []
    points = reduced(features.numpy(), method, derive_seed("features", seen.name) % 2**32)
    labels = part.labels.tolist()
    return [
        {"method": method, "class": names[label], "x": float(x), "y": float(y)}
        for label, (x, y) in zip(labels, points, strict=True)
    ]


def reduced(features: np.ndarray, method: str, seed: int) -> np.ndarray:
    """Features ``(n, d)`` as points ``(n, 2)``."""
    if method == "tsne":
        from sklearn.manifold import TSNE  # imported here: rungs do not need scikit-learn

        perplexity = min(30.0, (len(features) - 1) / 3)
        return TSNE(init="pca", perplexity=perplexity, random_state=seed).fit_transform(features)
    from sklearn.decomposition import PCA

    return PCA(2, random_state=seed).fit_transform(features)
