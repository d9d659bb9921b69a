"""An onnxruntime with providers that this machine lacks."""

from __future__ import annotations

from typing import Any

import onnxruntime as ort

from nitido.inference.providers import PROVIDERS

CPU = "CPUExecutionProvider"
OTHERS = [p for p in PROVIDERS if p.device != "cpu"]


class Part:
    def __init__(self, ep_name: str, nodes: int) -> None:
        self.ep_name, self._nodes = ep_name, nodes

    def get_nodes(self) -> list[None]:
        return [None] * self._nodes


class Onnxruntime:
    """Plays an onnxruntime of another machine. active: which of the asked-for providers a session then has. taken:
    nodes that the first of them takes. start_error, run_error: raised on the way."""

    def __init__(self) -> None:
        self.offered = [*(p.name for p in OTHERS), CPU]
        self.active: list[str] | None = None
        self.taken = 5
        self.start_error: Exception | None = None
        self.run_error: Exception | None = None
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.options: ort.SessionOptions | None = None

    def open(self, path: str, options: ort.SessionOptions, providers: list[Any], enable_fallback: int) -> Any:
        if self.start_error and providers[0][0] != CPU:
            assert not enable_fallback  # onnxruntime would print to stdout and open a session on the CPU
            raise self.start_error
        self.asked, self.options = providers, options
        outside = self
        plain = ort.SessionOptions()
        plain.log_severity_level = 3
        real = _InferenceSession(path, plain, providers=[CPU])

        class Session:
            def __getattr__(self, name: str) -> Any:
                return getattr(real, name)

            def get_providers(self) -> list[str]:
                return [name for name, _ in providers] + [CPU] if outside.active is None else outside.active

            def get_provider_graph_assignment_info(self) -> list[Part]:
                return [Part(providers[0][0], outside.taken), Part(CPU, 5 - outside.taken)]

            def run(self, *arguments: Any) -> Any:
                if outside.run_error:
                    raise outside.run_error
                return real.run(*arguments)

        return Session()


_InferenceSession = ort.InferenceSession
