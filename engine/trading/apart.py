"""A thread of its own for work that may hang: nobody waits for it, not even the end of the process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import Any, TypeVar

from engine.errors import InvariantBroken
from engine.supervise import Failure, attempt

T = TypeVar("T")


class Apart(Executor):
    """One call after another on a daemon thread, started with the first call."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        self._calls.put((future, lambda: fn(*args, **kwargs)))
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
            self._thread.start()
        return future

    def _serve(self) -> None:
        while True:
            future, call = self._calls.get()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = attempt(self._name, call)
            except InvariantBroken as error:
                future.set_exception(error)
                continue
            if isinstance(result, Failure) and result.name == self._name:
                future.set_exception(result.error)
            else:
                future.set_result(result)
