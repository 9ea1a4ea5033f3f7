"""Logging: each line that a function logs during a call carries the command's id.

`setup` is called by `evento.serve`, so that stdout and stderr of the process read well in `evento dev` and `evento
function logs`. Under another server, or with a handler of your own, add `CommandId` as a filter.
"""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar

command_id: ContextVar[bytes] = ContextVar("command_id", default=b"")
"""Id of the command (for apply in a replay: of the event) that this thread is working on."""


class CommandId(logging.Filter):
    """Puts `command` on each record: the id, or `-` outside a call."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.command = command_id.get().decode("utf-8", "replace") or "-"
        return True


def setup() -> None:
    """Lines on stderr, unless the program has set logging up itself."""
    root = logging.getLogger()
    if root.handlers:
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(CommandId())
    handler.setFormatter(logging.Formatter("%(levelname)s [%(command)s] %(message)s"))
    root.addHandler(handler)
    root.setLevel(logging.INFO)
