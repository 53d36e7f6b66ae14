/** The .proto files behind some services, as tools ask for them: by path, or by a name that one declares. */

import {
  type DescEnum,
  type DescExtension,
  type DescFile,
  type DescMessage,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";

export class DescribedFiles {
  readonly #byPath = new Map<string, DescFile>();
  /** Full name of a service, method, message, field, oneof, enum, enum value or extension → its file. */
  readonly #bySymbol = new Map<string, DescFile>();
  readonly #encoded = new Map<DescFile, Uint8Array>();

  /** @param files are taken with all that they import */
  constructor(files: Iterable<DescFile>) {
    for (const file of files) this.#add(file);
  }

  byPath(path: string): DescFile | undefined {
    return this.#byPath.get(path);
  }

  bySymbol(name: string): DescFile | undefined {
    return this.#bySymbol.get(name);
  }

  /** The file, encoded, then those that it needs and that are not in `sent` yet; then they are. */
  withDependencies(file: DescFile, sent: Set<DescFile>): Uint8Array[] {
    const encoded = [this.#encode(file)];
    sent.add(file);
    const waiting = [...file.dependencies];
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      if (!sent.has(next)) encoded.push(this.#encode(next));
      sent.add(next);
      waiting.push(...next.dependencies);
    }
    return encoded;
  }

  #encode(file: DescFile): Uint8Array {
    let bytes = this.#encoded.get(file);
    if (bytes === undefined) {
      bytes = toBinary(FileDescriptorProtoSchema, file.proto);
      this.#encoded.set(file, bytes);
    }
    return bytes;
  }

  #add(file: DescFile): void {
    if (this.#byPath.has(file.proto.name)) return;
    this.#byPath.set(file.proto.name, file);
    for (const name of symbolsOf(file)) this.#bySymbol.set(name, file);
    for (const dependency of file.dependencies) this.#add(dependency);
  }
}

function* symbolsOf(file: DescFile): Generator<string> {
  for (const { typeName, methods } of file.services) {
    yield typeName;
    for (const { name } of methods) yield `${typeName}.${name}`;
  }
  for (const message of file.messages) yield* symbolsOfMessage(message);
  for (const one of file.enums) yield* symbolsOfEnum(one);
  yield* namesOf(file.extensions);
}

function* symbolsOfMessage(message: DescMessage): Generator<string> {
  const { typeName } = message;
  yield typeName;
  for (const { name } of message.fields) yield `${typeName}.${name}`;
  for (const { name } of message.oneofs) yield `${typeName}.${name}`;
  for (const nested of message.nestedMessages) yield* symbolsOfMessage(nested);
  for (const one of message.nestedEnums) yield* symbolsOfEnum(one);
  yield* namesOf(message.nestedExtensions);
}

/** Its values are named as if they stood beside it. */
function* symbolsOfEnum({ typeName, values }: DescEnum): Generator<string> {
  yield typeName;
  const scope = typeName.slice(0, typeName.lastIndexOf(".") + 1);
  for (const { name } of values) yield scope + name;
}

function namesOf(extensions: readonly DescExtension[]): string[] {
  return extensions.map(({ typeName }) => typeName);
}
