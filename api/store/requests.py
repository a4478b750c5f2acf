"""Idempotency keys: the SQL for them."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, insert, select, tuple_

from api.store.statement import Statement
from api.store.tables import requests

FIND = Statement(
    select(requests.c.body_hash, requests.c.task_id).where(
        requests.c.owner == bindparam("owner"), requests.c.key == bindparam("key")
    )
)
ADD = Statement(insert(requests).values({column.name: bindparam(column.name) for column in requests.c}))
_KEY = (requests.c.owner, requests.c.key)
_OLD = (
    select(*_KEY)
    .where(requests.c.created_at < bindparam("before"))
    .order_by(requests.c.created_at)
    .limit(bindparam("limit"))
)
FORGET = Statement(delete(requests).where(tuple_(*_KEY).in_(_OLD)))
