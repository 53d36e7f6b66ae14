/**
 * The alarms NOSPACE and CORRUPT: asked before every write, kept as records so that they outlive a restart.
 *
 * Source of the rules: etcd's applier chain. NOSPACE refuses what needs space (puts, lease grants) and lets reads, deletes
 * and compactions pass; CORRUPT refuses every write, and reads go on.
 */
import { EtcdError } from "../errors.ts";
import type { Command } from "./read_set.ts";
import type { Commit } from "./types.ts";

/** The numbers are etcd's `AlarmType`. */
export const ALARM = { NONE: 0, NOSPACE: 1, CORRUPT: 2 } as const;

export interface AlarmMember {
  readonly memberId: bigint;
  readonly alarm: number;
}

export const ALARM_RECORD_PREFIX = "alarm/";
/** What is kept under it. */
export const ACTIVE_ALARM = new Uint8Array([1]);

export class Alarms {
  readonly #active = new Map<string, AlarmMember>();

  /** Takes in alarms as stored: at the start, and with each commit. */
  applyRecord(name: string, value: Uint8Array | null): void {
    if (!name.startsWith(ALARM_RECORD_PREFIX)) return;
    if (value === null) this.#active.delete(name);
    else this.#active.set(name, parseAlarmName(name));
  }

  applyCommit(commit: Commit): void {
    for (const { name, value } of commit.records) this.applyRecord(name, value);
  }

  /** Active alarms of one kind, or of all for `ALARM.NONE`. */
  list(alarm: number): readonly AlarmMember[] {
    const all = [...this.#active.values()];
    return alarm === ALARM.NONE ? all : all.filter((member) => member.alarm === alarm);
  }

  isActive(alarm: number): boolean {
    for (const member of this.#active.values()) if (member.alarm === alarm) return true;
    return false;
  }

  /** @throws {EtcdError} `corrupt` */
  checkNotCorrupt(): void {
    if (this.#active.size > 0 && this.isActive(ALARM.CORRUPT)) throw new EtcdError("corrupt");
  }

  /** @throws {EtcdError} `noSpace` */
  checkSpace(): void {
    if (this.#active.size > 0 && this.isActive(ALARM.NOSPACE)) throw new EtcdError("noSpace");
  }

  /** Raises an alarm; answers it also if it was active already. */
  activate(member: AlarmMember): Command<readonly AlarmMember[]> {
    const name = alarmRecordName(member);
    return {
      bytes: 0,
      reads: (need) => need.records.add(name),
      apply(view) {
        if (view.record(name) === null) view.setRecord(name, ACTIVE_ALARM);
        return [member];
      },
    };
  }

  /** Takes an alarm back; answers it if it was active. */
  deactivate(member: AlarmMember): Command<readonly AlarmMember[]> {
    const name = alarmRecordName(member);
    return {
      bytes: 0,
      reads: (need) => need.records.add(name),
      apply(view) {
        if (view.record(name) === null) return [];
        view.setRecord(name, null);
        return [member];
      },
    };
  }
}

/** The name under which an alarm is kept. */
export function alarmRecordName({ memberId, alarm }: AlarmMember): string {
  return `${ALARM_RECORD_PREFIX}${alarm}/${memberId.toString(16)}`;
}

/** The alarm that a record's name tells. */
export function parseAlarmName(name: string): AlarmMember {
  const [alarm, member] = name.slice(ALARM_RECORD_PREFIX.length).split("/");
  return { alarm: Number(alarm), memberId: BigInt(`0x${member}`) };
}
