/** Sizes of the files named as arguments, as they are and as a server would send them at best: JSON, bytes. */
import { readFile } from 'node:fs/promises';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const sizes = [];
for (const path of process.argv.slice(2)) {
  const data = await readFile(path);
  const params = { [constants.BROTLI_PARAM_SIZE_HINT]: data.length };
  sizes.push({
    raw: data.length,
    gzip: gzipSync(data, { level: 9 }).length,
    brotli: brotliCompressSync(data, { params }).length,
  });
}
process.stdout.write(JSON.stringify(sizes));
