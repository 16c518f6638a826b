"""The loss of a forecaster, against the sums written out."""

import numpy as np
import pytest
import torch

from charnn.tasks.forecaster.settings import QUANTILES
from tests.tasks.forecaster.made import made, months


def test_the_loss_counts_what_is_known(tmp_path):
    """Against the sums written out; a window that reaches the end knows less of what is to come."""
    series = months(30)
    for objective in ("squared", "absolute", "quantile"):
        model = made(series, horizon=4, objective=objective)
        batches = model.windows(series)
        for step in range(3):
            batch = batches.batch(step)
            loss = model.loss(batch, None)
            outputs, _ = model.network(torch.from_numpy(batch.inputs))
            total, count = 0.0, 0
            for place in np.argwhere(~np.isnan(batch.targets)):
                missing = float(batch.targets[tuple(place)]) - outputs[tuple(place)].detach().double().numpy()
                share = np.array(QUANTILES)
                pinball = np.where(missing > 0, share * missing, (share - 1) * missing).mean()
                total += {"squared": 0.5 * missing[0] ** 2, "absolute": abs(missing[0]), "quantile": pinball}[objective]
                count += 1
            assert loss.count == count
            assert float(loss.total.detach()) == pytest.approx(total, rel=1e-4)


def test_the_gradient_of_the_loss_does_not_see_what_nobody_knows():
    """A NaN among the targets must not become one among the weights."""
    model = made(months(26), horizon=6)
    model.loss(model.windows(months(26)).batch(0), None).total.backward()
    assert all(torch.isfinite(one.grad).all() for one in model.network.parameters())
