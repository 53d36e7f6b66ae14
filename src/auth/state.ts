/**
 * Users, roles and whether authentication is on: in memory as the store's records tell it, up to the last commit that is
 * published here. The writer evaluates on the same commit, so for commands it is exact; see `Command.isBarrier`.
 */
import { Buffer } from "node:buffer";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Role, RoleSchema, type User, UserSchema } from "../../gen/authpb/auth_pb.ts";
import type { BatchView } from "../mvcc/view.ts";
import { type Permissions, permissionsOf } from "./permissions.ts";

/** The user and the role that may do everything. */
export const ROOT = "root";

export const AUTH_RECORDS = "auth/";
const ENABLED = "auth/enabled";
const REVISION = "auth/revision";
const USER = "auth/user/";
const ROLE = "auth/role/";

/** What a fresh store has, as in etcd. */
const FIRST_REVISION = 1n;

export class AuthState {
  readonly #users = new Map<string, User>();
  readonly #roles = new Map<string, Role>();
  /** By user name; made when first asked for. */
  readonly #permissions = new Map<string, Permissions>();
  #isEnabled = false;
  #revision = FIRST_REVISION;
  #version = 0;

  get isEnabled(): boolean {
    return this.#isEnabled;
  }

  /** How often users and roles have been changed, as clients see it. */
  get revision(): bigint {
    return this.#revision;
  }

  /** Another number whenever anything here is another. */
  get version(): number {
    return this.#version;
  }

  /** Takes in a record as stored: at the start, and with each commit. */
  applyRecord(name: string, value: Uint8Array | null): void {
    if (name === ENABLED) this.#isEnabled = value !== null && value.length > 0;
    else if (name === REVISION) this.#revision = readRevision(value);
    else if (name.startsWith(USER)) set(this.#users, name.slice(USER.length), readUser(value));
    else if (name.startsWith(ROLE)) set(this.#roles, name.slice(ROLE.length), readRole(value));
    else return;
    this.#permissions.clear();
    this.#version++;
  }

  user(name: string): User | undefined {
    return this.#users.get(name);
  }

  role(name: string): Role | undefined {
    return this.#roles.get(name);
  }

  get users(): readonly (readonly [name: string, user: User])[] {
    return [...this.#users];
  }

  /** In the order of their bytes, as etcd lists them. */
  get userNames(): string[] {
    return inByteOrder(this.#users.keys());
  }

  get roleNames(): string[] {
    return inByteOrder(this.#roles.keys());
  }

  permissions(user: User, name: string): Permissions {
    let permissions = this.#permissions.get(name);
    if (permissions === undefined) {
      permissions = permissionsOf(user, this.#roles);
      this.#permissions.set(name, permissions);
    }
    return permissions;
  }

  /** Writes the next revision. */
  advance(view: BatchView): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(this.#revision + 1n);
    view.setRecord(REVISION, bytes);
  }
}

export function hasRole(user: User, role: string): boolean {
  return user.roles.includes(role);
}

export function inByteOrder(names: Iterable<string>): string[] {
  return [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

export function writeEnabled(view: BatchView, isEnabled: boolean): void {
  view.setRecord(ENABLED, isEnabled ? new Uint8Array([1]) : null);
}

export function writeUser(view: BatchView, name: string, user: User | null): void {
  view.setRecord(USER + name, user === null ? null : toBinary(UserSchema, user));
}

export function writeRole(view: BatchView, name: string, role: Role | null): void {
  view.setRecord(ROLE + name, role === null ? null : toBinary(RoleSchema, role));
}

function readRevision(value: Uint8Array | null): bigint {
  return value === null ? FIRST_REVISION : Buffer.from(value).readBigUInt64BE();
}

function readUser(value: Uint8Array | null): User | null {
  return value === null ? null : fromBinary(UserSchema, value);
}

function readRole(value: Uint8Array | null): Role | null {
  return value === null ? null : fromBinary(RoleSchema, value);
}

function set<T>(map: Map<string, T>, name: string, value: T | null): void {
  if (value === null) map.delete(name);
  else map.set(name, value);
}
