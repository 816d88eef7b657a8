"""A material's picture with its faces drawn on it, and the same faces as a list beside it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui.elements.mixins.text_element import TextElement

from facemeld.console.desk import Desk
from facemeld.console.parts.pieces import id_chip, tag
from facemeld.console.parts.states import finding_list
from facemeld.services.administration import Finding, Material

FEW = 3
"""Faces up to which all their ids are written on the picture; of more, those that are pointed at."""


def picture_address(desk: Desk, material: Material, size: str = "picture") -> str:
    """Where a material's ``picture`` or ``thumbnail`` is; another address when the picture was replaced."""
    return desk.url(f"/files/materials/{material.id}/{size}", v=material.sha256[:12])


class Faces:
    """The faces of a material, one of which is picked; picture and list are drawn where the page wants them.

    Args:
        desk: The page's desk.
        material: The material.

    Attributes:
        picked: Number of the face that is picked.
    """

    def __init__(self, desk: Desk, material: Material) -> None:
        self._desk = desk
        self._material = material
        self._on_pick: list[Callable[[], Awaitable[None]]] = []
        self._marked: dict[int, list[TextElement]] = {face.number: [] for face in material.faces}
        self.picked = 1

    def on_pick(self, act: Callable[[], Awaitable[None]]) -> None:
        """Call something when another face was picked."""
        self._on_pick.append(act)

    def draw_picture(self) -> None:
        """Draw the picture with a box around each face."""
        texts, material = self._desk.texts, self._material
        count = len(material.faces)
        with tag("div", classes="fm-faces fm-faces-many" if count > FEW else "fm-faces") as area:
            area.style(f"--ratio: {material.width / material.height:.4f}")
            tag("img", src=picture_address(self._desk, material), alt=texts("faces.picture", name=material.name))
            for face in material.faces:
                failed = any(one.failure for one in self._findings(face.number))
                classes = f"fm-face-box{' fm-face-bad' if failed else ''}{' fm-face-several' if count > 1 else ''}"
                with self._picker(face.number, classes) as box:
                    left, top = face.box.x / material.width, face.box.y / material.height
                    width, height = face.box.width / material.width, face.box.height / material.height
                    box.style(f"left: {left:.4%}; top: {top:.4%}; width: {width:.4%}; height: {height:.4%}")
                    side = "fm-face-label fm-face-end" if left + width / 2 > 0.5 else "fm-face-label"
                    with tag("span", classes=side):
                        tag("span", texts("faces.face"), "fm-hidden")
                        tag("span", str(face.number), "fm-face-number")
                        tag("span", face.id, "fm-face-id")
        self._show()

    def draw_list(self) -> None:
        """Draw the list: numbers, ids to copy, sizes, and what was noticed."""
        texts, material = self._desk.texts, self._material
        finding_list(self._desk, self._findings(None))
        if not material.faces:
            return
        with tag("ol", classes="fm-face-list", aria_label=texts("faces.list")):
            for face in material.faces:
                with tag("li") as item:
                    self._marked[face.number].append(item)
                    with tag("div", classes="fm-face-head"):
                        with self._picker(face.number, "fm-face-pick") as pick:
                            pick.props["aria-label"] = texts("faces.pick", number=face.number)
                            tag("span", str(face.number), "fm-face-number")
                        id_chip(self._desk, face.id)
                        tag("span", f"{face.box.width} × {face.box.height} px", "fm-hint")
                    finding_list(self._desk, self._findings(face.number))
        self._show()

    def _findings(self, number: int | None) -> list[Finding]:
        return [finding for finding in self._material.findings if finding.face == number]

    def _picker(self, number: int, classes: str) -> TextElement:
        made = tag("button", classes=classes, type="button", aria_pressed="false")
        self._marked[number].append(made)

        async def pick() -> None:
            if number != self.picked:
                self.picked = number
                self._show()
                for act in self._on_pick:
                    await act()

        made.on("click", lambda _: pick(), args=[])
        return made

    def _show(self) -> None:
        alone = len(self._marked) == 1
        for number, elements in self._marked.items():
            picked = number == self.picked and not alone
            for element in elements:
                element.classes(add="fm-picked" if picked else "", remove="" if picked else "fm-picked")
                if element.tag == "button":
                    element.props["aria-pressed"] = "true" if picked else "false"
