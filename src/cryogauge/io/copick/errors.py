"""What copick, fsspec and the portal raise, as our errors."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cryogauge.records import BadInput, CryogaugeError, Retryable

#: What file systems and the portal raise when they cannot be reached, beside ``OSError``.
_REMOTE_ERRORS = (
    ("botocore.exceptions", "BotoCoreError"),
    ("aiohttp", "ClientError"),
    ("gql.transport.exceptions", "TransportError"),
)


@contextmanager
def explained(config: str) -> Iterator[None]:
    """Turn what copick, fsspec and the portal raise into our errors, which name the configuration."""
    try:
        yield
    except BadInput as error:
        raise BadInput(
            f"{config}: {error.message}" if config not in error.message else error.message, error.hint
        ) from error
    except CryogaugeError:
        raise
    except ImportError as error:
        raise BadInput(
            f"{config} lies where a package is needed that is not here: {reason(error)}", "install it"
        ) from error
    except PermissionError as error:
        raise BadInput(
            f"the project of {config} may not be read or written: {reason(error)}", "ask its owner for permission"
        ) from error
    except (ValueError, LookupError) as error:  # of names of files and folders that copick cannot take apart
        raise BadInput(f"the project of {config} is not laid out as copick has it: {reason(error)}") from error
    except (OSError, *_remote_errors()) as error:
        raise Retryable(
            f"the project of {config} cannot be reached: {reason(error)}", "check the address and the keys"
        ) from error


def _remote_errors() -> Iterator[type[Exception]]:
    for module, name in _REMOTE_ERRORS:
        if module in sys.modules:
            yield getattr(sys.modules[module], name)


def reason(error: Exception) -> str:
    """What is wrong, in one line; pydantic's errors field by field."""
    fields = getattr(error, "errors", None)
    if not callable(fields):
        return " ".join(str(error).split()) or type(error).__name__
    found: Any = fields()
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in found)
