"""A face as it looks: its skin on the atlas, its beard, its eyes and mouth, and rules for whose eyes and mouth are shown."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from facemeld.fusion.arrays import f32, lab_of, sample, smoothstep, thrice, vector
from facemeld.fusion.shape.atlas import Atlas
from facemeld.fusion.types import FloatArray, Picture

# Beards.
_HAIR = (6.0, 20.0)  # L by which hair is darker than the skin beneath it
_NO_SHADOW = (0.3, 0.42)  # L over that of the cheeks, below which an upper lip is darker than in any shadow
_ON_CHIN, _ON_LIP = (0.25, 0.45), (0.55, 0.72)  # share of chin and upper lip that a full beard covers

# Eyes and mouth.
_LIDS = (np.array([160, 159, 158]), np.array([144, 145, 153])), (np.array([387, 386, 385]), np.array([373, 374, 380]))
_CORNERS = (33, 133), (263, 362)
_MOUTH_CORNERS = 61, 291
_UPPER_INNER = np.array([82, 13, 312, 81, 311, 80, 310])
_LOWER_INNER = np.array([87, 14, 317, 178, 402, 88, 318])
_UPPER_RINGS = np.array([[191, 80, 81, 82, 13, 312, 311, 310, 415], [183, 42, 41, 38, 12, 268, 271, 272, 407]])
_LOWER_RINGS = np.array([[95, 88, 178, 87, 14, 317, 402, 318, 324], [96, 89, 179, 86, 15, 316, 403, 319, 325]])
_CLOSED, _OPEN = 0.09, 0.14  # lid gap over eye width
_CLEAR = (0.42, 0.52)  # range of L within eyes from which white and iris can be seen
_ONTO_LIP = 0.9  # share of the way to the next row of vertices: landmarks lie on the edge of the teeth rather than of the lip
_SHUT, _APART = 0.04, 0.09  # lip gap over mouth width
_AJAR = (0.02, 0.05)  # the same, from which something can be seen between the lips
_GAPING = (0.38, 0.46)  # the same, from which lips are stretched too far to be drawn together
_VIVID_WHITE, _GREENEST_WHITE = 0.4, -1.0  # largest chroma of eye whites, over that of the skin, and their smallest a
_TEETH = (0.45, 0.75)  # L of the bright part between lips, over that of the lips, from which it may be teeth
_TONGUE = (0.55, 0.9)  # a of the bright part between lips, over that of the lips, from which it is no tooth


@dataclass(frozen=True, slots=True, eq=False)
class Skin:
    """A face on the atlas.

    Attributes:
        texture: float32 (GRID, GRID, 3), the picture's Lab colours.
        visible: float32 (GRID, GRID), 0-1: how well the picture shows a cell.
        shading: float32 (GRID, GRID, 3), Lab: what bare, even skin would look like there.
        hidden: float32 (GRID, GRID), 0-1: something else lies in front of the skin.
        cover: float32 (GRID, GRID), 0-1: the part of it that lies over mouth or chin and is not hair.
        oddness: float32 (GRID, GRID): distance of the texture from the shading, in robust standard deviations of the skin.
        glasses: Whether the face wears glasses, 0-1.
        opaque: Whether the lenses are too dark to see the eyes, 0-1.
        beard: Whether the face has a beard, a moustache or stubble, 0-1.
        full: Whether the beard is full, 0-1; the shading is then that of the skin beneath it.
        relief: float32 (GRID, GRID, 3), Lab: the middle band of the detail, folds and small shadows.
        spread: Robust standard deviation of the skin's detail, Lab units.
        contrast: float32 (3,), standard deviation of the skin's detail in L, a and b.
    """

    texture: FloatArray
    visible: FloatArray
    shading: FloatArray
    hidden: FloatArray
    cover: FloatArray
    oddness: FloatArray
    glasses: float
    opaque: float
    beard: float
    full: float
    relief: FloatArray
    spread: float
    contrast: FloatArray


def hair_on_lip(texture: FloatArray, visible: FloatArray, atlas: Atlas) -> float:
    """Whether there is hair above the lip, 0-1: it is darker than the cheeks, but not in the way that a shadow is."""
    lip, cheek = (_mean(texture, part * visible) for part in (atlas.moustache, atlas.cheeks))
    colour, plain = float(np.hypot(lip[1], lip[2])), float(np.hypot(cheek[1], cheek[2]))
    # Skin in shadow keeps its colour in proportion to its light. Hair has less colour, or, if red, more than the skin itself.
    rich = (colour / (lip[0] + 1)) / (plain / (cheek[0] + 1) + 0.05)
    shadow = float(smoothstep(rich, 1.18, 1.35)) * (1 - float(smoothstep(colour / (plain + 1), 1.0, 1.15)))
    shadow *= float(smoothstep(lip[0] / (cheek[0] + 1), *_NO_SHADOW))
    seen = float(smoothstep(float((atlas.moustache * visible).sum() / atlas.moustache.sum()), 0.15, 0.4))
    return seen * float(smoothstep(cheek[0] - lip[0], 6.0, 14.0)) * (1 - shadow)


def hair_on_jaw(texture: FloatArray, shading: FloatArray, visible: FloatArray, atlas: Atlas) -> float:
    """Whether there is hair or stubble where beards grow, 0-1: it is dark on both halves."""
    zone = atlas.beard * atlas.skin * visible
    dark = smoothstep(shading[..., 0] - texture[..., 0], 5.0, 14.0)
    both = zone * zone[:, ::-1]
    if float(both.sum()) < 20.0:  # turned away: only one half can tell
        return float(smoothstep(float((dark * zone).sum() / (zone.sum() + 1e-6)), 0.1, 0.25))
    return float(smoothstep(float((np.minimum(dark, dark[:, ::-1]) * both).sum() / both.sum()), 0.015, 0.06))


def beard_alpha(darker: FloatArray) -> FloatArray:
    """Density of a beard's hair where the picture is darker than the skin beneath by some L: same shape, 0-1."""
    return smoothstep(darker, *_HAIR)


def covers_chin_and_lip(texture: FloatArray, clean: FloatArray, visible: FloatArray, atlas: Atlas) -> float:
    """Whether a beard covers chin and lip on both halves, 0-1."""
    hair = beard_alpha(clean[..., 0] - texture[..., 0]) * atlas.beard
    both, seen = np.minimum(hair, hair[:, ::-1]), np.minimum(visible, visible[:, ::-1]) > 0.3
    found = 1.0
    for zone, limits in ((atlas.chin, _ON_CHIN), (atlas.moustache, _ON_LIP)):
        chosen = np.flatnonzero((zone > 0.5) & seen)
        if chosen.size < 10:
            return 0.0
        found *= float(smoothstep(float(both.reshape(-1).take(chosen).mean()), *limits))
    return found


def _mean(texture: FloatArray, weight: FloatArray) -> FloatArray:
    """Weighted mean colour, (3,)."""
    return f32(np.array(cv2.mean(texture * thrice(weight))[:3]) / (float(weight.mean()) + 1e-9))


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Measurements of the eyes and the mouth of a face.

    Attributes:
        eyes_open: Right and left lid gap over the eye's width.
        eye_range: Range of L within the eyes, over L of the skin beside them: small where neither white nor iris shows.
        mouth_open: Gap between the lips over the mouth's width.
        sclera: float32 (3,), Lab of the eye whites; meaningless if both eyes are shut.
        teeth: float32 (3,), Lab of the bright part between the lips; meaningless if they are shut.
        toothy: Whether that part is teeth, 0-1, and not a tongue or a dark gap.
    """

    eyes_open: tuple[float, float]
    eye_range: float
    mouth_open: float
    sclera: FloatArray
    teeth: FloatArray
    toothy: float


def read_parts(picture: Picture, landmarks: FloatArray, skin: Skin, atlas: Atlas) -> Parts:
    """Measure eyes and mouth.

    Args:
        picture: uint8 (H, W, 3) RGB.
        landmarks: float32 (478, 3), pixels of that picture.
        skin: The face on the atlas.
        atlas: The canonical atlas.
    """
    eyes = tuple(
        float(
            np.linalg.norm(landmarks[upper, :2] - landmarks[lower, :2], axis=1).mean()
            / (np.linalg.norm(landmarks[a] - landmarks[b]) + 1e-6)
        )
        for (upper, lower), (a, b) in zip(_LIDS, _CORNERS, strict=True)
    )
    gap = np.linalg.norm(landmarks[_UPPER_INNER[:3], :2] - landmarks[_LOWER_INNER[:3], :2], axis=1).mean()
    across = np.linalg.norm(landmarks[_MOUTH_CORNERS[0]] - landmarks[_MOUTH_CORNERS[1]]) + 1e-6
    between = np.linspace(0.15, 0.85, 8, dtype=np.float32)[:, None, None]
    line = landmarks[_UPPER_INNER, :2] * (1 - between) + landmarks[_LOWER_INNER, :2] * between
    low = np.floor(line.reshape(-1, 2).min(axis=0)).astype(int) - 2
    high = np.ceil(line.reshape(-1, 2).max(axis=0)).astype(int) + 3
    x0, y0 = np.clip(low, 0, [picture.shape[1] - 1, picture.shape[0] - 1])
    x1, y1 = np.clip(high, [x0 + 1, y0 + 1], [max(picture.shape[1], x0 + 1), max(picture.shape[0], y0 + 1)])
    place = (line - vector(x0, y0)).astype(np.float32)
    inner = sample(lab_of(picture[y0:y1, x0:x1]), place)
    bright, lips = _bright(np.asarray(inner, np.float32).reshape(-1, 3), skin), skin.shading[atlas.lips > 0.5].mean(axis=0)
    within = skin.texture.reshape(-1, 3).take(np.flatnonzero(atlas.eyes * skin.visible > 0.6), axis=0)
    return Parts(
        (eyes[0], eyes[1]),
        _range(within, skin, atlas),
        float(gap / across),
        _bright(within, skin),
        bright,
        float(smoothstep(_against(bright, lips), *_TEETH)) * (1 - _tongue(bright, lips)),
    )


def _bright(colours: FloatArray, skin: Skin) -> FloatArray:
    """Mean of the brighter part of some Lab colours without glints; the skin's mean if there are too few."""
    if len(colours) < 4:
        return np.asarray(skin.shading.reshape(-1, 3).mean(axis=0), np.float32)
    low, high = np.percentile(colours[:, 0], [65, 95])
    chosen = colours[(colours[:, 0] >= low) & (colours[:, 0] <= high)]
    return np.asarray(chosen.mean(axis=0), np.float32)


def _range(within: FloatArray, skin: Skin, atlas: Atlas) -> float:
    """Range of L among Lab colours within the eyes, over L of the skin beside them."""
    if len(within) < 4:
        return 1.0
    low, high = np.percentile(within[:, 0], [10, 95])
    beside = atlas.sockets * (1 - atlas.eyes) * skin.visible
    light = float((skin.shading[..., 0] * beside).sum() / (beside.sum() + 1e-6))
    return float(high - low) / max(light, 1.0)


def keep_eyes(user: Parts, template: Parts) -> tuple[float, float]:
    """How much of the template's right and left eye stays, 0-1: all of it if exactly one of the faces has that eye shut.

    Slits in shadow that show neither white nor iris count as shut: in the template's light they would look blind.
    """
    clear = float(smoothstep(user.eye_range, *_CLEAR))

    def stays(mine: float, wanted: float) -> float:
        own, other = clear * float(smoothstep(mine, _CLOSED, _OPEN)), float(smoothstep(wanted, _CLOSED, _OPEN))
        return own * (1 - other) + other * (1 - own)

    right, left = (stays(mine, wanted) for mine, wanted in zip(user.eyes_open, template.eyes_open, strict=True))
    return right, left


def eyes_seen(parts: Parts) -> float:
    """How much of the eyes a face shows, 0-1: nothing if both are shut."""
    return float(smoothstep(max(parts.eyes_open), _CLOSED, _OPEN)) * float(smoothstep(parts.eye_range, *_CLEAR))


def keep_mouth(user: Parts, template: Parts) -> float:
    """How much of the mouth between the template's lips stays, 0-1: the user's mouth opens too little, or shows no teeth."""
    opened = float(smoothstep(template.mouth_open, _SHUT, _APART))
    wide_enough = float(smoothstep(user.mouth_open / (template.mouth_open + 1e-3), 0.35, 0.6))
    return opened * (1 - wide_enough * (1 - template.toothy * (1 - user.toothy)))


def closing(user: Parts, template: Parts) -> float:
    """How far an open mouth of the user has to close, 0-1."""
    return float(smoothstep(user.mouth_open, 0.03, 0.08)) * (1 - float(smoothstep(template.mouth_open, _SHUT, _APART)))


def gaping(parts: Parts) -> float:
    """Whether a mouth is open too wide to be closed, 0-1: drawn together, its lips would keep their shine and pieces of teeth."""
    return float(smoothstep(parts.mouth_open, *_GAPING))


def without_teeth(mesh: FloatArray, share: float) -> FloatArray:
    """Move the edges of the lips of the user's mesh onto the lips, so that no tooth shows between lips that close.

    Args:
        mesh: float32 (468, 3), pixels of the user's picture.
        share: How far to move them, 0-1.
    """
    moved = mesh.copy()
    for inner, outer in (_UPPER_RINGS, _LOWER_RINGS):
        moved[inner] += np.float32(_ONTO_LIP * share) * (mesh[outer] - mesh[inner])
    return moved


def whites(user: Parts, template: Parts, user_skin: FloatArray, template_skin: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Choose the colour that the whites of the user's eyes take in the template's light.

    Args:
        user: The user's parts.
        template: The template's.
        user_skin: float32 (3,), Lab of the user's skin near the eyes.
        template_skin: float32 (3,), Lab of the template's skin near the eyes.

    Returns:
        The Lab colour of the user's eye whites and the colour they take, float32 (3,) each.
    """
    own, target = _white(user.sclera, user_skin), _white(template.sclera, template_skin)
    open_enough = float(smoothstep(max(template.eyes_open), _CLOSED, _OPEN))
    guess = vector(min(template_skin[0] + 6, 82), template_skin[1] * 0.25, template_skin[2] * 0.35)
    target = target * open_enough + guess * (1 - open_enough)
    target[0] = np.clip(target[0], template_skin[0] - 22, min(88.0, template_skin[0] + 28))
    return own, f32(target)


def _white(colour: FloatArray, skin: FloatArray) -> FloatArray:
    """Estimate the white of an eye from its bright part, which in small eyes includes lids and light irises."""
    most = _VIVID_WHITE * float(np.hypot(skin[1], skin[2])) + 2
    chroma = float(np.hypot(colour[1], colour[2])) + 1e-6
    pale = colour * vector(1, *[min(1.0, most / chroma)] * 2)
    pale[1] = max(float(pale[1]), _GREENEST_WHITE)
    return pale


def teeth(user: Parts, template: Parts, lips: tuple[FloatArray, FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Choose the colour that the user's teeth take in the template's light.

    If the template shows no teeth, or a tongue in their place, the colour is guessed from its lips. If the user's open mouth shows no
    teeth, its inside keeps its colour, and stays as dark against the lips as it is.

    Args:
        user: The user's parts.
        template: The template's.
        lips: float32 (3,) each, Lab of the user's and the template's lips.

        Returns:
            The Lab colour of the user's teeth and the colour they take, float32 (3,) each.
    """
    own, new = lips
    guess = vector(min(new[0] + 12, 86), new[1] * 0.2, new[2] * 0.5)
    seen = float(smoothstep(template.mouth_open, _SHUT, _APART)) * float(smoothstep(template.teeth[0] - new[0], -12, 4))
    seen *= 1 - _tongue(template.teeth, new)
    target = template.teeth * seen + guess * (1 - seen)
    target[0] = min(target[0], 90.0)
    shown = max(user.toothy, 1 - float(smoothstep(user.mouth_open, *_AJAR)))
    dark = np.concatenate([[new[0] * min(_against(user.teeth, own), 1.0)], user.teeth[1:]])
    return user.teeth, f32(target * shown + dark * (1 - shown))


def _against(between: FloatArray, lips: FloatArray) -> float:
    """L of a colour between lips, over that of the lips, from both Lab colours."""
    return float(between[0]) / max(float(lips[0]), 1.0)


def _tongue(between: FloatArray, lips: FloatArray) -> float:
    """Whether a colour between lips is that of a tongue, 0-1, from both Lab colours."""
    return float(smoothstep(between[1] / max(float(lips[1]), 4.0), *_TONGUE))
