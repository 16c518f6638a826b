import pytest
import torch

from charnn.device import autocast, choose_device, use_threads
from charnn.errors import SettingError


def test_auto_is_a_device_that_is_there():
    assert torch.ones(2, device=choose_device("auto")).sum() == 2


def test_a_device_that_is_not_there_is_refused_by_naming_those_that_are(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(SettingError) as caught:
        choose_device("cuda")
    assert str(caught.value) == "device cuda is not available here; available: cpu"
    assert choose_device("auto") == choose_device("cpu") == torch.device("cpu")


def test_threads_are_those_asked_for():
    before = torch.get_num_threads()
    try:
        assert use_threads(1) == use_threads(None) == 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("precision", "kind"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_products_run_in_the_precision_asked_for(precision, kind):
    weight = torch.ones(2, 2)
    with autocast(torch.device("cpu"), precision):
        assert (weight @ weight).dtype == kind
    assert weight.dtype == torch.float32
