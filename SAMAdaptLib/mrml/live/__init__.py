"""What the live preview does to the scene: its own node, and the strokes that it reads."""
