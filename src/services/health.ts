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
import { aborted, type StreamCall } from "../transport/call.ts";
import type { Defragmentations } from "./defragmentation.ts";
import {
  decodeStreamed,
  pathOf,
  type ServiceMethods,
  type ServiceOptions,
  unary,
} from "./service.ts";

export interface HealthServiceOptions extends Pick<ServiceOptions, "store"> {
  readonly defragmentations: Defragmentations;
}

/** Like etcd's, it knows the server as a whole, under the empty name: it serves as long as its store answers. */
export function healthMethods(options: HealthServiceOptions): ServiceMethods {
  return [
    [
      pathOf(Health, "Check"),
      unary(
        { request: HealthCheckRequestSchema, response: HealthCheckResponseSchema },
        async ({ service }) => {
          if (service !== "") throw new StatusError(GRPC.NOT_FOUND, "unknown service");
          return { status: await statusOf(options) };
        },
      ),
    ],
    [
      pathOf(Health, "List"),
      unary(
        { request: HealthListRequestSchema, response: HealthListResponseSchema },
        async () => ({ statuses: { "": { status: await statusOf(options) } } }),
      ),
    ],
    [pathOf(Health, "Watch"), {
      kind: "server-stream",
      handle: (call) => watch(call, options.defragmentations),
    }],
  ];
}

async function statusOf(
  { store: { backend }, defragmentations }: HealthServiceOptions,
): Promise<ServingStatus> {
  if (!defragmentations.isServing) return ServingStatus.NOT_SERVING;
  try {
    await backend.head();
    return ServingStatus.SERVING;
  } catch {
    return ServingStatus.NOT_SERVING;
  }
}

/** Tells the status, and again when it changes; while the server runs, only a defragmentation can change it. */
async function watch(call: StreamCall, defragmentations: Defragmentations): Promise<void> {
  for await (const bytes of call.requests) {
    const { service } = decodeStreamed(HealthCheckRequestSchema, bytes);
    let told: ServingStatus | undefined;
    const tell = () => {
      const status = service === "" ? watchedStatus(defragmentations) : SERVICE_UNKNOWN;
      if (status === told) return;
      told = status;
      const answer = create(HealthCheckResponseSchema, { status });
      call.send([toBinary(HealthCheckResponseSchema, answer)]);
    };
    tell();
    const stop = defragmentations.onChange(tell);
    await aborted(call.signal);
    stop();
  }
}

const { SERVICE_UNKNOWN } = ServingStatus;

function watchedStatus({ isServing }: Defragmentations): ServingStatus {
  return isServing ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
}
