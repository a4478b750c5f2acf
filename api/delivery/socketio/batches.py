"""At most 16 packets in one answer to a polling client.

engineio's own Python client refuses a longer payload (`Payload.max_decode_packets`) and disconnects; the
server as it comes sends whatever has queued up. What is left goes with the next poll, in order.
"""

from __future__ import annotations

from typing import Any

MAX_PACKETS = 16


def limit_batches(eio: Any) -> None:
    """Give the connections of an `engineio.Server` queues that hand out `MAX_PACKETS` at a time.

    A connection takes its first packet by a blocking `get` and the rest of the answer by `get(block=False)`
    until the queue says that it is empty.
    """
    queue_type: Any = eio._async["queue"]
    empty: type[Exception] = eio.get_queue_empty_exception()

    class BatchQueue(queue_type):  # type: ignore[misc]  # the type depends on the async mode
        taken = 0

        def get(self, block: bool = True, timeout: float | None = None) -> Any:
            if block:
                self.taken = 0
            elif self.taken >= MAX_PACKETS:
                raise empty
            item = super().get(block, timeout)
            self.taken += 1
            return item

    eio.create_queue = BatchQueue
