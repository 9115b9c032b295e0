"""Networks that rewriting tools get wrong train in the engine as in the plain loop."""

import pytest
import torch
from adversarial_nets import CLASSES, IMAGE, NETS
from torch import nn


@pytest.mark.parametrize("name", NETS)
def test_the_networks_themselves_train_by_torchs_optimizer(name):
    model, again = NETS[name](), NETS[name]()
    for (key, first), second in zip(model.state_dict().items(), again.state_dict().values(), strict=True):
        assert torch.equal(first, second), key
    optimizer = torch.optim.SGD(model.parameters(), 0.01, 0.9, weight_decay=1e-3)
    images, labels = torch.randn(6, *IMAGE), torch.arange(6) % CLASSES
    for _ in range(2):
        optimizer.zero_grad()
        logits = model.train()(images)
        assert logits.shape == (6, CLASSES)
        nn.functional.cross_entropy(logits, labels).backward()
        optimizer.step()
    with torch.no_grad():
        assert model.eval()(images).isfinite().all()
