"""Put the Xero stand-in together: its state, and its place in the snapshot."""

from provvypay.sandbox.core import Core, Part
from provvypay.sandbox.xero.state import XeroState


def build(core: Core) -> XeroState:
    """Return the stand-in hung into the core, with its demo companies."""
    state = XeroState(core)
    core.parts["xero"] = Part(dump=state.dump, load=state.load, reset=state.clear)
    return state
