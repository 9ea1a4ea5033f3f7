"""Evento functions in Python: two pure functions for each entity, everything else is Evento's.

- `evento gen python` makes a package of your domain: frozen dataclasses with codecs.
- `Function` takes what you decide and how the state evolves; `serve` answers Evento.
- `Function.given` tests both as given, when, then, without a server.

The SDK knows nothing of storage, retries or Kafka, and needs nothing but the standard library.
"""

import sys

if sys.version_info < (3, 10):  # noqa: UP036 - a copy in a project is not guarded by an installer
    raise ImportError(f"evento-sdk needs Python 3.10 or later; this is {sys.version.split()[0]} ({sys.executable})")

from .avro import FrozenDict, Malformed, Unwritable
from .codec import Codec, replace
from .context import ApplyContext, Context, Random
from .contract import FunctionError
from .failure import Failure, Poison, Retry
from .function import Function
from .model import codec_of
from .server import serve
from .testing import Given, Outcome
from .version import VERSION
from .web import Asgi, Wsgi

__version__ = VERSION

__all__ = [
    "ApplyContext",
    "Asgi",
    "Codec",
    "Context",
    "Failure",
    "FrozenDict",
    "Function",
    "FunctionError",
    "Given",
    "Malformed",
    "Outcome",
    "Poison",
    "Random",
    "Retry",
    "Unwritable",
    "Wsgi",
    "codec_of",
    "replace",
    "serve",
]
