/** grpc.health.v1.Health: what load balancers and probes ask. */
import { create, toBinary } from "@bufbuild/protobuf";
import {
  Health,
  HealthCheckRequestSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthCheckResponseSchema,
  HealthListRequestSchema,
  HealthListResponseSchema,
} from "../../gen/grpc/health/v1/health_pb.ts";
import { GRPC, StatusError } from "../errors.ts";
import type { Store } from "../mvcc/store.ts";
import { aborted, type StreamCall } from "../transport/call.ts";
import {
  decodeStreamed,
  pathOf,
  type ServiceMethods,
  type ServiceOptions,
  unary,
} from "./service.ts";

/** Like etcd's, it knows the server as a whole, under the empty name: it serves as long as its store answers. */
export function healthMethods({ store }: Pick<ServiceOptions, "store">): ServiceMethods {
  return [
    [
      pathOf(Health, "Check"),
      unary(
        { request: HealthCheckRequestSchema, response: HealthCheckResponseSchema },
        async ({ service }) => {
          if (service !== "") throw new StatusError(GRPC.NOT_FOUND, "unknown service");
          return { status: await statusOf(store) };
        },
      ),
    ],
    [
      pathOf(Health, "List"),
      unary(
        { request: HealthListRequestSchema, response: HealthListResponseSchema },
        async () => ({ statuses: { "": { status: await statusOf(store) } } }),
      ),
    ],
    [pathOf(Health, "Watch"), { kind: "server-stream", handle: watch }],
  ];
}

async function statusOf({ backend }: Store): Promise<ServingStatus> {
  try {
    await backend.head();
    return ServingStatus.SERVING;
  } catch {
    return ServingStatus.NOT_SERVING;
  }
}

/** Tells the status once; it does not change while the server runs. */
async function watch(call: StreamCall): Promise<void> {
  for await (const bytes of call.requests) {
    const { service } = decodeStreamed(HealthCheckRequestSchema, bytes);
    const status = service === "" ? ServingStatus.SERVING : ServingStatus.SERVICE_UNKNOWN;
    const answer = create(HealthCheckResponseSchema, { status });
    call.send([toBinary(HealthCheckResponseSchema, answer)]);
  }
  await aborted(call.signal);
}
