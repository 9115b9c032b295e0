"""A small config with one of everything that a config may say."""

import copy

import yaml
from repository import ROOT

PAPER = yaml.safe_load((ROOT / "config.yaml").read_text())


def part(section, *names):
    """Some members of a section of the paper's config."""
    return {name: copy.deepcopy(PAPER[section][name]) for name in names}


def small_config():
    """One of everything that a config may say, every key of the schema's that can stand together."""
    config = {key: copy.deepcopy(value) for key, value in PAPER.items() if not isinstance(value, dict)}
    config |= {key: copy.deepcopy(PAPER[key]) for key in ("replicas", "procedural", "sources", "search")}
    config |= {"tasks": [[10, 11], [12, 18]], "only": ["main", "custom", "tiny", "net2net", "walsh"], "device": "cpu"}
    names = ("stepwise", "pretraining", "tiny", "lenet-0.005", "walsh-0.01", "modern", "compact-search", "legacy")
    config["recipes"] = part("recipes", *names)
    config["recipes"]["stepwise"] |= {"momentum": 0.9, "weight_decay": 0.001, "batch_size": 64, "optimizer": "sgd"}
    config["recipes"]["stepwise"] |= {"validation_fraction": 0.2, "pixels": "unit", "precision": "float32"}
    config["recipes"]["stepwise"] |= {
        "train_per_class": 100,
        "test_per_class": 50,
        "nesterov": True,
        "label_smoothing": 0.1,
    }
    names = (
        "random",
        "pretrained",
        "gabor-1",
        "euclid-k2",
        "clustered-rescaled-k2",
        "custom-random",
        "custom-aligned-1",
    )
    names += ("tiny-random", "tiny-clustered", "lenet-teacher", "lenet-wider-scratch", "lenet-wider", "lenet-wider-pad")
    config["arms"] = part(
        "arms", *names, "search", "default", "normal", "he-normal", "lsuv", "sup-walsh", "extra-steps"
    )
    config["arms"]["clustered-rescaled-k2"]["bank"] |= {"trained": True, "taps": "all"}
    lenets = ["lenet-teacher", "lenet-wider-scratch", "lenet-wider", "lenet-wider-pad"]
    config["families"] = {
        "main": {"arms": ["random", "pretrained", "gabor-1", "euclid-k2", "clustered-rescaled-k2"]},
        "custom": {"arms": ["custom-random", "custom-aligned-1"]},
        "tiny": {"arms": ["tiny-random", "tiny-clustered"], "recipes": ["tiny"]},
        "net2net": {
            "title": "Net2Net",
            "protocols": ["controlled"],
            "recipes": ["lenet-0.005"],
            "across": {"datasets": ["mnist"]},
            "arms": lenets,
            "baseline": {"lenet-wider": "lenet-wider-scratch", "lenet-wider-pad": "lenet-wider-scratch"},
            "shown": lenets[:3],
        },
        "walsh": {
            "title": "Sup-Walsh",
            "recipes": ["walsh-0.01"],
            "replicas": {"count": 3, "per_job": 3},
            "across": {"datasets": ["mnist"], "architectures": ["base-mlp", "squeezenet"]},
            "arms": ["default", "normal", "he-normal", "lsuv", "sup-walsh", "extra-steps"],
            "baseline": "default",
        },
    }
    config["figures"] = {
        "figure2": {
            "title": "Compared",
            "baseline": "random",
            "arms": {"random": "random", "gabor-1": "Gabor", "euclid-k2": "euclid"},
            "panels": {"one": ["gabor-1"], "two": ["euclid-k2"]},
            "metric": "val_accuracy",
            "protocols": ["controlled"],
            "recipe": "stepwise",
        }
    }
    config["tables"] = {"attribution": {"recipes": ["stepwise"]}, "best_rates": {"family": "main"}}
    config["tables"]["table1"] = {"family": "tiny"}
    config["tables"]["audit"] = copy.deepcopy(PAPER["tables"]["audit"])
    config["drawings"] = {"bank": "tiny-clustered"}
    config["datasets"] = {
        "mine": {"folder": "pictures", "size": 32, "grayscale": False, "classes": 3, "test_fraction": 0.2}
    }
    config["datasets"]["other"] = {"folder": "more", "size": 32, "train": "learn", "test": "try"}
    config["search"] |= {"settings": {"stem_stride": 2, "dropblock": 0.1, "block_size": 3}}
    config["search"]["grid"] = {
        "stages": [2],
        "width": [16, 32],
        "blocks": [1, [1, 2]],
        "kernels": [3],
        "skip_kernels": [1],
    }
    config["search"]["grid"]["pool"] = [1, 2]
    config["search"]["scaling"] |= {"depth": [1.0, 2.0], "width": [1.0, 1.4], "divisor": 8}
    config["search"]["rungs"] = [{"epochs": 5, "images_per_class": 9}, {"configs": 2, "epochs": 9, "replicas": 3}]
    config["search"]["final"]["models"] = {
        "regular": {
            "architecture": "compact",
            "recipe": "modern",
            "dropblock": 0.1,
            "block_size": 5,
        },
        "chosen": {"architecture": "chosen", "recipe": "modern", "feature_dropout": 0.1},
    }
    return config
