"""Retouching of a fused face: skin, detail, teeth, make-up and what the template gets back.

Every part is linear in its strength: at 0 no pixel changes, and the change grows in proportion to the strength.
"""
