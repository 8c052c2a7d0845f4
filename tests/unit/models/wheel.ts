import { crc32 } from "node:zlib";

/** A zip archive of stored (not compressed) members. */
export function zip(members: Record<string, Buffer>): Buffer {
  const bodies: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, data] of Object.entries(members)) {
    const local = Buffer.concat([header(0x04034b50, name, data), Buffer.from(name), data]);
    directory.push(centralHeader(name, data, offset), Buffer.from(name));
    bodies.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(bodies.length, 8);
  end.writeUInt16LE(bodies.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...bodies, central, end]);
}

function header(signature: number, name: string, data: Buffer): Buffer {
  const fields = Buffer.alloc(30);
  fields.writeUInt32LE(signature, 0);
  fields.writeUInt16LE(20, 4);
  fields.writeUInt32LE(crc32(data), 14);
  fields.writeUInt32LE(data.length, 18);
  fields.writeUInt32LE(data.length, 22);
  fields.writeUInt16LE(Buffer.byteLength(name), 26);
  return fields;
}

function centralHeader(name: string, data: Buffer, offset: number): Buffer {
  const fields = Buffer.alloc(46);
  fields.writeUInt32LE(0x02014b50, 0);
  fields.writeUInt16LE(20, 4);
  header(0, name, data).copy(fields, 6, 4);
  fields.writeUInt32LE(offset, 42);
  return fields;
}
