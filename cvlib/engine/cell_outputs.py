"""What a cell showed, from a kernel's messages to the form that a notebook holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Output = dict[str, Any]


class Outputs:
    """Collects a cell's outputs in notebook form: streams joined, clear_output obeyed."""

    def __init__(self, on_stderr: Callable[[str], None] | None) -> None:
        self.collected: list[Output] = []
        self._on_stderr = on_stderr
        self._clear_next = False

    def take(self, kind: str, content: dict[str, Any]) -> None:
        """Add one message of the kernel."""
        if kind == "stream":
            if content["name"] == "stderr" and self._on_stderr is not None:
                self._on_stderr(content["text"])
            self._add({"output_type": "stream", "name": content["name"], "text": content["text"]})
        elif kind in ("display_data", "execute_result"):
            output = {"output_type": kind, "data": content["data"], "metadata": content["metadata"]}
            output["display_id"] = (content.get("transient") or {}).get("display_id")
            if kind == "execute_result":
                output["execution_count"] = content["execution_count"]
            self._add(output)
        elif kind == "update_display_data":
            shown = content["transient"]["display_id"]
            for output in self.collected:
                if output.get("display_id") == shown:
                    output.update(data=content["data"], metadata=content["metadata"])
        elif kind == "error":
            self._add({"output_type": "error", **content})
        elif kind == "clear_output":
            self._clear_next = True
            if not content.get("wait"):
                self._clear()

    def _clear(self) -> None:
        self.collected.clear()
        self._clear_next = False

    def _add(self, output: Output) -> None:
        if self._clear_next:
            self._clear()
        last = self.collected[-1] if self.collected else None
        same_stream = (
            last is not None
            and output["output_type"] == "stream" == last["output_type"]
            and last["name"] == output["name"]
        )
        if last is not None and same_stream:
            last["text"] += output["text"]
        else:
            self.collected.append(output)


def is_display(output: Output) -> bool:
    """Whether an output is shown as itself: a figure, a table, a value."""
    return output["output_type"] in ("display_data", "execute_result")
