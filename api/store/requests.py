"""Idempotency keys: the SQL for them."""

from __future__ import annotations

from sqlalchemy import bindparam, insert, select

from api.store.statement import Statement
from api.store.tables import requests

FIND = Statement(
    select(requests.c.body_hash, requests.c.task_id).where(
        requests.c.owner == bindparam("owner"), requests.c.key == bindparam("key")
    )
)
ADD = Statement(insert(requests).values({column.name: bindparam(column.name) for column in requests.c}))
