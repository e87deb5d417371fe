"""Writes networks as ONNX files with weights in half precision."""

import io
import warnings
from pathlib import Path

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

OPSET = 17


def write_onnx(
    model: torch.nn.Module, example: torch.Tensor, path: Path, outputs: list[str], dynamic: dict[int, str]
) -> None:
    """Writes `model` as an ONNX file with one input, `input.1`.

    Weights are stored as float16 and cast by the graph, which computes in float32.

    Args:
        model: The network, which is moved to the CPU and set to evaluation.
        example: An input to trace the network with.
        path: The file to write.
        outputs: Names of the outputs.
        dynamic: Names of the input's dynamic dimensions by axis.
    """
    file = io.BytesIO()
    with warnings.catch_warnings():
        # The newer exporter needs another package; this one is deprecated, but works.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            model.cpu().eval(),
            (example,),
            file,
            dynamo=False,
            opset_version=OPSET,
            input_names=["input.1"],
            output_names=outputs,
            dynamic_axes={"input.1": dynamic},
        )
    graph = onnx.load_from_string(file.getvalue())
    convert_weights_to_float16(graph)
    onnx.checker.check_model(graph)
    path.write_bytes(graph.SerializeToString())


def convert_weights_to_float16(model: onnx.ModelProto) -> None:
    """Stores the non-scalar float32 initializers as float16, each followed by a cast to float32."""
    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == "float32" and values.size > 1:
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(values.astype("float16"), f"{name}.half"))
            casts.append(helper.make_node("Cast", [f"{name}.half"], [name], name=f"{name}.cast", to=TensorProto.FLOAT))
    for cast in reversed(casts):
        model.graph.node.insert(0, cast)
