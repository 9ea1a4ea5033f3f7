"""The bank's account as a component: what Evento calls is `WitWorld`, the rules are in `accounts`.

componentize-py looks for a class of the world's name in the module it is given. Its imports run when the component
is built, so the schemas are read once and are part of the snapshot.
"""

import accounts
import run
import wit_world


class WitWorld(wit_world.WitWorld):
    """One request in, one answer out."""

    def run(self, request: bytes) -> bytes:
        return run.run(bytes(request), accounts)

    def manifest(self) -> bytes:
        return run.manifest(accounts)
