"""PyPI's etcd3gw, which speaks JSON over HTTP: keys, transactions, leases, locks, watches, members.

Prints one JSON object; python_test.ts says what has to be in it.
"""

import base64
import json
import sys

import etcd3gw

host, port = sys.argv[1].rsplit(":", 1)
TIMEOUT_S = 20


def connect():
    # Without a path of the API the client asks /version for it.
    return etcd3gw.client(host=host, port=int(port), api_path=None, timeout=TIMEOUT_S)


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def pairs(found):
    return [[meta["key"].decode(), value.decode()] for value, meta in found]


def keys(client):
    client.put("k/a", "1")
    client.put("k/b", "2")
    [(value, meta)] = client.get("k/a", metadata=True)
    return {
        "path": client.api_path,
        "value": value.decode(),
        "version": meta["version"],
        "missing": client.get("k/none"),
        "prefix": pairs(client.get_prefix("k/", sort_order="descend", sort_target="key")),
        "created": client.create("k/a", "4"),
        "exchanged": client.replace("k/a", "1", "5"),
        "not_exchanged": client.replace("k/a", "1", "6"),
        "deleted": client.delete("k/b"),
        "nothing_deleted": client.delete("k/b"),
        "deleted_below": client.delete_prefix("k/"),
        "left": client.get_prefix("k/"),
    }


def transactions(client):
    key = encoded("t/a")
    absent = {"key": key, "result": "EQUAL", "target": "CREATE", "create_revision": 0}
    put = {"request_put": {"key": key, "value": encoded("1")}}
    read = {"request_range": {"key": key}}
    done = client.transaction({"compare": [absent], "success": [put], "failure": [read]})
    failed = client.transaction({"compare": [absent], "success": [put], "failure": [read]})
    answer = failed["responses"][0]["response_range"]
    return {
        "done": done["succeeded"],
        # The gateway leaves out what is false.
        "failed": "succeeded" in failed,
        "read": base64.b64decode(answer["kvs"][0]["value"]).decode(),
        "count": answer["count"],
    }


def leases(client):
    lease = client.lease(ttl=60)
    client.put("l/a", "1", lease=lease)
    result = {"ttl": lease.ttl() > 0, "refreshed": lease.refresh(), "keys": [key.decode() for key in lease.keys()]}
    lease.revoke()
    return {**result, "after_revoke": client.get("l/a")}


def locks(client):
    first, second = client.lock("a", ttl=30), client.lock("a", ttl=30)
    return {
        "first": first.acquire(),
        "second": second.acquire(),
        "is_acquired": first.is_acquired(),
        "refreshed": first.refresh(),
        "released": first.release(),
        "second_after": second.acquire(),
    }


def watches(client):
    client.put("w/a", "1")
    [(_, meta)] = client.get("w/a", metadata=True)
    # From a revision on, so that it does not matter when the watch is there.
    events, cancel = client.watch_prefix("w/", start_revision=int(meta["mod_revision"]))
    client.put("w/b", "2")
    client.delete("w/a")
    seen = []
    for event in events:
        kv = event["kv"]
        # The gateway leaves out the type of a put, which is zero.
        seen.append([event.get("type", "PUT"), kv["key"].decode(), kv.get("value", b"").decode()])
        if len(seen) == 3:
            cancel()
    return {"seen": seen}


def maintenance(client):
    members = client.members()
    status = client.status()
    return {
        "members": len(members),
        "is_leader": status["leader"] == members[0]["ID"],
        "version": status["version"],
    }


def errors(client):
    return {
        "unknown_lease": error_of(lambda: client.put("e/a", "1", lease=etcd3gw.lease.Lease(4711, client))),
        "empty_key": error_of(lambda: client.post(client.get_url("/kv/put"), json={"key": ""})),
        "no_such_path": error_of(lambda: client.post(client.get_url("/kv/nothing"), json={})),
    }


def error_of(call):
    try:
        call()
    except etcd3gw.exceptions.Etcd3Exception as error:
        answer = json.loads(error.detail_text)
        return [type(error).__name__, answer["code"], answer["message"]]
    return None


parts = {
    part.__name__: part
    for part in [keys, transactions, leases, locks, watches, maintenance, errors]
}
etcd = connect()
print(json.dumps({name: parts[name](etcd) for name in sys.argv[2:]}))
