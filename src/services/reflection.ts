/** grpc.reflection: tells tools such as grpcurl what is served. etcd does not; both versions of it are the same on the wire. */

import { create, type DescFile, type DescService, type MessageInitShape } from "@bufbuild/protobuf";
import { Auth } from "../../gen/etcdserverpb/auth_pb.ts";
import { Cluster } from "../../gen/etcdserverpb/cluster_pb.ts";
import { KV } from "../../gen/etcdserverpb/kv_pb.ts";
import { Lease } from "../../gen/etcdserverpb/lease_pb.ts";
import { Maintenance } from "../../gen/etcdserverpb/maintenance_pb.ts";
import { Watch } from "../../gen/etcdserverpb/watch_pb.ts";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import {
  ErrorResponseSchema,
  ServerReflection,
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import {
  ServerReflection as ServerReflectionAlpha,
} from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { Election } from "../../gen/v3electionpb/election_pb.ts";
import { Lock } from "../../gen/v3lockpb/lock_pb.ts";
import { GRPC, StatusError } from "../errors.ts";
import type { StreamCall } from "../transport/call.ts";
import { DescribedFiles } from "./described_files.ts";
import { decodeStreamed, encode, pathOf, type ServiceMethods } from "./service.ts";

const OWN_SERVICES = [ServerReflection, ServerReflectionAlpha] as const;

/** All whose messages are known here; what is told of is what is served. */
const SERVICES: readonly DescService[] = [
  Auth,
  Cluster,
  Election,
  Health,
  KV,
  Lease,
  Lock,
  Maintenance,
  Watch,
  ...OWN_SERVICES,
];

/** @param paths the gRPC paths of all other services */
export function reflectionMethods(paths: Iterable<string>): ServiceMethods {
  const served = new Set([...paths].map(serviceName));
  const services = SERVICES.filter((service) =>
    served.has(service.typeName) || OWN_SERVICES.some((own) => own === service)
  );
  const reflection = new Reflection(services);
  return OWN_SERVICES.map((service) => [
    pathOf(service, "ServerReflectionInfo"),
    { kind: "bidi", handle: (call) => reflection.serve(call) },
  ]);
}

/** `/package.Service/Method` → `package.Service` */
function serviceName(path: string): string {
  return path.slice(1, path.lastIndexOf("/"));
}

type Answer = ServerReflectionResponse["messageResponse"];

class Reflection {
  readonly #files: DescribedFiles;
  readonly #names: readonly string[];

  constructor(services: readonly DescService[]) {
    this.#files = new DescribedFiles(services.map(({ file }) => file));
    this.#names = services.map(({ typeName }) => typeName).sort();
  }

  async serve(call: StreamCall): Promise<void> {
    const sent = new Set<DescFile>();
    for await (const bytes of call.requests) {
      const originalRequest = decodeStreamed(ServerReflectionRequestSchema, bytes);
      const answer: MessageInitShape<typeof ServerReflectionResponseSchema> = {
        validHost: originalRequest.host,
        originalRequest,
        messageResponse: this.#answer(originalRequest, sent),
      };
      const isTaken = call.send(encode(ServerReflectionResponseSchema, answer));
      if (!isTaken) await call.drained();
    }
  }

  #answer({ messageRequest: asked }: ServerReflectionRequest, sent: Set<DescFile>): Answer {
    const files = this.#files;
    switch (asked.case) {
      case "listServices":
        return listOf(this.#names);
      case "fileByFilename":
        return this.#fileAnswer(files.byPath(asked.value), sent);
      case "fileContainingSymbol":
        return this.#fileAnswer(files.bySymbol(asked.value), sent);
      case "fileContainingExtension":
        // etcd's messages have no extensions.
        return notFound();
      case "allExtensionNumbersOfType":
        return files.bySymbol(asked.value) === undefined ? notFound() : noExtensions(asked.value);
      case undefined:
        throw new StatusError(GRPC.INVALID_ARGUMENT, "invalid MessageRequest: <nil>");
    }
  }

  #fileAnswer(file: DescFile | undefined, sent: Set<DescFile>): Answer {
    if (file === undefined) return notFound();
    const fileDescriptorProto = this.#files.withDependencies(file, sent);
    return answerOf({ case: "fileDescriptorResponse", value: { fileDescriptorProto } });
  }
}

type AnswerInit = NonNullable<
  MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"]
>;

function answerOf(messageResponse: AnswerInit): Answer {
  return create(ServerReflectionResponseSchema, { messageResponse }).messageResponse;
}

function listOf(names: readonly string[]): Answer {
  const service = names.map((name) => ({ name }));
  return answerOf({ case: "listServicesResponse", value: { service } });
}

function noExtensions(baseTypeName: string): Answer {
  return answerOf({ case: "allExtensionNumbersResponse", value: { baseTypeName } });
}

function notFound(): Answer {
  const value = create(ErrorResponseSchema, {
    errorCode: GRPC.NOT_FOUND,
    errorMessage: "not found",
  });
  return { case: "errorResponse", value };
}
