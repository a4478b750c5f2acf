"""The fan-out alone, side by side: one room, many subscribers, no journal. `python -m benchmarks.fanout`.

    plan            sizes, settings and how long each is measured
    sides           who is measured; what a side needs to take part
    server          one side as a process of its own, and the connection by which it is given orders
    servers         the sides that are written in Python; Node's is `benchmarks/peers/node/fanout.mjs`
    load            the load generator; what it takes is counted by a receiver (walker) or a native one (take.c)
    run             one run of one side
    report picture  what is written of it

What the figures mean is in `benchmarks/README.md`.
"""
