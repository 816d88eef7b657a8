"""Retouching of a fused face: skin, detail, teeth, make-up and what stays of the template, each by a strength of its own.

Every part is linear in its strength: at 0 not a pixel changes, and each pixel moves the farther the greater the strength is.
"""
