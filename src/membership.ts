/**
 * The servers that have the store open. Each announces itself at intervals, and is a member as long as it does; there is
 * nothing else to join or to leave. Which of them is told as the leader has no meaning but that all tell the same.
 */
import { Buffer } from "node:buffer";
import type { Backend, Head, Member, OpenOptions } from "../backends/contract.ts";
import { messageOf } from "./errors.ts";
import { MEMBER_ALIVE_MS, MEMBER_ANNOUNCE_MS } from "./limits.ts";

/** What a server tells the others of itself. */
export interface MemberInfo {
  readonly name: string;
  /** Where clients reach it. */
  readonly clientUrls: readonly string[];
}

export interface ClusterMember extends MemberInfo {
  readonly id: bigint;
}

export interface MembershipOptions {
  readonly backend: Backend;
  readonly id: bigint;
  readonly info: () => MemberInfo;
  /** Told where the store stands, at each announcement: whoever missed a wake learns of it here. */
  readonly sawHead: (head: Head) => void;
  readonly log: OpenOptions["log"];
}

export class Membership implements AsyncDisposable {
  readonly #options: MembershipOptions;
  #timer: ReturnType<typeof setInterval> | undefined;
  #members: readonly ClusterMember[];
  #announcing: Promise<unknown> = Promise.resolve();

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#members = [this.self];
  }

  get self(): ClusterMember {
    const { id, info } = this.#options;
    return { id, ...info() };
  }

  /** Whether no other server was there when this was looked at last. */
  get isAlone(): boolean {
    return this.#members.every(({ id }) => id === this.#options.id);
  }

  /** How many were there when this was looked at last. */
  get size(): number {
    return this.#members.length;
  }

  /** The member told as the leader. */
  get leaderId(): bigint {
    return this.#members[0]?.id ?? this.#options.id;
  }

  /** Announces this server, now and from then on. */
  async join(): Promise<void> {
    if (this.#options.backend.capabilities.exclusive) return;
    await this.announce();
    this.#timer = setInterval(() => {
      this.#announcing = this.announce().catch((error) => {
        const cause = messageOf(error);
        this.#options.log("debug", "Cannot announce this server", { cause });
      });
    }, MEMBER_ANNOUNCE_MS);
  }

  /**
   * Everybody who is there now, by id.
   *
   * @throws {BackendError} if the store cannot be asked
   */
  async list(): Promise<readonly ClusterMember[]> {
    await this.announce();
    return this.#members.map((member) => member.id === this.#options.id ? this.self : member);
  }

  /**
   * Tells the others what is to be told of this server now.
   *
   * @throws {BackendError} if the store cannot be asked
   */
  async announce(): Promise<void> {
    const { backend } = this.#options;
    if (backend.capabilities.exclusive) return;
    const info = Buffer.from(JSON.stringify(this.#options.info()));
    const { members, head } = await backend.announce(
      { id: this.#options.id, info },
      MEMBER_ALIVE_MS,
    );
    this.#members = members.map(parseMember);
    this.#options.sawHead(head);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    await this.#announcing;
    // A store that is away learns of it by the silence.
    await this.#options.backend.leave(this.#options.id).catch(() => {});
  }
}

/** Written by a server of ours, perhaps a newer one. */
function parseMember({ id, info }: Member): ClusterMember {
  const { name = "", clientUrls = [] } = JSON.parse(
    Buffer.from(info).toString(),
  ) as Partial<MemberInfo>;
  return { id, name, clientUrls };
}
