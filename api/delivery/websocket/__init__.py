"""Plain WebSockets: one task, one training, all trainings."""
