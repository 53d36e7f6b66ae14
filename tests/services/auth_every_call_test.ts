// Auth: no call of any service is forgotten.

import { create, toBinary } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import { Auth } from "../../gen/etcdserverpb/auth_pb.ts";
import { Cluster } from "../../gen/etcdserverpb/cluster_pb.ts";
import { KV } from "../../gen/etcdserverpb/kv_pb.ts";
import { Lease } from "../../gen/etcdserverpb/lease_pb.ts";
import { Maintenance } from "../../gen/etcdserverpb/maintenance_pb.ts";
import { Election } from "../../gen/v3electionpb/election_pb.ts";
import { Lock } from "../../gen/v3lockpb/lock_pb.ts";
import type { EtcdClient } from "../support/etcd_client.ts";
import { RpcError } from "../support/rpc_error.ts";
import { serviceTest, type ServiceTestContext } from "../support/service_case.ts";
import { enableAuth, FRESH } from "./auth_case.ts";

const NO_KEY = "etcdserver: key is not provided";
const NO_USER = "etcdserver: user name is empty";

/** What becomes of an empty request that nobody sends; where nothing stands here, it is refused for want of a user. */
const ELSE: Readonly<Record<string, string>> = {
  "KV.Range": NO_KEY,
  "KV.RangeStream": NO_KEY,
  "KV.Put": NO_KEY,
  "KV.DeleteRange": NO_KEY,
  // It asks for nothing.
  "KV.Txn": "OK",
  "Cluster.MemberAdd": "etcdserver: given member URLs are invalid",
  "Auth.AuthStatus": "OK",
  "Auth.Authenticate": "etcdserver: authentication failed, invalid user ID or password",
  // Nobody is the user without a name, who may ask about itself.
  "Auth.UserGet": "etcdserver: user name not found",
  "Lock.Unlock": NO_KEY,
  "Election.Proclaim": '"leader" field must be provided',
  "Election.Resign": '"leader" field must be provided',
  // Its watch fails, which it does not tell.
  "Election.Observe": "OK",
};

async function outcome(call: () => Promise<unknown>): Promise<string> {
  try {
    await call();
    return "OK";
  } catch (error) {
    if (error instanceof RpcError) return error.details;
    throw error;
  }
}

function streamOf({ kv, lease, maintenance, election }: EtcdClient, name: string) {
  switch (name) {
    case "KV.RangeStream":
      return kv.rangeStream({});
    case "Maintenance.Snapshot":
      return maintenance.snapshot({});
    case "Election.Observe":
      return election.observe({});
    case "Lease.LeaseKeepAlive": {
      const stream = lease.leaseKeepAlive();
      stream.send({});
      stream.halfClose();
      return stream;
    }
    default:
      assert.fail(`${name} is not known to be a stream`);
  }
}

async function outcomes({ client }: ServiceTestContext): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const service of [KV, Lease, Cluster, Maintenance, Auth, Lock, Election]) {
    for (const method of service.methods) {
      const path = `/${service.typeName}/${method.name}`;
      const name = `${service.name}.${method.name}`;
      const request = toBinary(method.input, create(method.input));
      if (method.methodKind === "unary") {
        found[name] = await outcome(() => client.connection.unaryBytes(path, request));
        continue;
      }
      using stream = streamOf(client, name);
      found[name] = await outcome(() => stream.rest());
    }
  }
  return found;
}

serviceTest("Auth: every call that nobody sends is refused", FRESH, async (t) => {
  await enableAuth(t.client);
  const found = await outcomes(t);
  const expected = Object.keys(found).map((name) => [name, ELSE[name] ?? NO_USER]);
  assert.deepEqual(found, Object.fromEntries(expected));
});
