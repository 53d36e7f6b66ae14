"""PyPI's etcd3 over gRPC: keys, transactions, leases, locks, watches, members, a snapshot, authentication.

Prints one JSON object; python_test.ts says what has to be in it.
"""

import hashlib
import io
import json
import sys

import etcd3
import grpc
from etcd3 import etcdrpc

host, port = sys.argv[1].rsplit(":", 1)
TIMEOUT_S = 20


def pairs(found):
    return [[meta.key.decode(), value.decode()] for value, meta in found]


def keys(client):
    client.put("k/a", "1")
    client.put("k/b", "2")
    replaced = client.put("k/a", "3", prev_kv=True)
    value, meta = client.get("k/a")
    return {
        "previous": replaced.prev_kv.value.decode(),
        "value": value.decode(),
        "version": meta.version,
        "missing": client.get("k/none")[0],
        "prefix": pairs(client.get_prefix("k/", sort_order="descend")),
        "range": pairs(client.get_range("k/a", "k/b")),
        "keys_only": pairs(client.get_prefix("k/", keys_only=True)),
        "created": client.put_if_not_exists("k/a", "4"),
        "exchanged": client.replace("k/a", "3", "5"),
        "not_exchanged": client.replace("k/a", "3", "6"),
        "deleted": client.delete("k/b"),
        "nothing_deleted": client.delete("k/b"),
        "deleted_below": client.delete_prefix("k/").deleted,
    }


def transactions(client):
    client.put("t/a", "1")
    txn = client.transactions
    done, answers = client.transaction(
        compare=[txn.value("t/a") == "1", txn.version("t/a") > 0, txn.create("t/b") == 0],
        success=[txn.put("t/b", "2"), txn.get("t/a"), txn.delete("t/a")],
        failure=[],
    )
    failed, _ = client.transaction(
        compare=[txn.mod("t/b") == 1], success=[txn.delete("t/b")], failure=[txn.get("t/b")]
    )
    return {
        "done": done,
        "read": pairs(answers[1]),
        "failed": failed,
        "left": pairs(client.get_prefix("t/")),
    }


def leases(client):
    lease = client.lease(60)
    client.put("l/a", "1", lease)
    refreshed = lease.refresh()
    result = {
        "granted": lease.granted_ttl,
        "refreshed": refreshed[0].TTL,
        "keys": [key.decode() for key in lease.keys],
    }
    lease.revoke()
    return {**result, "after_revoke": client.get("l/a")[0], "ttl_after_revoke": lease.remaining_ttl}


def locks(client):
    first = client.lock("a", ttl=30)
    second = client.lock("a", ttl=30)
    result = {
        "first": first.acquire(),
        "second_waits": second.acquire(timeout=1),
        "is_acquired": first.is_acquired(),
        "released": first.release(),
        "second": second.acquire(timeout=TIMEOUT_S),
    }
    second.release()
    return result


def watches(client):
    events, cancel = client.watch_prefix("w/")
    client.put("w/a", "1")
    client.put("w/b", "2")
    client.delete("w/a")
    seen = []
    for event in events:
        seen.append([type(event).__name__, event.key.decode(), event.value.decode()])
        if len(seen) == 3:
            cancel()
    _, meta = client.get("w/b")
    past, cancel_past = client.watch("w/b", start_revision=meta.mod_revision)
    old = next(past)
    cancel_past()
    return {"seen": seen, "from_the_past": old.value.decode()}


def maintenance(client):
    members = list(client.members)
    status = client.status()
    file = io.BytesIO()
    client.snapshot(file)
    blob = file.getvalue()
    content, checksum = blob[:-32], blob[-32:]
    client.compact(client.get_response("w/b").header.revision)
    client.defragment()
    return {
        "members": len(members),
        "is_leader": status.leader.id == members[0].id,
        "version": status.version,
        "alarms": len(list(client.list_alarms())),
        "snapshot_is_whole": hashlib.sha256(content).digest() == checksum,
    }


def authentication(client):
    """By the generated stubs: gRPC for Python no longer sends the client's token over a connection without TLS."""
    auth, kv = etcdrpc.AuthStub(client.channel), etcdrpc.KVStub(client.channel)
    auth.UserAdd(etcdrpc.AuthUserAddRequest(name="root", password="secret"))
    auth.UserGrantRole(etcdrpc.AuthUserGrantRoleRequest(user="root", role="root"))
    auth.AuthEnable(etcdrpc.AuthEnableRequest())

    def login(password):
        return auth.Authenticate(etcdrpc.AuthenticateRequest(name="root", password=password))

    token = [("token", login("secret").token)]
    put = etcdrpc.PutRequest(key=b"auth/a", value=b"1")
    result = {
        "without": error_of(lambda: kv.Put(put)),
        "wrong_password": error_of(lambda: login("wrong")),
        "as_root": kv.Put(put, metadata=token).header.revision,
    }
    auth.AuthDisable(etcdrpc.AuthDisableRequest(), metadata=token)
    return {**result, "disabled": client.get("auth/a")[0].decode()}


def error_of(call):
    try:
        call()
    except grpc.RpcError as error:
        return error.details()
    return None


parts = {
    part.__name__: part
    for part in [keys, transactions, leases, locks, watches, maintenance, authentication]
}
with etcd3.client(host=host, port=int(port), timeout=TIMEOUT_S) as etcd:
    print(json.dumps({name: parts[name](etcd) for name in sys.argv[2:]}))
