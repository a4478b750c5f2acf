"""Where tasks and their journal are kept. `sql.SqlStore` is the real one, `memory.MemoryStore` for tests.

    sql                     the store: puts the parts below together, opens and closes
    writer                  the native thread that owns the write connection: group commit
    checkpointer            the native thread that keeps the write-ahead log short
    readers                 the native threads that answer reads
    jobs                    work on its way to such a thread, and back
    link health             such a thread's connection through all its failures; what is said about them
    transaction guards      what may be done inside one read or write, and what may not
    tasks events listing requests trimming values   rows ↔ values of the domain, and the SQL for them
    statement               SQL written in Core, compiled once, run by the driver
    engine failures         the two that know SQLite apart from another database
    epoch process           when a journal may have lost something
    tables migrate          what a journal is made of, and how it is brought up to date
    memory memory_transaction               the store in memory

Nothing that runs in the native threads may log, count or take a lock of `threading`: in a process that
was monkey-patched these belong to the hub. What has to be said is posted to it.
"""
