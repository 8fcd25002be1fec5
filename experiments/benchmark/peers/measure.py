"""Times SpikingJelly on a work of `pnpm bench peers`: one network, one pass, one way to run it, in this process.

    python measure.py '{"network": "7B-Net", "shape": [16, 2, 128, 128, 2], "classes": 11, "pass": "train",
                        "way": "compile+bf16", "threads": 2, "warmUp": 3, "runs": 7,
                        "input": "x.f32"}'

`input` holds float32 [T, N, H, W, C]. It prints what src/peers/messages.ts lists, a JSON object a line; without a work, the
versions alone.
"""

import importlib
import json
import os
import sys
import time
from contextlib import nullcontext
from importlib.metadata import version

# What libraries print goes to standard error.
messages = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def say(**message):
    print(json.dumps(message), file=messages, flush=True)


def fail(reason, **more):
    say(failed=reason, **more)
    sys.exit(1)


def seven_b_net(classes):
    """c32k3s1-BN-PLIF-{SEW Block(c32)-MPk2s2}*7-FC for 128x128, and the type of its blocks."""

    def unit(channels):
        return [
            layer.Conv2d(channels, 32, 3, padding=1, bias=False),
            layer.BatchNorm2d(32),
            neuron.ParametricLIFNode(init_tau=2.0, detach_reset=True, surrogate_function=surrogate.ATan()),
        ]

    class Block(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.path = torch.nn.Sequential(*unit(32), *unit(32))

        def forward(self, x):
            return self.path(x) + x

    parts = unit(2)
    for _ in range(7):
        parts += [Block(), layer.MaxPool2d(2, 2)]
    return torch.nn.Sequential(*parts, layer.Flatten(), layer.Linear(32, classes)), Block


def sew_res_net(depth, classes):
    """SpikingJelly's own SEW-ResNet with ADD and IF neurons, and the types of its blocks."""
    net = getattr(sew_resnet, f"sew_resnet{depth}")(
        cnf="ADD",
        spiking_neuron=neuron.IFNode,
        detach_reset=True,
        surrogate_function=surrogate.ATan(),
        num_classes=classes,
    )
    return net, (sew_resnet.BasicBlock, sew_resnet.Bottleneck)


def layers_of(net):
    counts = [sum(p.numel() for p in module.parameters(recurse=False)) for module in net.modules()]
    return [count for count in counts if count > 0]


def peak():
    """The largest resident size of this process, in bytes."""
    with open("/proc/self/status") as status:
        return next(1024 * int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def statistics_of(net, x):
    """Makes running statistics those of x: at their initial variance of 1 few neurons fire."""
    for module in net.modules():
        if isinstance(module, layer.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        net(x)
    functional.reset_net(net)


def compared(net, train, weights):
    """Of a training step from weights in a file, to compare with ours: the scores, and how far each parameter moves."""
    parameters = list(net.parameters())
    values = torch.from_file(weights, size=sum(p.numel() for p in parameters))
    with torch.no_grad():
        for p, value in zip(parameters, values.split([p.numel() for p in parameters])):
            p.copy_(value.view_as(p))
    before = [p.detach().clone() for p in parameters]
    scores = train()
    moved = [(p.detach() - old).norm().item() for p, old in zip(parameters, before)]
    return {"scores": scores.flatten().tolist(), "moved": moved}


def main(work):
    words = set(work["way"].split("+"))
    network, shape, classes = work["network"], work["shape"], work["classes"]
    torch.set_num_threads(work["threads"])
    torch.manual_seed(0)
    net, blocks = seven_b_net(classes) if network == "7B-Net" else sew_res_net(network.split("-")[-1], classes)
    functional.set_step_mode(net, "m")
    say(layers=layers_of(net))

    x = torch.from_file(work["input"], size=torch.Size(shape).numel()).reshape(shape).permute(0, 1, 4, 2, 3)
    if "channels-last" in words:
        net = net.to(memory_format=torch.channels_last)
    else:
        x = x.contiguous()
    labels = torch.arange(shape[1]) % classes

    def autocast():
        return torch.autocast("cpu", torch.bfloat16) if "bf16" in words else nullcontext()

    if "memopt" in words:
        memopt.optimize_memory(net, blocks, lambda model: model(x), level=1)
        functional.reset_net(net)
    if work["pass"] == "forward":
        statistics_of(net, x)
        net.eval()
    if "fused" in words:
        net = conv_bn_fusion.fuse_conv_bn_eval_modules(net)
    run = torch.compile(net) if "compile" in words else net
    optimizer = torch.optim.SGD(net.parameters(), lr=0.001, momentum=0.9, fused=True)

    def train():
        optimizer.zero_grad()
        with autocast():
            scores = run(x)
            loss = torch.nn.functional.cross_entropy(scores.float().mean(0), labels)
        loss.backward()
        optimizer.step()
        functional.reset_net(net)
        loss.item()
        return scores.detach()  # Its graph would keep memory until the next step.

    def forward():
        with torch.no_grad(), autocast():
            scores = run(x)
        functional.reset_net(net)
        return scores.float().numpy()

    if "weights" in work:
        return say(**compared(net, train, work["weights"]))
    step = train if work["pass"] == "train" else forward
    for call in range(work["warmUp"] + work["runs"]):
        start = time.perf_counter()
        scores = step()
        seconds = time.perf_counter() - start
        if call == 0:
            say(output=list(scores.shape))
        say(**{"warmUp" if call < work["warmUp"] else "seconds": seconds})
    say(peak=peak())


if __name__ == "__main__":
    # The packages in the order in which pip installs them.
    for package, wanted in {"torch": "torch", "torchvision": "torchvision", "spikingjelly": "spikingjelly==2.0.0"}.items():
        try:
            importlib.import_module(package)
        except ImportError as error:
            fail(str(error), missing=wanted)
    if version("spikingjelly") != "2.0.0":
        fail(f"spikingjelly {version('spikingjelly')}", missing="spikingjelly==2.0.0")
    try:
        import torch
        from spikingjelly.activation_based import functional, layer, memopt, neuron, surrogate
        from spikingjelly.activation_based.functional import conv_bn_fusion
        from spikingjelly.activation_based.model import sew_resnet

        python = ".".join(map(str, sys.version_info[:3]))
        say(versions={"python": python, "torch": torch.__version__, "spikingjelly": version("spikingjelly")})
        if len(sys.argv) > 1:
            main(json.loads(sys.argv[1]))
    except Exception as error:
        fail(f"{type(error).__name__}: {error}".split("\n")[0])
