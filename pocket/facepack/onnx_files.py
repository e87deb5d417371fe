"""Writes networks as ONNX files, weights in half precision. Knows nothing of what they compute."""

import io
import warnings
from pathlib import Path

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

OPSET = 17


def write_graph(
    model: torch.nn.Module, example: torch.Tensor, path: Path, names: list[str], free: dict[int, str]
) -> None:
    """Writes `model` as an ONNX file with the input `input.1` and outputs `names`; `free` names its free dimensions.

    Weights lie in the file as float16 and are cast to float32 by the graph itself, so that it computes in float32.
    """
    file = io.BytesIO()
    with warnings.catch_warnings():
        # The newer exporter needs a package more; this one is done with, but works.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            model.cpu().eval(),
            (example,),
            file,
            dynamo=False,
            opset_version=OPSET,
            input_names=["input.1"],
            output_names=names,
            dynamic_axes={"input.1": free},
        )
    graph = onnx.load_from_string(file.getvalue())
    halve(graph)
    onnx.checker.check_model(graph)
    path.write_bytes(graph.SerializeToString())


def halve(model: onnx.ModelProto) -> None:
    """Stores the float32 initializers of more than one number as float16, each with a cast before its use."""
    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == "float32" and values.size > 1:
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(values.astype("float16"), f"{name}.half"))
            casts.append(helper.make_node("Cast", [f"{name}.half"], [name], name=f"{name}.cast", to=TensorProto.FLOAT))
    for cast in reversed(casts):
        model.graph.node.insert(0, cast)
