/** Records: each is one that the engine knows, and can be read. */
import { Buffer } from "node:buffer";
import type { Backend } from "../../backends/contract.ts";
import { fromBinary } from "@bufbuild/protobuf";
import { RoleSchema, UserSchema } from "../../gen/authpb/auth_pb.ts";
import { messageOf } from "../errors.ts";
import { TERM_RECORD } from "../identity.ts";
import { MIGRATION_RECORD } from "../migration/mark.ts";
import { ALARM, ALARM_RECORD_PREFIX, parseAlarmName } from "../mvcc/alarms.ts";
import { AUTH } from "../snapshot/etcd_buckets.ts";
import type { Findings } from "./findings.ts";

/** Answers how many there are. */
export async function checkRecords(backend: Backend, findings: Findings): Promise<number> {
  const { records } = await backend.records("");
  const names = new Set(records.map(([name]) => name));
  for (const [name, value] of records) {
    try {
      const fault = faultOf(name, Buffer.from(value), names);
      if (fault !== null) findings.add(`record ${JSON.stringify(name)}: ${fault}`);
    } catch (error) {
      const reason = messageOf(error);
      findings.add(`record ${JSON.stringify(name)}: it cannot be read (${reason})`);
    }
  }
  return records.length;
}

function faultOf(name: string, value: Buffer, names: ReadonlySet<string>): string | null {
  if (name === MIGRATION_RECORD) return `the store is a half-done copy of ${value.toString()}`;
  if (name === TERM_RECORD) {
    return /^[1-9]\d*$/.test(value.toString()) ? null : "it is no number";
  }
  if (name === AUTH.revision) return value.length === 8 ? null : `it has ${value.length} bytes`;
  if (name === AUTH.enabled) {
    return names.has(`${AUTH.userPrefix}root`) ? null : "authentication is on without a user root";
  }
  if (name.startsWith(ALARM_RECORD_PREFIX)) {
    const { alarm } = parseAlarmName(name);
    const isKnown = alarm === ALARM.NOSPACE || alarm === ALARM.CORRUPT;
    return isKnown ? null : "it is no alarm";
  }
  if (name.startsWith(AUTH.rolePrefix)) {
    const role = fromBinary(RoleSchema, value);
    const isNamed = Buffer.from(role.name).toString() === name.slice(AUTH.rolePrefix.length);
    return isNamed ? null : "it is another role's";
  }
  if (name.startsWith(AUTH.userPrefix)) return userFault(name, value, names);
  return null;
}

function userFault(name: string, value: Buffer, names: ReadonlySet<string>): string | null {
  const user = fromBinary(UserSchema, value);
  if (Buffer.from(user.name).toString() !== name.slice(AUTH.userPrefix.length)) {
    return "it is another user's";
  }
  // The role root needs no record.
  const role = user.roles.find((role) => role !== "root" && !names.has(AUTH.rolePrefix + role));
  return role === undefined
    ? null
    : `it has the role ${JSON.stringify(role)}, which does not exist`;
}
