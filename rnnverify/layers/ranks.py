"""What a layer takes, without the samples: how many axes, and in words."""

from __future__ import annotations

TOKEN_IDS = (1, "token ids (timesteps,)")
VECTOR = (1, "a vector (features,)")
SEQUENCE = (2, "a sequence (timesteps, features)")
IMAGE = (3, "an image (rows, columns, channels)")
ROWS = (3, "a sequence of rows (timesteps, rows, channels)")
IMAGES = (4, "a sequence of images (timesteps, rows, columns, channels)")
VOLUMES = (5, "a sequence of volumes (timesteps, depths, rows, columns, channels)")
