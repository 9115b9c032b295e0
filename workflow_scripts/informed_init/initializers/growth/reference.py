"""The page that says what growth supports, written from the rules themselves."""

from collections.abc import Iterable

from ...channels.operations import IDEMPOTENT, IDEMPOTENT_NAMES, NOT_IDEMPOTENT, NOT_IDEMPOTENT_NAMES
from ...channels.rules import FUNCTIONS, LAYERS, Rule

_TEXT = """# What Net2Net can grow

```python
import torch, torchvision
from informed_init.initializers.growth import grow

teacher, images = torchvision.models.resnet18(num_classes=10), torch.randn(8, 3, 64, 64)  # yours go here
what = {"factor": 1.5, "insert": ["layer1.1"]}  # every layer 1.5 times as wide, one more block in stage 1
student = grow(teacher, what, example_input=images, noise="relative", generator=torch.Generator().manual_seed(0))
```

`factor` widens everything; `widths: {"layer1.0.conv1": 96}` widens single layers, and what must follow them. `grow` traces
a network with `torch.fx`, in evaluation and in training mode, and follows the channels that each convolution and linear
layer makes through all that sees them. **What the tables name is widened exactly. What they do not name is refused**, in
one line with the layer's name, before anything is built: channels that reach it keep their width. (The tables are written
by [the rules](../workflow_scripts/informed_init/channels/rules.py): `python -m
informed_init.initializers.growth.reference`.)

A subclass of a layer is that layer, if it has no `forward` of its own; else its `forward` is traced like any code. Layers
that compute their weight (`weight_norm`, `spectral_norm`, `prune`, parametrizations) keep their widths. Dropout is left
alone. Hooks run as before; refused are a hook on a parameter's gradient, which a copy would lose, and a hook that holds a
layer of the teacher, which the student would go on reading.

ConvNeXt grows by whole factors, for its layer norms. Channel shuffles and halvings grow as long as every copy stays with
its channel; the repeated halving of ShuffleNetV2 ends that after a few units, and is refused. Attention is refused; the
layer inside a transformer's MLP can be widened by name.

**The guard.** Tables are not trusted. Before the student is built, a student of the same shape, grown from a copy of the
teacher with random weights, is compared with that copy: in double precision, in evaluation and in training mode, without
dropout, on random images. A difference above a millionth of the outputs' size is refused, so code that depends on a width
(`x / x.shape[1]`, in one mode or in both) is found even where a head of zeros hides it. Inserted batch norms stand in
evaluation mode there: they undo measured statistics, not a batch's.
"""
_DEEPER = """
## Inserting layers

After a convolution with an odd kernel or a linear layer, and the normalization behind it, goes a layer that starts as the
identity; after a residual block that adds its unchanged input, a block whose branch ends in zeros. A layer that is
registered under several names is replaced under all of them; one that the code calls past its names is refused, as what is
inserted would never run. The activation that follows is repeated, so it must not change its own outputs:

| may follow | may not follow |
| --- | --- |
"""


def _words(kinds: Iterable) -> str:
    names = [kind if isinstance(kind, str) else kind.__name__ for kind in kinds]
    return ", ".join(f"`{name}`" for name in (sorted(names) if isinstance(kinds, frozenset) else names))


def _table(title: str, rules: Iterable[Rule]) -> str:
    rows = "".join(f"| {_words(rule.kinds)} | {rule.says} |\n" for rule in rules)
    return f"\n## {title}\n\n| | widened channels |\n| --- | --- |\n{rows}"


def growth_reference() -> str:
    """The text of docs/net2net.md."""
    may = _words([*IDEMPOTENT, *IDEMPOTENT_NAMES])
    may_not = _words([*NOT_IDEMPOTENT, *sorted(NOT_IDEMPOTENT_NAMES)])
    tables = _table("Layers", LAYERS) + _table("Functions, operators and methods", FUNCTIONS)
    return f"{_TEXT}{tables}{_DEEPER}| {may} | {may_not} |\n"


if __name__ == "__main__":
    print(growth_reference(), end="")
