"""The one exception of amq."""


class Error(RuntimeError):
    """Says what was expected, what came and the mend. `status` is that of amq.h."""

    status: int = 0
