"""Many devices with one list: the default namespace of Socket.IO."""
