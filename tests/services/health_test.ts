// gRPC's health service, which load balancers and probes ask.

import assert from "node:assert/strict";
import { HealthCheckResponse_ServingStatus as Serving } from "../../gen/grpc/health/v1/health_pb.ts";
import { assertFails, CODE } from "../support/rpc_error.ts";
import { serviceTest } from "../support/service_case.ts";

serviceTest("Health: the server as a whole is serving", async (t) => {
  assert.equal((await t.client.health.check({})).status, Serving.SERVING);
  assert.equal((await t.client.health.check({ service: "" })).status, Serving.SERVING);
});

serviceTest("Health: an unknown service is not found", async (t) => {
  await assertFails(t.client.health.check({ service: "no.such.Service" }), [
    CODE.NOT_FOUND,
    "unknown service",
  ]);
});

serviceTest("Health: the list has the server as a whole", async (t) => {
  const { statuses } = await t.client.health.list({});
  assert.equal(statuses[""]?.status, Serving.SERVING);
});

serviceTest("Health: Watch says the state at once and stays open", async (t) => {
  using stream = t.client.health.watch({});
  assert.equal((await stream.next()).status, Serving.SERVING);
  await t.client.health.check({});
  assert.equal(stream.waiting, 0);
});

serviceTest("Health: Watch of an unknown service says that it is unknown", async (t) => {
  using stream = t.client.health.watch({ service: "no.such.Service" });
  assert.equal((await stream.next()).status, Serving.SERVICE_UNKNOWN);
});
