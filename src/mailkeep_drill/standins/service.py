"""One stand-in with its control API, as a process runs them."""

from .control import Control
from .standin import StandIn


class Service:
    """What `mailkeep_drill.standins.process.run` starts and stops."""

    def __init__(self, standin: StandIn, base: str, port: int, control_port: int) -> None:
        self._standin = standin
        self._base = base
        self._port = port
        self._control_port = control_port
        self._control = Control(standin)

    async def start(self) -> dict[str, object]:
        """Listen; returns what the ready line says."""
        shown = await self._standin.start(self._port)
        if "api" in shown:
            shown["api"] = f"{shown['api']}{self._base}"
        control = await self._control.start(self._control_port)
        return {"kind": self._standin.kind, **shown, "control": control}

    async def stop(self) -> None:
        """End."""
        await self._control.stop()
        await self._standin.stop()
