"""The Socket.IO namespace `/tasks`: one room per task and filter."""
