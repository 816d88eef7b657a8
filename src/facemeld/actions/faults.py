"""Forces errors, so that teams can test how their clients take them; off unless an operator asks for it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from facemeld.errors import FacemeldError
from facemeld.protocol.call import CallInfo
from facemeld.protocol.errors import BY_CODE, ApiError, InvalidParameterValue

HEADER = "X-Facemeld-Fault"


class FaultInvalid(FacemeldError):
    """A fault to force makes no sense."""


@dataclass(frozen=True, slots=True)
class FaultGate:
    """Answers a share of all calls, or those that ask for it, with an error of the catalogue.

    Attributes:
        shares: Class of an error to the share of calls that get it, 0 to 1.
        header: Whether a call may ask for a code with the header ``X-Facemeld-Fault``.
        chance: A number from 0 up to 1 for each call.
    """

    shares: Mapping[type[ApiError], float] = field(default_factory=dict)
    header: bool = False
    chance: Callable[[], float] = secrets.SystemRandom().random

    async def check(self, call: CallInfo) -> None:
        """Force an error.

        Raises:
            ApiError: the call is one of those that get it.
        """
        if self.header and call.fault:
            kind = BY_CODE.get(call.fault)
            if kind is None:
                raise InvalidParameterValue(name=HEADER)
            raise kind.example()
        if not self.shares:
            return
        left = self.chance()
        for kind, share in self.shares.items():
            if left < share:
                raise kind.example()
            left -= share


def parse_faults(texts: tuple[str, ...]) -> Mapping[type[ApiError], float]:
    """Read faults such as ``FailedOperation.RpcFail=0.1``.

    Raises:
        FaultInvalid: a text has another form, a code is not in the catalogue, or the shares make more than all calls.
    """
    shares: dict[type[ApiError], float] = {}
    for text in texts:
        code, _, share = (part.strip() for part in text.partition("="))
        kind = BY_CODE.get(code)
        if kind is None:
            raise FaultInvalid(f"a fault must be CODE=SHARE with a code of the catalogue, got {text!r}")
        shares[kind] = _share(code, share)
    if sum(shares.values()) > 1:
        raise FaultInvalid(f"the shares of all faults must make at most 1, got {sum(shares.values()):g}")
    return shares


def _share(code: str, text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise FaultInvalid(f"the share of {code} must be a number from 0 to 1, got {text!r}")
    return share
