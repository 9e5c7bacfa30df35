/** A public one-time prekey. */
export interface PreKey {
  readonly id: number;
  readonly key: Buffer;
}

const ID_BYTES = 3;
const RECORD_BYTES = ID_BYTES + 32;

/** The one-time prekeys of a device, in the order in which they are handed out; one buffer, since a device has some 800. */
export class PreKeys {
  static readonly none = new PreKeys(Buffer.alloc(0));
  /** Records of 35 bytes: id and key. */
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  static of(preKeys: readonly PreKey[]): PreKeys {
    return new PreKeys(Buffer.concat(preKeys.map(toRecord)));
  }

  get count(): number {
    return Math.floor(this.bytes.length / RECORD_BYTES);
  }

  get first(): PreKey | undefined {
    if (this.count === 0) return undefined;
    return { id: this.bytes.readUIntBE(0, ID_BYTES), key: Buffer.from(this.bytes.subarray(ID_BYTES, RECORD_BYTES)) };
  }

  /** All but the first. */
  get rest(): PreKeys {
    return new PreKeys(this.bytes.subarray(RECORD_BYTES));
  }

  /** The last ones, as if all before them had been handed out. */
  last(count: number): PreKeys {
    return new PreKeys(this.bytes.subarray(Math.max(0, this.count - count) * RECORD_BYTES));
  }

  add(others: PreKeys): PreKeys {
    return new PreKeys(Buffer.concat([this.bytes, others.bytes]));
  }
}

function toRecord({ id, key }: PreKey): Buffer {
  const record = Buffer.alloc(RECORD_BYTES);
  record.writeUIntBE(id, 0, ID_BYTES);
  key.copy(record, ID_BYTES);
  return record;
}
