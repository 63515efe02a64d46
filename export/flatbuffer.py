"""What stands in a TFLite file: its operators, what no runtime could run, and the names of its ends."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

__all__ = ["Graph", "Node", "defects"]

_OPERATORS = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
_DTYPES = {code: name for name, code in vars(schema.TensorType).items() if isinstance(code, int)}

# A variable that is read or set at run time was not frozen at conversion: it would start as zeros or NaN.
VARIABLES = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE")


@dataclass(frozen=True)
class Node:
    """One operator, by the indices of its tensors; -1 stands for an optional input that is not there."""

    operator: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Any


class Graph:
    """The main subgraph of a TFLite file, to look at and to change."""

    def __init__(self, content: bytes) -> None:
        self.model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
        self.tensors: Sequence[Any] = self.model.subgraphs[0].tensors
        self.inputs = tuple(int(index) for index in self.model.subgraphs[0].inputs)
        self.outputs = tuple(int(index) for index in self.model.subgraphs[0].outputs)

    def pack(self) -> bytes:
        """The file, with what was changed."""
        return bytes(flatbuffer_utils.convert_object_to_bytearray(self.model))

    @cached_property
    def nodes(self) -> list[Node]:
        """All operators of the main subgraph, each after those it depends on."""
        return list(self._nodes(self.model.subgraphs[0]))

    @cached_property
    def operators(self) -> set[str]:
        """Names of all operators of all subgraphs; a custom one as `CUSTOM name`."""
        return {node.operator for subgraph in self.model.subgraphs for node in self._nodes(subgraph)}

    @cached_property
    def users(self) -> Mapping[int, list[Node]]:
        """Tensor index -> the operators that read it."""
        users: dict[int, list[Node]] = {}
        for node in self.nodes:
            for index in node.inputs:
                users.setdefault(index, []).append(node)
        return users

    def name(self, index: int) -> str:
        """Tensor index -> the tensor's name, which begins with the names of the layers it comes from."""
        name = self.tensors[index].name
        return name.decode() if isinstance(name, bytes) else str(name)

    def dtype(self, index: int) -> str:
        """Tensor index -> FLOAT32, INT8, ..."""
        return _DTYPES[self.tensors[index].type]

    def shape(self, index: int) -> tuple[int, ...]:
        """Tensor index -> shape, with -1 where it is only known at run time."""
        tensor = self.tensors[index]
        shape = tensor.shapeSignature if tensor.shapeSignature is not None else tensor.shape
        return tuple(int(length) for length in shape)

    def constant(self, index: int) -> bool:
        """Whether the tensor's values stand in the file."""
        data = self.model.buffers[self.tensors[index].buffer].data
        return data is not None and len(data) > 0

    def replace_constant(self, index: int, values: np.ndarray, dtype: str) -> None:
        """Sets a constant tensor's values and dtype."""
        tensor = self.tensors[index]
        tensor.type = getattr(schema.TensorType, dtype)
        self.model.buffers[tensor.buffer].data = np.frombuffer(values.tobytes(), np.uint8)

    def halve(self, index: int) -> None:
        """Stores a float32 constant as float16; an operator that runtimes run once, at loading, turns it back."""
        subgraph, tensor = self.model.subgraphs[0], self.tensors[index]
        half = copy.copy(tensor)
        half.name = f"{self.name(index)} float16".encode()
        subgraph.tensors.append(half)
        stored = len(subgraph.tensors) - 1
        self.replace_constant(stored, self.values(index, np.float32).astype(np.float16), "FLOAT16")
        self.model.buffers.append(schema.BufferT())
        tensor.buffer = len(self.model.buffers) - 1
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DEQUANTIZE
        code.version = 3  # the first that takes float16
        operator = schema.OperatorT()
        operator.inputs, operator.outputs = [stored], [index]
        self._retype(operator, code, schema.BuiltinOptions.DequantizeOptions, schema.DequantizeOptionsT())
        subgraph.operators.insert(0, operator)

    def values(self, index: int, dtype: np.dtype[Any] | type[Any]) -> np.ndarray:
        """A constant tensor's values, flat."""
        return np.frombuffer(bytes(self.model.buffers[self.tensors[index].buffer].data), dtype)

    def hide(self, nodes: Sequence[Node], kept: Collection[int] = ()) -> dict[str, tuple[Any, int, Any]]:
        """Makes custom operators of these, which tools leave alone, and forgets ranges that only they need but `kept`.

        Returns what `reveal` needs to undo it, in this graph or in one made of it.
        """
        hidden: dict[str, tuple[Any, int, Any]] = {}
        outputs = {node.outputs[0] for node in nodes}
        for operator in self.model.subgraphs[0].operators:
            if int(operator.outputs[0]) in outputs:
                name = f"hidden {len(hidden)}"
                code = self.model.operatorCodes[operator.opcodeIndex]
                hidden[name] = (code, operator.builtinOptionsType, operator.builtinOptions)
                custom = schema.OperatorCodeT()
                custom.builtinCode = custom.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
                custom.customCode, custom.version = name.encode(), 1
                self._retype(operator, custom, 0, None)
        for index, tensor in enumerate(self.tensors):
            only_here = outputs.issuperset(user.outputs[0] for user in self.users.get(index, []))
            if only_here and index not in kept:
                tensor.quantization = None
        return hidden

    def reveal(self, hidden: Mapping[str, tuple[Any, int, Any]]) -> None:
        """Undoes `hide`."""
        for operator in self.model.subgraphs[0].operators:
            name = _operator(self.model.operatorCodes[operator.opcodeIndex]).removeprefix("CUSTOM ")
            if name in hidden:
                self._retype(operator, *hidden[name])
        operators = [operator for subgraph in self.model.subgraphs for operator in subgraph.operators]
        used = sorted({operator.opcodeIndex for operator in operators})
        self.model.operatorCodes = [self.model.operatorCodes[index] for index in used]
        for operator in operators:
            operator.opcodeIndex = used.index(operator.opcodeIndex)

    def _retype(self, operator: Any, code: Any, options_type: int, options: Any) -> None:
        self.model.operatorCodes.append(code)
        operator.opcodeIndex = len(self.model.operatorCodes) - 1
        operator.builtinOptionsType, operator.builtinOptions, operator.customOptions = options_type, options, None

    def limit_version(self, operator: str, version: int) -> None:
        """Marks all operators of this name as runnable by runtimes that know `version` of them."""
        for code in self.model.operatorCodes:
            if _operator(code) == operator:
                code.version = min(code.version, version)

    def rename_ends(self) -> None:
        """Gives inputs and outputs the names they have in the signature, for hosts that know tensors by name only."""
        for end in (*self.model.signatureDefs[0].inputs, *self.model.signatureDefs[0].outputs):
            self.tensors[end.tensorIndex].name = end.name

    def _nodes(self, subgraph: Any) -> Iterator[Node]:
        for operator in subgraph.operators:
            name = _operator(self.model.operatorCodes[operator.opcodeIndex])
            inputs, outputs = (tuple(int(i) for i in ends) for ends in (operator.inputs, operator.outputs))
            yield Node(name, inputs, outputs, operator.builtinOptions)


def _operator(code: Any) -> str:
    # Codes up to 127 stand in the older field, which files keep for older runtimes.
    name = _OPERATORS[max(code.builtinCode, code.deprecatedBuiltinCode)]
    return f"CUSTOM {code.customCode.decode()}" if name == "CUSTOM" else name


def defects(content: bytes) -> list[str]:
    """TFLite file -> what keeps it from running right anywhere, one line each; empty for a sound file."""
    graph = Graph(content)
    found = []
    if variables := sorted(graph.operators.intersection(VARIABLES)):
        found.append(f"its variables are not frozen ({', '.join(variables)})")
    if custom := sorted(name for name in graph.operators if name.startswith("CUSTOM")):
        found.append(f"it needs operators that no plain runtime has ({', '.join(custom)})")
    bad = [
        graph.name(index)
        for index, tensor in enumerate(graph.tensors)
        if graph.dtype(index) in ("FLOAT32", "FLOAT16")
        and graph.constant(index)
        and not np.isfinite(graph.values(index, np.float32 if graph.dtype(index) == "FLOAT32" else np.float16)).all()
    ]
    if bad:
        found.append(f"constants are not finite ({bad[0]})")
    if not graph.model.signatureDefs:
        found.append("it has no signature, so hosts cannot know its inputs by name")
    return found
