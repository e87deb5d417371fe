"""ONNX files of the face pack: weights in half precision."""

import numpy as np
import onnx

from pocket.facepack.pack import ATTRIBUTES, DETECTOR, FOLDER, RECOGNIZER


def test_weights_are_stored_in_half_precision():
    for name in (DETECTOR, RECOGNIZER, ATTRIBUTES):
        tensors = onnx.load(FOLDER / name).graph.initializer
        single = [t for t in tensors if t.data_type == onnx.TensorProto.FLOAT and np.prod(t.dims) > 1]
        assert not single
