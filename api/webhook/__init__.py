"""Webhooks: whom they may call, how they are signed, and the call itself."""
