"""The look of a face: light, skin, beard, eyes and mouth; and a user's face painted in a template's light."""
