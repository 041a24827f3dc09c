"""ImageNet's weights in torchvision's names fill the paper's network, and a grey picture meets the same filters."""

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from cryogauge.records import BadInput
from cryogauge.score.imagenet import start_from_imagenet
from cryogauge.score.network import resnet101


@pytest.fixture(scope="module")
def theirs() -> dict[str, torch.Tensor]:
    """Tensors of the names and shapes of torchvision's ResNet101, written down from its architecture."""
    generator = torch.Generator().manual_seed(0)
    found: dict[str, torch.Tensor] = {}

    def convolution(name: str, out: int, inside: int, size: int) -> None:
        found[f"{name}.weight"] = torch.randn(out, inside, size, size, generator=generator) * 0.01

    def normalisation(name: str, channels: int) -> None:
        found[f"{name}.weight"] = torch.rand(channels, generator=generator) + 0.5
        found[f"{name}.bias"] = torch.randn(channels, generator=generator) * 0.1
        found[f"{name}.running_mean"] = torch.randn(channels, generator=generator) * 0.1
        found[f"{name}.running_var"] = torch.rand(channels, generator=generator) + 0.5

    convolution("conv1", 64, 3, 7)
    normalisation("bn1", 64)
    inside = 64
    for layer, (blocks, width) in enumerate(zip((3, 4, 23, 3), (64, 128, 256, 512), strict=True), 1):
        for block in range(blocks):
            name = f"layer{layer}.{block}"
            for k, (out, into, size) in enumerate(((width, inside, 1), (width, width, 3), (4 * width, width, 1)), 1):
                convolution(f"{name}.conv{k}", out, into, size)
                normalisation(f"{name}.bn{k}", out)
            if block == 0:
                convolution(f"{name}.downsample.0", 4 * width, inside, 1)
                normalisation(f"{name}.downsample.1", 4 * width)
            inside = 4 * width
    found["fc.weight"], found["fc.bias"] = torch.zeros(1000, 2048), torch.zeros(1000)
    return found


def _filled(theirs: dict[str, torch.Tensor], tmp_path):
    save_file(theirs, tmp_path / "start.safetensors")
    network = resnet101().eval()
    start_from_imagenet(network, tmp_path / "start.safetensors")
    return network


def test_a_grey_picture_gets_the_answer_that_three_equal_colours_got(theirs, tmp_path):
    network = _filled(theirs, tmp_path)
    grey = torch.randn(2, 1, 64, 64)
    own = network.body.conv1(grey)
    colours = F.conv2d(grey.expand(-1, 3, -1, -1), theirs["conv1.weight"], stride=2, padding=3)
    torch.testing.assert_close(own, colours, atol=1e-5, rtol=1e-4)


def test_every_tensor_goes_where_its_name_says(theirs, tmp_path):
    state = _filled(theirs, tmp_path).state_dict()
    for name, tensor in theirs.items():
        if not name.startswith(("fc.", "conv1.")):
            torch.testing.assert_close(state[f"body.{name}"], tensor)
    assert not any(state[name].any() for name in state if name.endswith("downsample.0.bias"))
    assert state["body.fc.weight"].shape == (1, 2048)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.pop("layer3.22.conv2.weight"), "has no layer3.22.conv2.weight"),
        (lambda t: t.update({"layer3.23.conv1.weight": torch.zeros(1)}), "has layer3.23.conv1.weight"),
        (lambda t: t.update({"bn1.bias": torch.zeros(32)}), r"bn1.bias is \(32,\), not \(64,\)"),
    ],
)
def test_other_weights_are_refused_in_a_line(theirs, tmp_path, change, said):
    changed = dict(theirs)
    change(changed)
    with pytest.raises(BadInput, match=said):
        _filled(changed, tmp_path)


def test_a_file_that_is_no_safetensors_is_refused(tmp_path):
    (tmp_path / "start.safetensors").write_bytes(b"\x80\x04 a pickle")
    with pytest.raises(BadInput, match="not a safetensors file"):
        start_from_imagenet(resnet101(), tmp_path / "start.safetensors")
    with pytest.raises(BadInput, match="no weights at"):
        start_from_imagenet(resnet101(), tmp_path / "none.safetensors")
