"""Own presets: settings of the chat page under a name."""

from lib.store.named import Named


class Presets(Named):
    """Fields of core/options by name."""

    noun = "preset"
