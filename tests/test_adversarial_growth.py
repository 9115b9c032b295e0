"""Networks that rewriting tools forget: growth is exact in both modes or refuses in one line, and the teacher stays as it is."""

import copy
import warnings

import pytest
import torch
from adversarial_nets import IMAGE, NETS
from informed_init.channels.trace import duplicate
from informed_init.errors import InputError
from informed_init.initializers.growth import fidelity, grow

REQUESTS = {
    "all wider": {"factor": 2},
    "stem wider": {"widths": {"stem": 20}},
    "last wider": {"widths": {"last": 20}},
    "after last": {"insert": ["last"]},
}
# Networks that refuse a request, with the reason; whatever is not named here is grown.
COMPUTED = {"all wider": "'last' computes its weight", "last wider": "'last' computes its outputs"}
READS = {"all wider": "depends on the widths", "last wider": "depends on the widths"}
REFUSED = {
    "gradient-hook": dict.fromkeys(REQUESTS, "'last.weight' has a hook on its gradient"),
    "hook-that-reads-another-layer": dict.fromkeys(REQUESTS, "a hook of 'fc' holds a layer of the teacher"),
    "spectral-norm-old": COMPUTED,
    "spectral-norm-new": COMPUTED,
    "weight-norm-old": {"all wider": "'inner' computes its weight"},
    "weight-norm-new": {"all wider": "'inner' computes its weight"},
    "pruned": COMPUTED,
    "subclass": {
        "all wider": "factor: 'stem.weight' makes channels that growth cannot widen",
        "stem wider": "'stem' computes its outputs in code of its own",
        "last wider": "'last' computes its outputs in code of its own",
        "after last": "at 'last': StandardizedConv2d has a forward of its own",
    },
    "clamped": {
        "all wider": "'last.weight' makes channels that growth cannot widen",
        "after last": "does not run: 'Sequential' object has no attribute 'weight'",
    },
    "two-calls": {"after last": "one forward pass calls it 2 times"},
    "shared-weight": {"all wider": "shares a parameter with", "last wider": "shares a parameter with 'inner'"},
    "hidden-list": {"after last": "what is inserted there never runs"},
    "reads-weight": READS | {"after last": "does not run: 'Sequential' object has no attribute 'weight'"},
    "reads-hidden-weight": READS,
    "reads-dtype": {"after last": "does not run: 'Sequential' object has no attribute 'weight'"},
    "uses-functional": {"after last": "the forward pass does not call it"},
    "looks-for-convolutions": dict.fromkeys(REQUESTS, "depends on the widths"),
    "mode-dependent-calls": {"after last": "one forward pass calls it 2 times"},
    "noise": {"all wider": "'randn_like' is an operation"},
    "views": dict.fromkeys(REQUESTS, "cannot be traced by torch.fx"),
    "double-backward": dict.fromkeys(REQUESTS, "cannot be traced by torch.fx"),
}


def build(name: str) -> torch.nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, about the older of its two weight norms
        return NETS[name]().double()


def assert_untouched(teacher, before):
    assert [(n, m.training) for n, m in teacher.named_modules()] == [(n, m.training) for n, m in before.named_modules()]
    theirs, ours = before.state_dict(), teacher.state_dict()
    assert theirs.keys() == ours.keys() and all(torch.equal(theirs[key], ours[key]) for key in ours)
    for (_, module), (_, was) in zip(teacher.named_modules(), before.named_modules(), strict=True):
        for hooks in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks"):
            assert len(getattr(module, hooks)) == len(getattr(was, hooks))
    for parameter, was in zip(teacher.parameters(), before.parameters(), strict=True):
        assert parameter.requires_grad == was.requires_grad and parameter.grad is None


@pytest.mark.parametrize("name", NETS)
def test_a_student_is_exact_in_both_modes_or_refused(name):
    x = torch.randn(6, *IMAGE, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    teacher = build(name)
    teacher.train()
    teacher.stem.eval()
    before, state = duplicate(teacher), torch.get_rng_state()
    for request, target in REQUESTS.items():
        reason = REFUSED.get(name, {}).get(request)
        options = {"example_input": x, "generator": torch.Generator().manual_seed(0)}
        if reason is None:
            student = grow(teacher, copy.deepcopy(target), **options)
            assert sum(p.numel() for p in student.parameters()) > sum(p.numel() for p in teacher.parameters())
            difference = fidelity(teacher, student, x)
            for mode in ("eval", "train"):
                assert difference[mode] <= 1e-10 * difference[f"{mode}_scale"], (request, mode)
        else:
            with pytest.raises(InputError, match=reason) as caught:
                grow(teacher, target, **options)
            assert "\n" not in str(caught.value), request
        assert_untouched(teacher, before)
        assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", ["two-names", "forward-hook", "spectral-norm-old", "patched-forward"])
def test_what_was_inserted_runs(name):
    """Its own weights decide what comes out, by whichever name the code calls the layer."""
    x = torch.randn(6, *IMAGE, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    student = grow(build(name), {"insert": ["last"]}, example_input=x, generator=torch.Generator()).eval()
    before = student(x)
    with torch.no_grad():
        student.last.identity1.weight.mul_(2)
    assert not torch.allclose(student(x), before)


def test_the_refusals_are_those_of_networks_that_exist():
    assert set(REFUSED) <= set(NETS)
