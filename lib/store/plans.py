"""Plans: saved estimates that a month is compared with."""

from lib.store.named import Named


class Plans(Named):
    """The body of `POST /api/estimate` by name; its results follow from the day's prices."""

    noun = "plan"
