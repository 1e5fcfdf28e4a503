"""A live session and the scene: strokes out of it, the preview into it."""
