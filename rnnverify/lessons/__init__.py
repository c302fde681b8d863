"""A model explained to those who learn: its shapes, and its numbers, worked out by what the layers themselves compute."""
