"""Pure values and rules of a task. See README.md in this folder."""
