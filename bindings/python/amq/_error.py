"""The one exception of amq."""


class Error(RuntimeError):
    """Says what was expected, what came and the mend. `status` is that of amq.h."""

    status: int = 0


def refuse(where, expected, found, mend):
    e = Error(f"amq: {where}: expected {expected}, found {found}. {mend}")
    e.status = 1
    raise e
