"""Runs a Rasa graph without dask.

Rasa's own runner hands every call to dask, which schedules, copies and threads a graph of five nodes: about 2 ms a
call, several calls a turn. The graph is small and acyclic, so walking it in order is enough.
"""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any, Dict, List, Optional, Text, Tuple

from rasa.engine.exceptions import GraphRunError
from rasa.engine.graph import ExecutionContext, GraphNode, GraphNodeHook, GraphSchema
from rasa.engine.loader import load_predict_graph_runner
from rasa.engine.runner.interface import GraphRunner
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.storage import ModelMetadata, ModelStorage
from rasa.utils.common import TempDirectoryPath, get_temp_dir_name


class SequentialGraphRunner(GraphRunner):
    """A `GraphRunner` for prediction: each node once, after the nodes it needs."""

    def __init__(
        self,
        graph_schema: GraphSchema,
        model_storage: ModelStorage,
        execution_context: ExecutionContext,
        hooks: Optional[List[GraphNodeHook]] = None,
    ) -> None:
        self._schema = graph_schema
        self._nodes = {
            name: GraphNode.from_schema_node(name, node, model_storage, execution_context, hooks)
            for name, node in graph_schema.nodes.items()
        }
        self._orders: Dict[tuple, List[Text]] = {}

    @classmethod
    def create(
        cls,
        graph_schema: GraphSchema,
        model_storage: ModelStorage,
        execution_context: ExecutionContext,
        hooks: Optional[List[GraphNodeHook]] = None,
    ) -> SequentialGraphRunner:
        """Create the runner and every component of the graph."""
        return cls(graph_schema, model_storage, execution_context, hooks)

    def run(
        self,
        inputs: Optional[Dict[Text, Any]] = None,
        targets: Optional[List[Text]] = None,
    ) -> Dict[Text, Any]:
        """Run the nodes the targets need and return the targets' outputs by name. Raises GraphRunError."""
        wanted = tuple(targets or self._schema.target_names)
        results: Dict[Text, Any] = dict(inputs or {})
        order = self._orders.get(wanted)
        if order is None:
            order = self._orders[wanted] = self._order(wanted)
        for name in order:
            if name in results:
                raise GraphRunError(f"An input is named like the node '{name}'.")
            needs = self._schema.nodes[name].needs.values()
            arguments = [(need, results[need]) for need in needs if need in results]
            results[name] = self._nodes[name](*arguments)[1]
        return {name: results[name] for name in wanted}

    def _order(self, targets: tuple) -> List[Text]:
        order: List[Text] = []

        def visit(name: Text) -> None:
            if name in order or name not in self._schema.nodes:
                return
            for need in self._schema.nodes[name].needs.values():
                visit(need)
            order.append(name)

        for target in targets:
            visit(target)
        return order


class _Storage(LocalModelStorage):
    """Unpacks an archive in one pass. Rasa's reads it twice, the first time to look for paths that lead outside: here
    tarfile refuses those, and the archive's hash has been compared before (nlu.manifest)."""

    @staticmethod
    def _extract_archive_to_directory(model_archive_path: Any, temporary_directory: Path) -> None:
        with tarfile.open(model_archive_path, mode="r:gz") as archive:
            archive.extractall(temporary_directory, filter="data")


def load_model(archive: Path) -> Tuple[ModelMetadata, SequentialGraphRunner]:
    """A model file of Rasa's and the runner of its prediction graph."""
    with TempDirectoryPath(get_temp_dir_name()) as directory:
        return load_predict_graph_runner(Path(directory), archive, _Storage, SequentialGraphRunner)
