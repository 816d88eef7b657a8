"""The automatic review of a new material: what is noticed about its faces, whether it passes, and how that is told to people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from facemeld.materials.activities import LONGEST_TEXT
from facemeld.materials.types import Finding
from facemeld.workers.tasks.importing import FaceQuality

__all__ = ["REVIEW_TEXTS", "Finding", "Language", "ReviewLimits", "assess", "describe", "describe_finding", "passes"]

Language = Literal["zh-CN", "en-US"]


@dataclass(frozen=True, slots=True)
class ReviewLimits:
    """From where on a face is warned about, and from where on it fails. The sources are spec 5.5 and measured portraits.

    Attributes:
        faces: Most faces that a call can fuse into one picture.
        side_warning, side_failure: Least width and height of a face, in pixels.
        turn_warning, turn_failure: Largest yaw and pitch, in degrees.
        sharpness: Least sharpness, see ``FaceQuality``.
        dark, bright: Mean brightness that a face should keep between, 0-255.
        outside: Largest share of a face beyond the picture's edge.
        covered: Largest share of a face that something hides.
    """

    faces: int = 6
    side_warning: int = 64
    side_failure: int = 34
    turn_warning: float = 30.0
    turn_failure: float = 60.0
    sharpness: float = 0.02
    dark: float = 35.0
    bright: float = 225.0
    outside: float = 0.1
    covered: float = 0.2


def assess(faces: Sequence[FaceQuality], limits: ReviewLimits) -> tuple[Finding, ...]:
    """Look at the faces of a picture.

    Only the first, largest face can fail, because it is the one that calls get which name none; what would fail another one is a
    warning.

    Args:
        faces: Measurements of all faces, largest first.
        limits: What to hold them against.
    """
    if not faces:
        return (Finding("no_face", failure=True),)
    findings = [Finding("many_faces", failure=False, value=len(faces), limit=limits.faces)] if len(faces) > limits.faces else []
    for number, face in enumerate(faces, 1):
        findings.extend(_assess_face(face, number, limits))
    return tuple(findings)


def passes(findings: Sequence[Finding]) -> bool:
    """Whether a picture with these findings is fit."""
    return not any(finding.failure for finding in findings)


def _assess_face(face: FaceQuality, number: int, limits: ReviewLimits) -> Iterator[Finding]:
    side = min(face.box.width, face.box.height)
    if side < limits.side_warning:
        failure = side < limits.side_failure
        yield Finding("face_small", failure and number == 1, number, side, limits.side_failure if failure else limits.side_warning)
    for code, angle in (("face_turned", abs(face.yaw)), ("face_nodding", abs(face.pitch))):
        if angle > limits.turn_warning:
            failure = angle > limits.turn_failure
            limit = limits.turn_failure if failure else limits.turn_warning
            yield Finding(code, failure and number == 1, number, round(angle, 1), limit)
    if face.sharpness < limits.sharpness:
        yield Finding("face_blurred", False, number, round(face.sharpness, 4), limits.sharpness)
    if face.brightness < limits.dark:
        yield Finding("face_dark", False, number, round(face.brightness), limits.dark)
    if face.brightness > limits.bright:
        yield Finding("face_bright", False, number, round(face.brightness), limits.bright)
    if face.outside > limits.outside:
        yield Finding("face_cut_off", False, number, round(face.outside, 2), limits.outside)
    if face.covered > limits.covered:
        yield Finding("face_covered", False, number, round(face.covered, 2), limits.covered)


REVIEW_TEXTS = MappingProxyType(
    {
        "no_face": ("未检测到人脸。", "No face was found."),
        "many_faces": (
            "图片中有{value:.0f}张人脸，最多可融合{limit:.0f}张。",
            "There are {value:.0f} faces; at most {limit:.0f} can be fused.",
        ),
        "face_small": (
            "人脸{face}过小：{value:.0f}像素，应不小于{limit:.0f}像素。",
            "Face {face} is small: {value:.0f} pixels, expected at least {limit:.0f}.",
        ),
        "face_turned": (
            "人脸{face}侧转{value:.0f}°，应不超过{limit:.0f}°。",
            "Face {face} is turned {value:.0f}° to the side, expected at most {limit:.0f}°.",
        ),
        "face_nodding": (
            "人脸{face}俯仰{value:.0f}°，应不超过{limit:.0f}°。",
            "Face {face} looks {value:.0f}° up or down, expected at most {limit:.0f}°.",
        ),
        "face_blurred": ("人脸{face}模糊。", "Face {face} is blurred."),
        "face_dark": ("人脸{face}过暗。", "Face {face} is very dark."),
        "face_bright": ("人脸{face}过亮。", "Face {face} is very bright."),
        "labelled": ("图片带有人工智能生成合成标识。", "The picture carries a mark of AI-made content."),
        "face_cut_off": ("人脸{face}超出图片边缘。", "Face {face} is cut off by the picture's edge."),
        "face_covered": (
            "人脸{face}被遮挡{value:.0%}，应不超过{limit:.0%}。",
            "{value:.0%} of face {face} is covered by something in front of it, expected at most {limit:.0%}.",
        ),
    }
)
"""What each finding is called, in Chinese and English."""

_PASSED = ("审核成功", "Review passed")


def describe_finding(finding: Finding, language: Language) -> str:
    """A finding as one sentence."""
    text = REVIEW_TEXTS[finding.code][language == "en-US"]
    return text.format(face=finding.face, value=finding.value, limit=finding.limit)


def describe(findings: Sequence[Finding], language: Language) -> str:
    """All findings as one text that fits into ``AuditResult``, failures first; the text of a passed review where there are none."""
    english = language == "en-US"
    if not findings:
        return _PASSED[english]
    text, glue = "", " " if english else ""
    for finding in sorted(findings, key=lambda one: not one.failure):
        longer = text + (glue if text else "") + describe_finding(finding, language)
        if len(longer) > LONGEST_TEXT - 1:
            return text + "…"
        text = longer
    return text
