import pytest
import torch

from cryogauge.pick.networks import NetworkPlan, build
from cryogauge.pick.presets import find_preset
from cryogauge.records import BadInput


@pytest.mark.parametrize(
    ("plan", "edge"),
    [
        (NetworkPlan("deepfinder", architecture={"filters": (4, 6, 8)}), 16),
        (NetworkPlan("deepfindet", architecture={"filters": (4, 6, 8)}), 16),
        (NetworkPlan("fast", stride=2, multiple=8, architecture={"width": 4}), 16),
        (NetworkPlan("monai:SegResNet", architecture={"init_filters": 8}), 32),
    ],
)
def test_the_output_lies_on_the_input(plan, edge):
    network = build(plan, 5).eval()
    with torch.inference_mode():
        out = network(torch.randn(2, 1, edge, edge + plan.multiple * 2, edge))
    assert out.shape == (2, 5, edge // plan.stride, (edge + plan.multiple * 2) // plan.stride, edge // plan.stride)


@pytest.mark.parametrize("name", ["deepfinder", "deepfindet", "fast"])
def test_voxel_j_of_the_output_lies_at_stride_times_j(name):
    """What the centre of the output depends on is centred about that place of the input."""
    stride = 2 if name == "fast" else 1
    architecture = {"width": 4} if name == "fast" else {"filters": (4, 6, 8)}
    torch.manual_seed(0)
    network = build(NetworkPlan(name, stride, architecture=architecture), 1).eval().double()
    image = torch.randn(1, 1, 64, 64, 64, dtype=torch.double, requires_grad=True)
    j = 32 // stride
    network(image)[0, 0, j, j, j].backward()
    assert image.grad is not None
    weight = image.grad[0, 0].abs()
    for axis in range(3):
        line = weight.sum(dim=[k for k in range(3) if k != axis])
        centre = float((line * torch.arange(64)).sum() / line.sum())
        assert abs(centre - 32) < 2.5, "pooling and upsampling shift by no more than the coarsest half voxel"


def test_published_sizes():
    """Parameters of the networks as published: three levels of 32/48/64, and of 48/64/80."""
    sizes = {name: sum(p.numel() for p in build(NetworkPlan(name), 7).parameters()) for name in ("deepfinder",)}
    convolutions = [(1, 32), (32, 32), (32, 48), (48, 48), (48, 64), (64, 64), (64, 64), (64, 64), (112, 48), (48, 48)]
    convolutions += [(80, 32), (32, 32)]
    expected = sum(27 * i * o + o for i, o in convolutions)
    expected += (8 * 64 * 64 + 64) + (8 * 48 * 48 + 48) + (32 * 7 + 7)
    assert sizes["deepfinder"] == expected


@pytest.mark.parametrize("name", ["UNet", "FlexibleUNet", "SegResNet", "BasicUNet", "DynUNet"])
def test_networks_of_monai_are_built_by_name(name):
    plan = find_preset(f"monai:{name}").network
    with torch.inference_mode():
        assert build(plan, 3).eval()(torch.zeros(1, 1, 32, 32, 32)).shape == (1, 3, 32, 32, 32)


def test_unknown_networks_and_arguments_are_refused():
    with pytest.raises(BadInput, match="no network is called 'unet'"):
        build(NetworkPlan("unet"), 3)
    with pytest.raises(BadInput, match="MONAI has no network 'Nothing'"):
        build(NetworkPlan("monai:Nothing"), 3)
    with pytest.raises(BadInput, match="cannot be built"):
        build(NetworkPlan("fast", architecture={"depth": 3}), 3)
