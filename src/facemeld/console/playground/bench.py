"""What the parts of the playground share: the draft, and who is told when it changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from facemeld.console.desk import Desk
from facemeld.console.playground.draft import Draft
from facemeld.services.administration import Activity, Material
from facemeld.services.signin import Act

_EXTENSIONS = {"jpeg": "jpg"}


@dataclass(slots=True)
class Bench:
    """One open playground.

    Attributes:
        desk: The page's desk.
        draft: What was chosen.
        activity, material: Of the draft; None until they are chosen.
    """

    desk: Desk
    draft: Draft = field(default_factory=Draft)
    activity: Activity | None = None
    material: Material | None = None
    _listeners: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    _choosers: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    def on_change(self, act: Callable[[], Awaitable[None]]) -> None:
        """Call something whenever the call would be another one."""
        self._listeners.append(act)

    def on_template(self, act: Callable[[], Awaitable[None]]) -> None:
        """Call something when another material was chosen, before those of ``on_change``."""
        self._choosers.append(act)

    async def changed(self) -> None:
        """Tell that the draft has changed."""
        for act in self._listeners:
            await act()

    async def choose(self, material: Material | None) -> None:
        """Take a material as the template; its activity is read if it is another one.

        Args:
            material: The material; None for none.
        """
        draft = self.draft
        if material is not None and (self.activity is None or self.activity.number != material.activity):
            self.activity = await self.desk.run(Act.READ, lambda house: house.administration.activities.get(None, material.activity_id))
        self.material = material
        draft.project_id = "" if material is None else material.activity_id
        draft.model_id = "" if material is None else material.id
        # Calls that name no face get the largest first.
        draft.faces = () if material is None else tuple(sorted(material.faces, key=lambda face: -face.box.area))
        if material is not None:
            draft.template = f"template.{_EXTENSIONS.get(material.format, material.format)}"
        for photo in draft.photos:
            photo.face = 0
        for photo in draft.photos:
            photo.face = draft.first_free()
        for act in self._choosers:
            await act()
        await self.changed()

    def degrees(self) -> tuple[int, int]:
        """The degrees that a call gets which names none."""
        material, activity = self.material, self.activity
        if material is None or activity is None:
            return 50, 50
        shape = activity.shape_degree if material.shape_degree is None else material.shape_degree
        features = activity.feature_degree if material.feature_degree is None else material.feature_degree
        return shape, features
