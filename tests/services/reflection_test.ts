// Reflection: what tools without .proto files can learn of the server.

import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { create } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import {
  ServerReflection,
  type ServerReflectionResponse,
} from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import {
  ServerReflection as ServerReflectionAlpha,
} from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { CODE } from "../support/rpc_error.ts";
import { serviceTest, type ServiceTestContext } from "../support/service_case.ts";

const RHINO_ONLY = { skips: { etcd: "etcd registers no reflection" } } as const;

const VERSIONS = [ServerReflection, ServerReflectionAlpha] as const;

function ask({ client }: ServiceTestContext) {
  return client.connection.service(ServerReflection).serverReflectionInfo();
}

function filesOf({ messageResponse: answer }: ServerReflectionResponse): FileDescriptorProto[] {
  assert.equal(answer.case, "fileDescriptorResponse");
  const { fileDescriptorProto = [] } = answer.case === "fileDescriptorResponse" ? answer.value : {};
  return fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
}

function errorOf({ messageResponse: answer }: ServerReflectionResponse) {
  return answer.case === "errorResponse"
    ? [answer.value.errorCode, answer.value.errorMessage]
    : answer.case;
}

for (const version of VERSIONS) {
  serviceTest(`Reflection: ${version.typeName} lists the services`, RHINO_ONLY, async (t) => {
    using stream = t.client.connection.service(version).serverReflectionInfo();
    stream.send({ host: "a host", messageRequest: { case: "listServices", value: "" } });
    const { validHost, originalRequest, messageResponse: list } = await stream.next();
    assert.equal(validHost, "a host");
    assert.equal(originalRequest?.messageRequest.case, "listServices");
    assert.equal(list.case, "listServicesResponse");
    const { service = [] } = list.case === "listServicesResponse" ? list.value : {};
    const names = service.map(({ name }) => name);
    for (
      const name of [
        "etcdserverpb.KV",
        "etcdserverpb.Watch",
        "etcdserverpb.Lease",
        "etcdserverpb.Cluster",
        "etcdserverpb.Maintenance",
        "v3lockpb.Lock",
        "v3electionpb.Election",
        "grpc.health.v1.Health",
        version.typeName,
      ]
    ) {
      assert.ok(names.includes(name), `${name} in ${names}`);
    }
    assert.deepEqual(names, [...names].sort());
  });
}

serviceTest("Reflection: a service's files are enough to call it", RHINO_ONLY, async (t) => {
  using stream = ask(t);
  stream.send({ messageRequest: { case: "fileContainingSymbol", value: "etcdserverpb.KV" } });
  const file = filesOf(await stream.next());
  assert.equal(file[0]?.name, "etcdserverpb/kv.proto");
  // Dependencies come first in a set of files.
  const set = create(FileDescriptorSetSchema, { file: file.reverse() });
  const kv = createFileRegistry(set).getService("etcdserverpb.KV");
  assert.ok(kv !== undefined);
  assert.deepEqual(kv.methods.map(({ name }) => name), [
    "Range",
    "RangeStream",
    "Put",
    "DeleteRange",
    "Txn",
    "Compact",
  ]);
  const range = kv.methods[0];
  assert.equal(range?.output.field["kvs"]?.message?.typeName, "mvccpb.KeyValue");
});

serviceTest("Reflection: every kind of name leads to its file", RHINO_ONLY, async (t) => {
  using stream = ask(t);
  for (
    const [name, file] of [
      ["etcdserverpb.KV", "etcdserverpb/kv.proto"],
      ["etcdserverpb.KV.Range", "etcdserverpb/kv.proto"],
      ["mvccpb.KeyValue", "mvccpb/kv.proto"],
      ["mvccpb.KeyValue.lease", "mvccpb/kv.proto"],
      ["mvccpb.Event.EventType", "mvccpb/kv.proto"],
      ["mvccpb.Event.PUT", "mvccpb/kv.proto"],
      ["etcdserverpb.Compare.target_union", "etcdserverpb/kv.proto"],
      ["etcdserverpb.WatchCreateRequest.FilterType", "etcdserverpb/watch.proto"],
    ] as const
  ) {
    stream.send({ messageRequest: { case: "fileContainingSymbol", value: name } });
    assert.equal(filesOf(await stream.next())[0]?.name, file, name);
  }
});

serviceTest(
  "Reflection: what was sent as a dependency is not sent as one again",
  RHINO_ONLY,
  async (t) => {
    using stream = ask(t);
    const names = async (value: string) => {
      stream.send({ messageRequest: { case: "fileByFilename", value } });
      return filesOf(await stream.next()).map(({ name }) => name);
    };
    const HEADER = "etcdserverpb/header.proto";
    assert.deepEqual(await names("etcdserverpb/lease.proto"), ["etcdserverpb/lease.proto", HEADER]);
    assert.deepEqual(await names("etcdserverpb/cluster.proto"), ["etcdserverpb/cluster.proto"]);
    assert.deepEqual(await names(HEADER), [HEADER]);
    assert.deepEqual(await names("etcdserverpb/lease.proto"), ["etcdserverpb/lease.proto"]);
  },
);

serviceTest("Reflection: what is unknown is an error within the stream", RHINO_ONLY, async (t) => {
  using stream = ask(t);
  const missing = [CODE.NOT_FOUND, "not found"];
  const extension = { containingType: "mvccpb.KeyValue", extensionNumber: 100 };
  for (
    const messageRequest of [
      { case: "fileByFilename", value: "none.proto" },
      { case: "fileContainingSymbol", value: "etcdserverpb.None" },
      { case: "fileContainingSymbol", value: "etcdserverpb" },
      { case: "fileContainingSymbol", value: "" },
      { case: "allExtensionNumbersOfType", value: "none" },
      { case: "fileContainingExtension", value: extension },
    ] as const
  ) {
    stream.send({ messageRequest });
    assert.deepEqual(errorOf(await stream.next()), missing, messageRequest.case);
  }
  stream.send({
    messageRequest: { case: "allExtensionNumbersOfType", value: "mvccpb.KeyValue" },
  });
  const { messageResponse: numbers } = await stream.next();
  assert.equal(numbers.case, "allExtensionNumbersResponse");
  stream.halfClose();
  assert.equal((await stream.end()).code, CODE.OK);
});

serviceTest("Reflection: a question for nothing ends the stream", RHINO_ONLY, async (t) => {
  using stream = ask(t);
  stream.send({});
  assert.deepEqual(await stream.end(), {
    code: CODE.INVALID_ARGUMENT,
    details: "invalid MessageRequest: <nil>",
  });
});
