"""Paint the user's face in the template's light: colours cell by cell, detail pixel by pixel, in the template's fineness."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from facemeld.fusion.arrays import f32, lab_of, median, percentile, rgb_of, smoothstep, thrice, vector
from facemeld.fusion.shape import topology
from facemeld.fusion.shape.atlas import GRID, Atlas
from facemeld.fusion.shape.layout import Layout, Window, cell_means
from facemeld.fusion.shape.texture import LipMap, UserTexture, read_lips
from facemeld.fusion.skin.features import Parts, Skin, eyes_seen, teeth, whites
from facemeld.fusion.skin.light import Hue, Light, both_hues, relight
from facemeld.fusion.types import FloatArray, Picture
from facemeld.parallel import each
from facemeld.timing import stage

# Fineness.
_SHARPER, _SOFTER = 1.35, 0.8  # ratios of fine detail that are close enough to leave alone
_WIDEST = 2.0  # pixels: the strongest blur
_LOOK = 320  # pixels: side of the middle part by which a large face is judged
_STRIP, _MARGIN = 128, 8  # rows worked on at once, and additional rows on either side, more than the widest blur reaches

# Tone.
_LIMIT = (24.0, 120.0)  # largest deviation of L from the shading, on bare skin and on features
_HARD = (13.0, 25.0)  # standard deviation of L of the user's shading from which its light counts as hard
_BLACK, _SOFT = (3.0, 8.0), 2.0  # L of the template below which a cell is black, and cells over which that is averaged
_BEYOND, _KNEE = 2.0, 8.0  # how far L may exceed the template's brightest, and over which range it bends
_SHARP = 0.3  # share of the user's own relief that the template's hard shadows replace
_CLEARER = 1.12  # contrast of the user's features over that in the photo, which makes up for the loss in blending and relighting
_LIP, _FAIRER = -6.0, (8.0, 30.0)  # L of lips over that of fair skin; how much lighter a skin has to get for that to count
_STEEPEST = 1.8  # largest factor on the detail


@dataclass(frozen=True, slots=True, eq=False)
class Painting:
    """A face in two layers: colours on a coarse grid, and the detail that the grid cannot hold.

    Attributes:
        user: uint8 (H, W, 3) RGB, the user's pixels in their place.
        own: float32 (h, w, 3), RGB of 0-255: means of these pixels over the cells of the grid.
        relit: float32 (h, w, 3), RGB of 0-255: the means in the light of the template.
        gain: float32 (h, w), factor on the detail.
        grey: Share of the detail's colour that is removed, 0-1.
    """

    user: Picture
    own: FloatArray
    relit: FloatArray
    gain: FloatArray
    grey: float = 0.0


def lightness(picture: Picture) -> FloatArray:
    """Luma of Rec. 601 on the scale of L, float32 (H, W), 0-100: near enough to L for fine detail, and cheap."""
    return f32(cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY)) * np.float32(100 / 255)


def fineness(light: FloatArray, weight: NDArray[np.number]) -> float:
    """Mean strength of the finest detail: absolute deviation of lightness from its surroundings of about a pixel.

    Args:
        light: float32 (H, W), 0-100.
        weight: (H, W), weight of each pixel.
    """
    total = float(weight.sum())
    if total < 1.0:
        return 0.0
    detail = cv2.absdiff(light, cv2.GaussianBlur(light, (0, 0), 1.0))
    # Fineness is not about strong edges, such as those of glasses.
    return float((np.minimum(detail, np.float32(8.0)) * weight).sum()) / total


def match_fineness(face: Picture, weight: NDArray[np.uint8], wanted: float) -> Picture:
    """Soften or sharpen a face until its finest detail is about as strong as the template's.

    Args:
        face: uint8 (H, W, 3), the face.
        weight: uint8 (H, W), where the face will be seen.
        wanted: The fineness to reach.

    Returns:
        uint8 (H, W, 3).
    """
    middle = tuple(slice(max(0, (side - _LOOK) // 2), max(0, (side - _LOOK) // 2) + _LOOK) for side in weight.shape)
    light, look = lightness(face[middle]), np.ascontiguousarray(weight[middle])
    found = fineness(light, look)
    if found <= 1e-3 or wanted <= 1e-3:
        return face
    ratio = wanted / found
    if ratio < 1 / _SHARPER:
        low, softer = 0.2, _WIDEST
        for _ in range(4):
            trial = (low + softer) / 2
            low, softer = (trial, softer) if fineness(_blurred(light, trial), look) > wanted * 1.15 else (low, trial)
        return _filtered(face, softer, 0.0)
    if ratio > 1 / _SOFTER:
        return _filtered(face, 0.0, min(1.2, (ratio * 0.9 - 1) * 1.1))
    return face


def _filtered(face: Picture, softer: float, sharper: float) -> Picture:
    """Blur the lightness of a face by some pixels, or lift its fine detail by a share."""
    out = np.empty_like(face)

    def filter_strip(first: int) -> None:
        low_row = max(0, first - _MARGIN)
        strip = face[low_row : first + _STRIP + _MARGIN]
        change = _change(lightness(strip), softer, sharper) * np.float32(2.55)
        inner = np.s_[first - low_row : first - low_row + _STRIP]
        out[first : first + _STRIP] = cv2.add(strip[inner], thrice(change[inner]), dtype=cv2.CV_8U)

    each(filter_strip, range(0, len(face), _STRIP), face.shape[0] * face.shape[1])
    return out


def _change(light: FloatArray, softer: float, sharper: float) -> FloatArray:
    """Change of the lightness, float32 (H, W)."""
    if softer > 0:
        return _blurred(light, softer) - light
    detail = light - _blurred(light, 1.2)
    # Small differences are lifted and edges are not, so that no halo grows around eyes and lips.
    return f32(sharper * detail / (1 + np.abs(detail) / 6))


def _blurred(light: FloatArray, reach: float) -> FloatArray:
    return f32(cv2.GaussianBlur(light, (0, 0), reach))


@dataclass(frozen=True, slots=True, eq=False)
class Finish:
    """How a template's picture is made: its colours and the fineness of its detail.

    Attributes:
        palette: float32 (3, 2), a and b as a quadratic function of L / 100, for pictures of one tint.
        tint: How closely the picture keeps to that tint, 0 (full colour) to 1 (black and white, sepia).
        fineness: Strength of the finest detail on the face, see ``fineness``.
    """

    palette: FloatArray
    tint: float
    fineness: float


@dataclass(frozen=True, slots=True, eq=False)
class Tone:
    """Input of relighting, on the atlas or on the cells of a window.

    Attributes:
        own: float32 (h, w, 3), Lab of the user's shading.
        new: float32 (h, w, 3), Lab of the shading to take on.
        limit: float32 (h, w), largest deviation of L from the shading.
        hues: Hues of both shadings.
        teeth: Lab of the user's teeth and of the colour they take, float32 (3,) each.
        gain: float32 (3,), contrast of the detail.
    """

    own: FloatArray
    new: FloatArray
    limit: FloatArray
    hues: tuple[Hue, Hue]
    teeth: tuple[FloatArray, FloatArray]
    gain: FloatArray

    def on(self, layout: Layout) -> Tone:
        """Draw this tone of the atlas onto the cells of a layout's window."""
        own, new, limit = (layout.atlas_map(field) for field in (self.own, self.new, self.limit))
        return replace(self, own=own, new=new, limit=limit)


def tone_of(skin: Skin, parts: Parts, template: Skin, template_parts: Parts, share: FloatArray, atlas: Atlas) -> Tone:
    """Work out the shading before and after on the atlas, with separate targets for eyes and teeth.

    Args:
        skin: The user's face on the atlas.
        parts: The user's eyes and mouth.
        template: The template's face on the atlas.
        template_parts: The template's eyes and mouth.
        share: float32 (GRID, GRID), 0-1: share taken from the mirrored half of the user's face.
        atlas: The canonical atlas.
    """
    soften, hard = _softening(skin, template, atlas), _hardness(skin, atlas)
    own = skin.shading + np.float32(soften) * skin.relief
    if share.any():
        own += (own[:, ::-1] - own) * thrice(share)
    new = template.shading.copy()
    seen = atlas.skin * np.minimum(skin.visible, template.visible)
    new[..., 0] = _light(skin.shading[..., 0], new[..., 0], seen, max(hard, _SHARP * _hardness(template, atlas)))
    _leave_in_the_dark(new, template, atlas)
    near = atlas.sockets * (1 - atlas.eyes)
    beside_own, beside_new = (f32(cv2.mean(shading * thrice(f32(near)))[:3]) / (float(near.mean()) + 1e-6) for shading in (own, new))
    white_own, white_new = whites(parts, template_parts, beside_own, beside_new)
    eyes = thrice(f32(atlas.eyes * np.float32((1 - skin.opaque) * eyes_seen(parts))))
    own, new = f32(own + (white_own - own) * eyes), f32(new + (white_new - new) * eyes)
    _dim_lips(own, new, skin, atlas)
    bare = (1 - atlas.contrasty) * (1 - skin.beard * atlas.beard) * (1 - skin.glasses * atlas.band)
    plain = _LIMIT[0] * (1 - 0.5 * hard)
    limit = f32(plain + (_LIMIT[1] - plain) * (1 - bare) ** 2)
    ratio = template.contrast / (skin.contrast + 0.2)
    gain = vector(_CLEARER * float(np.clip(np.sqrt(ratio[0]), 0.85, 1.15)), *np.clip(ratio[1:], 0.3, 1.2).tolist())
    between = teeth(parts, template_parts, (f32(own[atlas.lips > 0.5].mean(axis=0)), f32(new[atlas.lips > 0.5].mean(axis=0))))
    return Tone(own, new, limit, both_hues(own, new), between, gain)


def paint(
    texture: UserTexture,
    tone: Tone,
    finish: Finish,
    grid: Window,
    alpha: NDArray[np.uint8],
    mouth: NDArray[np.uint8],
    lips: LipMap | None = None,
) -> Painting:
    """Paint the user's face in the template's light over a window.

    Tone changes slowly, so it is worked out for the means of the grid's cells; finer detail follows in proportion.

    Args:
        texture: The user's pixels.
        tone: Shading before and after.
        finish: How the template's picture is made.
        grid: The window as a grid of its own.
        alpha: uint8 (H, W), 255 where the user's face is seen.
        mouth: uint8 (H, W), 255 between the lips.
        lips: Map of the pixels around lips that close, if they do.
    """
    with stage("warp"):
        user = texture.read(grid)
        if lips is not None:
            read_lips(user, texture, lips, grid)
    own, new = tone.own, tone.new
    if mouth.any():
        inside = thrice(cell_means(mouth, grid) * np.float32(1 / 255))
        own, new = (shading + (colour - shading) * inside for shading, colour in zip((own, new), tone.teeth, strict=True))
    means = cell_means(user, grid)
    lab, slope = relight(lab_of(means), Light(f32(own), f32(new), tone.limit, tone.gain), tone.hues)
    _tint(lab, finish)
    relit = rgb_of(lab)
    gain = np.clip(slope, 0, _STEEPEST)
    weight = cell_means(alpha, grid)
    steepness = float((gain * weight).sum() / (weight.sum() + 1e-6))
    if grid.step == 1:  # a cell is a pixel: all of the detail is in the colours
        relit = f32(match_fineness(np.clip(relit + np.float32(0.5), 0, 255).astype(np.uint8), alpha, finish.fineness))
    else:
        user = match_fineness(user, alpha, finish.fineness / max(steepness, 0.2))
    return Painting(user, means, relit, gain, finish.tint)


def mouth_mask(target: FloatArray, window: Window, width: float, wider: float) -> NDArray[np.uint8]:
    """Draw the inside of the mouth, soft by a hundredth of the face, and a line along closed lips.

    Args:
        target: float32 (468, 3), where the user's vertices go, pixels of the crop.
        window: The part of the crop.
        width: The face's width in pixels.
        wider: Width of the line on either side of the lips' edge, in face widths.

    Returns:
        uint8 (H, W) of the window, 255 between the lips.
    """
    mask = np.zeros(window.size, np.uint8)
    lips = target[topology.LIPS_INNER, :2] - window.origin
    corners = np.round(lips * 16).astype(np.int32)
    soft = max(0.6, 0.006 * width)
    reach = round(3 * soft + 2 * wider * width) + 2
    low = np.clip((corners.min(axis=0) >> 4) - reach, 0, None)
    high = (corners.max(axis=0) >> 4) + reach + 1
    part = np.ascontiguousarray(mask[low[1] : max(high[1], 0), low[0] : max(high[0], 0)])
    if not part.size:
        return mask
    corners -= (low * 16).astype(np.int32)
    cv2.fillPoly(part, [corners], 255, cv2.LINE_AA, 4)
    if wider > 0:
        cv2.polylines(part, [corners], True, 255, max(1, round(2 * wider * width)), cv2.LINE_AA, 4)
    mask[low[1] : high[1], low[0] : high[0]] = cv2.GaussianBlur(part, (0, 0), soft)
    return mask


def _light(own: FloatArray, wanted: FloatArray, weight: FloatArray, hard: float) -> FloatArray:
    """L of the shading that a face takes: brightness and slope of the template's light, with the user's own relief on top.

    The finer parts of a shading (sockets, cheeks, jaw) make a person recognisable, as features do. If one of the lights is hard, they
    are its shadows, and the template's count.

    Args:
        own: float32 (GRID, GRID), the user's.
        wanted: float32 (GRID, GRID), the template's.
        weight: float32 (GRID, GRID), where both are known.
        hard: How hard the harder light is, 0-1.
    """
    gap = wanted - own
    place = (np.arange(GRID, dtype=np.float32) + np.float32(0.5)) / np.float32(GRID) - np.float32(0.5)
    basis = np.stack(
        [np.ones((GRID, GRID), np.float32), np.broadcast_to(place, (GRID, GRID)), np.broadcast_to(place[:, None], (GRID, GRID))]
    )
    flat, share = basis.reshape(3, -1).astype(np.float64), weight.reshape(-1).astype(np.float64) + 1e-6
    moments = (flat * share) @ flat.T + 1e-3 * share.sum() * np.eye(3)
    slope = np.tensordot(np.linalg.solve(moments, (flat * share) @ gap.reshape(-1)), basis, 1)
    return _below(f32(own + slope + np.float32(hard) * (gap - slope)), wanted, weight)


def _dim_lips(own: FloatArray, new: FloatArray, skin: Skin, atlas: Atlas) -> None:
    """Raise a shading where lips are lighter than dark skin, so that they are not lighter than fair skin: skins differ more than lips."""
    seen = atlas.lips * skin.visible
    for lip in atlas.each_lip:
        known = np.flatnonzero(seen * lip > 0.6)
        if known.size < 10:
            continue
        light, skin_own, skin_new = (median(field[..., 0].reshape(-1).take(known)) for field in (skin.texture, own, new))
        excess = max(light - skin_own - _LIP, 0.0) * float(smoothstep(skin_new - skin_own, *_FAIRER))
        own[..., 0] += np.float32(excess) * atlas.lips * lip


def _leave_in_the_dark(new: FloatArray, template: Skin, atlas: Atlas) -> None:
    """Darken a shading where the template is black: there the fit of its light only guesses, and the face would glow."""
    light = f32(cv2.GaussianBlur(f32(cv2.extractChannel(template.texture, 0)), (0, 0), _SOFT))
    if light.min() >= _BLACK[1]:
        return
    black = (1 - smoothstep(light, *_BLACK)) * atlas.skin * (1 - template.beard * atlas.beard) * (1 - template.hidden)
    new[..., 0] += np.minimum(light + 1 - new[..., 0], 0) * cv2.GaussianBlur(f32(black), (0, 0), _SOFT)


def _below(light: FloatArray, wanted: FloatArray, weight: FloatArray) -> FloatArray:
    """Limit L to little more than the brightest of the template's: shine on dark skin would be blown out on fair skin."""
    known = wanted.reshape(-1).take(np.flatnonzero(weight > 0.5))
    if known.size < 20:
        return light
    knee = np.float32(percentile(known, 97) + _BEYOND - _KNEE)
    return f32(np.where(light > knee, knee + np.float32(_KNEE) * np.tanh((light - knee) * np.float32(1 / _KNEE)), light))


def _softening(user: Skin, template: Skin, atlas: Atlas) -> float:
    """Share of the user's folds and small shadows that come from hard light and would not show in the template's softer light."""
    weight = atlas.skin * (1 - atlas.beard) * user.visible * (1 - user.hidden)

    def strength(skin: Skin) -> float:
        return float(np.sqrt((skin.relief[..., 0] ** 2 * weight).sum() / (weight.sum() + 1e-6)))

    return float(np.clip(1 - 1.3 * strength(template) / (strength(user) + 1e-3), 0, 0.7))


def _hardness(skin: Skin, atlas: Atlas) -> float:
    """How hard the light on a face is, 0-1: if one side is bright and the other dark, shadows have sharp borders too."""
    weight = atlas.skin * skin.visible * (1 - skin.hidden)
    total = weight.sum() + 1e-6
    light = skin.shading[..., 0]
    mean = (light * weight).sum() / total
    return float(smoothstep(float(np.sqrt(((light - mean) ** 2 * weight).sum() / total)), *_HARD))


def _tint(lab: FloatArray, finish: Finish) -> None:
    """Follow the palette of a template of one tint."""
    if finish.tint <= 0:
        return
    light = lab[..., :1] / 100
    colour = finish.palette[0] + light * finish.palette[1] + light * light * finish.palette[2]
    lab[..., 1:] += (colour - lab[..., 1:]) * np.float32(finish.tint)
