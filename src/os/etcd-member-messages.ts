import { bytes, integer } from './etcd-messages.ts';
import { MessageWriter, type ReadField, readFields } from './protobuf.ts';

/** A member of an etcd cluster as its members know it. */
export interface EtcdMember {
  /** 16 hexadecimal digits. */
  readonly id: string;
  /** Empty until it has started once. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  /** Receives the log and does not vote. */
  readonly isLearner: boolean;
}

export interface EtcdStatus {
  readonly version: string;
  readonly memberId: string;
  /** Undefined while there is none. */
  readonly leaderId: string | undefined;
  readonly fileBytes: number;
  readonly usedBytes: number;
  readonly raftIndex: number;
  readonly raftAppliedIndex: number;
}

export type EtcdAlarm = 'no-space' | 'corrupt';

const alarmNumbers = { 'no-space': 1, corrupt: 2 } as const;

export function encodeMemberAdd(peerUrls: readonly string[]): Buffer {
  return new MessageWriter().fields(1, peerUrls).field(2, true).finish();
}

/** For removing and for promoting a member, and for giving it the lead. */
export function encodeMemberId(memberId: string): Buffer {
  return new MessageWriter().field(1, BigInt(`0x${memberId}`)).finish();
}

export function encodeMemberUpdate(memberId: string, peerUrls: readonly string[]): Buffer {
  return new MessageWriter()
    .field(1, BigInt(`0x${memberId}`))
    .fields(2, peerUrls)
    .finish();
}

/** Of the replies that hold the members in field 2 (list, remove, update, promote) or 3 (add). */
export function decodeMembers(message: Buffer, fieldNumber: 2 | 3): readonly EtcdMember[] {
  return [...readFields(message)]
    .filter((field) => field.number === fieldNumber)
    .map((field) => decodeMember(bytes(field)));
}

function decodeMember(message: Buffer): EtcdMember {
  const peerUrls: string[] = [];
  let id = '';
  let name = '';
  let isLearner = false;
  for (const field of readFields(message)) {
    if (field.number === 1) id = memberId(field);
    else if (field.number === 2) name = bytes(field).toString();
    else if (field.number === 3) peerUrls.push(bytes(field).toString());
    else if (field.number === 5) isLearner = integer(field) === 1;
  }
  return { id, name, peerUrls, isLearner };
}

export function decodeStatus(message: Buffer): EtcdStatus {
  const numbers = new Map<number, number>();
  let version = '';
  let id = '';
  let leaderId: string | undefined;
  for (const field of readFields(message)) {
    if (field.number === 1) {
      for (const inner of readFields(bytes(field))) if (inner.number === 2) id = memberId(inner);
    } else if (field.number === 2) version = bytes(field).toString();
    else if (field.number === 4) leaderId = memberId(field);
    else numbers.set(field.number, integer(field));
  }
  return {
    version,
    memberId: id,
    leaderId,
    fileBytes: numbers.get(3) ?? 0,
    usedBytes: numbers.get(9) ?? 0,
    raftIndex: numbers.get(5) ?? 0,
    raftAppliedIndex: numbers.get(7) ?? 0,
  };
}

/** Asks for all alarms. */
export function encodeAlarmsGet(): Buffer {
  return new MessageWriter().field(1, 0).finish();
}

export function encodeAlarmOff(memberId: string, alarm: EtcdAlarm): Buffer {
  return new MessageWriter()
    .field(1, 2)
    .field(2, BigInt(`0x${memberId}`))
    .field(3, alarmNumbers[alarm])
    .finish();
}

export function decodeAlarms(
  message: Buffer,
): readonly { readonly memberId: string; readonly alarm: EtcdAlarm }[] {
  return [...readFields(message)]
    .filter((field) => field.number === 2)
    .map((field) => {
      let id = '';
      let alarm: EtcdAlarm = 'no-space';
      for (const inner of readFields(bytes(field))) {
        if (inner.number === 1) id = memberId(inner);
        else if (inner.number === 2 && integer(inner) === alarmNumbers.corrupt) alarm = 'corrupt';
      }
      return { memberId: id, alarm };
    });
}

function memberId(field: ReadField): string {
  return field.kind === 'varint' ? field.value.toString(16).padStart(16, '0') : '';
}
