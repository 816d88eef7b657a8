"""References measured in the same run as a call: the floor of any picture service, and a typical face swapper's network."""

from __future__ import annotations

import importlib.util
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facemeld.media.decode import DecodeLimits, decode
from facemeld.media.encode import encode
from facemeld.settings.catalogue import Settings
from facemeld.workers.pool.process import keep_freed_memory

LATENT = 512
"""Length of the identity vector that a swapper's network takes."""

WIDTH = 1024
"""Channels of its inner layers."""

_ANY = DecodeLimits(min_side=1, max_side=16000, max_pixels=200_000_000, max_bytes=200 << 20)


def floor(material: bytes, photos: Sequence[bytes]) -> Callable[[], object]:
    """Work that no picture service can avoid: decode the material and the photos, encode a picture of the material's size.

    The codecs and their settings are those of the service; freed memory stays with the process and OpenCV has one thread, as in a worker.
    """
    keep_freed_memory()
    cv2.setNumThreads(1)
    quality = Settings().results.jpeg_quality

    def once() -> None:
        for one in photos:
            decode(one, _ANY)
        encode(decode(material, _ANY).rgb, "jpeg", quality=quality)

    return once


def processor_ms(work: Callable[[], object], times: int) -> float:
    """Median processor time of some work, in milliseconds; the first time does not count."""
    work()
    taken = []
    for _ in range(times):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return statistics.median(taken) * 1000


def network_available() -> bool:
    """Whether the libraries of the extra ``bench`` are there."""
    return all(importlib.util.find_spec(name) is not None for name in ("onnx", "onnxruntime"))


def network_seconds(threads: int, runs: int) -> tuple[float, float, float]:
    """Measure the network's time for one face.

    Args:
        threads: Threads of the runtime.
        runs: How often it is run after the first time.

    Returns:
        Median seconds and median processor seconds of a run, and thousands of millions of multiply-accumulate operations.
    """
    import onnxruntime

    with tempfile.TemporaryDirectory(prefix="facemeld-bench-") as folder:
        path = Path(folder) / "swapper.onnx"
        operations = write_network(path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        rng = np.random.default_rng(2)
        feeds = {
            "target": rng.random((1, 3, 128, 128), np.float32),
            "identity": rng.standard_normal((1, LATENT)).astype(np.float32),
        }
        session.run(None, feeds)
        wall, processor = [], []
        for _ in range(runs):
            started, used = time.perf_counter(), time.process_time()
            session.run(None, feeds)
            wall.append(time.perf_counter() - started)
            processor.append(time.process_time() - used)
    return statistics.median(wall), statistics.median(processor), operations / 1e9


def write_network(path: Path) -> int:
    """Write a network with random weights in the shape of a 128-pixel identity-injection swapper.

    Four convolutions take the aligned face down to 1024 channels of 32x32; six residual blocks of two convolutions inject the identity
    by adaptive normalisation (as SimSwap, Chen et al. 2020, describes it); four convolutions lead back to 128x128.

    Returns:
        Multiply-accumulate operations of one run.
    """
    import onnx
    from onnx import TensorProto, helper

    net = _Network()
    value = net.convolution("target", 3, 128, 7, 128)
    value = net.convolution(value, 128, 256, 3, 128)
    value = net.convolution(value, 256, 512, 3, 64, stride=2)
    value = net.convolution(value, 512, WIDTH, 3, 32, stride=2)
    for _ in range(6):
        inner = net.add("Relu", net.injected(net.convolution(value, WIDTH, WIDTH, 3, 32, active=False)))
        inner = net.injected(net.convolution(inner, WIDTH, WIDTH, 3, 32, active=False))
        value = net.add("Add", value, inner)
    value = net.convolution(net.enlarged(value), WIDTH, 512, 3, 64)
    value = net.convolution(net.enlarged(value), 512, 256, 3, 128)
    value = net.convolution(value, 256, 128, 3, 128)
    value = net.add("Tanh", net.convolution(value, 128, 3, 7, 128, active=False))
    inputs = [
        helper.make_tensor_value_info("target", TensorProto.FLOAT, [1, 3, 128, 128]),
        helper.make_tensor_value_info("identity", TensorProto.FLOAT, [1, LATENT]),
    ]
    output = helper.make_tensor_value_info(value, TensorProto.FLOAT, [1, 3, 128, 128])
    graph = helper.make_graph(net.nodes, "swapper", inputs, [output], net.weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(path), save_as_external_data=True, location=f"{path.name}.data")
    return net.operations


class _Network:
    """A graph that is being put together, and its cost."""

    def __init__(self) -> None:
        from onnx import helper, numpy_helper

        self._helper, self._numpy = helper, numpy_helper
        self._rng = np.random.default_rng(1)
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.operations = 0

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """A node; the name of its output."""
        output = f"value{len(self.nodes)}"
        self.nodes.append(self._helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def weight(self, *shape: int) -> str:
        """Random weights that keep values in bounds."""
        scale = np.float32(1 / np.sqrt(np.prod(shape[1:])) if len(shape) > 1 else 0.01)
        return self._constant((self._rng.random(shape, np.float32) - np.float32(0.5)) * (np.float32(12**0.5) * scale))

    def convolution(self, value: str, inward: int, outward: int, kernel: int, side: int, *, stride: int = 1, active: bool = True) -> str:
        """A convolution to ``side`` x ``side`` values of ``outward`` channels, with its activation."""
        self.operations += inward * outward * kernel**2 * side**2
        pads = [kernel // 2] * 4
        weights = (self.weight(outward, inward, kernel, kernel), self.weight(outward))
        output = self.add("Conv", value, *weights, kernel_shape=[kernel, kernel], pads=pads, strides=[stride, stride])
        return self.add("LeakyRelu", output, alpha=0.2) if active else output

    def injected(self, value: str) -> str:
        """Values normalised by channel, then scaled and shifted as the identity says."""
        self.operations += LATENT * 2 * WIDTH
        style = self.add("Gemm", "identity", self.weight(2 * WIDTH, LATENT), self.weight(2 * WIDTH), transB=1)
        style = self.add("Reshape", style, self._constant(np.array([1, 2 * WIDTH, 1, 1])))
        axis = {"axes": [2, 3]}
        mean = self.add("ReduceMean", value, **axis)
        centred = self.add("Sub", value, mean)
        spread = self.add("Sqrt", self.add("Add", self.add("ReduceMean", self.add("Mul", centred, centred), **axis), self._scalar(1e-8)))
        bounds = [self._constant(np.array([number])) for number in (0, WIDTH, 2 * WIDTH, 1)]
        scale = self.add("Slice", style, bounds[0], bounds[1], bounds[3])
        shift = self.add("Slice", style, bounds[1], bounds[2], bounds[3])
        scaled = self.add("Mul", self.add("Div", centred, spread), self.add("Add", scale, self._scalar(1.0)))
        return self.add("Add", scaled, shift)

    def enlarged(self, value: str) -> str:
        """Values at twice the size."""
        return self.add("Resize", value, "", self._constant(np.array([1, 1, 2, 2], np.float32)), mode="linear")

    def _scalar(self, value: float) -> str:
        return self._constant(np.array(value, np.float32))

    def _constant(self, values: Any) -> str:
        name = f"weight{len(self.weights)}"
        self.weights.append(self._numpy.from_array(values, name))
        return name
