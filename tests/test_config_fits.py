"""What cannot be trained together is refused by the plan: images and networks, initializers and networks, teachers."""

import copy

import pytest
from informed_init.plan.checks import check_config
from small_config import PAPER, SMALL
from test_config_values import changed, refusal


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (
            "arms/random/dataset",
            "mnist",
            "arms.random: random: architecture 'resnet18' takes images of 3 channels, mnist under recipe 'stepwise' has 1; "
            "take a data set of color images, or an architecture such as alexnet",
        ),
        (
            "recipes/stepwise/grayscale",
            True,
            "arms.random: random: architecture 'resnet18' takes images of 3 channels, cifar100 under recipe 'stepwise' has 1",
        ),
        (
            "recipes/walsh-0.01/image_size",
            32,
            "families.walsh.across: mnist-alexnet-default: architecture 'alexnet' takes images of at least 57x57, "
            "mnist under recipe 'walsh-0.01' has 32x32; set image_size: 57",
        ),
        (
            "recipes/lenet-0.0015/image_size",
            28,
            "families.net2net_lenet.across: mnist-lenet-continued is trained on images of [1, 28, 28], its teacher",
        ),
        (
            "arms/random/architecture",
            "alexnet",
            "arms.random: random: architecture 'alexnet' takes images of at least 57x57",
        ),
        (
            "arms/gabor-1/architecture",
            "base-mlp",
            "arms.gabor-1: initializer 'gabor' sets convolutions larger than 1x1, of",
        ),
        ("arms/euclid-k2/architecture", "base-mlp", "arms.euclid-k2: initializer 'clustered' sets convolutions larger"),
        ("arms/he-scaled-k2/architecture", "base-mlp", "arms.he-scaled-k2: initializer 'he-scaled' sets convolutions"),
        (
            "arms/gabor-17/layers",
            18,
            "arms.gabor-17: initializer 'gabor' sets convolutions larger than 1x1, of which 'resnet18' has 17, but layers is "
            "18; give at most 17",
        ),
        (
            "families/compact_initializers/across/architectures",
            ["squeezenet"],
            "families.compact_initializers.across: initializer 'fixup' sets residual branches, of which 'squeezenet' has none",
        ),
        (
            ("families", "walsh", "arms"),
            ["default", "gabor-1", "he-normal", "orthogonal", "lsuv", "sup-walsh", "sup-walsh-gaussian", "extra-steps"],
            "families.walsh.across: initializer 'gabor' sets convolutions larger than 1x1, of which 'base-mlp' has none",
        ),
        ("sources/recipe", "lenet-0.005", None),
        (
            "recipes/pretraining/grayscale",
            True,
            "arms.pretrained: the sources of pretrained: architecture 'resnet18' takes",
        ),
    ],
)
def test_arms_that_no_data_set_or_network_fits_are_refused(path, value, said):
    if said is None:
        check_config(changed(path, value))
    else:
        assert refusal(changed(path, value)).startswith(said)


def test_a_network_of_another_package_is_nothing_that_the_plan_can_judge():
    pytest.importorskip("torchvision")
    check_config(changed("arms/random/architecture", "torchvision:resnet18"))
    for initializer in ("sup-walsh", "pretrained"):  # what they make lies in a folder of the network's name
        config = changed("arms/random", {"initializer": initializer, "architecture": "torchvision:resnet18"})
        config["drawings"]["pretrainings"] = "random"
        assert refusal(config).startswith("arms.random: banks, sources and pretrainings lie under")
    said = "arms.random.architecture: hub:resnet18: hub"
    assert refusal(changed("arms/random/architecture", "hub:resnet18")).startswith(said[:24])


def test_a_teacher_has_seen_the_same_images():
    config = changed("arms/lenet-wider/teacher/recipe", "lenet-32")
    config["recipes"]["lenet-32"] = {**config["recipes"]["lenet-0.005"], "image_size": 28}
    assert (
        "its teacher mnist-lenet-teacher under recipe 'lenet-32' on [1, 28, 28]; give both recipes the same"
        in refusal(config)
    )


def test_a_network_grows_into_one_of_its_own_kind():
    said = (
        "families.net2net.across: mnist-wider is of architecture 'squeezenet', its teacher mnist-teacher of 'lenet-bn'"
    )
    config = copy.deepcopy(SMALL)
    config["arms"]["wider"]["architecture"] = "squeezenet"
    assert refusal(config).startswith(said)


def test_tf32_needs_cuda():
    config = changed("device", "cpu")
    config["recipes"]["stepwise"]["precision"] = "tf32"
    assert (
        refusal(config)
        == "recipes.stepwise.precision: tf32 exists on CUDA only, the device is cpu; use float32 or bfloat16"
    )
    config["device"] = "auto"
    check_config(config)


@pytest.mark.parametrize("circle", [["lenet-teacher"], ["lenet-teacher", "lenet-wider"]])
def test_arms_that_grow_from_each_other_are_refused(circle):
    config = copy.deepcopy(PAPER)
    for arm, teacher in zip(circle, [*circle[1:], circle[0]], strict=True):
        taught = {"arm": teacher, "recipe": "lenet-0.005"}
        config["arms"][arm] = {"initializer": "grown", "architecture": "lenet-bn", "teacher": taught}
    line = refusal(config)
    assert "is a circle; begin with an arm that has no teacher" in line
    assert all(arm in line for arm in circle)


def test_families_that_write_one_arm_differently_are_refused():
    config = copy.deepcopy(SMALL)
    config["families"]["again"] = {key: config["families"]["walsh"][key] for key in ("across", "recipes", "arms")}
    config["only"] += ["again"]
    said = "families.again: arm mnist-base-mlp-untouched has other replicas or another teacher than in families.walsh"
    assert refusal(config).startswith(said)
    config["families"]["again"]["replicas"] = config["families"]["walsh"]["replicas"]
    check_config(config)
    config["arms"]["mnist-base-mlp-untouched"] = {"initializer": "default"}
    assert refusal(config).startswith("arms.mnist-base-mlp-untouched: families.walsh writes out an arm of this name")
