"""Activities, materials, their faces and files, and the review of materials."""
