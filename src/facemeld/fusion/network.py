"""Runs one small TFLite network on one thread."""

from __future__ import annotations

import numpy as np
from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-untyped]  # the package has no py.typed marker
from numpy.typing import NDArray

from facemeld.fusion.types import FloatArray


class Network:
    """One network with one input; not safe for use by two threads at a time."""

    def __init__(self, model: bytes) -> None:
        # One thread: workers are processes, one per core, and one thread gives the same bytes every time.
        self._interpreter = Interpreter(model_content=model, num_threads=1)
        self._interpreter.allocate_tensors()
        details = self._interpreter.get_input_details()[0]
        self._input: int = details["index"]
        self.input_shape: tuple[int, ...] = tuple(int(side) for side in details["shape"])
        self._outputs: list[int] = [output["index"] for output in self._interpreter.get_output_details()]

    def run(self, values: NDArray[np.float32]) -> list[FloatArray]:
        """Outputs of the network, in its own order, for an input of ``input_shape``."""
        self._interpreter.set_tensor(self._input, values.reshape(self.input_shape))
        self._interpreter.invoke()
        return [np.asarray(self._interpreter.get_tensor(index), np.float32) for index in self._outputs]
