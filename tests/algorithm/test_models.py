"""Both models against published counts and torchvision, and the cut that K_P makes."""

from itertools import pairwise

import plain_networks
import pytest
import torch
import torchvision
from conftest import RUN, build
from fedper.algorithm.convolution import MatmulConv2d
from fedper.algorithm.mobilenet_v1 import mobilenet_v1
from fedper.algorithm.models import build_model, split, with_linear_base
from fedper.algorithm.resnet34 import resnet34
from fedper.algorithm.weights import initialise
from fedper.names import MODELS
from fedper.run import change
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import conv2d


def n_parameters(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(("make", "expected"), [(resnet34, 21_289_802), (mobilenet_v1, 3_217_226)])
def test_parameter_counts_at_ten_classes(make, expected):
    assert n_parameters(make(10, 1.0, "imagenet")) == expected


def test_parameter_counts_at_a_thousand_classes_are_the_published_ones():
    assert n_parameters(resnet34(1000, 1.0, "imagenet")) == 21_797_672  # torchvision's resnet34
    assert n_parameters(mobilenet_v1(1000, 1.0, "imagenet")) == 4_231_976  # Howard et al.: 4.2 M


def test_resnet34_computes_what_torchvision_computes():
    theirs = torchvision.models.resnet34(num_classes=10)
    ours = resnet34(10, 1.0, "imagenet")
    # Theirs are conv1, bn1, layer1.0 …, fc; ours stand in the same order, so values map in order.
    with torch.no_grad():
        for source in theirs.state_dict().values():
            if source.is_floating_point():
                source.add_(torch.rand_like(source) * 0.01)
        ours.load_state_dict(
            dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True))
        )
        images = torch.randn(2, 3, 64, 64)
        for mode in (True, False):
            torch.testing.assert_close(ours.train(mode)(images), theirs.train(mode)(images))


@settings(deadline=None, max_examples=150)
@given(
    size=st.integers(1, 6),
    kernel=st.sampled_from([1, 2, 3, 5]),
    stride=st.sampled_from([1, 2, 3]),
    padding=st.integers(0, 2),
    channels=st.sampled_from([(3, 4, 1), (4, 4, 4), (4, 8, 4), (4, 8, 2)]),
    layout=st.sampled_from([torch.channels_last, torch.contiguous_format]),
)
def test_a_convolution_as_a_product_is_a_convolution(
    size, kernel, stride, padding, channels, layout
):
    assume(size + 2 * padding >= kernel)
    torch.manual_seed(size)
    n_in, n_out, groups = channels
    layer = MatmulConv2d(n_in, n_out, kernel, stride, padding, groups=groups, bias=False).double()
    layer.to(memory_format=layout)
    images = torch.randn(2, n_in, size, size, dtype=torch.float64)
    images = images.to(memory_format=layout).requires_grad_()
    ours = layer(images)
    theirs = conv2d(images, layer.weight, None, stride, padding, 1, groups)
    upstream = torch.randn_like(theirs)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-13)
    wanted = (images, layer.weight)
    torch.testing.assert_close(
        torch.autograd.grad(ours, wanted, upstream),
        torch.autograd.grad(theirs, wanted, upstream),
        rtol=0,
        atol=1e-12,
    )


def test_resnet34_multiplies_no_padding_in_its_last_maps(monkeypatch):
    """At 32 px the last two stages see maps of 2 x 2 and 1 x 1, but for the way into them."""
    seen = []
    convolve = torch.nn.Conv2d.forward

    def spy(self, x):
        if self.kernel_size == (3, 3):
            seen.append(x.shape[-1])
        return convolve(self, x)

    monkeypatch.setattr(torch.nn.Conv2d, "forward", spy)
    resnet34(10, 0.125, "imagenet").eval()(torch.randn(1, 3, 32, 32))
    assert sorted(set(seen)) == [4, 8]


def test_mobilenet_v1_has_the_layers_of_howard_et_al_table_1():
    shapes, x = [], torch.randn(1, 3, 224, 224)
    model = mobilenet_v1(1000, 1.0, "imagenet").eval()
    with torch.no_grad():
        for layer in model[:-1]:
            x = layer(x)
            shapes.append((x.shape[1], x.shape[2]))
    assert shapes == [
        (32, 112), (64, 112), (128, 56), (128, 56), (256, 28), (256, 28), (512, 14),
        (512, 14), (512, 14), (512, 14), (512, 14), (512, 14), (1024, 7), (1024, 7),
    ]  # fmt: skip
    for number, block in enumerate(model[1:-1], start=1):
        convolutions = [m for m in block.modules() if isinstance(m, torch.nn.Conv2d)]
        depthwise, pointwise = convolutions
        assert depthwise.groups == depthwise.in_channels, number
        assert pointwise.kernel_size == (1, 1), number


@pytest.mark.parametrize("name", MODELS)
def test_cifar_stem_keeps_the_resolution(name):
    images = torch.randn(2, 3, 32, 32)
    assert build_model(name, 10, 0.125, "cifar")[0](images).shape[-1] == 32
    assert build_model(name, 10, 0.125, "imagenet")[0](images).shape[-1] < 32


@pytest.mark.parametrize("name", MODELS)
def test_width_multiplies_channels(name):
    half, whole = (build_model(name, 10, width, "imagenet") for width in (0.5, 1.0))
    for a, b in zip(half.parameters(), whole.parameters(), strict=True):
        assert a.shape[0] in (b.shape[0] // 2, 10)


@pytest.mark.parametrize("name", MODELS)
def test_k_p_cuts_whole_blocks_from_the_end_and_changes_no_architecture(name):
    model = build_model(name, 10, 0.125, "imagenet")
    names = [child for child, _ in model.named_children()]
    assert names == ["stem", *(f"block{i}" for i in range(1, len(names) - 1)), "classifier"]
    assert len(model) == MODELS[name].n_layers
    for k_p in range(len(model) + 1):
        base, personal = split(model, change(RUN, personalization_layers=k_p).method)
        assert len(personal) == k_p
        assert {**base.state_dict(), **personal.state_dict()}.keys() == model.state_dict().keys()
        assert not base.state_dict().keys() & personal.state_dict().keys()
        assert [*base.children(), *personal.children()] == list(model.children())


def test_initial_weights_are_he_normal_and_their_own_for_every_owner():
    model = resnet34(10, 1.0, "imagenet")
    initialise(model, 0, "base")
    weight = model.block9.conv1.weight.detach()
    fan_in = weight[0].numel()
    assert weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.01)
    first = model.classifier.fc.weight.clone()
    initialise(model, 0, "base")
    assert torch.equal(model.classifier.fc.weight, first)
    for owner in (("personal", 0), ("personal", 1)):
        initialise(model, 0, *owner)
        assert not torch.equal(model.classifier.fc.weight, first)


def test_initialisation_does_not_touch_the_global_generator(make_run):
    model = build(make_run())
    torch.manual_seed(0)
    before = torch.get_rng_state()
    initialise(model, 0, "base")
    assert torch.equal(torch.get_rng_state(), before)


MAKE_PLAIN = {"mobilenet_v1": plain_networks.mobilenet_v1, "resnet34": plain_networks.resnet34}


def test_parameter_counts_of_mobilenet_v1_with_the_cifar_stem_by_hand():
    """A block has 9 n_in depthwise and n_in n_out pointwise weights, and two numbers for each
    channel that is normalised."""
    channels = [32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024]
    count = 3 * 3 * 3 * 32 + 2 * 32
    for n_in, n_out in pairwise(channels):
        count += 9 * n_in + 2 * n_in + n_in * n_out + 2 * n_out
    count += 1024 * 10 + 10
    assert count == 3_217_226
    assert n_parameters(mobilenet_v1(10, 1.0, "cifar")) == count


def test_parameter_counts_of_resnet34_with_the_cifar_stem_by_hand():
    """A block has 9 n_in n_out and 9 n_out n_out weights and four numbers for each channel; the
    first of a stage of more channels has a shortcut of n_in n_out weights and two more."""
    count = 3 * 3 * 3 * 64 + 2 * 64
    n_in = 64
    for n_out, n_blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        count += 9 * n_in * n_out + (2 * n_blocks - 1) * 9 * n_out**2 + 4 * n_blocks * n_out
        count += (n_in * n_out + 2 * n_out) if n_in != n_out else 0
        n_in = n_out
    count += 512 * 10 + 10
    assert count == 21_282_122
    assert n_parameters(resnet34(10, 1.0, "cifar")) == count


@pytest.mark.parametrize(("name", "size"), [("mobilenet_v1", 2), ("resnet34", 4)])
def test_the_last_maps_with_the_cifar_stem_are_those_of_the_authors(name, size):
    model = build_model(name, 10, 0.125, "cifar").eval()
    assert model[:-1](torch.zeros(1, 3, 32, 32)).shape[2:] == (size, size)


@pytest.mark.parametrize("width", [0.25, 1.0])
@pytest.mark.parametrize("name", MODELS)
def test_with_the_cifar_stem_a_model_computes_what_a_plain_module_computes(name, width):
    """In float64, in both modes; the running statistics follow alike."""
    torch.manual_seed(0)
    theirs = MAKE_PLAIN[name](10, width).double()
    ours = build_model(name, 10, width, "cifar").double()
    # Both list their tensors in the order of computation, shortcuts last in their block.
    for value in theirs.state_dict().values():
        if value.is_floating_point():
            value.add_(torch.rand_like(value) * 0.1)
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        for mode in (True, False):
            outputs = theirs.train(mode)(images)
            assert outputs.std() > 1e-3
            torch.testing.assert_close(ours.train(mode)(images), outputs, rtol=1e-10, atol=1e-10)
    for value, other in zip(ours.buffers(), theirs.buffers(), strict=True):
        torch.testing.assert_close(value, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("name", "k_p", "feature_map"),
    [
        ("mobilenet_v1", 1, (1024, 1, 1)),
        ("mobilenet_v1", 2, (1024, 2, 2)),
        ("mobilenet_v1", 3, (512, 4, 4)),
        ("resnet34", 1, (512, 1, 1)),
        ("resnet34", 2, (512, 4, 4)),
    ],
)
def test_a_linear_base_goes_from_the_pixels_to_what_the_personal_part_takes(name, k_p, feature_map):
    """1,024, 4,096, 8,192 and 512, 8,192 outputs from 3,072 pixels, and no nonlinearity."""
    run = change(RUN, model=name, personalization_layers=k_p, base="linear")
    whole = build_model(name, 10, 1.0, "cifar")
    model = with_linear_base(whole, run.method, (32, 32))
    base, personal = split(model, run.method)
    assert list(personal) == list(whole[-k_p:])
    (linear,) = base
    kinds = [type(layer) for layer in linear]
    assert kinds == [nn.Flatten, nn.Linear, nn.Unflatten]
    n_outputs = feature_map[0] * feature_map[1] * feature_map[2]
    assert linear.fc.weight.shape == (n_outputs, 3 * 32 * 32)
    assert linear(torch.zeros(2, 3, 32, 32)).shape == (2, *feature_map)
    assert model.eval()(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
