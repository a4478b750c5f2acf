"""Execution: an attempt runs in a child process, supervised over a socketpair.

Two sides meet here. In the server: `supervisor` (the `Runner`), `attempt` (one attempt from spawn to outcome),
`spawn`, `process`, `hearing`, `ladder`, `outbox`, `sweep`, `verdict`. In the child: `child`, `capture`, `context`,
`gate`, `outlet`, `endings`. Both speak `messages` over `channel` and obey `limits`. The child's side imports no
server library. A pool of warm workers is another `Spawn`: it hands out children that are already `ready`.
"""
